"""Dates, read in the order of the words as written, the day as an ordinal.

``03/04/2024`` is April 3rd in Britain and most other countries, March 4th in the United States: the language of the
voice decides, unless one of the two numbers is above 12.
"""

from __future__ import annotations

import re

from voicebank.text.numbers import ordinal
from voicebank.text.tables import MONTHS

MONTH = "(" + "|".join(MONTHS) + ")"
MONTH_FIRST = ("en", "en-us")
_DAY_MONTH = re.compile(
    rf"(?P<the>\b[Tt]he )?\b(?P<day>0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?(?: of |[ -])"
    rf"(?P<month>{MONTH})\b(?:-(?=\d{{4}}))?"
)
_DAY = r"([12]\d|3[01]|0?[1-9])"
_MONTH_DAYS = re.compile(rf"\b{MONTH} {_DAY}(?:st|nd|rd|th)?\s?-\s?{_DAY}(?:st|nd|rd|th)?(?![\d:/-])")
_DAYS_MONTH = re.compile(
    rf"(?:\b[Tt]he )?(?<![\d/.-]){_DAY}(?:st|nd|rd|th)?\s?-\s?{_DAY}(?:st|nd|rd|th)? (?:of )?{MONTH}\b"
)
_MONTH_DAY = re.compile(rf"\b{MONTH} (\d{{1,2}})(?:st|nd|rd|th)?(?=\b(?![:.,]\d| ?%))")
_WEEKDAY = re.compile(
    r"\b(?P<day>(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day,? )(?P<first>\d{1,2})/(?P<second>\d{1,2})(?![\d/])"
)
_SPAN = re.compile(
    rf"\b(?P<month>{MONTH}(?: [12]\d{{3}})?)\s?-\s?(?=(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)? (?:of )?{MONTH}\b)"
)
_STAMP = re.compile(
    r"\b(?P<date>[12]\d{3}-\d\d-\d\d)[T ](?P<time>\d\d:\d\d(?::\d\d)?)(?:\.\d+)?"
    r"(?P<zone> ?Z\b| ?(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d)\b)?"
)
_ISO = re.compile(r"\b(?P<year>[12]\d{3})(?P<mark>[-/.])(?P<month>0[1-9]|1[0-2])(?P=mark)(?P<day>[0-2]\d|3[01])\b")
# Two digits of a year only after slashes: 1.2.24 is a version, 1-2-24 anything.
_NUMERIC = re.compile(
    r"(?<![\w/.-])(?P<first>\d{1,2})(?P<mark>[/.-])(?P<second>\d{1,2})(?P=mark)"
    r"(?P<year>[12]\d{3}|(?<=/)\d\d)(?![\w/-]|\.\d)"
)


def dates(text: str, language: str = "en") -> str:
    """The text with its dates as words and ordinals; years stay as digits."""
    month_first = language.lower() in MONTH_FIRST
    text = _STAMP.sub(_stamp, text)
    text = _SPAN.sub(lambda m: f"{m['month']} to ", text)
    text = _NUMERIC.sub(lambda m: _numeric(m, month_first), text)
    text = _WEEKDAY.sub(lambda m: _weekday(m, month_first), text)
    text = _ISO.sub(lambda m: _date(int(m["day"]), int(m["month"]), m["year"], month_first), text)
    text = _MONTH_DAYS.sub(lambda m: f"{m[1]} {ordinal(int(m[2]))} to {ordinal(int(m[3]))}", text)
    text = _DAYS_MONTH.sub(lambda m: f"the {ordinal(int(m[1]))} to the {ordinal(int(m[2]))} of {m[3]}", text)
    text = _DAY_MONTH.sub(_day_month, text)
    return _MONTH_DAY.sub(lambda m: f"{m[1]} {ordinal(int(m[2]))}", text)


def _stamp(match: re.Match[str]) -> str:
    """ "2024-03-15T14:30:00Z": a date, a time and how far its zone is from Greenwich."""
    zone = ""
    if match["zone"]:
        zone = " U T C"
        if match["sign"]:
            minutes = "" if match["minutes"] == "00" else f" {int(match['minutes'])}"
            zone += f" {'plus' if match['sign'] == '+' else 'minus'} {int(match['hours'])}{minutes}"
    return f"{match['date']} at {match['time']}{zone}"


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


def _weekday(match: re.Match[str], month_first: bool) -> str:
    """ "Monday 5/6": a day and a month."""
    first, second = int(match["first"]), int(match["second"])
    month, day = (first, second) if month_first and first <= 12 else (second, first)
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return match.group()
    name = MONTHS[month - 1]
    return match["day"] + (f"{name} {ordinal(day)}" if month_first else f"the {ordinal(day)} of {name}")


def _date(day: int, month: int, year: str, month_first: bool) -> str:
    name = MONTHS[month - 1]
    return f"{name} {ordinal(day)}, {year}" if month_first else f"the {ordinal(day)} of {name}, {year}"
