"""Where a long recording is cut: in pauses between words that captions and recogniser agree on."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from voicebank.data.matching import ALIKE, align, alike, keys, offset
from voicebank.data.measure import Silence
from voicebank.errors import BadData
from voicebank.plugins import Word

SHORTEST, LONGEST = 1.5, 12.0
GOOD_FROM, GOOD_TO = 3.5, 9.0
BEFORE, AFTER = 0.12, 0.25  # seconds of pause that stay at both ends
PAUSE = 0.8  # seconds: a longer pause within a clip is a place to cut
NEAR = 0.4  # seconds by which a recogniser's word may lie off its pause
REACH = 8.0  # seconds by which captions may be off, once their common offset is taken away
AGREE = 0.35  # share of the written words that must be recognised for captions to belong to a recording
FINAL = ".!?…"

# Costs of the best way to cut, in clips: skipping a word must cost more than any clip around it.
SKIP, ERROR, CLIP = 2.0, 2.0, 1.5


@dataclass(frozen=True)
class Cut:
    """A piece of a recording, in seconds, with its words; ``reason`` says why it cannot be used."""

    start: float
    end: float
    text: str
    reason: str = ""


@dataclass(frozen=True)
class _Token:
    """A written word, and the indices of the recognised words that match it, -1 where there is none."""

    text: str
    first: int
    last: int
    start: float
    end: float
    size: int
    unsure: int


def cut(
    written: Sequence[Word],
    recognised: Sequence[Word],
    silences: Sequence[Silence],
    duration: float,
    reach: float = REACH,
) -> list[Cut]:
    """Cut a recording into clips of 1.5 to 12 seconds, and name what is left over.

    Args:
        written: words of the captions with their rough times.
        recognised: words of the recogniser with their times.
        silences: pauses of the recording.
        duration: of the recording in seconds.
        reach: seconds by which the times of the captions may be off.

    Raises:
        BadData: the captions do not belong to the recording.
    """
    tokens, lone = _tokens(written, recognised, reach)
    words = sum(token.size for token in tokens)
    fit = words - sum(token.unsure for token in tokens)
    if not words or fit < AGREE * words:
        raise BadData(
            f"only {100 * fit // max(1, words)} % of the written words are heard in the recording: "
            "are the captions those of another one, or in another language?"
        )
    pauses = _pauses(recognised, silences, duration)
    return _clips(tokens, lone, pauses)


def _tokens(written: Sequence[Word], recognised: Sequence[Word], reach: float) -> tuple[list[_Token], list[int]]:
    """The written words matched, and for each recognised word how many of its keys are not written."""
    ref = [(i, key) for i, word in enumerate(written) for key in keys(word.text)]
    hyp = [(j, key) for j, word in enumerate(recognised) for key in keys(word.text)]
    at, recognised_at = [written[i].start for i, _ in ref], [recognised[j].start for j, _ in hyp]
    ref_keys, hyp_keys = [key for _, key in ref], [key for _, key in hyp]
    late = offset(ref_keys, at, hyp_keys, recognised_at) if not math.isinf(reach) else 0.0
    matched = align(ref_keys, hyp_keys, [time + late for time in at], recognised_at, reach)
    lone = [0] * len(recognised)
    for j, _ in hyp:
        lone[j] += 1
    tokens: list[_Token] = []
    for i, group in groupby(enumerate(ref), key=lambda entry: entry[1][0]):
        places = [(matched[k], key) for k, (_, key) in group]
        sure = [m for m, key in places if m >= 0 and alike(key, hyp_keys[m]) >= ALIKE]
        for m in sure:
            lone[hyp[m][0]] -= 1
        matches = [hyp[m][0] for m, _ in places if m >= 0]
        first, last = (matches[0], matches[-1]) if matches else (-1, -1)
        start = recognised[first].start if matches else written[i].start + late
        end = recognised[last].end if matches else written[i].end + late
        tokens.append(_Token(written[i].text, first, last, start, end, len(places), len(places) - len(sure)))
    return tokens, lone


def _pauses(recognised: Sequence[Word], silences: Sequence[Silence], duration: float) -> list[Silence | None]:
    """The longest pause before each recognised word and, last, after all of them; None where there is none."""
    count = len(recognised)
    longest: list[Silence | None] = [None] * (count + 1)
    left = [0.0, *(word.end for word in recognised)]
    right = [*(word.start for word in recognised), duration]
    starts = [word.start for word in recognised]
    # The recording itself begins and ends somewhere, even without a pause.
    for silence in (Silence(0.0, 0.0), *silences, Silence(duration, duration)):
        near = bisect_left(starts, silence.start)
        middle = (silence.start + silence.end) / 2
        options = []
        for gap in range(max(0, near - 3), min(count, near + 4) + 1):
            low, high = sorted((left[gap], right[gap]))
            inside = (gap == 0 or recognised[gap - 1].start < middle) and (gap == count or middle < recognised[gap].end)
            distance = max(0.0, low - silence.end, silence.start - high)
            if inside and distance <= NEAR:
                options.append((distance, gap))
        if options:
            gap = min(options)[1]
            other = longest[gap]
            if other is None or other.length < silence.length:
                longest[gap] = silence
    return longest


def _clips(tokens: list[_Token], lone: list[int], pauses: list[Silence | None]) -> list[Cut]:
    """The cheapest way to divide the words into clips and words that are left out."""
    unsure = [0, *accumulate(token.unsure for token in tokens)]
    sizes = [0, *accumulate(token.size for token in tokens)]
    extra = [0, *accumulate(lone)]
    breaks = [0.0, *accumulate(max(0.0, p.length - PAUSE) if p else 0.0 for p in pauses)]
    walls = [0, *accumulate(_walls(tokens))]
    starts = [_opening(tokens, k, pauses) for k in range(len(tokens))]
    ends = [_closing(tokens, k, pauses) for k in range(len(tokens))]
    best = [0.0] + [math.inf] * len(tokens)
    choice = [-1] * (len(tokens) + 1)
    for b in range(1, len(tokens) + 1):
        best[b] = best[b - 1] + SKIP
        closing = ends[b - 1]
        if closing is None:
            continue
        until = min(closing.end, closing.start + AFTER)
        for a in range(b - 1, -1, -1):
            opening = starts[a]
            if opening is None:
                if tokens[a].start < until - LONGEST - 2:
                    break
                continue
            length = until - max(opening.start, opening.end - BEFORE)
            if length > LONGEST:
                break
            if length < SHORTEST:
                continue
            first, last = tokens[a].first, tokens[b - 1].last
            errors = max(unsure[b] - unsure[a], extra[last + 1] - extra[first])
            if errors > max(1, 0.25 * (sizes[b] - sizes[a])) or walls[b] > walls[a + 1]:
                continue
            cost = best[a] + CLIP + ERROR * errors + 3 * (breaks[last + 1] - breaks[first + 1])
            cost += _awkward(length, opening, closing, tokens[b - 1].text)
            if cost < best[b]:
                best[b], choice[b] = cost, a
    return _cuts(tokens, choice, starts, ends)


def _walls(tokens: list[_Token]) -> list[int]:
    """1 for each token before which, since the last one matched, two words more or less were recognised than written.

    One word for another is a slip of the recogniser; these no clip may span.
    """
    walls, last, missing = [], -1, 0
    for token in tokens:
        if token.first < 0:
            walls.append(0)
            missing += token.size
            continue
        walls.append(int(abs(max(0, token.first - last - 1) - missing) >= 2))
        last, missing = token.last, 0
    return walls


def _awkward(length: float, opening: Silence, closing: Silence, last: str) -> float:
    """Cost of a clip's length, of short pauses at its ends, and of stopping in mid-sentence."""
    cost = max(0.0, GOOD_FROM - length) + 0.5 * max(0.0, length - GOOD_TO)
    cost += 4 * sum(max(0.0, 0.3 - pause.length) for pause in (opening, closing) if pause.length)
    if last[-1] in FINAL:
        cost -= 1.0
    elif last[-1] in ",;:—-":
        cost -= 0.3
    return cost


