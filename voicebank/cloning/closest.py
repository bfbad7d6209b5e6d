"""The closest base voice to a speaker: by embedding, by pitch, and by how well its Text2Mel predicts the recordings."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from voicebank.audio import Audio
from voicebank.cloning.likeness import embedding, median_pitch
from voicebank.cloning.reference import reference
from voicebank.cloning.run import frontend_of
from voicebank.cloning.tasks import usable
from voicebank.config import AudioConfig
from voicebank.data.dataset import Clip, Dataset
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadData
from voicebank.signal import speaker
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.training import features
from voicebank.training.alignment import align
from voicebank.training.batches import Item, Text2MelBatch, text2mel_batch
from voicebank.training.features import Features
from voicebank.training.tasks import shift

if TYPE_CHECKING:
    pass

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


def hear(
    dataset: Dataset, bases: Mapping[str, Synthesizer], told: Callable[[str, int, int], None]
) -> dict[str, Hearing]:
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


CLIPS, EMBEDDED = 20, 40
"""Clips that Text2Mel predicts, and that are embedded."""
# What the score is made of, in units of similarity.
OCTAVE = 0.3
ERROR = 4.0
ATTENTION = 0.5

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class BaseMatch:
    """How close a base voice is to a speaker. None is what could not be found out."""

    name: str
    accent: str
    gender: str
    similarity: float | None
    """Cosine of the mean speaker embeddings (Resemblyzer)."""
    pitch_hz: float | None
    """Median of the speaker."""
    base_pitch_hz: float | None
    """Median of the base voice."""
    l1: float | None
    """Error with which the base's Text2Mel predicts the recordings, less what timbre explains."""
    attention: float | None
    """Share of its attention that lies where the sound is spoken."""
    score: float
    """Higher is closer, see :func:`compare`."""


def compare(
    dataset: Dataset | Sequence[Audio], bases: Mapping[str, Synthesizer], *, progress: Progress | None = None
) -> list[BaseMatch]:
    """Compare a speaker with base voices, the closest first.

    The score is the similarity, less 0.3 for each octave between the pitches, less 4 times what the base's Text2Mel
    errs more than the best of them, less half of what its attention misses more. It is explained, with what was
    measured, in ``docs/cloning.md``.

    Args:
        dataset: clips with their transcripts; or sound without, for which similarity and pitch are compared alone.
        bases: voices to compare with, by name.
        progress: called with what is done, how much of it is, and how much there is.

    Raises:
        BadData: there is no speech in the recordings, or no voice to compare with.
        UnknownName: a frontend is not installed.
    """
    told = progress or (lambda what, done, total: None)
    if not bases:
        raise BadData("there is no base voice to compare with")
    clips = dataset.clips if isinstance(dataset, Dataset) else list(dataset)
    if not clips:
        raise BadData("there is no recording to compare with the base voices")
    sound = _sound(_spread(clips, EMBEDDED), told)
    own = _embedded(sound, told)
    pitch = median_pitch(_spread(sound, CLIPS // 2))
    if pitch is None and own is None:
        raise BadData("there is no speech in the recordings: nothing can be compared with the base voices")
    references = {}
    for i, (name, voice) in enumerate(bases.items()):
        told("base voices", i, len(bases))
        references[name] = reference(voice)
    told("base voices", len(bases), len(bases))
    heard: dict[str, Hearing] = {}
    if isinstance(dataset, Dataset):
        some = Dataset(dataset.name, _spread(dataset.clips, CLIPS), dataset.language)
        heard = hear(some, bases, told)
    least = min((h.l1 for h in heard.values()), default=0.0)
    most = max((h.attention for h in heard.values()), default=0.0)
    rows = []
    for name, voice in bases.items():
        base, found = references[name], heard.get(name)
        similarity = float(own @ base.embedding) if own is not None and base.embedding is not None else None
        # A voice that does not speak is like nobody.
        score = similarity if similarity is not None else 0.0
        if pitch and base.pitch:
            score -= OCTAVE * abs(math.log2(pitch / base.pitch))
        if found:
            score -= ERROR * (found.l1 - least) + ATTENTION * (most - found.attention)
        rows.append(
            BaseMatch(
                name=name,
                accent=voice.config.accent,
                gender=voice.config.gender,
                similarity=similarity,
                pitch_hz=pitch,
                base_pitch_hz=base.pitch,
                l1=found.l1 if found else None,
                attention=found.attention if found else None,
                score=score,
            )
        )
    return sorted(rows, key=lambda row: -row.score)


def _spread(items: Sequence[Any], count: int) -> list[Any]:
    """So many items, spread evenly."""
    n = min(count, len(items))
    return [items[i * len(items) // n] for i in range(n)]


def _sound(clips: Sequence[Audio | Clip], told: Progress) -> list[Audio]:
    sound = []
    for i, clip in enumerate(clips, 1):
        sound.append(Audio.read(clip.path) if isinstance(clip, Clip) else clip)
        told("reading", i, len(clips))
    return sound


def _embedded(sound: Sequence[Audio], told: Progress) -> np.ndarray | None:
    """The speaker's embedding; None without Resemblyzer."""
    if not speaker.available():
        return None
    parts = []
    for i, audio in enumerate(sound, 1):
        parts.append(embedding([audio]))
        told("whose voice it is", i, len(sound))
    found = [part for part in parts if part is not None]
    if not found:
        return None
    mean = np.mean(found, axis=0)
    return mean / np.linalg.norm(mean)
