"""Where one sentence ends and the next begins, and where a long one can be cut."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from voicebank.text.abbreviations import COUNTERS, DAYS, MONTHS, OTHERS, TITLES

# A mark starts where its run of stops does, else a long run would be tried from each of its stops.
END = re.compile(r"""(?<![.!?…])(?P<mark>[.!?…]+)["'”’)\]]*(?=\s+(?:["'“‘(<]*[^\W_a-z]|\[))|\n\s*\n""")
# "end.Start": a space that somebody forgot, or two pieces of text put together without one.
FORGOTTEN = re.compile(r"(?<=[a-z][.!?])(?=[A-Z][a-z]+\b(?![.@/]\w))")
NEVER_LAST = frozenset({*TITLES, *COUNTERS, *MONTHS, *DAYS}) - {"No", "Sun", "Sat", "Mar", "St", "p"}
ABBREVIATIONS = frozenset(OTHERS) | {
    "St",
    "p",
    "a.m",
    "p.m",
    "A.M",
    "P.M",
    "U.S",
    "U.K",
    "U.S.A",
    "B.C",
    "A.D",
}
# After an abbreviation or an initial, only such a word tells that a new sentence has begun.
STARTERS = re.compile(
    "The|He|She|It|I|We|They|You|But|And|In|An?|This|That|These|Those|There|Then|When|What|Why|How|If|So|My|His"
    "|Her|Our|Their|Its|At|On|For|As|To|After|Before|Now|Yes|No|Not|Do|Did|Is|Are|Was|Were|Let|Please"
)
CLAUSE = re.compile(r"""(?<=[,;:—…!?)"”])\s+|(?<=—)|\s+(?=\()""")
# Words before which one may breathe, when there is no comma.
JOINT = re.compile(r"\s+(?=(?:and|but|or|because|which|who|when|while|where|that|if|so|as)\s)")
SPACE = re.compile(r"\s+")
BUFFER = 4000  # characters without the end of a sentence that are held before they are cut
LOOKAHEAD = 40  # the next sentence must be known this far, to tell "Mr." from an end


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, stripped. A blank line ends a sentence; a single line break does not."""
    text = FORGOTTEN.sub(" ", text)
    sentences, start = [], 0
    for match in END.finditer(text):
        if match["mark"] and _is_inside(text[start : match.start()], match["mark"], text[match.end() :][:60]):
            continue
        sentences.append(text[start : match.end()])
        start = match.end()
    sentences.append(text[start:])
    return [s for s in (" ".join(sentence.split()) for sentence in sentences) if s]


def _is_inside(before: str, mark: str, after: str) -> bool:
    """Whether a full stop belongs to an abbreviation or an initial and the sentence goes on."""
    if mark != ".":
        return False
    word = before.split()[-1].lstrip("\"'“‘([") if before.split() else ""
    following = re.match(r"[\s\"'“‘(\[]*([\w']+(?:\.(?=\s[A-Z]|\w))?)", after)
    if word in NEVER_LAST or (word == "No" and following is not None and following[1][0].isdigit()):
        return True
    initial = len(word) == 1 and word.isupper()
    dotted = re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", word) is not None
    if initial or dotted or word in ABBREVIATIONS:
        return following is not None and not STARTERS.fullmatch(following[1].split("'")[0])
    return False


def stream_sentences(chunks: Iterable[str]) -> Iterator[str]:
    """The sentences of ``"".join(chunks)``, each as soon as it is known to be complete.

    Holds a few thousand characters at most, whatever the length of the text.
    """
    held = ""
    for chunk in itertools.chain.from_iterable(map(_blocks, chunks)):
        held += chunk
        if len(held) > LOOKAHEAD:
            *whole, held = _split_keeping_end(held)
            yield from whole
        if len(held) > BUFFER:
            *whole, last = split_long(held, BUFFER) or [""]
            yield from whole
            held = last + (" " if held[-1].isspace() else "")
    yield from split_sentences(held)


def _blocks(chunk: str) -> Iterator[str]:
    for start in range(0, len(chunk), BUFFER // 2):
        yield chunk[start : start + BUFFER // 2]


def _split_keeping_end(text: str) -> list[str]:
    """Complete sentences, and last the raw text from which on nothing is certain."""
    text = FORGOTTEN.sub(" ", text)
    cut = 0
    for match in END.finditer(text, 0, len(text)):
        if len(text) - match.end() < LOOKAHEAD:
            break
        if not match["mark"] or not _is_inside(text[cut : match.start()], match["mark"], text[match.end() :][:60]):
            cut = match.end()
    return [*split_sentences(text[:cut]), text[cut:]]


def split_long(sentence: str, limit: int) -> list[str]:
    """Pieces of at most ``limit`` characters: cut at clauses, else before joining words, else at any space,
    and only a word longer than the limit is cut itself. The pieces are of about equal length.

    Raises:
        ValueError: if ``limit`` is less than 1.
    """
    if limit < 1:
        raise ValueError(f"a piece must hold at least one character, not {limit}")
    pieces: list[str] = []
    rest = sentence.strip()
    while len(rest) > limit:
        target = -(-len(rest) // -(-len(rest) // limit))
        for pattern, earliest in ((CLAUSE, target // 2), (JOINT, target // 2), (SPACE, 1)):
            matches = pattern.finditer(rest, 0, limit + 2)
            ends = [m.end() for m in matches if m.end() >= earliest and 0 < m.start() <= limit]
            if ends:
                cut = min(ends, key=lambda end: abs(end - target))
                break
        else:
            cut = limit
        pieces.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return [piece for piece in [*pieces, rest] if piece]
