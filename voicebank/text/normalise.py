"""Written text to words as they are spoken: digits, money, dates, units and symbols become words.

The grammars of ``wetext`` read the numbers; :mod:`voicebank.text.readings` goes before them where they
misread (compared on the list in ``tests/data/normalisation.tsv``). Only the words around a number are shown
to the grammars: they cost time by length, and would change the case and quotes of everything else.
"""

from __future__ import annotations

import functools
import re
import unicodedata

from voicebank.errors import BadText
from voicebank.text.readings import rewrite, spell_digits
from voicebank.text.sentences import PLACEHOLDER
from voicebank.text.tables import AS_SAID

ELLIPSIS = "\ue002"  # keeps "…" from being composed into three full stops

QUOTES = {**dict.fromkeys("“”„‟«»″〝〞", '"'), **dict.fromkeys("‘’‚‛`´′ʼ＇", "'")}
DASHES = dict.fromkeys("‐‑‒–―−﹣－", "-")
LETTERS = {
    "ß": "ss",
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ð": "th",
    "Ð": "Th",
    "þ": "th",
    "Þ": "Th",
    "ħ": "h",
    "ı": "i",
    "ŋ": "ng",
}
SIGNS = {
    **{"²": " squared", "³": " cubed", "™": "", "®": "", "©": "", "º": "°"},
    **{"≠": " does not equal ", "≤": " is at most ", "≥": " is at least "},
    "…": ELLIPSIS,
}
PLAIN = str.maketrans(QUOTES | LETTERS | SIGNS)
COMPOSED = str.maketrans(QUOTES | DASHES | {"⁄": "/"})
KEPT = re.compile(rf"[^A-Za-z0-9'\s.,!?;:\-\"()…—{PLACEHOLDER}]")
# A token with a number, with the short word after it that may be its unit or scale, or a fraction.
NUMBER = re.compile(
    r"(?:(?<=\s)|(?<=^)|(?<=[\"('—-]))[^\s\"(),;:!?—]*\d(?:[^\s\"(),;!?—]|,(?=\d))*"
    r"(?: (?:[A-Za-z°%µ/]{1,6}|million|billion|trillion|thousand|degrees)\b(?!['-]))?(?: \d+/\d+\b)?"
)
DIGITS = re.compile(r"\d+")
ACCENTED = re.compile(rf"(?i)\b(?P<word>{'|'.join(AS_SAID)})(?P<end>s?)\b")


def normalise(text: str, language: str = "en") -> str:
    """Spoken words and punctuation of a text, in the characters A to Z, apostrophes and ``.,!?;:-"()…—``.

    Accented Latin letters lose their accents, but for words that are others without (*résumé*); control characters,
    emoji and other scripts are left out (:func:`unspeakable` names them).

    Args:
        text: as it was written.
        language: of the voice, such as ``en-gb``: it decides which number of ``03/04/2024`` is the month.

    Raises:
        BadText: for a language other than English.
    """
    if not language.startswith("en"):
        raise BadText(f"text in language {language!r} cannot be normalised; only English ('en') can")
    text = rewrite(fold(_respelled(text)), language.lower())
    text = NUMBER.sub(lambda m: _read(m.group()), text)
    # Whatever the grammars left must not reach a voice as a digit or sign.
    text = text.replace("%", " percent ").replace("°", " degrees ").replace("+", " plus ")
    text = DIGITS.sub(lambda m: f" {spell_digits(m.group())} ", text)
    return _tidy(KEPT.sub(" ", text))


def _respelled(text: str) -> str:
    """Words that would be others without their accents, in plain letters that every frontend reads alike."""
    if text.isascii():
        return text
    return ACCENTED.sub(_as_said, unicodedata.normalize("NFC", text))


def _as_said(match: re.Match[str]) -> str:
    said = AS_SAID[match["word"].lower()] + match["end"].lower()
    return said.capitalize() if match["word"][0].isupper() else said


def unspeakable(text: str) -> str:
    """The letters and pictures of a text that :func:`normalise` leaves out, each once, in order."""
    return "".join(dict.fromkeys(c for c in fold(text) if ord(c) > 127 and _is_content(c)))


def fold(text: str) -> str:
    """Plain characters: straight quotes and dashes, no accents, no control characters, single spaces."""
    text = re.sub(r"(?<=\d)(?=[¼-¾⅐-⅞])", " ", text)
    if text.isascii():
        folded = text
    else:
        folded = unicodedata.normalize("NFKC", text.translate(PLAIN))
        folded = unicodedata.normalize("NFD", folded).translate(COMPOSED)
        folded = "".join(c for c in folded if unicodedata.category(c) not in ("Mn", "Cf", "Cs"))
        folded = folded.replace(ELLIPSIS, "…")
    return "".join(c for c in " ".join(folded.split()) if c.isprintable() or c == PLACEHOLDER)


def _is_content(c: str) -> bool:
    return c not in "…—°£€±×÷§¶•·≈≠≤≥¢†‡" + PLACEHOLDER and unicodedata.category(c)[0] in "LSN"


@functools.cache
def _grammar():  # type: ignore[no-untyped-def]
    from wetext import Normalizer  # a second of loading, which text without numbers does not pay

    return Normalizer(lang="en", operator="tn")


@functools.lru_cache(maxsize=4096)
def _read(written: str) -> str:
    """One number with its unit, in words."""
    core = written.rstrip(".:'\"")
    tail = written[len(core) :]
    if len(core) > 60:  # no number that anyone says: digit by digit
        return written
    try:
        return str(_grammar().normalize(core)).replace("\\", "") + tail
    except AssertionError:  # wetext has no path for some sequences of signs
        return re.sub(r"\d[\d.,]*", lambda m: f" {_read_alone(m.group())} ", core) + tail


def _read_alone(number: str) -> str:
    try:
        return str(_grammar().normalize(number.rstrip(".,")))
    except AssertionError:
        return spell_digits("".join(DIGITS.findall(number)))


def _tidy(text: str) -> str:
    text = re.sub(r"\.(?:\s*\.)+", "…", text)
    text = re.sub(r"…[….]+", "…", text)
    text = re.sub(r"\s+-+\s+|--+", " — ", text)
    # Single quotes around words are quotation marks, not apostrophes.
    text = re.sub(r"(?<![\w'])'(?=\w)([^'\"]*(?:\w'\w[^'\"]*)*)(?<=[\w.,!?…])'(?!\w)", r'"\1"', text)
    text = re.sub(r"(?<!\w)'(?!\w)", " ", text)
    text = re.sub(r"\(\s*\)|\"\s*\"", " ", text)
    text = re.sub(r"\s+([.,!?;:…)])", r"\1", text)
    text = re.sub(r"\(\s+", "(", text)
    text = re.sub(r"([,;:])(?:\s*[,;:])+", r"\1", text)
    text = re.sub(r"[,;:](?=[.!?…])", "", text)
    text = re.sub(r"([!?])[!?.]*", r"\1", text)
    text = re.sub(r"^[\s.,;:!?…)—-]+(?=\w)", "", text)
    return " ".join(text.split())
