"""What the decoder's own attention says about a sentence, whether or not a recogniser can hear it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from voicebank.evaluation.scores import Fault

if TYPE_CHECKING:
    from voicebank.synthesis.speech import Speech

STEPS = 6
"""Coarse frames, about a quarter of a second, over which attention is watched."""
JUMP = 15
"""Symbols, about three words, that nobody speaks in that time."""


def attention_faults(speech: Speech) -> dict[Fault, str]:
    """Faults of any sentence of a speech, with the evidence: see :func:`path_faults`."""
    faults: dict[Fault, str] = {}
    for spoken in speech.sentences:
        if spoken.pieces > 1:
            faults.setdefault("ran away", f"as a whole; spoken in {spoken.pieces} pieces instead")
            continue
        path = spoken.attention.argmax(-1).cpu().numpy()
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
    behind = np.maximum.accumulate(path) - path
    if behind.max() >= JUMP:
        at = int(behind.argmax())
        faults["repeated"] = f"attention went back to {symbols[int(path[at]) :][:JUMP]!r}"
    return faults
