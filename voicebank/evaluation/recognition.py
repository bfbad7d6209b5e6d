"""What was heard against what should have been said: error counts and faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from voicebank.evaluation.requirements import require
from voicebank.evaluation.scores import Fault

MISSING = 3
"""Words in a row that must be missing for a sentence to count as skipping or stopped early."""
GROUP = 3
"""Words of a group that must not be heard more often than it is written."""
LONGEST = (2.0, 0.15)
"""A clip may last this many seconds, plus so many for each character: twice what a slow reader takes."""


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
    return require("whisper_normalizer.english").EnglishTextNormalizer()


def normalise_heard(text: str) -> str:
    """Lower case, no punctuation, one spelling (US), contractions and numbers in one form.

    The same is done to the text and to what was heard, so that only differences one can hear count.
    """
    return " ".join(_normaliser()(text).split())


def compare(text: str, heard: str) -> Comparison:
    """Score one transcript.

    Args:
        text: what should have been said; it must hold at least one letter or digit.
        heard: what the recogniser wrote.
    """
    jiwer = require("jiwer")
    reference, hypothesis = normalise_heard(text), normalise_heard(heard)
    by_word = jiwer.process_words(reference, hypothesis)
    by_character = jiwer.process_characters(reference, hypothesis)
    faults = word_faults(reference.split(), hypothesis.split(), by_word.alignments[0])
    return Comparison(len(reference.split()), _errors(by_word), len(reference), _errors(by_character), faults)


class Gap(NamedTuple):
    """Between two words that were heard right: ``written`` words of the text against ``heard`` others."""

    at: int
    """Index of the first written word."""
    written: int
    heard_at: int
    """Index of the first heard word."""
    heard: int


def gaps(alignment: Sequence[Any]) -> list[Gap]:
    """What lies between the words that were heard right."""
    found = []
    at = heard_at = written = heard = 0
    for chunk in alignment:
        if chunk.type == "equal":
            found.append(Gap(at, written, heard_at, heard))
            at, heard_at = chunk.ref_end_idx, chunk.hyp_end_idx
            written = heard = 0
        else:
            written += chunk.ref_end_idx - chunk.ref_start_idx
            heard += chunk.hyp_end_idx - chunk.hyp_start_idx
    return [*found, Gap(at, written, heard_at, heard)]


def word_faults(said: Sequence[str], got: Sequence[str], alignment: Sequence[Any]) -> dict[Fault, str]:
    """The faults ``skipped``, ``stopped early`` and ``repeated``.

    In a gap of ``n`` written and ``m`` heard words, ``n - m`` are missing, whichever of them the alignment
    calls misheard. Three or more missing at the end are an early stop, anywhere else a skip. Where words were
    added instead, the sentence repeats if with them a group of three words is heard more often than it is
    written, or one or two words three times running.
    """
    faults: dict[Fault, str] = {}
    for gap in gaps(alignment):
        end = gap.at + gap.written
        if gap.written - gap.heard >= MISSING:
            fault: Fault = "stopped early" if end == len(said) else "skipped"
            faults.setdefault(fault, f"not heard: {' '.join(said[gap.at : end])!r}")
        added = gap.heard - gap.written
        # The words around the gap too: the alignment may take either of two copies for the true one.
        near = got[max(0, gap.heard_at - added) : gap.heard_at + gap.heard + added]
        twice = _repeated_group(said, got, near) if added >= GROUP else None
        if twice or (added >= 2 and (twice := _stuttered(said, near))):
            faults.setdefault("repeated", f"heard too often: {twice!r}")
    return faults


def _repeated_group(said: Sequence[str], got: Sequence[str], near: Sequence[str]) -> str | None:
    written, heard = _groups(said, GROUP), _groups(got, GROUP)
    for group in _groups(near, GROUP):
        if heard[group] >= 2 and heard[group] > written[group]:
            return " ".join(group)
    return None


def _stuttered(said: Sequence[str], near: Sequence[str]) -> str | None:
    for size in (1, 2):
        group, run = _longest_run(near, size)
        if run >= 3 and run > _longest_run(said, size)[1]:
            return " ".join(group * run)
    return None


def ran_away(text: str, seconds: float) -> str | None:
    """Whether a clip lasts longer than anybody would take, and why. Each digit stands for a spoken word."""
    characters = len(text) + 5 * sum(c.isdigit() for c in text)
    longest = LONGEST[0] + LONGEST[1] * characters
    return f"{seconds:.1f} s long, {longest:.1f} at most expected" if seconds > longest else None


def _errors(output: Any) -> int:
    return output.substitutions + output.deletions + output.insertions


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
