"""Scoring clips: each is transcribed, judged and compared, several at a time."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from voicebank import plugins
from voicebank.audio import Audio
from voicebank.evaluation import quality, recognition, similarity
from voicebank.evaluation.progress import bar
from voicebank.evaluation.scores import FAULTS, Fault, SentenceScore
from voicebank.plugins import Transcriber

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


def workers_or_default(workers: int | None) -> int:
    """Clips to score at a time: at most four, since each thread also computes on its own."""
    return max(1, workers) if workers is not None else min(4, os.cpu_count() or 1)


def listener(workers: int = 1, name: str = TRANSCRIBER) -> Transcriber:
    """The transcriber that scores, without word times; with several workers each computes on one thread."""
    options = {"words": False, "threads": 1 if workers > 1 else None} if name == TRANSCRIBER else {}
    return plugins.create("transcriber", name, **options)


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
    progress: bool = False,
) -> list[SentenceScore]:
    """Score clips in their order. References are centroids by name (see :mod:`similarity`)."""
    with ThreadPoolExecutor(workers) as pool, bar("listening", len(takes), progress) as advance:
        rows = []
        for row in pool.map(lambda take: score_take(take, transcriber, references or {}), takes):
            rows.append(row)
            advance()
    return rows


def score_take(take: Take, transcriber: Transcriber, references: Mapping[str, np.ndarray]) -> SentenceScore:
    """Score one clip."""
    audio = Audio.read(take.audio) if isinstance(take.audio, Path) else take.audio
    heard = transcriber.transcribe(audio).text if audio is not None else ""
    compared = recognition.compare(take.text, heard)
    faults = {**compared.faults, **take.faults}
    if audio is not None and (late := recognition.ran_away(take.text, audio.duration)):
        faults.setdefault("ran away", late)
    if "ran away" in faults and audio is None:
        faults = {"ran away": faults["ran away"]}  # nothing was heard only because nothing was kept
    mos = quality.quality(audio) if audio is not None else None
    own = similarity.embed(audio) if audio is not None and references else None
    return SentenceScore(
        id=take.id,
        text=take.text,
        heard=heard,
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
        distillmos=quality.naturalness(audio) if audio is not None else None,
        similarity={name: float(own @ c) for name, c in references.items()} if own is not None else {},
        faults=[fault for fault in FAULTS if fault in faults],
        evidence="; ".join(f"{fault}: {faults[fault]}" for fault in FAULTS if fault in faults),
    )
