"""What a row of digits stands for: dates, years and counts.

Dates are read in the order of the words as written, the day as an ordinal. ``03/04/2024`` is April 3rd in Britain and
most other countries, March 4th in the United States: the language of the voice decides, unless one of the two numbers
is above 12.

A number of four digits is a year (*nineteen eighty-four*) or a count (*one thousand nine hundred and eighty-four*). The
grammars read every one from 1000 to 2999 as a year. What stands around it decides, as far as it goes: what is counted
comes after a count, a preposition of time or a month before a year.
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


FOUR_DIGITS = re.compile(r"(?<!\d )(?<![\w.,:/$£€¥#'+-])[12]\d{3}(?![\w:/%'+-]|[.,]\d| \d)")
# Before a year, whatever follows it.
TIME = re.compile(
    r"(?i:\b(?:in|since|until|till|circa|year|years|early|late|mid|spring|summer|autumn|fall|winter|christmas|easter"
    r"|born|died|copyright|class of|AD))\s$|(?:" + "|".join(MONTHS) + r")(?: \d{1,2}(?:st|nd|rd|th)?)?,?\s$"
)
DETERMINER = re.compile(r"(?i)\b(?:the|this|that|its|his|her|our|your|their|my)\s$")
# Before a number that only names something: it is read in pairs, as a year is.
NAMED = re.compile(
    r"(?i)\b(?:flight|room|route|highway|bus|train|gate|model|channel|extension|ext|line|suite|apartment|flat|unit"
    r"|code|pin|number|no|house|lot|box|building|locker|type|series|version|studio|page|section|part|area|at)\.?\s$"
)
PROPER = re.compile(r"[a-z,;] (?:[A-Z][a-z]+|[A-Z]+)\s$")
AMOUNT = re.compile(
    r"(?i)\b(?:(?:more|less|fewer|greater|higher|lower|larger|rather|other) than|at least|at most|total of"
    r"|as (?:many|much) as|another|costs?|paid|pays?|weigh(?:s|ed)?|earn(?:s|ed)?|scored|worth|holds|seats)\s$"
)
ROUGHLY = re.compile(
    r"(?i)\b(?:over|under|up to|nearly|almost|some|only|exactly|approximately|roughly|about|around)\s$"
)
# What is counted, perhaps behind one adjective; and words that end in "s" and are none.
ADJECTIVE = (
    "new|old|small|large|big|other|different|young|extra|little|good|white|black|red|dead|wounded|armed|registered"
    "|active|daily|separate|square|cubic|metric|light|American|British|French|German|local|foreign|full|more|such"
)
COUNTED = re.compile(
    rf"\s(?:(?:{ADJECTIVE})\s)?(?P<what>people|men|women|children|feet|teeth|mice|sheep|fish|deer|aircraft|cattle"
    r"|percent|dozen|[A-Za-z]{2,}(?<![suiSUI])[sS])\b"
)
NOT_COUNTED = re.compile(
    r"(?i)was|has|does|always|perhaps|sometimes|besides|afterwards|towards|brings|sees|marks|remains|begins|starts"
    r"|ends|shows|means|comes|goes|gets|makes|takes|gives|looks|feels|seems|becomes|tells|opens|follows|stands"
    r"|belongs|onwards|olympics|elections|games"
)
MEASURED = re.compile(
    r"\s(?:of (?:them|us|you|the|these|those|his|her|my|our|their)|or so|more|each|apiece|altogether|in (?:all|total)"
    r"|per|strong|a (?:day|week|month|year|night|piece|head))\b"
)


def year_or_count(match: re.Match[str]) -> str:
    """A match of :data:`FOUR_DIGITS` with a comma if it counts something: ``1,984`` people."""
    number, text = int(match[0]), match.string
    return f"{number:,}" if _counts(number, text[: match.start()][-40:], text[match.end() :][:40]) else match[0]


def _counts(number: int, before: str, after: str) -> bool:
    if number % 1000 == 0 or (NAMED.search(before) and (number % 100 == 0 or not COUNTED.match(after))):
        return False
    # 1066 and 1999 have been years, 1150 and 2400 are counts where there is a choice.
    likely_year = 1400 <= number <= 2050 and number % 50 != 0
    if (what := COUNTED.match(after)) and not (likely_year and NOT_COUNTED.fullmatch(what["what"])):
        return not (likely_year and (TIME.search(before) or DETERMINER.search(before)))
    if TIME.search(before):
        return False
    if MEASURED.match(after) or AMOUNT.search(before):
        return True
    if ROUGHLY.search(before):
        return not likely_year
    return number >= 2100 and not PROPER.search(before)
