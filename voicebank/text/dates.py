"""Dates, in the order of the words as written, the day as an ordinal.

``03/04/2024`` is April 3rd in Britain and most other countries, March 4th in the United States: the language of the
voice decides, unless one of the two numbers is above 12.
"""

from __future__ import annotations

import re

from voicebank.text.tables import MONTHS

MONTH = "(" + "|".join(MONTHS) + ")"
MONTH_FIRST = ("en", "en-us")
_DAY_MONTH = re.compile(
    rf"(?P<the>\b[Tt]he )?\b(?P<day>[1-9]|[12]\d|3[01])(?:st|nd|rd|th)? (?:of )?(?P<month>{MONTH})\b"
)
_MONTH_DAY = re.compile(rf"\b{MONTH} (\d{{1,2}})(?:st|nd|rd|th)?(?=\b(?![:.,]\d| ?%))")
_ISO = re.compile(r"\b(?P<year>[12]\d{3})-(?P<month>0[1-9]|1[0-2])-(?P<day>[0-2]\d|3[01])\b")
# Two digits of a year only after slashes: 1.2.24 is a version, 1-2-24 anything.
_NUMERIC = re.compile(
    r"(?<![\w/.-])(?P<first>\d{1,2})(?P<mark>[/.-])(?P<second>\d{1,2})(?P=mark)"
    r"(?P<year>[12]\d{3}|(?<=/)\d\d)(?![\w/-]|\.\d)"
)


def ordinal(number: int) -> str:
    """``21`` as ``21st``."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def dates(text: str, language: str = "en") -> str:
    """The text with its dates as words and ordinals; years stay as digits."""
    month_first = language.lower() in MONTH_FIRST
    text = _NUMERIC.sub(lambda m: _numeric(m, month_first), text)
    text = _ISO.sub(lambda m: _date(int(m["day"]), int(m["month"]), m["year"], month_first), text)
    text = _DAY_MONTH.sub(_day_month, text)
    return _MONTH_DAY.sub(lambda m: f"{m[1]} {ordinal(int(m[2]))}", text)


def _day_month(match: re.Match[str]) -> str:
    the = "" if match["the"] else "the "
    return f"{match['the'] or ''}{the}{ordinal(int(match['day']))} of {match['month']}"


def _numeric(match: re.Match[str], month_first: bool) -> str:
    first, second, year = int(match["first"]), int(match["second"]), match["year"]
    if len(year) == 2:
        year = f"{20 if int(year) < 50 else 19}{year}"
    month, day = (first, second) if month_first and match["mark"] != "." else (second, first)
    if month > 12:
        month, day = day, month
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match.group()
    return _date(day, month, year, month_first)


def _date(day: int, month: int, year: str, month_first: bool) -> str:
    name = MONTHS[month - 1]
    return f"{name} {ordinal(day)}, {year}" if month_first else f"the {ordinal(day)} of {name}, {year}"
