"""What went wrong in a sentence: seen in its transcript, its length, or the decoder's own attention."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from voicebank.data.matching import Gap

if TYPE_CHECKING:
    from voicebank.synthesis.speech import Speech

Fault = Literal["ran away", "repeated", "skipped", "stopped early"]
FAULTS: tuple[Fault, ...] = ("ran away", "repeated", "skipped", "stopped early")
MISSING = 3
"""Words in a row that must be missing for a sentence to count as skipping or stopped early."""
GROUP = 3
"""Words of a group that must not be in the transcript more often than in the text."""
LONGEST = (2.0, 0.15)
"""A clip may last this many seconds, plus so many for each character: twice what a slow reader takes."""
STEPS = 6
"""Coarse frames, about a quarter of a second, over which attention is watched."""
JUMP = 15
"""Symbols, about three words, that cannot be spoken in that time."""


def gaps(written: Sequence[str], transcript: Sequence[str], alignment: Sequence[Any]) -> list[Gap]:
    """What lies between the words that were recognised as written, also where that is nothing.

    Args:
        alignment: chunks of ``jiwer`` that align the two.
    """
    equal = [chunk for chunk in alignment if chunk.type == "equal"]
    starts = [(0, 0), *((chunk.ref_end_idx, chunk.hyp_end_idx) for chunk in equal)]
    ends = [*((chunk.ref_start_idx, chunk.hyp_start_idx) for chunk in equal), (len(written), len(transcript))]
    return [
        Gap(i, list(written[i:k]), j, list(transcript[j:m]), i == 0, k == len(written))
        for (i, j), (k, m) in zip(starts, ends, strict=True)
    ]


def word_faults(written: Sequence[str], transcript: Sequence[str], alignment: Sequence[Any]) -> dict[Fault, str]:
    """The faults ``skipped``, ``stopped early`` and ``repeated``, each with the evidence for it.

    In a gap of ``n`` written and ``m`` recognised words, ``n - m`` are missing, whichever of them the alignment
    calls misheard. Three or more missing at the end are an early stop, anywhere else a skip. Where words were
    added instead, the sentence repeats if with them a group of three words is in the transcript more often than in
    the text, or one or two words three times running.
    """
    faults: dict[Fault, str] = {}
    for gap in gaps(written, transcript, alignment):
        added = len(gap.recognised) - len(gap.written)
        if -added >= MISSING:
            fault: Fault = "stopped early" if gap.last else "skipped"
            faults.setdefault(fault, f"not heard: {' '.join(gap.written)!r}")
        # The words around the gap too: the alignment may take either of two copies for the true one.
        near = transcript[max(0, gap.recognised_at - added) : gap.recognised_at + len(gap.recognised) + added]
        twice = _repeated_group(written, transcript, near) if added >= GROUP else None
        if twice or (added >= 2 and (twice := _stuttered(written, near))):
            faults.setdefault("repeated", f"heard too often: {twice!r}")
    return faults


def _repeated_group(written: Sequence[str], transcript: Sequence[str], near: Sequence[str]) -> str | None:
    expected, recognised = _groups(written, GROUP), _groups(transcript, GROUP)
    for group in _groups(near, GROUP):
        if recognised[group] >= 2 and recognised[group] > expected[group]:
            return " ".join(group)
    return None


def _stuttered(written: Sequence[str], near: Sequence[str]) -> str | None:
    for size in (1, 2):
        group, run = _longest_run(near, size)
        if run >= 3 and run > _longest_run(written, size)[1]:
            return " ".join(group * run)
    return None


def ran_away(text: str, seconds: float) -> str | None:
    """Why a clip lasts longer than any speaker would take; None if it does not. Each digit stands for a spoken word."""
    characters = len(text) + 5 * sum(c.isdigit() for c in text)
    longest = LONGEST[0] + LONGEST[1] * characters
    return f"{seconds:.1f} s long, {longest:.1f} at most expected" if seconds > longest else None


def attention_faults(speech: Speech) -> dict[Fault, str]:
    """Faults that the attention of any sentence of a speech shows, with the evidence.

    One that ran away and was then spoken in pieces is ``ran away``; for the others see :func:`path_faults`.
    """
    faults: dict[Fault, str] = {}
    for spoken in speech.sentences:
        if spoken.pieces > 1:
            faults.setdefault("ran away", f"as a whole; spoken in {spoken.pieces} pieces instead")
            continue
        path = spoken.attention.argmax(-1)
        for fault, evidence in path_faults(path, spoken.sentence.symbols).items():
            faults.setdefault(fault, evidence)
    return faults


def path_faults(path: np.ndarray, symbols: str) -> dict[Fault, str]:
    """Skips, early stops and repeats in the path of attention.

    Args:
        path: ``(frames,)``, the index of the symbol that each frame attends to most.
        symbols: the sentence; index ``len(symbols)`` is the end symbol.

    Returns:
        ``skipped`` if the path rushes over symbols faster than they can be spoken, ``stopped early`` if it
        rushes so to the end, or never comes near it; ``repeated`` if it goes back by as much.
    """
    faults: dict[Fault, str] = {}
    if not len(path):
        return {"stopped early": "no frame was decoded"} if symbols else {}
    lag = min(STEPS, len(path) - 1)
    advance = path[lag:] - path[: len(path) - lag]
    starts = np.flatnonzero(advance >= JUMP)
    # Windows that overlap see the same rush.
    for rush in np.split(starts, np.flatnonzero(np.diff(starts) > lag) + 1) if starts.size else ():
        first, last = int(path[rush[0]]), int(path[rush[-1] + lag])
        fault: Fault = "stopped early" if last >= len(symbols) else "skipped"
        faults.setdefault(fault, f"attention rushed over {symbols[first:last]!r}")
    if len(symbols) - int(path.max()) >= JUMP:
        faults.setdefault("stopped early", f"attention never reached {symbols[int(path.max()) :]!r}")
    back = np.maximum.accumulate(path) - path
    if back.max() >= JUMP:
        at = int(back.argmax())
        faults["repeated"] = f"attention went back to {symbols[int(path[at]) :][:JUMP]!r}"
    return faults


def _groups(words: Sequence[str], size: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + size]) for i in range(len(words) - size + 1))


def _longest_run(words: Sequence[str], size: int) -> tuple[tuple[str, ...], int]:
    best: tuple[tuple[str, ...], int] = ((), 0)
    for start in range(len(words) - size + 1):
        group = tuple(words[start : start + size])
        run = 1
        while tuple(words[start + run * size : start + (run + 1) * size]) == group:
            run += 1
        if run > best[1]:
            best = (group, run)
    return best
