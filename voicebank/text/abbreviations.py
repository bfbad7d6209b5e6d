"""Abbreviations: how they are read, and whether their full stop can end a sentence."""

from __future__ import annotations

import re

from voicebank.text.tables import TABLES, rewritten, rules

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
# These begin a sentence: no surname, nor part of a title ("U.S. Open"), is written like them.
BEGINNINGS = frozenset(
    ("A", "And", "As", "At", "But", "For", "He", "His", "How", "If", "In", "Is", "It", "My", "Now", "On", "Our", "She")
    + ("That", "The", "Their", "Then", "There", "These", "They", "This", "Those", "Was", "We", "What", "When", "Where")
    + ("Which", "Who", "Why", "With", "Your")
)
SMALL_BEFORE_SAINT = re.compile("In|At|On|The|From|Near|Of|To|And|By|For|With|Old|Visit|Is|See|Our")


def _alternatives(*tables: dict[str, str]) -> str:
    words = {word for table in tables for word in table}
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_PLAIN = {**TITLES, **OTHERS}
_WEEKDAY = _alternatives(DAYS)


def _book(match: re.Match[str]) -> str:
    part = {None: "", "1": "First ", "2": "Second ", "3": "Third "}[match["part"]]
    return f"{part}{BOOKS[match['book'] or 'Ps']} "


def _stop(match: re.Match[str]) -> str:
    end = match["end"]
    return "" if end is None else end if end[:1] in (".", "!", "?") else "." + end


def _begins(after: str) -> bool:
    """Whether a text begins with the first word of a sentence, as far as the word tells."""
    word = re.match(r"\s+([A-Z][a-z]*)\b(?!\.)", after)
    return word is not None and word[1] in BEGINNINGS


def _end_of_sentence(match: re.Match[str]) -> str:
    """The stop of an abbreviation that ends the text, or a sentence within it."""
    return "." if _begins(match.string[match.end() :]) else _stop(match)


def _letters(match: re.Match[str]) -> str:
    """ "U.S." and "G.P.U.s" as letters, in capitals: "a" would be read as the article."""
    letters = " ".join(re.findall(r"[A-Za-z](?=\.)", match.group())).upper()
    if match["plural"]:
        return letters + "'s" + (match["end"] or "")
    return letters + _end_of_sentence(match)


def _initial(match: re.Match[str]) -> str:
    """ "J. R. R. Tolkien" without stops, but "Vitamin C. The end" is two sentences."""
    return match[0] if _begins(match.string[match.end() :]) else match[0][0]


def _month(match: re.Match[str]) -> str:
    return MONTHS[match["word"]] + _end_of_sentence(match)


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


