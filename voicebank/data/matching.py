"""Alignment of a transcript with what a recogniser wrote: which word is which, and what does not fit."""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from statistics import median
from typing import NamedTuple

from voicebank.text.normalise import normalise

ALIKE = 0.6
"""Words that share this much of their letter pairs are one word, spelt or heard a little differently."""
FILLERS = frozenset(("um", "umm", "uh", "uhm", "uhh", "er", "erm", "hmm", "hm", "mm", "mhm", "ah", "eh"))
LATE = 0.05  # cost of a second between where a word is written and where it is spoken


@lru_cache(maxsize=1 << 16)
def keys(token: str) -> tuple[str, ...]:
    """A written token as the words that are spoken, lower case, letters only: ``$5,`` is ``five dollars``.

    Letters that are spelled are one word, for one writes *CDC* and another *C.D.C.*
    """
    spoken = normalise(token).lower().replace("'", "")
    return tuple(re.findall(r"[a-z]+", re.sub(r"(?<=\b[a-z]) (?=[a-z]\b)", "", spoken)))


@lru_cache(maxsize=1 << 16)
def alike(a: str, b: str) -> float:
    """Likeness of two words, 0..1: the share of letter pairs that they have in common."""
    if a == b:
        return 1.0
    if min(len(a), len(b)) == 1:
        return 0.0  # a letter is not half of an acronym
    first, second = Counter(zip(f"^{a}", f"{a}$", strict=True)), Counter(zip(f"^{b}", f"{b}$", strict=True))
    return 2 * sum((first & second).values()) / (len(a) + len(b) + 2)


def offset(
    written: Sequence[str], at: Sequence[float], recognised: Sequence[str], recognised_at: Sequence[float]
) -> float:
    """Seconds by which all words are spoken later than captions say, from groups of words that come once."""
    size = 3
    places: dict[tuple[str, ...], list[float]] = {}
    for i in range(len(recognised) - size + 1):
        places.setdefault(tuple(recognised[i : i + size]), []).append(recognised_at[i])
    counts = Counter(tuple(written[i : i + size]) for i in range(len(written) - size + 1))
    late = [
        places[group][0] - at[i]
        for i in range(len(written) - size + 1)
        if counts[group := tuple(written[i : i + size])] == 1 and len(places.get(group, ())) == 1
    ]
    return median(late) if len(late) >= 3 else 0.0


def align(
    written: Sequence[str],
    recognised: Sequence[str],
    at: Sequence[float] | None = None,
    recognised_at: Sequence[float] | None = None,
    reach: float = math.inf,
) -> list[int]:
    """For each written word the index of the recognised word that stands for it, or -1.

    The cheapest monotonic alignment, in which unlike words may stand for each other (:func:`alike` tells).
    With times, words are matched only within ``reach`` seconds.
    """
    n, m = len(written), len(recognised)
    if at is None or recognised_at is None:
        at, recognised_at, reach = [0.0] * n, [0.0] * m, math.inf
    low, high = _band(n, m, at, recognised_at, reach)
    rows: list[bytearray] = []
    before: list[float] = [float(j) for j in range(high[0] + 1)]
    for i in range(1, n + 1):
        lo, hi, lo_before, hi_before = low[i], high[i], low[i - 1], high[i - 1]
        word, time = written[i - 1], at[i - 1]
        row = [math.inf] * (hi - lo + 1)
        moves = bytearray(hi - lo + 1)
        for j in range(lo, hi + 1):
            best, move = math.inf, 0
            if lo_before <= j <= hi_before:
                best = before[j - lo_before] + 1
            if lo_before <= j - 1 <= hi_before:
                likeness = alike(word, recognised[j - 1])
                price = 0.0 if likeness == 1 else 0.3 + 1.5 * (1 - likeness)
                cost = before[j - 1 - lo_before] + price + LATE * abs(recognised_at[j - 1] - time)
                if cost <= best:
                    best, move = cost, 1
            if j > lo and row[j - 1 - lo] + 1 < best:
                best, move = row[j - 1 - lo] + 1, 2
            row[j - lo], moves[j - lo] = best, move
        rows.append(moves)
        before = row
    matched = [-1] * n
    i, j = n, m
    while i > 0:
        move = rows[i - 1][j - low[i]]
        if move == 1:
            i, j = i - 1, j - 1
            matched[i] = j
        elif move == 2:
            j -= 1
        else:
            i -= 1
    return matched


def _band(
    n: int, m: int, at: Sequence[float], recognised_at: Sequence[float], reach: float
) -> tuple[list[int], list[int]]:
    """For 0..n written words consumed, the least and the most recognised words that may have been consumed."""
    if math.isinf(reach):
        return [0] * (n + 1), [m] * (n + 1)
    low, high = [0], [0]
    for time in at:
        low.append(max(low[-1], bisect_left(recognised_at, time - reach)))
        high.append(max(high[-1], bisect_right(recognised_at, time + reach)))
    high[n] = m
    for i in range(n):  # neighbours must touch, or there is no way through
        high[i] = max(high[i], low[i + 1])
        high[i + 1] = max(high[i + 1], high[i])
    return low, high


