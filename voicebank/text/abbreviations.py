"""Abbreviations: how they are read, and whether their full stop can end a sentence."""

from __future__ import annotations

import re

# Never the end of a sentence: something always follows.
TITLES = {
    "Mr": "Mister",
    "Mrs": "Missus",
    "Ms": "Miz",
    "Messrs": "Messieurs",
    "Dr": "Doctor",
    "Prof": "Professor",
    "Rev": "Reverend",
    "Hon": "Honorable",
    "Capt": "Captain",
    "Cpt": "Captain",
    "Lt": "Lieutenant",
    "Col": "Colonel",
    "Gen": "General",
    "Sgt": "Sergeant",
    "Maj": "Major",
    "Cmdr": "Commander",
    "Gov": "Governor",
    "Sen": "Senator",
    "Rep": "Representative",
    "Pres": "President",
    "Mt": "Mount",
    "St": "Saint",
    "e.g": "for example",
    "i.e": "that is",
    "vs": "versus",
    "cf": "compare",
    "viz": "namely",
    "approx": "approximately",
}
# Read out before a number only.
COUNTERS = {
    "No": "number",
    "Nos": "numbers",
    "Fig": "figure",
    "Figs": "figures",
    "Vol": "volume",
    "Ch": "chapter",
    "Sec": "section",
    "Eq": "equation",
    "p": "page",
    "pp": "pages",
    "ca": "circa",
}
# May end a sentence as well.
OTHERS = {
    "etc": "et cetera",
    "Jr": "Junior",
    "Sr": "Senior",
    "Esq": "Esquire",
    "Ave": "Avenue",
    "Rd": "Road",
    "Blvd": "Boulevard",
    "Ln": "Lane",
    "Inc": "Incorporated",
    "Ltd": "Limited",
    "Corp": "Corporation",
    "Co": "Company",
    "Bros": "Brothers",
    "Dept": "Department",
    "dept": "department",
    "Univ": "University",
    "Assn": "Association",
    "al": "al",
    "a.k.a": "also known as",
    "Ph.D": "P H D",
}
MONTHS = {
    "Jan": "January",
    "Feb": "February",
    "Mar": "March",
    "Apr": "April",
    "Jun": "June",
    "Jul": "July",
    "Aug": "August",
    "Sept": "September",
    "Sep": "September",
    "Oct": "October",
    "Nov": "November",
    "Dec": "December",
}
DAYS = {
    "Mon": "Monday",
    "Tue": "Tuesday",
    "Tues": "Tuesday",
    "Wed": "Wednesday",
    "Thu": "Thursday",
    "Thurs": "Thursday",
    "Fri": "Friday",
    "Sat": "Saturday",
    "Sun": "Sunday",
}
ZONES = (
    *("GMT", "UTC", "BST", "EST", "EDT", "CST", "CDT", "MST", "MDT", "PST", "PDT", "CET", "CEST", "ET", "PT"),
    *("Eastern", "Pacific", "Central"),
)
WITHOUT_STOP = ("Mr", "Mrs", "Ms", "Dr", "Prof", "vs", "etc", "Jr", "Sr")  # as the British write them
ELISIONS = {"'em": "them", "'cause": "because", "'til": "until", "'n'": "and", "'tis": "tis", "'twas": "twas"}
ROADS_AFTER_NAME = {"St": "Street", "Dr": "Drive"}
SMALL_BEFORE_SAINT = re.compile("In|At|On|The|From|Near|Of|To|And|By|For|With|Old|Visit|Is|See|Our")


def _alternatives(*tables: dict[str, str]) -> str:
    words = {word for table in tables for word in table}
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_PLAIN = {**TITLES, **OTHERS}
_ROAD = re.compile(r"\b(?P<before>[A-Z]\w+ )(?P<word>St|Dr)\b(?P<stop>\.?)(?P<after>,? (?=[A-Z])|)")
_WITH_STOP = re.compile(rf"(?<![\w.])(?P<word>{_alternatives(_PLAIN)})\.(?P<end>\W*$)?", re.MULTILINE)
_NO_STOP = re.compile(rf"\b({'|'.join(WITHOUT_STOP)})\b(?=\s|,|$)")
_SAINT = re.compile(r"\bSt (?=[A-Z])")
_COUNTER = re.compile(rf"\b({_alternatives(COUNTERS)})\.\s?(?=\d)")
_MONTH = re.compile(rf"\b({_alternatives(MONTHS)})\b\.?(?=\s\d)|(?<=\d\s)\b({_alternatives(MONTHS)})\b\.?")
_WEEKDAY = _alternatives(DAYS)
_DAY_RANGE = re.compile(rf"\b({_WEEKDAY})\.?\s?[-–]\s?({_WEEKDAY})\b\.?(?!\w)")
# "Sat." and "Sun." are words as well, so a date must follow.
_DAY = re.compile(rf"\b({_WEEKDAY})(?:(?<!Sat)(?<!Sun)\.(?=,|\s)|\.?(?=,? (?:\d|(?:{'|'.join(MONTHS)})[a-z]*\.? \d)))")
_FORT = re.compile(r"(?<!\d )\bFt\. ?(?=[A-Z])")
_ELISION = re.compile(rf"(?<!\w)({_alternatives(ELISIONS)})(?!\w)", re.IGNORECASE)
_DOTTED = re.compile(r"(?<![\w.])(?:[A-Za-z]\.){2,}(?P<plural>s\b)?(?P<end>\W*$)?", re.MULTILINE)
_INITIAL = re.compile(r"(?<![\w.'])(?:([A-HJ-Z])\.(?=\s+(?:[A-Z]\.|[A-Z][a-z]))|(I)\.(?=\s+[A-Z]\.))")


def expand(text: str) -> str:
    """Abbreviations as words; a full stop that also ends the text is kept."""
    text = _ELISION.sub(lambda m: ELISIONS[m[1].lower()], text)
    text = _ROAD.sub(_road, text)
    text = _COUNTER.sub(lambda m: COUNTERS[m[1]] + " ", text)
    text = _MONTH.sub(lambda m: MONTHS[m[1] or m[2]], text)
    text = _DAY_RANGE.sub(lambda m: f"{DAYS[m[1]]} to {DAYS[m[2]]}", text)
    text = _DAY.sub(lambda m: DAYS[m[1]], text)
    text = _FORT.sub("Fort ", text)
    text = _SAINT.sub("Saint ", text)
    text = _WITH_STOP.sub(lambda m: _PLAIN[m["word"]] + _stop(m), text)
    text = _NO_STOP.sub(lambda m: _PLAIN[m[1]], text)
    text = _DOTTED.sub(_letters, text)
    return _INITIAL.sub(lambda m: m[1] or m[2], text)


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
    if word == "Dr" and after.startswith(" "):
        return match.group()  # "Then Dr. Smith"
    end = stop if match.end() == len(match.string) else ""
    return before + ROADS_AFTER_NAME[word] + end + after