_RULES = rules(
    (rf"(?i)(?<!\w)({_alternatives(ELISIONS)})(?!\w)", lambda m: ELISIONS[m[1].lower()]),
    (rf"\b(?:(?P<part>[1-3]) )?(?P<book>{_alternatives(BOOKS)})\.? (?=\d{{1,3}}:\d)|\bPs\. (?=\d)", _book),
    # The rest of a word, where what follows tells which it is.
    (r"\b([Tt]el)\.?(?=:|\.? ?[+(\d])", r"\1ephone"),
    (r"\b([Mm]ob)\.(?=:? ?\(?[+0]\d)", r"\1ile"),
    (r"\b([A-Z][a-z]+) Ln\b\.?(?! ?\d)", r"\1 Lane"),
    (r"\b([Aa]tt)n\b\.?(?=:)", r"\1ention"),
    (r"\b([Rr]ef)\.(?= (?:no|nr|number|code|[A-Z]*[\d#]))", r"\1erence"),
    (r"\b([Ll]at)\.(?= ?-?[\d.]+°)", r"\1itude"),
    (r"\b([Ll]on)g?\.(?= ?-?[\d.]+°)", r"\1gitude"),
    (r"\b([Aa]ssoc)\.? (?=[Pp]rof)", r"\1iate "),
    (r"(?<=\d(?:st|nd|rd|th) )([Ff]l)\b\.?", r"\1oor"),
    (r"\bHons\b\.?", "honors"),
    (r"\bRt\.? (?=Hon)", "Right "),
    (r"\b[Nn]°\s?(?=\d)", "number "),
    (rf"(?<=[a-z], )({_alternatives(STATES)})\.", lambda m: STATES[m[1]]),
    (rf"\b((?:[Mm]id|[Ee]arly|[Ll]ate)-)({_alternatives(MONTHS)})\b\.?", lambda m: m[1] + MONTHS[m[2]]),
    (rf"\b([BM])\.({_alternatives(DEGREES)})\b\.?", lambda m: f"{m[1]} {DEGREES[m[2]]}"),
    (
        r"\b(?P<before>(?:[A-Z]\w+(?:'s)?|\d+(?:st|nd|rd|th)) )(?P<word>St|Dr)\b(?P<stop>\.?)(?P<after>,? (?=[A-Z])|)",
        _road,
    ),
    (
        rf"(?<![\w.'])(?!v\. [A-Z]|[a-z]+\. [IA](?:['’]| [a-z]))({_alternatives(COUNTERS)})\.\s?"
        r"(?=\d|[IVXL]+\b|[A-H]\b|[ivx]{2,}\b|[A-Z]{1,4}-?\d)",
        lambda m: COUNTERS[m[1]] + " ",
    ),
    (r"\b(Eqs?|Figs?|Tab|Sec|Ch)\. (?=\(\d)", lambda m: COUNTERS[m[1]] + " "),
    (r"(?<![\w.'-])(pp|Fig|Figs|Vol|Apt|apt|fig|vol|Ste|Ch|Sec|Rm) (?=\d|[IVX]+\b)", lambda m: COUNTERS[m[1]] + " "),
    (r"\bNo (?=\d+\b(?! [a-z]+s\b|[.,]\d))", "number "),
    (r"(?<=[\w.)] )v(?:\.|s\.?)? (?=[A-Z])", "versus "),
    (
        r"(?<=\d )([NSEW])\.? (?=(?:[A-Z][a-z]+|\d+(?:st|nd|rd|th)) )"
        r"|\b([NSEW])\. (?=\d+(?:st|nd|rd|th) |(?:Korea|Africa|America|Carolina|Dakota|Virginia|Ireland|Sudan|Asia)\b)",
        lambda m: SIDES[m[1] or m[2]] + " ",
    ),
    (r"(?<=\d BC)\s?-\s?(?=AD \d)", " to "),
    (r"(?<=\d) ?pcm\b", " per calendar month"),
    (r"(?m)(?<=[\d%] )p\.a\.(?P<end>\W*$)?", lambda m: "per annum" + _stop(m)),
    (r"(?<=\d )(AD|BCE?|CE)\b|\b(AD)(?= \d)", lambda m: " ".join(m[0])),
    (
        rf"\b({_alternatives(MONTHS)})\.?\s?-\s?({_alternatives(MONTHS)})\b\.?(?!\w)",
        lambda m: f"{MONTHS[m[1]]} to {MONTHS[m[2]]}",
    ),
    (
        rf"\b({_alternatives(MONTHS)})\b\.?(?=\s\d)|(?:(?<=\d\s)|(?<=\d(?:st|nd|rd|th)\s))\b({_alternatives(MONTHS)})\b\.?",
        lambda m: MONTHS[m[1] or m[2]],
    ),
    # "Jan. was cold", but "I told Jan. She was cold"
    (rf"\b({_alternatives(MONTHS)})\.(?= [a-z]+\b|[,)])", lambda m: MONTHS[m[1]]),
    (r"(?m)\b(?P<word>Feb|Apr|Jul|Aug|Sept|Oct|Nov|Dec)\.(?P<end>\W*$)?", _month),
    (rf"\b({_WEEKDAY})\.? (?=(?:morning|afternoon|evening|night)s?\b)", lambda m: DAYS[m[1]] + " "),
    (rf"\b({_WEEKDAY})\.?\s?[-–]\s?({_WEEKDAY})\b\.?(?!\w)", lambda m: f"{DAYS[m[1]]} to {DAYS[m[2]]}"),
    # "Sat." and "Sun." are words as well, so a date must follow.
    (
        rf"\b({_WEEKDAY})(?:(?<!Sat)(?<!Sun)\.(?=[,)]|\s|$)|\.?(?=,? (?:\d|(?:{'|'.join(MONTHS)})[a-z]*\.? \d)))",
        lambda m: DAYS[m[1]] + ("." if m[0][-1] == "." and m.end() == len(m.string) else ""),
    ),
    (r"(?<!\d )\bFt\.? ?(?=[A-Z][a-z])", "Fort "),
    (r"(?<!\d )(?<![\w.])(min|max)\.", lambda m: m[1] + "imum"),
    (r"(?<![\w&])Ms (?=[A-Z])", "Miz "),
    (r"\bSt (?=[A-Z][a-z])", "Saint "),
    (rf"(?m)(?<![\w.])(?P<word>{_alternatives(_PLAIN)})\.(?P<end>\W*$)?", lambda m: _PLAIN[m["word"]] + _stop(m)),
    (rf"(?<![\w'./])({_alternatives(ALWAYS)})(?![\w']|[.-]\w)", lambda m: ALWAYS[m[1]]),
    (r"(?m)(?<![\w.])(?:[A-Za-z]\.){2,}(?P<plural>s\b)?(?P<end>\W*$)?", _letters),
    (r"(?<![\w.'°])(?:([A-HJ-Z])\.(?=\s+(?:[A-Z]\.|[A-Z][a-z]))|(I)\.(?=\s+[A-Z]\.))", _initial),
)


def expand(text: str) -> str:
    """Abbreviations as words; a full stop that also ends the text is kept."""
    return rewritten(text, _RULES)