def _opening(tokens: list[_Token], k: int, pauses: list[Silence | None]) -> Silence | None:
    """The pause before a token, if it can begin a clip.

    It must have been recognised, and not as one word with the token before. A misheard word will do if the word
    before it was recognised well, for then there is nothing else that it can be.
    """
    token, before = tokens[k], tokens[k - 1] if k else None
    if token.first < 0 or (before and before.last == token.first):
        return None
    if token.unsure == token.size and (before is None or before.unsure or before.last != token.first - 1):
        return None
    return pauses[token.first]


def _closing(tokens: list[_Token], k: int, pauses: list[Silence | None]) -> Silence | None:
    """The pause after a token, if it can end a clip (see :func:`_opening`)."""
    token, after = tokens[k], tokens[k + 1] if k + 1 < len(tokens) else None
    if token.last < 0 or (after and after.first == token.last):
        return None
    if token.unsure == token.size and (after is None or after.unsure or after.first != token.last + 1):
        return None
    return pauses[token.last + 1]


def _cuts(
    tokens: list[_Token], choice: list[int], starts: list[Silence | None], ends: list[Silence | None]
) -> list[Cut]:
    punctuated = any(token.text[-1] in FINAL for token in tokens)
    cuts: list[Cut] = []
    left: list[_Token] = []
    b = len(tokens)
    while b >= 0:
        a = choice[b] if b else -1
        if b and a < 0:
            left.append(tokens[b - 1])
            b -= 1
            continue
        if left:
            cuts.append(_left_over(left[::-1]))
            left = []
        if not b:
            break
        opening, closing = starts[a], ends[b - 1]
        assert opening is not None and closing is not None
        start, end = max(opening.start, opening.end - BEFORE), min(closing.end, closing.start + AFTER)
        text = " ".join(token.text for token in tokens[a:b])
        cuts.append(Cut(round(start, 3), round(end, 3), _ended(text, punctuated, closing.length)))
        b = a
    return cuts[::-1]


def _left_over(tokens: list[_Token]) -> Cut:
    start, end = max(0.0, min(t.start for t in tokens)), max(t.end for t in tokens)
    text = " ".join(token.text for token in tokens)
    unsure, size = sum(token.unsure for token in tokens), sum(token.size for token in tokens)
    ends = [where for where, token in (("first", tokens[0]), ("last", tokens[-1])) if token.unsure == token.size]
    if unsure > 0.34 * size:
        reason = f"{unsure} of {size} written words are not heard here"
    elif ends:
        reason = f"its {' and its '.join(ends)} word is not heard as it is written: there is no sure place to cut"
    elif end - start < SHORTEST:
        reason = "too short for a clip, and no pause that joins it to its neighbours"
    else:
        reason = "no pause to cut at around it"
    return Cut(round(start, 3), round(max(end, start), 3), text, reason)


def _ended(text: str, punctuated: bool, pause: float) -> str:
    """The text with a final mark, by which voices know where to end: captions often have none."""
    bare = text.rstrip("\"')”’")
    if bare and bare[-1] in ".,!?;:…—":
        return text
    return text + ("," if punctuated and pause < 0.45 else ".")
