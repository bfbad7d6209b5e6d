"""Where one sentence ends and the next begins, and where a long one can be cut."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from voicebank.text.abbreviations import BEGINNINGS, BOOKS, COUNTERS, DAYS, MONTHS, OTHERS, TITLES, ZONES

PLACEHOLDER = "\ue000"  # stands in the text for IPA, which is a word of its own
# A mark starts where its run of stops does, else a long run would be tried from each of its stops.
END = re.compile(
    rf"""(?<![.!?…])(?P<mark>[.!?…]+)["'”’)\]]*(?=\s+(?:["'“‘(<]*[^\W_a-z]|[\[{PLACEHOLDER}]))|(?P<blank>\n\s*\n)"""
    r"""|\n(?=[ \t]*(?:["'“‘(]*[A-Z]|(?P<item>[-*•–—]\s|\d{1,2}[.)]\s)))"""
)
# "end.Start": a space that somebody forgot, or two pieces of text put together without one.
FORGOTTEN = re.compile(r"(?<=[a-z][.!?])(?=[A-Z][a-z]+\b(?![.@/]\w))")
NEVER_LAST = frozenset({*TITLES, *MONTHS, *DAYS, "Nos", "Fig", "Figs", "Vol", "Vols", "Sec", "Eq", "Ch", "pp", "v"}) - {
    *("Sun", "Sat", "Mar", "St")
}
BEFORE_NUMBER = frozenset(word.lower() for word in COUNTERS) | {"ft", "lb", "lbs", "tel", "lat"}
ABBREVIATIONS = frozenset(OTHERS) | {"St", "p", "U.S", "U.K", "U.S.A", "B.C", "A.D"}
CLOCK = frozenset({"a.m", "p.m", "A.M", "P.M"})
AFTER_CLOCK = frozenset({*DAYS, *DAYS.values(), *MONTHS, *MONTHS.values(), *ZONES})
# After an abbreviation or an initial, only such a word shows that a new sentence has begun.
STARTERS = BEGINNINGS | {
    *("I", "You", "Or", "An", "So", "Her", "Its", "To", "After", "Before", "Yes", "No", "Not", "Do", "Did", "Does"),
    *("Are", "Were", "Has", "Have", "Had", "Can", "Could", "Will", "Would", "Should", "May", "Might", "Let"),
    *("Please", "Some", "Many", "Most", "All", "Both", "Each", "Every", "Few", "Since", "While", "Although"),
    *("Though", "Because", "However", "Also", "Even", "Only", "Just", "Here", "Once", "From", "Without", "By"),
    *("Until", "Today", "Tomorrow", "Yesterday", "Perhaps", "Maybe", "Bring", "Call", "Come", "Go", "See", "Take"),
    *("Give", "Get", "Make", "Meet", "Ask", "Tell", "Turn", "Use", "Look", "Try", "Keep", "Put", "Send", "Read"),
    *("Write", "Open", "Close", "Wait", "Stop", "Start", "Everyone", "Someone", "Nobody", "Nothing", "Something"),
    *("People", "One", "Two", "Another", "Such"),
}
# A line that ends so goes on in the next one.
GOES_ON = re.compile(
    r"(?:[,;—-]|\b(?:an?|the|of|to|in|on|at|by|for|from|with|and|or|but|nor|as|is|are|was|were|be|been|has|have|had|my|his"
    r"|her|our|their|your|its|this|that|these|those|not|no|very|than|into|about|over|under|between|Mr|Mrs|Dr|St)\.?)$"
)
SHORT_LINE = 50  # characters: prose that is wrapped has longer lines, verse and headings seldom have
CLAUSE = re.compile(r"""(?<=[,;:—…!?)"”])\s+|(?<=—)|\s+(?=\()""")
# Words before which one may breathe, when there is no comma.
JOINT = re.compile(r"\s+(?=(?:and|but|or|because|which|who|when|while|where|that|if|so|as)\s)")
SPACE = re.compile(r"\s+")
BUFFER = 4000  # characters without the end of a sentence that are held before they are cut
LOOKAHEAD = 40  # the next sentence must be known this far, to tell "Mr." from an end


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, stripped. A blank line ends one, and so does the end of a line of verse, of a heading or
    of a list; the end of a line within prose does not."""
    text = FORGOTTEN.sub(" ", text)
    ends = [0, *_ends(text, len(text)), len(text)]
    return [s for s in (" ".join(text[a:b].split()) for a, b in itertools.pairwise(ends)) if s]


def _ends(text: str, until: int) -> Iterator[int]:
    """Where sentences end, as far as that is known from the text before ``until``."""
    start = 0
    for match in END.finditer(text):
        if match.end() > until:
            break
        before = text[start : match.start()]
        if match["mark"]:
            goes_on = _is_inside(before, match["mark"], text[match.end() :][:60])
        else:
            goes_on = not match["blank"] and _is_wrapped(before, listed=match["item"] is not None)
        if not goes_on:
            start = match.end()
            yield start


def _is_wrapped(before: str, listed: bool) -> bool:
    """Whether a sentence goes on after the end of a line that is followed by a capital, or by the mark of a list."""
    line = before[before.rfind("\n") + 1 :].strip()
    return not listed and (not line or len(line) > SHORT_LINE or GOES_ON.search(line) is not None)


def _is_inside(before: str, mark: str, after: str) -> bool:
    """Whether a full stop belongs to an abbreviation or an initial and the sentence goes on."""
    if mark != ".":
        return False
    word = before[-40:].split()[-1].lstrip("\"'“‘([") if before[-40:].split() else ""
    following = re.match(r"[\s\"'“‘(\[]*([\w']+(?:\.(?=\s[A-Z]|\w))?)", after)
    if word in NEVER_LAST:
        return True
    if word.lower() in BEFORE_NUMBER and following is not None and re.match(r"\d|(?!I\b)[IVXLC]+\b", following[1]):
        return True
    if word == "U.S" and re.match(r"\s*Open\b(?! (?:it|the|your|this|a)\b)", after):
        return True
    if word in BOOKS and re.match(r"\s*\d{1,3}:\d", after):
        return True
    if word in CLOCK:
        return following is not None and following[1].rstrip(".") in AFTER_CLOCK
    initial = len(word) == 1 and word.isupper()
    dotted = re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", word) is not None
    if initial or dotted or word in ABBREVIATIONS:
        return following is not None and following[1].split("'")[0] not in STARTERS
    return False


class SentenceSplitter:
    """Splits text that comes in pieces. It holds a few thousand characters at most, whatever the length of the text."""

    def __init__(self) -> None:
        self._held = ""

    def push(self, chunk: str) -> Iterator[str]:
        """The sentences that are known to be complete, now that this text has come."""
        for block in _blocks(chunk):
            self._held += block
            if len(self._held) > LOOKAHEAD:
                text = FORGOTTEN.sub(" ", self._held)
                cut = max(_ends(text, len(text) - LOOKAHEAD), default=0)
                self._held = text[cut:]
                yield from split_sentences(text[:cut])
            if len(self._held) > BUFFER:
                *whole, last = split_long(self._held, BUFFER) or [""]
                self._held = last + (" " if self._held[-1].isspace() else "")
                yield from whole

    def end(self) -> Iterator[str]:
        """The rest: the text ends here."""
        text, self._held = self._held, ""
        yield from split_sentences(text)


def _blocks(chunk: str) -> Iterator[str]:
    for start in range(0, len(chunk), BUFFER // 2):
        yield chunk[start : start + BUFFER // 2]


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