class Gap(NamedTuple):
    """Words between two that were recognised as written."""

    at: int
    """Index of the first written word."""
    written: list[str]
    recognised_at: int
    """Index of the first recognised word."""
    recognised: list[str]
    first: bool
    """Nothing was recognised as written before it."""
    last: bool
    """Nothing is written after it."""

    @property
    def errors(self) -> int:
        """Words wrong, missing or added."""
        return max(len(self.written), len(self.recognised))

    @property
    def uneven(self) -> int:
        """How many more words there are on one side."""
        return abs(len(self.written) - len(self.recognised))


class Match(NamedTuple):
    """How well a transcript fits what was recognised."""

    words: int
    recognised: int
    gaps: list[Gap]

    @property
    def rate(self) -> float:
        """Share of the words that do not fit; above 1 where much more is recognised than written."""
        return sum(gap.errors for gap in self.gaps) / max(1, self.words)


def compare(text: str, recognised: str) -> Match:
    """A transcript against what the recogniser wrote."""
    written = [key for token in text.split() for key in keys(token)]
    got = [key for token in recognised.split() for key in keys(token)]
    return Match(len(written), len(got), gaps(written, got, align(written, got)))


def gaps(written: Sequence[str], recognised: Sequence[str], matched: Sequence[int]) -> list[Gap]:
    """What lies between words that were recognised as written, unless it only is spelt in another way."""
    different = []
    at = recognised_at = 0
    pairs = [(i, j) for i, j in enumerate(matched) if j >= 0 and alike(written[i], recognised[j]) >= ALIKE]
    for i, j in [*pairs, (len(written), len(recognised))]:
        left, right = list(written[at:i]), list(recognised[recognised_at:j])
        if (left or right) and (not left or not right or alike("".join(left), "".join(right)) < ALIKE):
            different.append(Gap(at, left, recognised_at, right, at == 0, i == len(written)))
        at, recognised_at = i + 1, j + 1
    return different


def restored(text: str, recognised: str) -> str:
    """A transcript in capitals or without any punctuation, written as usual: as the recogniser does where it agrees.

    A text that is written as usual is returned as it is.
    """
    tokens = text.split()
    capitals = len(tokens) >= 3 and any(c.isalpha() for c in text) and not any(c.islower() for c in text)
    if not capitals and (len(tokens) < 5 or any(c in ".,;:!?…" for c in text)):
        return text
    plain = [token.lower() if capitals else token for token in tokens]
    written = [(i, key) for i, token in enumerate(tokens) for key in keys(token)]
    other = [(j, key) for j, token in enumerate(recognised.split()) for key in keys(token)]
    matched = align([key for _, key in written], [key for _, key in other])
    for (i, key), j in zip(written, matched, strict=True):
        if j >= 0 and other[j][1] == key and len(keys(tokens[i])) == len(keys(recognised.split()[other[j][0]])) == 1:
            plain[i] = recognised.split()[other[j][0]]
    line = " ".join(plain)
    line = line[:1].upper() + line[1:]
    return line if line.endswith((".", "!", "?", "…", '"', "”")) else line.rstrip(",;:") + "."


def with_disfluencies(text: str, recognised: str) -> str | None:
    """A transcript with the ums and repeated words that were recognised; None if that is not all that differs."""
    match = compare(text, recognised)
    tokens = text.split()
    owners = [i for i, token in enumerate(tokens) for _ in keys(token)]
    inserted: dict[int, list[str]] = {}
    for gap in match.gaps:
        if gap.written or gap.at >= len(owners):
            return None
        inserted.setdefault(owners[gap.at], []).extend(gap.recognised)
    words: list[str] = []
    for i, token in enumerate(tokens):
        words += [*inserted[i][:-1], f"{inserted[i][-1]},"] if i in inserted else []
        words.append(token)
    return " ".join(words)


def disfluencies(match: Match, recognised: str) -> list[str]:
    """Ums, stutters and repeated words that were said and are not written."""
    got = [key for token in recognised.split() for key in keys(token)]
    written = {word for gap in match.gaps for word in gap.written}
    slips = [word for gap in match.gaps for word in gap.recognised if word in FILLERS and word not in written]
    for gap in match.gaps:
        if gap.written or not gap.recognised:
            continue
        for i in range(len(got) - 1):
            if gap.recognised == [got[i]] and got[i] == got[i + 1]:
                slips.append(f"{got[i]} {got[i]}")
                break
        else:
            size = len(gap.recognised)
            if any(got[i : i + size] == gap.recognised == got[i + size : i + 2 * size] for i in range(len(got))):
                slips.append(" ".join(gap.recognised * 2))
    return slips
