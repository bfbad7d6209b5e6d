"""Rows of digits: what they stand for, and the words that they are read as.

``num2words`` has the words; here is which of them.

A number of four digits is a year (*nineteen eighty-four*) or a count (*one thousand nine hundred and eighty-four*).
What stands around it decides, as far as it goes: what is counted comes after a count, a preposition of time or a month
before a year. Where nothing decides, it is a year up to 2099 and a count above.
"""

from __future__ import annotations

import functools
import re

from voicebank.text.tables import DENOMINATORS, DIGITS, MONTHS
from voicebank.text.units import begins_quantity

LONGEST = 15  # digits of a number that is read as one; longer ones are read digit by digit
_CLOCK = re.compile(r"(?<![\w:.])(?P<hour>\d{1,2}):(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?(?![\d:]|\.\d)")
_RATIO = re.compile(r"(?<=\d):(?=\d{1,4}(?![\d:]))(?<!:\d:)(?<!:\d\d:)")
_ORDINAL = re.compile(r"(?<![\d.,])(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)\b", re.IGNORECASE)
_FRACTION = re.compile(
    r"(?<![\w/.,-])(?:(?P<whole>\d+)(?: |-))?(?P<over>\d{1,3})/(?P<under>\d{1,4})(?![\w/]|[.,]\d)(?P<of> of\b)?"
)
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+")
# Letters and digits in one word: "MP3", "A320", "4K".
_MIXED = re.compile(r"(?<![\w.,])(?=\w*[A-Za-z])(?=\w*\d)[A-Za-z0-9]+(?![\w])")
_PIECE = re.compile(r"\d+|[A-Za-z]+")


@functools.cache
def _library():  # type: ignore[no-untyped-def]
    from num2words import num2words  # a fifth of a second of loading, which text without numbers does not pay

    return num2words


@functools.lru_cache(maxsize=4096)
def _words(number: int, form: str) -> str:
    return str(_library()(number, lang="en", to=form)).replace(",", "").replace("-", " ")


def cardinal(number: int) -> str:
    """``1984`` as "one thousand nine hundred and eighty four"."""
    return _words(number, "cardinal")


def ordinal_words(number: int) -> str:
    """``21`` as "twenty first"."""
    return _words(number, "ordinal")


def year_words(year: int) -> str:
    """``1984`` as "nineteen eighty four"."""
    return _words(year, "year")


def spell_digits(digits: str) -> str:
    """Digit by digit, as in a telephone number: "oh one nine nine"."""
    return " ".join(DIGITS[int(d)] for d in digits)


def in_pairs(digits: str) -> str:
    """Two digits at a time, as in the number of a room, of a flight or of a year: ``205`` as "two oh five"."""
    if digits.startswith("0") or not 3 <= len(digits) <= 4:
        return cardinal(int(digits)) if len(digits) < 3 and not digits.startswith("0") else spell_digits(digits)
    if digits.endswith("000"):
        return cardinal(int(digits))
    first, last = int(digits[:-2]), digits[-2:]
    rest = "hundred" if last == "00" else f"oh {DIGITS[int(last[1])]}" if last[0] == "0" else cardinal(int(last))
    return f"{cardinal(first)} {rest}"


def number_words(written: str) -> str:
    """A number without a sign: digits, perhaps with commas between thousands and a decimal point."""
    whole, point, fraction = written.replace(",", "").partition(".")
    if point:
        after = " ".join("zero" if d == "0" else DIGITS[int(d)] for d in fraction)
        if not whole:
            return f"point {after}"
        before = spell_digits(whole) if len(whole) > LONGEST else cardinal(int(whole))
        return f"{before} point {after}"
    if (whole.startswith("0") and len(whole) > 1) or len(whole) > LONGEST:
        return spell_digits(whole)
    if len(whole) == 4 and "," not in written and "1000" < whole < "2100" and whole[1:] != "000":
        return year_words(int(whole))
    return cardinal(int(whole))


def read_numbers(text: str) -> str:
    """The text with every number that is left in it as words: times, ordinals, fractions and plain ones."""
    if not any(c.isdigit() for c in text):
        return text
    text = _CLOCK.sub(_clock, text)
    text = _RATIO.sub(" to ", text)
    text = _ORDINAL.sub(lambda m: ordinal_words(int(m[1].replace(",", ""))) if len(m[1]) <= LONGEST else m[0], text)
    text = _FRACTION.sub(_fraction, text)
    text = _MIXED.sub(_mixed, text)
    return _NUMBER.sub(_plain, text)


def _plain(match: re.Match[str]) -> str:
    before, after = match.string[match.start() - 1 : match.start()], match.string[match.end() :][:1]
    return f"{' ' * before.isalnum()}{number_words(match[0])}{' ' * after.isalnum()}"


def _clock(match: re.Match[str]) -> str:
    hour, minute, second = int(match["hour"]), match["minute"], match["second"]
    after = match.string[match.end() :][:4]
    said = cardinal(hour)
    if minute == "00":
        if second not in (None, "00"):
            said += " oh oh"
        elif match["hour"] == "00":
            said = "midnight"
        elif not after.lstrip().startswith(("A M", "P M")):
            said += " o'clock" if 0 < hour <= 12 else " hundred" if hour else " oh oh"
    else:
        said += f" oh {DIGITS[int(minute[1])]}" if minute[0] == "0" else f" {cardinal(int(minute))}"
    if second not in (None, "00"):
        said += f" and {cardinal(int(second))} second{'s' if second != '01' else ''}"
    return said


def _fraction(match: re.Match[str]) -> str:
    over, under, whole = int(match["over"]), int(match["under"]), match["whole"]
    of = match["of"] or ""
    name = DENOMINATORS.get(under)
    if whole is None:
        if over + under == 100 or over == under == 20:
            return f"{cardinal(over)} {cardinal(under)}{of}"
        rated = match.string[match.end() :][:7].strip().startswith(("star", "point"))
        if (under in (5, 10, 100) and over in (under, 0) and not of) or (under == 10 and not of) or rated:
            return f"{cardinal(over)} out of {cardinal(under)}"
        if name is None or over >= under:
            return f"{cardinal(over)} over {cardinal(under)}{of}"
    elif name is None or over >= under:
        return f"{cardinal(int(whole))} {cardinal(over)} over {cardinal(under)}{of}"
    one, many = name
    said = f"{cardinal(over)} {one if over == 1 else many}"
    if whole is None:
        return said + of
    article = "an" if one.startswith("e") else "a"
    return f"{cardinal(int(whole))} and {article if over == 1 else cardinal(over)} {one if over == 1 else many}{of}"


def _mixed(match: re.Match[str]) -> str:
    pieces = _PIECE.findall(match.group())
    return " ".join(_piece(piece) if piece[0].isdigit() else piece for piece in pieces)


def _piece(digits: str) -> str:
    if digits == "0":
        return "zero"
    return in_pairs(digits) if len(digits) < 5 else spell_digits(digits)


def ordinal(number: int) -> str:
    """``21`` as ``21st``."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


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
    """A match of :data:`FOUR_DIGITS`: with a comma if it counts something (``1,984`` people), else read as a year."""
    number, text = int(match[0]), match.string
    counts = begins_quantity(text, match.start()) or _counts(
        number, text[: match.start()][-40:], text[match.end() :][:40]
    )
    return f"{number:,}" if counts else match[0] if number % 1000 == 0 else year_words(number)


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
