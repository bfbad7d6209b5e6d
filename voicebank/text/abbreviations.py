"""Abbreviations: how they are read, and whether their full stop can end a sentence."""

from __future__ import annotations

import re

from voicebank.text.tables import TABLES

# Never the end of a sentence: something always follows.
TITLES: dict[str, str] = TABLES["titles"]
# Read out before a number only, or before a letter that stands in place of one.
COUNTERS: dict[str, str] = TABLES["counters"]
# May end a sentence as well.
OTHERS: dict[str, str] = TABLES["abbreviations"]
# Without a stop, and always read so.
ALWAYS: dict[str, str] = TABLES["abbreviations without a stop"]
MONTHS: dict[str, str] = TABLES["months"]
DAYS: dict[str, str] = TABLES["days"]
ZONES = (
    *("GMT", "UTC", "BST", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "CET", "CEST", "ET", "PT"),
    *("Eastern", "Pacific", "Central"),
)
# Before a chapter and a verse, where "Gen." is no general.
BOOKS: dict[str, str] = TABLES["books"]
# After the name of a place, as in "Boston, Mass."
STATES: dict[str, str] = TABLES["states after a place"]
DEGREES: dict[str, str] = TABLES["degrees"]
ELISIONS: dict[str, str] = TABLES["elisions"]
SIDES = {"N": "North", "S": "South", "E": "East", "W": "West"}
ROADS_AFTER_NAME = {"St": "Street", "Dr": "Drive"}
SMALL_BEFORE_SAINT = re.compile("In|At|On|The|From|Near|Of|To|And|By|For|With|Old|Visit|Is|See|Our")


def _alternatives(*tables: dict[str, str]) -> str:
    words = {word for table in tables for word in table}
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_PLAIN = {**TITLES, **OTHERS}
_ROAD = re.compile(
    r"\b(?P<before>(?:[A-Z]\w+(?:'s)?|\d+(?:st|nd|rd|th)) )(?P<word>St|Dr)\b(?P<stop>\.?)(?P<after>,? (?=[A-Z])|)"
)
_WITH_STOP = re.compile(rf"(?<![\w.])(?P<word>{_alternatives(_PLAIN)})\.(?P<end>\W*$)?", re.MULTILINE)
_NO_STOP = re.compile(rf"(?<![\w'.])({_alternatives(ALWAYS)})(?![\w']|[.-]\w)")
_LIMIT = re.compile(r"(?<!\d )(?<![\w.])(min|max)\.")
_MS = re.compile(r"(?<![\w&])Ms (?=[A-Z])")
_SAINT = re.compile(r"\bSt (?=[A-Z][a-z])")
_COUNTER = re.compile(
    rf"(?<![\w.'])(?!v\. [A-Z])({_alternatives(COUNTERS)})\.\s?(?=\d|[IVXL]+\b|[A-H]\b|[ivx]{{2,}}\b|[A-Z]{{1,4}}-?\d)"
)
_COUNTER_NO_STOP = re.compile(r"(?<![\w.'-])(pp|Fig|Figs|Vol|Apt|apt|fig|vol|Ste|Ch|Sec|Rm) (?=\d|[IVX]+\b)")
_NUMBERED = re.compile(r"\bNo (?=\d+\b(?! [a-z]+s\b|[.,]\d))")
_AGAINST = re.compile(r"(?<=[\w.)] )v(?:\.|s\.?)? (?=[A-Z])")
_SIDE = re.compile(
    r"(?<=\d )([NSEW])\.? (?=(?:[A-Z][a-z]+|\d+(?:st|nd|rd|th)) )"
    r"|\b([NSEW])\. (?=\d+(?:st|nd|rd|th) |(?:Korea|Africa|America|Carolina|Dakota|Virginia|Ireland|Sudan|Asia)\b)"
)
_AFTER_YEAR = re.compile(r"(?<=\d )(AD|BCE?|CE)\b|\b(AD)(?= \d)")
_MONTH = re.compile(
    rf"\b({_alternatives(MONTHS)})\b\.?(?=\s\d)|(?:(?<=\d\s)|(?<=\d(?:st|nd|rd|th)\s))\b({_alternatives(MONTHS)})\b\.?"
)
_MONTHS = re.compile(rf"\b({_alternatives(MONTHS)})\.?\s?-\s?({_alternatives(MONTHS)})\b\.?(?!\w)")
_BOOK = re.compile(rf"\b(?:(?P<part>[1-3]) )?(?P<book>{_alternatives(BOOKS)})\.? (?=\d{{1,3}}:\d)|\bPs\. (?=\d)")
_STATE = re.compile(rf"(?<=[a-z], )({_alternatives(STATES)})\.")
_NEAR_MONTH = re.compile(rf"\b((?:[Mm]id|[Ee]arly|[Ll]ate)-)({_alternatives(MONTHS)})\b\.?")
_DEGREE = re.compile(rf"\b([BM])\.({_alternatives(DEGREES)})\b\.?")
# The rest of a word, where what follows tells which it is.
_REST = [
    (re.compile(r"\b([Tt]el)\.?(?=:|\.? ?[+(\d])"), r"\1ephone"),
    (re.compile(r"\b([Aa]tt)n\b\.?(?=:)"), r"\1ention"),
    (re.compile(r"\b([Rr]ef)\.(?= (?:no|nr|number|code|[A-Z]*[\d#]))"), r"\1erence"),
    (re.compile(r"\b([Ll]at)\.(?= ?-?[\d.]+°)"), r"\1itude"),
    (re.compile(r"\b([Ll]on)g?\.(?= ?-?[\d.]+°)"), r"\1gitude"),
    (re.compile(r"\b([Aa]ssoc)\.? (?=[Pp]rof)"), r"\1iate "),
    (re.compile(r"(?<=\d(?:st|nd|rd|th) )([Ff]l)\b\.?"), r"\1oor"),
    (re.compile(r"\bHons\b\.?"), "honors"),
]
_WEEKDAY = _alternatives(DAYS)
_DAY_RANGE = re.compile(rf"\b({_WEEKDAY})\.?\s?[-–]\s?({_WEEKDAY})\b\.?(?!\w)")
# "Sat." and "Sun." are words as well, so a date must follow.
_DAY = re.compile(rf"\b({_WEEKDAY})(?:(?<!Sat)(?<!Sun)\.(?=,|\s)|\.?(?=,? (?:\d|(?:{'|'.join(MONTHS)})[a-z]*\.? \d)))")
_FORT = re.compile(r"(?<!\d )\bFt\.? ?(?=[A-Z][a-z])")
_ELISION = re.compile(rf"(?<!\w)({_alternatives(ELISIONS)})(?!\w)", re.IGNORECASE)
_DOTTED = re.compile(r"(?<![\w.])(?:[A-Za-z]\.){2,}(?P<plural>s\b)?(?P<end>\W*$)?", re.MULTILINE)
_INITIAL = re.compile(r"(?<![\w.'])(?:([A-HJ-Z])\.(?=\s+(?:[A-Z]\.|[A-Z][a-z]))|(I)\.(?=\s+[A-Z]\.))")


