"""Written text to words as they are spoken: digits, money, dates, units and symbols become words.

:mod:`voicebank.text.readings` knows the written forms, ``num2words`` the words of numbers (compared with other
libraries on the list in ``tests/data/normalisation.tsv``).
"""

from __future__ import annotations

import html
import re
import unicodedata

from voicebank.errors import BadText
from voicebank.text.numbers import ordinal, read_numbers
from voicebank.text.readings import rewrite
from voicebank.text.sentences import PLACEHOLDER
from voicebank.text.tables import AS_SAID, DIGITS, MONTHS, SPOKEN_MARKS, TABLES, rewritten, rules

ELLIPSIS = "\ue002"  # keeps "…" from being composed into three full stops

QUOTES = {**dict.fromkeys("“”„‟«»″〝〞", '"'), **dict.fromkeys("‘’‚‛`´′ʼ＇", "'")}
DASHES = dict.fromkeys("‐‑‒–―−﹣－", "-")
GREEK: dict[str, str] = TABLES["greek"]
# A letter by itself is a name; several are a word of another language. "5 µm" and "10 kΩ" are units.
GREEK_LETTER = re.compile(
    r"(?<![Ͱ-Ͼἀ-ῼ])(?<!\d[kMm])(?<!\d [kMm])(?<!\d)(?<!\d )Ω(?![Ͱ-Ͼἀ-ῼ])"
    r"|(?<![Ͱ-Ͼἀ-ῼ])[α-ωΑ-ΡΣ-Ψ](?![Ͱ-Ͼἀ-ῼ])(?!(?<=μ)(?:m|g|l|L|s|A|F|V|W|mol|Sv|Gy)\b)"
)
SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,30});")
# Tags of a page, but not "a <b> c", "List<String>" or the signs of "x < y".
_TAGS = (
    "abbr|a|blockquote|body|br|b|cite|code|del|div|em|font|h[1-6]|hr|html|img|ins|i|kbd|li|mark|ol|pre|p|q|section|small"
    "|span|strong|sub|sup|s|table|tbody|td|thead|th|tr|tt|ul|u"
)
TAG = re.compile(
    rf"(?i)</(?:{_TAGS})\s*>|(?:(?<!\s)|(?<!\S)(?!<\w> ))<(?:{_TAGS})"
    r"(?:\s+[a-z][\w:-]*=(?:\"[^\"<>]*\"|'[^'<>]*'|[^\s\"'<>]+))*\s*/?>"
)
ENDS_LINE = re.compile(r"(?i)</?(?:blockquote|br|div|h[1-6]|hr|li|p|section|td|th|tr)\b")
# A link or a picture of Markdown, and the mark of what it quotes.
LINK = re.compile(r"!?\[(?P<text>[^\[\]]*)\]\((?=[^\s()]*[./#:])[^\s()]*(?:\([^\s()]*\)[^\s()]*)*\)")
QUOTED = re.compile(r"^\s*(?:>\s?)+(?=[A-Za-z\"'“‘])")
TERMINAL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")  # colours and the like (ECMA-48, section 5.4)
PLAIN = str.maketrans(QUOTES | TABLES["letters"] | TABLES["signs"] | {"…": ELLIPSIS})
COMPOSED = str.maketrans(QUOTES | DASHES | {"⁄": "/"})
KEPT = re.compile(rf"[^A-Za-z0-9'\s.,!?;:\-\"()…—{PLACEHOLDER}]")
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
    text = _without_markup(TERMINAL.sub("", text))
    text = read_numbers(rewrite(fold(_respelled(_entities(text))), language.lower()))
    # Whatever the rules left must not reach a voice as a sign.
    text = text.replace("%", " percent ").replace("°", " degrees ").replace("+", " plus ")
    return _tidy(KEPT.sub(" ", text))


def _entities(text: str) -> str:
    """Characters in place of the entities of HTML, also of those that were made entities twice (``&amp;amp;``)."""
    for _ in range(3):
        if "&" not in text:
            break
        text = ENTITY.sub(lambda m: html.unescape(m.group()), text)
    return text


def _without_markup(text: str) -> str:
    """The words of a text in HTML or Markdown: no tags, and of a link what it shows."""
    if "](" in text:
        text = LINK.sub(lambda m: m["text"], text)
    if "<" in text:
        text = TAG.sub(_tag, text).rstrip(", ")
    return QUOTED.sub("", text) if ">" in text else text


def _tag(match: re.Match[str]) -> str:
    """A pause between two lines, and nothing within one."""
    if not ENDS_LINE.match(match[0]):
        return ""
    return ", " if match.string[max(0, match.start() - 20) : match.start()].rstrip()[-1:].isalnum() else " "


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
    return "".join(dict.fromkeys(c for c in fold(_entities(text)) if ord(c) > 127 and _is_content(c)))


