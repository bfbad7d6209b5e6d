"""The interface of a transcriber: speech in, the words that were said out."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Protocol

from voicebank.audio import Audio


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
    """What a plugin of the kind ``transcriber`` makes. Calls from several threads at once are allowed."""

    def transcribe(self, audio: Audio | str | os.PathLike[str]) -> Transcript:
        """Recognise speech in sound of any rate and length, or in a file."""
        ...
