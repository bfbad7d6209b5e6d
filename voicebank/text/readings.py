"""What the grammar library misreads, rewritten before it sees the text.

Numbers are left as digits here; :mod:`voicebank.text.normalise` has the library read them afterwards.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from voicebank.text import abbreviations
from voicebank.text.numbers import FOUR_DIGITS, dates, ordinal, year_or_count
from voicebank.text.tables import (
    CURRENCIES,
    DIGITS,
    NOT_NAMES,
    NUMBERED,
    ROMAN_DIGITS,
    RULERS,
    SCALES,
    SINGULAR,
    SPOKEN_MARKS,
    SYMBOLS,
    TENS,
    UNITS,
)

ROMAN = re.compile(r"(?=[IVXLC])(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")
UNIT = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
TOP_DOMAINS = "com|org|net|edu|gov|info|io|ai|app|dev|uk|us|ca|au|de|fr|eu|tv|me|co|nz|ie|ch"
WEB = re.compile(
    rf"\b(?:https?://|www\.)[^\s<>\"()]*[\w/]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    rf"|\b(?:[a-z0-9-]+\.)+(?:{TOP_DOMAINS})\b(?:/[^\s<>\"()]*[\w/])?"
)


def spell_digits(digits: str) -> str:
    """Digit by digit, as in a telephone number: "oh one nine nine"."""
    return " ".join(DIGITS[int(d)] for d in digits)


def _phone(match: re.Match[str]) -> str:
    text = match.group()
    groups = re.findall(r"\d+", text)
    spoken = ["eight hundred" if g == "800" and "-" in text else spell_digits(g) for g in groups]
    return ("plus " if text.startswith("+") else "") + ", ".join(spoken)


def _web(match: re.Match[str]) -> str:
    address = re.sub(r"^https?://", "", match.group()).rstrip("/")
    address = re.sub(r"\bwww\b", "W W W", address)
    # A country is spelled out, other endings are words; digits are left to the number grammar.
    address = re.sub(
        r"\.(uk|us|ca|au|de|fr|eu|tv|nz|ie|ch|io|ai)(?=[/:]|$)",
        lambda m: "." + " ".join(m[1].upper()),
        address,
    )
    address = re.sub(r"\b[a-z]\b", lambda m: m[0].upper(), address)
    return "".join(f" {SPOKEN_MARKS[c]} " if c in SPOKEN_MARKS else c for c in address)


def _money(match: re.Match[str]) -> str:
    one, many, cent, cents = CURRENCIES[match["sign"]]
    # With its commas: the grammars take 1984 for a year, whatever stands before it.
    amount, minor, scale = f"{int(match['amount'].replace(',', '')):,}", match["minor"], match["scale"]
    if scale:
        fraction = f".{minor}" if minor else ""
        return f"{amount}{fraction} {SCALES.get(scale, scale)} {many}"
    if minor and len(minor) != 2:
        return f"{amount}.{minor} {many}"
    major = f"{amount} {one if amount == '1' else many}"
    if not minor or minor == "00":
        return major
    small = f"{int(minor)} {cent if int(minor) == 1 else cents}"
    return small if amount == "0" else f"{major} and {small}"


def _roman_value(numeral: str) -> int:
    values = [ROMAN_DIGITS[c] for c in numeral]
    return sum(-v if v < max(values[i:]) else v for i, v in enumerate(values))


def _roman(match: re.Match[str]) -> str:
    name, numeral, after = match["name"], match["numeral"], match["after"]
    if not ROMAN.fullmatch(numeral):
        return match.group()
    number = _roman_value(numeral)
    if NUMBERED.fullmatch(name):
        return f"{name} {number}"
    # "Charles I think": a single I after a name counts only where no sentence can go on with it.
    if RULERS.fullmatch(name) and (
        numeral != "I" or re.match(r"'s|[.,;:!?)]|$| of | (?:ruled|reigned|died|became)\b", after)
    ):
        return f"{name} the {ordinal(number)}"
    if len(numeral) > 1 and not NOT_NAMES.fullmatch(name) and set(numeral) <= set("IVX"):
        return f"{name} {number}"
    return match.group()


def _unit(match: re.Match[str]) -> str:
    many = UNITS[match[2]]
    if match[1] != "1":
        return f"{match[1]} {many}"
    first, *rest = many.split(" per ")
    one = SINGULAR.get(first, first.removesuffix("s"))
    return f"1 {' per '.join([one, *rest])}"


Rule = tuple[re.Pattern[str], "str | Callable[[re.Match[str]], str]"]

RULES: list[Rule] = [
    # Telephone numbers: international, North American, local, British; emergency numbers after a verb.
    (re.compile(r"(?<![\w+])\+\d{1,3}(?:[ .-]?\(?\d{2,5}\)?){2,5}(?!\d)"), _phone),
    (re.compile(r"(?<![\w.-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}(?![\w-])"), _phone),
    (re.compile(r"(?<![\w.,$£€¥-])\d{3}-\d{4}(?![\w-])"), _phone),
    (re.compile(r"(?<![\w.,-])0\d{2,4} \d{3,4}(?: ?\d{3,4})?(?![\w-])"), _phone),
    (re.compile(r"(?i)(?<=\bcall |\bdial )\d{3}\b|(?<=\bring )999\b"), _phone),
    (re.compile(r"(?<![\w-])\d+(?:-\d+){3,}(?![\w-])"), _phone),
    (re.compile(r"(?<=\d)\s?[-–]\s?(?=[$£€¥]\d)"), " to "),
    # Money, with "and" between the parts as it is said.
    (
        re.compile(
            r"(?P<sign>[$£€¥])\s?(?P<amount>\d+(?:,\d{3})*)(?:\.(?P<minor>\d+))?"
            r"(?:\s?(?P<scale>thousand|million|billion|trillion|bn|[kKmMB])\b)?"
        ),
        _money,
    ),
    # Times.
    (re.compile(r"(?<=\d)\s?([ap])\.?\s?m\b", re.I), lambda m: f" {m[1].upper()} M"),
    (re.compile(r"(?<=\d [AP] M)\s?[-–]\s?(?=\d)"), " to "),
    (re.compile(r"\b(\d{1,2}):00(?= [AP] M\b)"), r"\1"),
    (re.compile(r"\b(\d{1,2}):0([1-9])\b(?!:)"), r"\1 oh \2"),
    (re.compile(r"\b9/11\b"), "nine eleven"),
    (re.compile(r"\b24/7\b"), "twenty-four seven"),
    # Counts, years and decades.
    (FOUR_DIGITS, year_or_count),
    (re.compile(r"\b(1\d|20)([1-9])0'?s\b"), lambda m: f"{m[1]} {TENS[int(m[2]) - 1]}"),
    (re.compile(r"(?:'|\b)([1-9])0'?s\b"), lambda m: TENS[int(m[1]) - 1]),
    (re.compile(r"\b(\d\d)00'?s\b"), r"\1 hundreds"),
    (re.compile(r"\b(1[1-9])0([1-9])\b(?=[^\d,%]|$)"), r"\1 oh \2"),
    (re.compile(r"\b([1-9])000\b(?![,.]\d)"), r"\1 thousand"),
    (re.compile(r"(?<![\d.,])1,000(?![\d,])"), "1 thousand"),
    (re.compile(r"(?<![\d.,])1,0(\d\d)(?![\d,])"), lambda m: f"one thousand and {int(m[1])}"),
    (re.compile(r"(?<![\d.,])1,(\d{3})(?![\d,])"), r"one thousand \1"),
    # Sizes, ranges, signs and versions.
    (re.compile(r"\b(\d+)'\s?(\d{1,2})(?:\"|'')"), r"\1 foot \2"),
    (re.compile(r"(?<=\d)\s?x\s?(?=\d)"), " by "),
    (re.compile(r"(?<![\w.,/-])(\d[\d,.]*%?)\s?[-–]\s?(\d[\d,.]*)(?![\d/-])"), r"\1 to \2"),
    (re.compile(r"(?<![\w.])[-−](?=\d)"), "minus "),
    (re.compile(r"(?<=[\d)])\s*[-−]\s*(?=\d)"), " minus "),
    (re.compile(r"(?<![\d.])(\d+)\.(\d+)\.(\d+)(?!\.?\d)"), r"\1 point \2 point \3"),
    (re.compile(r"(?<=\d)\.(?=\d+\.\d)|(?<=\d\.\d)\.(?=\d)"), " dot "),
    (re.compile(rf"\b(\d(?:[\d,.]*\d)?)\s?({UNIT})(?![\w/])"), _unit),
    (re.compile(r"\^2\b"), " squared"),
    (re.compile(r"\^3\b"), " cubed"),
    (re.compile(r"(?<=\w)\^(?=\w)"), " to the power of "),
    (re.compile(r"#(?=\d)"), "number "),
    (re.compile(r"\b([CF])#"), r"\1 sharp"),
    (re.compile(r"#(?=\w)"), "hashtag "),
    (re.compile(r"\bC\+\+"), "C plus plus"),
    (re.compile(r"\bN/A\b", re.I), "not applicable"),
    (re.compile(r"\bw/o\b"), "without"),
    (re.compile(r"\bw/(?=\s)"), "with"),
    (re.compile(r"\band/or\b"), "and or"),
    (re.compile(r"(?<=[A-Za-z])/(?=[A-Za-z])"), " slash "),
    (re.compile(r"@"), " at "),
    (re.compile(r"(?<=\w)\s*\+\s*(?=\w)"), " plus "),
    (re.compile(r"(?P<name>\b[A-Z][a-z]+) (?P<numeral>[IVXLC]+)\b(?=(?P<after>.{0,9}))"), _roman),
    (re.compile(r"(?<=[A-Za-z])\.(?=[a-z])"), " dot "),
]
SYMBOL = re.compile("[" + re.escape("".join(SYMBOLS)) + "]")


def rewrite(text: str, language: str = "en") -> str:
    """Written forms with a reading of their own, as words; plain numbers and known units stay."""
    text = WEB.sub(_web, text)  # before the abbreviations: the dots of an address are none
    text = dates(abbreviations.expand(text), language)
    for pattern, reading in RULES:
        text = pattern.sub(reading, text)
    return SYMBOL.sub(lambda m: SYMBOLS[m.group()], text)
