"""The interface of each kind of plugin, but for text frontends (:class:`voicebank.text.frontend.Frontend`).

All of these names are in :mod:`voicebank.plugins`, too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from voicebank.audio import Audio

if TYPE_CHECKING:
    from voicebank.config import AudioConfig

Floats = npt.NDArray[np.float32]
"""NumPy arrays of float32: magnitudes and samples."""


class Vocoder(Protocol):
    """Magnitude spectrogram to waveform."""

    def __call__(self, magnitude: Floats, config: AudioConfig) -> Floats:
        """Samples ``(batch, length)`` of linear magnitudes ``(batch, bins, frames)``.

        ``length`` is about ``frames * config.hop``, the samples are in -1..1, at ``config.sample_rate``.
        """
        ...


@runtime_checkable
class StreamingVocoder(Vocoder, Protocol):
    """A vocoder that also takes frames as they come. Others are given whole sentences."""

    def stream(self, config: AudioConfig) -> VocoderStream:
        """Begin a sentence."""
        ...


class VocoderStream(Protocol):
    """One sentence that a vocoder turns into sound block by block."""

    def push(self, magnitude: Floats, last: bool = False) -> Floats:
        """The samples ``(length,)`` that are certain now.

        ``magnitude`` holds the next linear magnitudes, ``(bins, frames)``; with ``last`` there will be no more. All
        samples together are those of one call of the vocoder with all magnitudes.
        """
        ...


@dataclass(frozen=True)
class Word:
    """One recognised word. Times in seconds from the start of the sound, probability 0..1."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True)
class Transcript:
    """What was said. ``words`` is empty when the transcriber was not asked for times."""

    text: str
    words: list[Word] = field(default_factory=list)
    language: str = "en"


class Transcriber(Protocol):
    """Speech recognition. Calls from several threads at once are allowed."""

    def transcribe(self, audio: Audio | str | os.PathLike[str]) -> Transcript:
        """Recognise speech in sound of any rate and length, or in a file."""
        ...


@dataclass(frozen=True)
class DetectionWindow:
    """A stretch of sound that was searched for a watermark. Times in seconds; ``payload`` is None without a mark."""

    start: float
    end: float
    score: float
    p_value: float
    payload: int | None = None


@dataclass(frozen=True)
class Detection:
    """Result of a search for a watermark in one sound."""

    watermark: str
    """The plugin that searched."""
    marked: bool
    score: float
    """The best of all windows."""
    p_value: float
    """The largest probability that sound without a mark reaches this score in one of its windows."""
    threshold: float
    """The score from which a window counts as marked."""
    payload: int | None = None
    """Decoded from all marked windows together."""
    windows: list[DetectionWindow] = field(default_factory=list)


class Watermark(Protocol):
    """A mark in the sound that programs detect and people do not hear."""

    bits: int
    """Length of the payload."""

    def marked(self, vocoder: Vocoder, payload: int) -> Vocoder:
        """A vocoder whose sound is the given one's with the mark in it. It streams if that one does."""
        ...

    def detect(self, audio: Audio) -> Detection:
        """Search sound of any rate and length for the mark."""
        ...
