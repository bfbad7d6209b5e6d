"""The closest base voice to a speaker: by embedding, by pitch, and by how well its Text2Mel predicts the recordings."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch

from voicebank.audio import Audio
from voicebank.cloning.likeness import Reference, median_pitch, reference
from voicebank.cloning.run import frontend_of
from voicebank.config import AudioConfig, VoiceConfig
from voicebank.data.dataset import Clip, Dataset
from voicebank.data.progress import Progress
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadData
from voicebank.signal import speaker
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.training.alignment import align
from voicebank.training.batches import Item, Text2MelBatch, text2mel_batch, usable
from voicebank.training.features import Features, build
from voicebank.training.tasks import shift

CLIPS, EMBEDDED = 20, 40
"""Clips that Text2Mel predicts, and that are embedded."""
BATCH = 8
# Frames below this mean mel are silence, which has no accent.
AUDIBLE = 0.12
# Of this many frames, all but the first are hidden from the network, which must then take them from the text.
SHOWN_EVERY = 2
# What the score is made of, in units of similarity.
OCTAVE = 0.3
ERROR = 4.0
ATTENTION = 0.5


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


class Prediction(NamedTuple):
    """How well a Text2Mel predicts recordings."""

    l1: float
    """Mean absolute error of the audible mel, less the speaker's mean difference in each band."""
    attention: float
    """Share of the attention that lies on the symbol being spoken or beside it, 0..1."""


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
        progress: callbacks.

    Raises:
        BadData: there is no speech in the recordings, or no voice to compare with.
        UnknownName: a frontend is not installed.
    """
    progress = progress or Progress()
    if not bases:
        raise BadData("there is no base voice to compare with")
    clips = dataset.clips if isinstance(dataset, Dataset) else list(dataset)
    if not clips:
        raise BadData("there is no recording to compare with the base voices")
    chosen = _spread(clips, EMBEDDED)
    sound = [
        Audio.read(clip.path) if isinstance(clip, Clip) else clip
        for clip in progress.track("reading", chosen, len(chosen))
    ]
    embedding = None
    if speaker.available():
        tracked = progress.track("speaker embedding", sound, len(sound))
        embedding = speaker.mean_embedding(map(speaker.embed, tracked))
    pitch = median_pitch(_spread(sound, CLIPS // 2))
    if pitch is None and embedding is None:
        raise BadData("there is no speech in the recordings: nothing can be compared with the base voices")
    tracked_bases = progress.track("base voices", bases.items(), len(bases))
    references = {name: reference(voice) for name, voice in tracked_bases}
    predictions: dict[str, Prediction] = {}
    if isinstance(dataset, Dataset):
        sample = Dataset(dataset.name, _spread(dataset.clips, CLIPS), dataset.language)
        predictions = predict(sample, bases, progress)
    least = min((p.l1 for p in predictions.values()), default=0.0)
    most = max((p.attention for p in predictions.values()), default=0.0)
    rows = [
        _match(name, voice.config, references[name], predictions.get(name), embedding, pitch, least, most)
        for name, voice in bases.items()
    ]
    return sorted(rows, key=lambda row: -row.score)


def _match(
    name: str,
    config: VoiceConfig,
    base: Reference,
    prediction: Prediction | None,
    embedding: np.ndarray | None,
    pitch: float | None,
    least: float,
    most: float,
) -> BaseMatch:
    similarity = None
    if embedding is not None and base.embedding is not None:
        similarity = float(embedding @ np.array(base.embedding, np.float32))
    # A voice that does not speak is like no speaker.
    score = similarity if similarity is not None else 0.0
    if pitch and base.pitch:
        score -= OCTAVE * abs(math.log2(pitch / base.pitch))
    if prediction:
        score -= ERROR * (prediction.l1 - least) + ATTENTION * (most - prediction.attention)
    return BaseMatch(
        name=name,
        accent=config.accent,
        gender=config.gender,
        similarity=similarity,
        pitch_hz=pitch,
        base_pitch_hz=base.pitch,
        l1=prediction.l1 if prediction else None,
        attention=prediction.attention if prediction else None,
        score=score,
    )


def predict(dataset: Dataset, bases: Mapping[str, Synthesizer], progress: Progress) -> dict[str, Prediction]:
    """How well each base predicts the clips, read with its own frontend in its own language.

    Raises:
        BadData: a clip is silent or unreadable, or none has words.
        UnknownName: a frontend is not installed.
    """
    prepared: dict[tuple[AudioConfig, str, str], list[Item]] = {}
    predictions: dict[str, Prediction] = {}
    with tempfile.TemporaryDirectory(prefix="voicebank-") as cache:
        for name, voice in progress.track("accent", bases.items(), len(bases)):
            config = voice.config
            key = (config.audio, config.frontend.model_dump_json(), config.language)
            if key not in prepared:
                prepared[key] = _items(build(dataset, config.audio, frontend_of(voice), cache))
            predictions[name] = _prediction(voice.text2mel, prepared[key], config.audio)
    return predictions


def _items(features: Features) -> list[Item]:
    clips = usable(features)
    if not clips:
        raise BadData(f"{features.name} has no clip with words of less than 14 s: cut it with `voicebank dataset make`")
    (times,) = align([replace(features, clips=clips)])
    items = [Item(0, features, clip, time) for clip, time in zip(clips, times, strict=True)]
    return sorted(items, key=lambda item: item.frames)


@torch.inference_mode()
def _prediction(model: Text2Mel, items: list[Item], config: AudioConfig) -> Prediction:
    differences, near = [], []
    for first in range(0, len(items), BATCH):
        batch = text2mel_batch(items[first : first + BATCH], config, None, 1.0)
        previous = shift(batch.mel)
        previous[:, 1::SHOWN_EVERY] = 0
        output = model(batch.symbols, batch.symbol_mask, previous, batch.speaker)
        audible = batch.frame_mask & (batch.mel.mean(-1) > AUDIBLE)
        differences.append((batch.mel - torch.sigmoid(output.logits.float()))[audible])
        near.append(_near(output.attention.float(), batch)[audible])
    errors = torch.cat(differences)
    # The mean difference is the speaker's timbre and the microphone, which fine-tuning learns within minutes.
    return Prediction(float((errors - errors.mean(0)).abs().mean()), float(torch.cat(near).mean()))


def _near(attention: torch.Tensor, batch: Text2MelBatch) -> torch.Tensor:
    """Attention ``(batch, frames)`` on the symbol being spoken and its two neighbours."""
    index = torch.arange(attention.shape[2])
    near = (index - batch.positions[..., None]).abs() <= 1
    return (attention * near).sum(-1)


def _spread(items: Sequence[Any], count: int) -> list[Any]:
    """So many items, spread evenly."""
    n = min(count, len(items))
    return [items[i * len(items) // n] for i in range(n)]
