"""Marks inside a text: pauses, IPA, and the SSML and HTML that people leave in it.

Speech Synthesis Markup Language 1.1, https://www.w3.org/TR/speech-synthesis11/. What is no valid mark is text.
"""

from __future__ import annotations

import html
import re
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from voicebank.errors import VoicebankWarning
from voicebank.text.normalise import say_as
from voicebank.text.symbols import GRAPHEMES, clean

LONGEST_PAUSE = 60.0
DEFAULT_PAUSE = 0.5
STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": DEFAULT_PAUSE, "strong": 0.75, "x-strong": 1.0}
RATES = {"x-slow": 0.5, "slow": 0.8, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6}
VOLUMES = {"silent": 0.0, "x-soft": 0.25, "soft": 0.5, "medium": 1.0, "default": 1.0, "loud": 1.4, "x-loud": 2.0}
SLOWEST, FASTEST, LOUDEST = 0.5, 2.0, 4.0

# Where these begin or end, a sentence ends.
BLOCKS = re.compile(
    "p|s|br|hr|div|h1|h2|h3|h4|h5|h6|ul|ol|li|dl|dt|dd|table|thead|tbody|tfoot|tr|td|th|caption|blockquote|pre"
    "|section|article|header|footer|nav|aside|main|figure|figcaption|form|fieldset|html|head|title|body|center"
    "|address|speak|paragraph|sentence"
)
# These change nothing that is spoken.
INLINE = re.compile(
    "b|i|u|a|em|strong|span|small|big|code|tt|kbd|var|samp|font|mark|del|ins|strike|sup|q|cite|abbr|acronym"
    "|dfn|time|bdi|bdo|img|input|button|label|wbr|link|meta|base|picture|source|svg|option|select|textarea"
    "|break|sub|phoneme|say-as|prosody"
)
_ATTRIBUTE = r"""[\w:.-]+\s*=\s*(?:"[^"<]*"|'[^'<]*'|[^\s"'<>=]+?)"""
_ATTRIBUTES = rf"(?:\s+(?:{_ATTRIBUTE}|disabled|checked|hidden|selected|required|nowrap|open))*"
MARK = re.compile(
    r"\[pause(?:[:= ]\s*(?P<pause>[^\[\]]*))?\]"
    r"|\[\[(?P<ipa>[^\[\]]*)\]\]"
    r"|<!--.*?-->|<\?.*?\?>|<!DOCTYPE\b[^<>]*>|<(?P<code>script|style)\b[^<>]*>.*?</(?P=code)\s*>"
    r"|<!\[CDATA\[(?P<data>.*?)\]\]>"
    rf"|<(?P<element>sub|phoneme|say-as)\b(?P<of>{_ATTRIBUTES})\s*>(?P<content>[^<>]*)</(?P=element)\s*>"
    rf"|<(?P<closing>/?)(?P<tag>[a-z][\w:.-]*)(?P<attributes>{_ATTRIBUTES})\s*(?P<empty>/?)>",
    re.IGNORECASE | re.DOTALL,
)
# How far the end of a mark may lie from its beginning: that much text is held back where an end may still come.
REACH = {"[": 200, "<": 10_000}
OPENING = re.compile(r"[<\[]")
# Beginnings of marks whose end is not the next bracket, with that end.
LONG = [
    (re.compile(r"<!--"), "-->"),
    (re.compile(r"<\?"), "?>"),
    (re.compile(r"<!\[CDATA\["), "]]>"),
    (re.compile(r"<(?:script|style)\b[^<>]*>", re.IGNORECASE), "</"),
    (re.compile(rf"<(?:sub|phoneme|say-as)\b{_ATTRIBUTES}\s*>", re.IGNORECASE), "</"),
    (re.compile(r"\[\["), "]]"),
    (re.compile(r"\["), "]"),
    (re.compile(r"<(?=[a-z/!?]|$)", re.IGNORECASE), ">"),
]
WHOLE = re.compile("sub|phoneme|say-as|script|style", re.IGNORECASE)
TIME = re.compile(r"\+?(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|)", re.IGNORECASE)
NUMBER = re.compile(r"([+-]?)(\d+(?:\.\d*)?|\.\d+)\s*(%|dB|)", re.IGNORECASE)


class Text(NamedTuple):
    """Ordinary text between two marks."""

    text: str


class Pause(NamedTuple):
    """Silence of so many seconds."""

    seconds: float


