"""Scoring clips: each is transcribed, compared with its text and measured, several at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from voicebank import plugins
from voicebank.audio import Audio
from voicebank.data.memory import kept
from voicebank.data.progress import Progress
from voicebank.errors import needs_extra
from voicebank.evaluation import measures
from voicebank.evaluation.faults import FAULTS, Fault, ran_away, word_faults
from voicebank.evaluation.scores import SentenceScore
from voicebank.plugins import Transcriber
from voicebank.signal.speaker import embed

TRANSCRIBER = "whisper"

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class Take:
    """One sentence as a system said it. ``audio`` is None when nothing came out."""

    id: str
    text: str
    audio: Audio | Path | None
    compute_per_second: float | None = None
    pieces: int = 1
    faults: dict[Fault, str] = field(default_factory=dict)
    """What the system itself reported, with the evidence."""


class WordErrors(NamedTuple):
    """Edit distances between the normalised text and the normalised transcript, and what went wrong."""

    words: int
    word_errors: int
    characters: int
    character_errors: int
    faults: dict[Fault, str]
    """Fault to the evidence for it."""


@lru_cache(maxsize=1)
def _normaliser() -> Any:
    with needs_extra("evaluate"):
        from whisper_normalizer.english import EnglishTextNormalizer

    return EnglishTextNormalizer()


def normalise_words(text: str) -> str:
    """Lower case, no punctuation, one spelling (US), contractions and numbers in one form.

    The same is done to the text and to its transcript, so that only differences that can be heard count.
    """
    return " ".join(_normaliser()(text).split())


def compare(text: str, transcript: str) -> WordErrors:
    """Count the errors of one transcript, and find its faults.

    Args:
        text: what should have been said; it must hold at least one letter or digit.
        transcript: what the recogniser wrote.
    """
    with needs_extra("evaluate"):
        import jiwer
    reference, hypothesis = normalise_words(text), normalise_words(transcript)
    by_word = jiwer.process_words(reference, hypothesis)
    by_character = jiwer.process_characters(reference, hypothesis)
    faults = word_faults(reference.split(), hypothesis.split(), by_word.alignments[0])
    return WordErrors(len(reference.split()), _errors(by_word), len(reference), _errors(by_character), faults)


def _errors(output: Any) -> int:
    errors: int = output.substitutions + output.deletions + output.insertions
    return errors


class Recogniser:
    """A transcriber that scores, several clips at a time.

    Args:
        name: of the plugin.
        workers: clips at a time; at most four if left out, since each thread also computes on its own.
        progress: callbacks.

    Raises:
        UnknownName, PluginError: it is not installed, or does not load.
    """

    def __init__(self, name: str = TRANSCRIBER, workers: int | None = None, progress: Progress | None = None) -> None:
        self.workers = max(1, workers) if workers is not None else min(4, os.cpu_count() or 1)
        self.progress = progress or Progress()
        # Without word times; with several workers each computes on one thread.
        options = {"words": False, "threads": 1 if self.workers > 1 else None} if name == TRANSCRIBER else {}
        self.transcriber: Transcriber = plugins.create("transcriber", name, **options)

    def __str__(self) -> str:
        """Name and model of the transcriber."""
        name = getattr(self.transcriber, "name", type(self.transcriber).__name__)
        return f"{name} {getattr(self.transcriber, 'model', '')}".strip()

    def transcribe(self, sound: Audio | Path | None) -> str:
        """What is said in a sound; nothing in none."""
        return self.transcriber.transcribe(sound).text if sound is not None else ""

    @kept()
    def listen(self, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Do some work on each item, in their order, several at a time."""
        with ThreadPoolExecutor(self.workers) as pool:
            return list(self.progress.track("listening", pool.map(work, items), len(items)))

    def score(self, takes: Sequence[Take], references: Mapping[str, np.ndarray] | None = None) -> list[SentenceScore]:
        """Score clips in their order. References are centroids by name, see :func:`measures.centroids`."""
        return self.listen(lambda take: score_take(take, self, references or {}), takes)


def score_take(take: Take, recogniser: Recogniser, references: Mapping[str, np.ndarray]) -> SentenceScore:
    """Score one clip."""
    audio = Audio.read(take.audio) if isinstance(take.audio, Path) else take.audio
    transcript = recogniser.transcribe(audio)
    compared = compare(take.text, transcript)
    faults = {**compared.faults, **take.faults}
    if audio is not None and (late := ran_away(take.text, audio.duration)):
        faults.setdefault("ran away", late)
    if "ran away" in faults and audio is None:
        faults = {"ran away": faults["ran away"]}  # the transcript is empty only because no sound was kept
    mos = measures.quality(audio) if audio is not None else None
    lively = measures.prosody(audio) if audio is not None else measures.Prosody(None, None)
    speaker = embed(audio) if audio is not None and references else None
    return SentenceScore(
        id=take.id,
        text=take.text,
        transcript=transcript,
        words=compared.words,
        word_errors=compared.word_errors,
        characters=compared.characters,
        character_errors=compared.character_errors,
        seconds=audio.duration if audio is not None else 0.0,
        compute_per_second=take.compute_per_second,
        pieces=take.pieces,
        dnsmos=mos.overall if mos else None,
        dnsmos_signal=mos.signal if mos else None,
        dnsmos_background=mos.background if mos else None,
        distillmos=measures.naturalness(audio) if audio is not None else None,
        pitch_spread=lively.pitch,
        energy_spread=lively.energy,
        similarity={name: float(speaker @ c) for name, c in references.items()} if speaker is not None else {},
        faults=[fault for fault in FAULTS if fault in faults],
        evidence="; ".join(f"{fault}: {faults[fault]}" for fault in FAULTS if fault in faults),
    )
