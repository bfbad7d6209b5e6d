"""Marks inside a text: pauses and raw IPA."""

from __future__ import annotations

import re
from typing import NamedTuple

from voicebank.errors import BadText
from voicebank.text.symbols import clean

LONGEST_PAUSE = 60.0
DEFAULT_PAUSE = 0.5
MARK = re.compile(
    r"\[pause[:= ]?\s*(?P<pause>[^\[\]]*)\]"
    r"|<break\b(?P<attributes>[^<>]*)/?>(?:\s*</break>)?"
    r"|\[\[(?P<ipa>[^\[\]]*)\]\]"
    r"|(?P<tag></?[a-zA-Z][\w:-]*(?:\s[^<>]*)?/?>)",
    re.IGNORECASE,
)
TIME = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(ms|s|)", re.IGNORECASE)


class Text(NamedTuple):
    """Ordinary text between two marks."""

    text: str


class Pause(NamedTuple):
    """Silence of so many seconds."""

    seconds: float


class Ipa(NamedTuple):
    """Phones as they stand between ``[[`` and ``]]``, in the characters of the symbol table."""

    symbols: str


def parse_markup(text: str) -> list[Text | Pause | Ipa]:
    """Split a text at ``[pause:0.5]``, ``<break time="500ms"/>`` and ``[[ˈnʊɹəl]]``.

    Other tags, such as ``<speak>``, are left out. The parts are in order; empty text is left out.

    Raises:
        BadText: for a pause that is no time or over a minute, and for IPA without one known phone.
    """
    parts: list[Text | Pause | Ipa] = []
    start = 0
    for match in MARK.finditer(text):
        if match.start() > start:
            parts.append(Text(text[start : match.start()]))
        start = match.end()
        if match["ipa"] is not None:
            parts.append(Ipa(_ipa(match["ipa"], match.group())))
        elif match["tag"] is None:
            parts.append(Pause(_pause(match)))
    if start < len(text):
        parts.append(Text(text[start:]))
    return parts


def read_ipa(ipa: str) -> tuple[str, str]:
    """IPA as people type it, in the characters of the symbol table, and the characters that are not in it."""
    plain = ipa.strip().strip("/").replace("g", "ɡ").replace("'", "ˈ").replace(":", "ː")
    return clean(" ".join(re.sub("[\u0361\u035c]", "", plain).split()))


def _ipa(ipa: str, written: str) -> str:
    symbols, _ = read_ipa(ipa)
    if not any(c.isalpha() for c in symbols):
        raise BadText(f"{written} holds no IPA phone; write a word like [[ˈnʊɹəl]]")
    return symbols


def _pause(match: re.Match[str]) -> float:
    if match["pause"] is not None:
        time = match["pause"].strip()
    else:
        attribute = re.search(r"\btime\s*=\s*[\"']?([^\"'/\s]*)", match["attributes"])
        time = attribute[1] if attribute else ""
        if not attribute:
            return DEFAULT_PAUSE
    parsed = TIME.fullmatch(time)
    if not parsed:
        raise BadText(f'{match.group()} is no pause; write [pause:0.5] or <break time="500ms"/>')
    seconds = float(parsed[1]) / (1000 if parsed[2].lower() == "ms" else 1)
    if seconds > LONGEST_PAUSE:
        raise BadText(f"{match.group()} is longer than a pause may be, {LONGEST_PAUSE:g} seconds")
    return seconds