class Ipa(NamedTuple):
    """Phones in the characters of the symbol table, in place of a word."""

    symbols: str


class Break(NamedTuple):
    """The end of a sentence, as the end of a paragraph is."""


class Prosody(NamedTuple):
    """How what follows is spoken: factors of the rate of speech and of the amplitude, 1 as the voice speaks."""

    rate: float = 1.0
    volume: float = 1.0


Part = Text | Pause | Ipa | Break | Prosody


def parse_markup(text: str | Iterable[str]) -> Iterator[Part]:
    """Split a text, or pieces of one that are read as if joined, at its marks.

    Marks are ``[pause:0.5]``, ``[[ˈnʊɹəl]]``, of SSML ``break``, ``p``, ``s``, ``sub``, ``phoneme``, ``say-as`` and
    ``prosody`` (rate and volume), and the usual tags of HTML: those of blocks are breaks, others are left out.
    Comments and declarations are left out. An element that is not known is read as its text, with a
    :class:`VoicebankWarning`; ``<`` and ``[`` that begin no mark are text. Empty text is left out.
    """
    parser = _Parser()
    for chunk in [text] if isinstance(text, str) else text:
        yield from parser.push(chunk)
    yield from parser.end()


def read_ipa(ipa: str) -> tuple[str, str]:
    """IPA as people type it, in the characters of the symbol table, and the characters that are not in it."""
    plain = ipa.strip().strip("/").replace("g", "ɡ").replace("'", "ˈ").replace(":", "ː")
    kept, dropped = clean(" ".join(re.sub("[\u0361\u035c]", "", plain).split()))
    letters = "".join(c for c in kept if c in GRAPHEMES)  # of the table, but no phones
    return "".join(c for c in kept if c not in GRAPHEMES), dropped + letters


