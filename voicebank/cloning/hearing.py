"""How well a base voice's own Text2Mel predicts recordings: it hears accent, where a speaker embedding hears timbre."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import torch

from voicebank.cloning.run import frontend_of
from voicebank.cloning.tasks import usable
from voicebank.config import AudioConfig
from voicebank.data import features
from voicebank.data.alignment import align
from voicebank.data.dataset import Dataset
from voicebank.data.features import Features
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadData
from voicebank.training.batches import Item, Text2MelBatch, text2mel_batch
from voicebank.training.tasks import shift
from voicebank.voice import Voice

BATCH = 8
# Frames below this mean mel are silence, in which nobody has an accent.
AUDIBLE = 0.12
# Of this many frames, all but the first are hidden from the network, which must then take them from the text.
SHOWN_EVERY = 2


class Hearing(NamedTuple):
    """What a Text2Mel makes of recordings."""

    l1: float
    """Mean absolute error of the audible mel, less the speaker's mean difference in each band."""
    attention: float
    """Share of the attention that lies on the symbol being spoken or beside it, 0..1."""


def hear(dataset: Dataset, bases: Mapping[str, Voice], told: Callable[[str, int, int], None]) -> dict[str, Hearing]:
    """What each base makes of the clips, read with its own frontend in its own language.

    Raises:
        BadData: a clip is silent or unreadable, or none has words.
        UnknownName: a frontend is not installed.
    """
    prepared: dict[tuple[AudioConfig, str, str], list[Item]] = {}
    found: dict[str, Hearing] = {}
    with tempfile.TemporaryDirectory(prefix="voicebank-") as cache:
        for i, (name, voice) in enumerate(bases.items()):
            config = voice.config
            key = (config.audio, config.frontend.model_dump_json(), config.language)
            if key not in prepared:
                own = features.build(dataset, config.audio, frontend_of(voice), cache)
                prepared[key] = _items(own)
            found[name] = _heard(voice.text2mel, prepared[key], config.audio)
            told("accent", i + 1, len(bases))
    return found


def _items(own: Features) -> list[Item]:
    clips = usable(own)
    if not clips:
        raise BadData(f"{own.name} has no clip with words of less than 14 s: cut it with `voicebank dataset make`")
    (times,) = align([replace(own, clips=clips)])
    return sorted((Item(0, own, c, t) for c, t in zip(clips, times, strict=True)), key=lambda item: item.frames)


@torch.inference_mode()
def _heard(model: Text2Mel, items: list[Item], config: AudioConfig) -> Hearing:
    differences, near = [], []
    for first in range(0, len(items), BATCH):
        batch = text2mel_batch(items[first : first + BATCH], config, None, 1.0)
        previous = shift(batch.mel)
        previous[:, 1::SHOWN_EVERY] = 0
        output = model(batch.symbols, batch.symbol_mask, previous, batch.speaker)
        audible = batch.frame_mask & (batch.mel.mean(-1) > AUDIBLE)
        differences.append((batch.mel - torch.sigmoid(output.logits.float()))[audible])
        near.append(_near(output.attention.float(), batch)[audible])
    every = torch.cat(differences)
    # The mean difference is the speaker's timbre and the microphone, which fine-tuning learns within minutes.
    return Hearing(float((every - every.mean(0)).abs().mean()), float(torch.cat(near).mean()))


def _near(attention: torch.Tensor, batch: Text2MelBatch) -> torch.Tensor:
    """Attention ``(batch, frames)`` on the symbol being spoken and its two neighbours."""
    index = torch.arange(attention.shape[2])
    near = (index - batch.positions[..., None]).abs() <= 1
    return (attention * near).sum(-1)