def fold(text: str) -> str:
    """Plain characters: straight quotes and dashes, no accents, no control characters, single spaces."""
    if text.isascii():
        folded = text
    else:
        text = re.sub(r"(?<=\d)(?=[¼-¾⅐-⅞])", " ", text)
        text = re.sub(r"(?<=[₀-₉])(?=\d)", " ", text)
        text = SUPERSCRIPT.sub(lambda m: "^" + m[0].translate(RAISED), text)
        text = GREEK_LETTER.sub(_greek, text.replace("µ", "μ"))
        folded = unicodedata.normalize("NFKC", text.translate(PLAIN))
        folded = unicodedata.normalize("NFD", folded).translate(COMPOSED)
        folded = "".join(c for c in folded if unicodedata.category(c) not in ("Mn", "Cf", "Cs"))
        folded = folded.replace(ELLIPSIS, "…")
    return "".join(c for c in " ".join(folded.split()) if c.isprintable() or c == PLACEHOLDER)


def _greek(match: re.Match[str]) -> str:
    letter, text = match.group(), match.string
    name = GREEK[letter.lower()]
    before, after = text[match.start() - 1 : match.start()], text[match.end() :][:1]
    return f"{' ' * before.isalnum()}{name.capitalize() if letter.isupper() else name}{' ' * after.isalnum()}"


def _is_content(c: str) -> bool:
    category = unicodedata.category(c)
    return c not in "…—°±×÷§¶•·≈†‡μΩ" + PLACEHOLDER and category != "Sc" and category[0] in "LSN"


_TIDY = rules(
    (r"\.(?:\s*\.)+", "…"),
    (r"…[….]+", "…"),
    (r"\s+-+\s+|--+", " — "),
    # Single quotes around words are quotation marks, not apostrophes.
    (r"(?<![\w'])'(?=\w)([^'\"]*(?:\w'\w[^'\"]*)*)(?<=[\w.,!?…])'(?!\w)", r'"\1"'),
    (r"(?<!\w)'(?!\w)", " "),
    (r"\(\s*\)|\"\s*\"", " "),
    (r"\s+([.,!?;:…)])", r"\1"),
    (r"\(\s+", "("),
    (r"(?<=[a-z]),(?=[A-Za-z])", ", "),
    (r"([,;:])(?:\s*[,;:])+", r"\1"),
    (r"[,;:](?=[.!?…])", ""),
    (r"([!?])[!?.]*", r"\1"),
    (r"^[\s.,;:!?…)—-]+(?=\w)", ""),
)


def _tidy(text: str) -> str:
    return " ".join(rewritten(text, _TIDY).split())


def say_as(content: str, kind: str, form: str = "") -> str:
    """The content of an SSML ``say-as``, written so that it is read as ``interpret-as`` asks for.

    Args:
        content: such as ``5/3/2024``.
        kind: ``characters``, ``digits``, ``telephone``, ``date``, ``ordinal`` or ``cardinal``; content of other kinds
            stays as it is.
        form: of a date, the order of its parts, such as ``dmy``.
    """
    digits = re.findall(r"\d+", content)
    if kind in ("characters", "character", "spell-out", "verbatim", "letters"):
        names = (DIGITS[int(c)] if c in "0123456789" else SPOKEN_MARKS.get(c, c.upper()) for c in content)
        return " ".join(" ".join(names).split())
    if kind in ("digits", "telephone") and digits:
        plus = "plus " if content.strip().startswith("+") else ""
        return plus + ", ".join(" ".join(DIGITS[int(d)] for d in group) for group in digits)
    if kind == "date" and digits:
        return _date(content, digits, form.lower())
    if kind == "ordinal" and len(digits) == 1:
        return ordinal(int(digits[0]))
    if kind in ("cardinal", "number") and content.strip().isdigit():
        return f"{int(content):,}"
    return content


def _date(content: str, digits: list[str], form: str) -> str:
    if len(digits) == 1 and len(digits[0]) == 8:
        digits, form = [digits[0][:4], digits[0][4:6], digits[0][6:]], form or "ymd"
    parts = dict(zip(form.replace("yyyy", "y").replace("mm", "m").replace("dd", "d"), digits, strict=False))
    month = int(parts.get("m", "0"))
    if len(digits) != len(parts) or not 0 <= month <= 12:
        return content
    day, year = parts.get("d", ""), parts.get("y", "")
    if len(year) == 2:
        year = ("20" if int(year) < 50 else "19") + year
    if year and month and day:
        return f"{year}-{month:02}-{int(day):02}"
    return " ".join(filter(None, [MONTHS[month - 1] if month else "", day, year]))