class _Parser:
    """Finds marks in text that comes in pieces, and holds back what may be the beginning of one."""

    def __init__(self) -> None:
        self.held = ""
        self.prosody = [Prosody()]
        self.is_ssml = False  # where there is a <speak>, tags that are not known are tags all the same
        self.warned: set[str] = set()

    def push(self, chunk: str) -> Iterator[Part]:
        self.held += chunk
        yield from self._parts(last=False)

    def end(self) -> Iterator[Part]:
        yield from self._parts(last=True)

    def _parts(self, last: bool) -> Iterator[Part]:
        text, start, at = self.held, 0, 0
        while opening := OPENING.search(text, at):
            at = opening.start()
            match = MARK.match(text, at)
            # The tag of <sub> alone is a mark too, but its element is the one that counts.
            opens = match is not None and match["tag"] and WHOLE.fullmatch(match["tag"]) and not match["closing"]
            if (match is None or opens) and not last and _may_go_on(text, at):
                break
            parts = self._mark(match) if match else None
            if match is None or parts is None:  # no valid mark, so it is text
                at += 1
                continue
            if at > start:
                yield Text(text[start:at])
            yield from parts
            start = at = match.end()
        else:
            at = len(text)
        if at > start:
            yield Text(text[start:at])
        self.held = text[at:]

    def _mark(self, match: re.Match[str]) -> list[Part] | None:
        """What a mark stands for; None for what only looks like one."""
        if match["ipa"] is not None:
            symbols = _ipa(match["ipa"])
            return None if symbols is None else [Ipa(symbols)]
        if match["data"] is not None:
            return [Text(match["data"])]
        if match["element"]:
            return self._element(match["element"].lower(), _attributes(match["of"]), html.unescape(match["content"]))
        if match["tag"]:
            return self._tag(match["tag"].lower(), _attributes(match["attributes"]), match)
        if match.group().startswith("<"):
            return []
        seconds = DEFAULT_PAUSE if match["pause"] is None else _seconds(match["pause"])
        return None if seconds is None else [self._pause(seconds, match.group())]

    def _element(self, name: str, attributes: dict[str, str], content: str) -> list[Part]:
        if name == "sub":
            return [Text(attributes.get("alias", content))]
        if name == "say-as":
            return [Text(say_as(content, attributes.get("interpret-as", ""), attributes.get("format", "")))]
        symbols = _ipa(attributes.get("ph", "")) if attributes.get("alphabet", "ipa").lower() == "ipa" else None
        if symbols is None:
            self._warn(f"<phoneme> without IPA of the symbol table is read as its text: {content[:40]!r}")
            return [Text(content)]
        return [Ipa(symbols)]

    def _tag(self, name: str, attributes: dict[str, str], match: re.Match[str]) -> list[Part] | None:
        if name == "break":
            return [] if match["closing"] else self._break(attributes, match.group())
        if name == "prosody":
            return self._prosody(attributes, match)
        if BLOCKS.fullmatch(name):
            self.is_ssml |= name == "speak"
            return [Break()]
        if INLINE.fullmatch(name):
            return []
        if not (attributes or match["closing"] or match["empty"] or ":" in name or self.is_ssml):
            return None  # List<String>
        self._warn(f"<{name}> is not supported and is read as its text")
        return []

    def _break(self, attributes: dict[str, str], written: str) -> list[Part]:
        if "time" in attributes:
            seconds = _seconds(attributes["time"])
            if seconds is None:
                self._warn(f'{written} is no pause; write [pause:0.5] or <break time="500ms"/>')
                seconds = DEFAULT_PAUSE
        else:
            seconds = STRENGTHS.get(attributes.get("strength", "").lower(), DEFAULT_PAUSE)
        return [self._pause(seconds, written)] if seconds else []

    def _pause(self, seconds: float, written: str) -> Pause:
        if seconds > LONGEST_PAUSE:
            self._warn(f"{written} is longer than a pause may be, {LONGEST_PAUSE:g} seconds; it is made that long")
        return Pause(min(seconds, LONGEST_PAUSE))

    def _prosody(self, attributes: dict[str, str], match: re.Match[str]) -> list[Part]:
        if match["closing"]:
            if len(self.prosody) > 1:
                self.prosody.pop()
        elif not match["empty"]:
            for name in attributes.keys() - {"rate", "volume"}:
                self._warn(f"<prosody {name}> is not supported and changes nothing")
            rate = self._factor("rate", attributes, RATES)
            volume = self._factor("volume", attributes, VOLUMES)
            outer = self.prosody[-1]
            self.prosody.append(
                Prosody(min(max(outer.rate * rate, SLOWEST), FASTEST), min(outer.volume * volume, LOUDEST))
            )
        return [self.prosody[-1]]

    def _factor(self, name: str, attributes: dict[str, str], words: dict[str, float]) -> float:
        written = attributes.get(name, "medium").strip().lower()
        if written in words:
            return words[written]
        number = NUMBER.fullmatch(written)
        if number is None or (number[3] == "db") != (name == "volume" and written.endswith("db")):
            self._warn(f"<prosody {name}={written!r}> is not understood and changes nothing")
            return 1.0
        value = float(number[2]) * (-1 if number[1] == "-" else 1)
        if number[3] == "db":
            return float(10 ** (min(value, 24) / 20))
        if number[3] == "%" or (name == "volume" and not number[1]):  # SSML 1.0 has volumes of 0 to 100
            return max(0.0, (1 + value / 100) if number[1] else value / 100)
        return max(0.0, 1 + value if number[1] else value)

    def _warn(self, message: str) -> None:
        if message not in self.warned:
            self.warned.add(message)
            warnings.warn(message, VoicebankWarning, stacklevel=2)


def _may_go_on(text: str, at: int) -> bool:
    """Whether a mark that begins there may end in what is still to come."""
    if len(text) - at > REACH[text[at]]:
        return False
    for beginning, end in LONG:
        if match := beginning.match(text, at):
            place = text.find(end, match.end())
            # Of "]]" and "</sub>" a part may be there already.
            return place < 0 or (end == "</" and ">" not in text[place:])
    return False


def _attributes(written: str) -> dict[str, str]:
    pairs = re.findall(r"""([\w:.-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'<>=]+))""", written)
    return {name.lower(): html.unescape(double or single or bare) for name, double, single, bare in pairs}


def _ipa(written: str) -> str | None:
    """Symbols of IPA; None for what is none. Diacritics that the table does not have are left out."""
    symbols, unknown = read_ipa(unicodedata.normalize("NFC", written))
    if unknown:
        symbols, unknown = read_ipa(unicodedata.normalize("NFD", written))
    if not any(c.isalpha() for c in symbols) or any(unicodedata.category(c) not in ("Mn", "Lm", "Sk") for c in unknown):
        return None
    return symbols


def _seconds(written: str) -> float | None:
    time = TIME.fullmatch(written.strip())
    return float(time[1]) / (1000 if time[2].lower() == "ms" else 1) if time else None
