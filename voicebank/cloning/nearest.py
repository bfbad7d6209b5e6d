"""The closest base voice. Calls the bank, so it belongs to the floor above the rest of this package."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voicebank import bank, speaker
from voicebank.audio import Audio
from voicebank.cloning.hearing import Hearing, hear
from voicebank.cloning.likeness import embedding, median_pitch
from voicebank.cloning.reference import reference
from voicebank.data.dataset import Clip, Dataset
from voicebank.errors import BadData
from voicebank.voice import Voice

if TYPE_CHECKING:
    from voicebank.cloning.settings import CloneSettings

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
    """Higher is closer, see :func:`closest`."""


@dataclass(frozen=True)
class Closest:
    """The base voices, best first."""

    rows: list[BaseMatch]
    voices: dict[str, Voice] = field(repr=False)

    @property
    def best(self) -> str:
        """Name of the closest."""
        return self.rows[0].name

    @property
    def voice(self) -> Voice:
        """The closest."""
        return self.voices[self.best]

    def clone(
        self,
        dataset: Dataset,
        folder: str | Path | None = None,
        *,
        settings: CloneSettings | Mapping[str, Any] | None = None,
        **kw: Any,
    ) -> Voice:
        """Clone from the closest, see :func:`voicebank.cloning.clone`."""
        from voicebank.cloning.run import clone

        return clone(self.voice, dataset, folder, settings=settings, **kw)


def closest(
    dataset: Dataset | Sequence[Audio],
    voices: Iterable[str | Path | Voice] | None = None,
    *,
    progress: Progress | None = None,
) -> Closest:
    """Compare a speaker with the base voices.

    The score is the similarity, less 0.3 for each octave between the pitches, less 4 times what the base's Text2Mel
    errs more than the best of them, less half of what its attention misses more. It is explained, with what was
    measured, in ``docs/cloning.md``.

    Args:
        dataset: clips with their transcripts; or sound without, for which similarity and pitch are compared alone.
        voices: names, folders, repositories or voices to compare with; the bundled ones if left out.
        progress: told what is done, how much of it is, and how much there is.

    Raises:
        BadData: there is no speech in the recordings, or no voice to compare with.
        UnknownName: there is no such voice, or its frontend is not installed.
    """
    told = progress or (lambda what, done, total: None)
    bases = _loaded(voices)
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
    return Closest(sorted(rows, key=lambda row: -row.score), bases)


def _loaded(voices: Iterable[str | Path | Voice] | None) -> dict[str, Voice]:
    wanted = [info.name for info in bank.voices()] if voices is None else list(voices)
    found: dict[str, Voice] = {}
    for one in wanted:
        voice = one if isinstance(one, Voice) else bank.load(one)
        found[voice.name if voice.name not in found else str(one)] = voice
    if not found:
        raise BadData("there is no base voice to compare with")
    return found


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
