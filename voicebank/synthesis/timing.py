"""When each word is spoken, from attention; and subtitles."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from voicebank.errors import BadData
from voicebank.text.symbols import clean

if TYPE_CHECKING:
    from voicebank.synthesis.speech import SpokenSentence

# Of a subtitle: characters that can be read at a glance, two lines of 42.
LONGEST_CUE = 84
SUBTITLES = (".srt", ".vtt")

Span = tuple[float, float]


class SpokenWord(NamedTuple):
    """A word as it is written, with the times between which it is spoken, in seconds."""

    text: str
    start: float
    end: float


def words(spoken: SpokenSentence) -> list[SpokenWord]:
    """The written words of a sentence, with seconds from its start. What is not spoken has no length.

    A word begins with the first frame that attends to its first symbol, attention being made monotonic.
    """
    written, said = spoken.sentence.text.split(), _spoken_words(spoken.sentence.normalised)
    times = _within(_units(spoken), _plain(said))
    matcher = SequenceMatcher(None, _plain(written), _plain(said), autojunk=False)
    result: list[Span] = []
    at = 0.0
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        spans = times[j:j_end]
        if kind != "equal" or len(spans) != i_end - i:
            spans = _spread(spans, _lengths(written[i:i_end])) if spans else [(at, at)] * (i_end - i)
        result += spans
        at = result[-1][1] if result else 0.0
    return [
        SpokenWord(word, round(start, 3), round(end, 3)) for word, (start, end) in zip(written, result, strict=True)
    ]


def _units(spoken: SpokenSentence) -> list[tuple[str, Span]]:
    """Letters and times of the words that the frontend read, some of which may be several written ones."""
    attention = spoken.attention
    if not len(attention):
        return []
    seconds = spoken.audio.duration / len(attention)
    symbols = " ".join(spoken.symbols)  # the end symbol of each piece counts as a space
    path = np.maximum.accumulate(attention.argmax(1))
    units: list[tuple[str, Span]] = []
    at = 0
    for unit in spoken.sentence.units:
        sounds = clean(unit.symbols)[0].strip()
        place = symbols.find(sounds, at)
        if sounds and place >= 0 and any(c.isalpha() for c in sounds):
            at = place + len(sounds)
            first, last = (float(frame) * seconds for frame in np.searchsorted(path, [place, at]))
            units.append((_plain([unit.graphemes])[0], (first, last)))
    return units


def _within(units: Sequence[tuple[str, Span]], words: Sequence[str]) -> list[Span]:
    """Times of words, letter by letter: a word lies within a unit, or goes over several."""
    edges = np.cumsum([0, *(max(1, len(letters)) for letters, _ in units)])
    ends = np.cumsum([0, *_lengths(words)])
    if not units:
        return [(0.0, 0.0)] * len(words)
    places = ends * (edges[-1] / max(1, ends[-1]))  # as they are, but where a frontend says other words than it got

    def at(place: float, side: Literal["left", "right"]) -> float:
        i = int(np.clip(np.searchsorted(edges, place, side) - 1, 0, len(units) - 1))
        start, end = units[i][1]
        return start + (end - start) * float(place - edges[i]) / float(edges[i + 1] - edges[i])

    return [(at(a, "right"), at(b, "left")) for a, b in itertools.pairwise(places)]


def _spread(spans: Sequence[Span], lengths: Sequence[int]) -> list[Span]:
    """Share out spans to words, of which there may be more or fewer, by the words' lengths."""
    if len(spans) == len(lengths) or not spans:
        return list(spans) if spans else [(0.0, 0.0)] * len(lengths)
    edges = np.cumsum([0, *lengths]) / max(1, sum(lengths))
    places = np.linspace(0, 1, 2 * len(spans))
    times = np.interp(edges, places, np.ravel(spans))
    return [(float(a), float(b)) for a, b in zip(times, times[1:], strict=False)]


def _spoken_words(normalised: str) -> list[str]:
    return [word for word in normalised.split() if any(c.isalnum() for c in word)]


def _plain(words: Sequence[str]) -> list[str]:
    return [re.sub(r"\W", "", word).casefold() for word in words]


def _lengths(words: Sequence[str]) -> list[int]:
    return [max(1, len(word)) for word in words]


def cues(sentences: Iterable[tuple[float, SpokenSentence]]) -> list[SpokenWord]:
    """Subtitles of spoken sentences: each sentence, or parts of a long one, with its times.

    Args:
        sentences: each with the second at which it begins.
    """
    lines: list[SpokenWord] = []
    for start, spoken in sentences:
        parts = -(-len(spoken.sentence.text) // LONGEST_CUE)
        if parts == 1:
            lines.append(SpokenWord(spoken.sentence.text, start, start + spoken.audio.duration))
            continue
        longest = len(spoken.sentence.text) / parts
        line: list[SpokenWord] = []
        for word in words(spoken):
            if line and len(" ".join(one.text for one in line)) + len(word.text) / 2 > longest:
                lines.append(_cue(line, start))
                line = []
            line.append(word)
        lines.append(_cue(line, start))
    return lines


def _cue(line: Sequence[SpokenWord], start: float) -> SpokenWord:
    return SpokenWord(" ".join(word.text for word in line), start + line[0].start, start + line[-1].end)


def check_subtitles(path: Path) -> None:
    """Raise BadData if the suffix of a file names no format of subtitles."""
    if path.suffix.lower() not in SUBTITLES:
        raise BadData(f"cannot tell the format of {str(path)!r}: subtitles are {' or '.join(SUBTITLES)}")


def subtitles(cues: Iterable[SpokenWord], suffix: str) -> str:
    """Cues as the text of a ``.srt`` or ``.vtt`` file."""
    vtt = suffix.lower() == ".vtt"
    blocks = ["WEBVTT"] if vtt else []
    for number, cue in enumerate(cues, 1):
        times = f"{_clock(cue.start)} --> {_clock(max(cue.end, cue.start + 0.001))}"
        text = cue.text.replace("&", "&amp;").replace("<", "&lt;") if vtt else cue.text
        blocks.append(f"{times if vtt else f'{number}{chr(10)}{times.replace(chr(46), chr(44))}'}\n{text}")
    return "\n\n".join(blocks) + "\n"


def _clock(seconds: float) -> str:
    milliseconds = round(seconds * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"