def expand(text: str) -> str:
    """Abbreviations as words; a full stop that also ends the text is kept."""
    text = _ELISION.sub(lambda m: ELISIONS[m[1].lower()], text)
    text = _BOOK.sub(_book, text)
    for pattern, whole in _REST:
        text = pattern.sub(whole, text)
    text = _STATE.sub(lambda m: STATES[m[1]], text)
    text = _NEAR_MONTH.sub(lambda m: m[1] + MONTHS[m[2]], text)
    text = _DEGREE.sub(lambda m: f"{m[1]} {DEGREES[m[2]]}", text)
    text = _ROAD.sub(_road, text)
    text = _COUNTER.sub(lambda m: COUNTERS[m[1]] + " ", text)
    text = _COUNTER_NO_STOP.sub(lambda m: COUNTERS[m[1]] + " ", text)
    text = _NUMBERED.sub("number ", text)
    text = _AGAINST.sub("versus ", text)
    text = _SIDE.sub(lambda m: SIDES[m[1] or m[2]] + " ", text)
    text = _AFTER_YEAR.sub(lambda m: " ".join(m[0]), text)
    text = _MONTHS.sub(lambda m: f"{MONTHS[m[1]]} to {MONTHS[m[2]]}", text)
    text = _MONTH.sub(lambda m: MONTHS[m[1] or m[2]], text)
    text = _DAY_RANGE.sub(lambda m: f"{DAYS[m[1]]} to {DAYS[m[2]]}", text)
    text = _DAY.sub(lambda m: DAYS[m[1]], text)
    text = _FORT.sub("Fort ", text)
    text = _LIMIT.sub(lambda m: m[1] + "imum", text)
    text = _MS.sub("Miz ", text)
    text = _SAINT.sub("Saint ", text)
    text = _WITH_STOP.sub(lambda m: _PLAIN[m["word"]] + _stop(m), text)
    text = _NO_STOP.sub(lambda m: ALWAYS[m[1]], text)
    text = _DOTTED.sub(_letters, text)
    return _INITIAL.sub(lambda m: m[1] or m[2], text)


def _book(match: re.Match[str]) -> str:
    part = {None: "", "1": "First ", "2": "Second ", "3": "Third "}[match["part"]]
    return f"{part}{BOOKS[match['book'] or 'Ps']} "


def _stop(match: re.Match[str]) -> str:
    end = match["end"]
    return "" if end is None else end if end[:1] in (".", "!", "?") else "." + end


def _letters(match: re.Match[str]) -> str:
    """ "U.S." and "G.P.U.s" as letters, in capitals: "a" would be read as the article."""
    letters = " ".join(re.findall(r"[A-Za-z](?=\.)", match.group())).upper()
    return letters + ("'s" + (match["end"] or "") if match["plural"] else _stop(match))


def _road(match: re.Match[str]) -> str:
    """ "Elm St." is a street and "St. Paul" a saint: told apart by the words around."""
    before, word, stop, after = match["before"], match["word"], match["stop"], match["after"]
    if SMALL_BEFORE_SAINT.fullmatch(before.strip()) or before.strip() in TITLES:
        return match.group()
    if before.strip() in ("Lake", "Mount", "Fort", "Port", "Cape") and after:
        return match.group()  # "Lake St. Clair"
    if word == "Dr" and after.startswith(" "):
        return match.group()  # "Then Dr. Smith"
    end = stop if match.end() == len(match.string) else ""
    return before + ROADS_AFTER_NAME[word] + end + after
