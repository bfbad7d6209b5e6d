"""What the base voice itself says: spoken once before a cloning, and mixed into its batches.

A few minutes of recordings lack most words. A network that is trained on them alone forgets how the others are said;
one that keeps hearing its own old speech, beside the new speaker's, does not (rehearsal: Robins, "Catastrophic
forgetting, rehearsal and pseudorehearsal", Connection Science 7(2), 1995).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.text.frontend import Frontend
from voicebank.training.features import Features
from voicebank.training.spoken import speak

NAME = "base"


@lru_cache(maxsize=1)
def sentences() -> list[str]:
    """Sentences with every English phone in many places, in none of the base voices' corpora."""
    return Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8").splitlines()


def rehearse(
    base: Synthesizer, phones: Frontend, count: int, path: Path, progress: Callable[[int, int], None]
) -> Features | None:
    """The base's own speech, ``count`` sentences of it: see :func:`voicebank.training.spoken.speak`."""
    return speak(base, phones, sentences()[:count], path, NAME, progress)
