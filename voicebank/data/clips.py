"""One clip of a dataset, and the sound files that may hold one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")


@dataclass(frozen=True)
class Clip:
    """One recording of one speaker with its transcript."""

    id: str
    path: Path
    text: str
