"""Scoring clips: each is transcribed, compared with its text and measured, several at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from voicebank import plugins
from voicebank.audio import Audio
from voicebank.data.progress import Progress
from voicebank.errors import needs_extra
from voicebank.evaluation import measures
from voicebank.evaluation.faults import FAULTS, Fault, ran_away, word_faults
from voicebank.evaluation.scores import SentenceScore
from voicebank.plugins import Transcriber
from voicebank.signal.speaker import embed

TRANSCRIBER = "whisper"


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


class Comparison(NamedTuple):
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


def compare(text: str, transcript: str) -> Comparison:
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
    return Comparison(len(reference.split()), _errors(by_word), len(reference), _errors(by_character), faults)


def _errors(output: Any) -> int:
    errors: int = output.substitutions + output.deletions + output.insertions
    return errors


def workers_or_default(workers: int | None) -> int:
    """Clips to score at a time: at most four, since each thread also computes on its own."""
    return max(1, workers) if workers is not None else min(4, os.cpu_count() or 1)


def create_transcriber(workers: int = 1, name: str = TRANSCRIBER) -> Transcriber:
    """The transcriber that scores, without word times; with several workers each computes on one thread."""
    options = {"words": False, "threads": 1 if workers > 1 else None} if name == TRANSCRIBER else {}
    transcriber: Transcriber = plugins.create("transcriber", name, **options)
    return transcriber


def describe(transcriber: Transcriber) -> str:
    """Name and model of a transcriber."""
    name, model = getattr(transcriber, "name", type(transcriber).__name__), getattr(transcriber, "model", "")
    return f"{name} {model}".strip()


def score_takes(
    takes: Sequence[Take],
    transcriber: Transcriber,
    references: Mapping[str, np.ndarray] | None = None,
    *,
    workers: int = 1,
    progress: Progress | None = None,
) -> list[SentenceScore]:
    """Score clips in their order. References are centroids by name, as :func:`measures.centroids` has them."""
    with ThreadPoolExecutor(workers) as pool:
        rows = pool.map(lambda take: score_take(take, transcriber, references or {}), takes)
        return list((progress or Progress()).track("listening", rows, len(takes)))


def score_take(take: Take, transcriber: Transcriber, references: Mapping[str, np.ndarray]) -> SentenceScore:
    """Score one clip."""
    audio = Audio.read(take.audio) if isinstance(take.audio, Path) else take.audio
    transcript = transcriber.transcribe(audio).text if audio is not None else ""
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
        heard=transcript,
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
