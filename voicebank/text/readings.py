"""Written forms other than plain numbers, as words: money, telephone numbers, ranges, signs, addresses of the web.

Plain numbers are left as digits; :func:`voicebank.text.numbers.read_numbers` reads them afterwards.
"""

from __future__ import annotations

import re

from voicebank.text import abbreviations, capitals, formulas, units
from voicebank.text.dates import dates
from voicebank.text.formulas import DIGIT_NAMES, addresses
from voicebank.text.numbers import FOUR_DIGITS, cardinal, in_pairs, number_words, spell_digits, year_or_count
from voicebank.text.tables import SCALES, STATES, SYMBOLS, TENS, rewritten, rules


def _phone(match: re.Match[str]) -> str:
    text = match.group()
    groups = re.findall(r"\d+", text)
    spoken = ["eight hundred" if g == "800" and "-" in text else spell_digits(g) for g in groups]
    return ("plus " if "+" in text[:2] else "") + ", ".join(spoken)


def _compact(match: re.Match[str]) -> str:
    """ "3.5bn" and "10k", but "4K" and "a 5K run"."""
    amount, scale = match["amount"], match["scale"] or match["scale2"]
    if scale not in (None, "bn", "tn", "mn") and re.fullmatch(r"\d{4,}", amount):
        return match.group()  # a model or a colour: "9700K"
    if scale in "BMKT" and _LETTERED.search(match.string[: match.start()][-16:]):
        return match.group()
    if scale == "K" and "." not in amount and len(amount) == 1:
        return f"{number_words(amount)} K"
    return f"{amount} {SCALES[scale]}"


def _characters(written: str) -> str:
    return " ".join(DIGIT_NAMES.get(c, c) if c != "0" else "oh" for c in written if c != " ")


def _lasting(match: re.Match[str]) -> str:
    """ "1h 30m"."""
    names = [(int(n), name) for n, name in zip(match.groups(), ("hour", "minute", "second"), strict=True) if n]
    return " ".join(f"{n} {name}{'s' * (n != 1)}" for n, name in names)


def _pence(match: re.Match[str]) -> str:
    return "one penny" if match[1] == "1" else f"{match[1]} pence"


def _race(match: re.Match[str]) -> str:
    """ "1:02.35"."""
    return f"{match[1]} {'oh ' if match[2][0] == '0' else ''}{match[2].removeprefix('0')}"


def _verse(match: re.Match[str]) -> str:
    """ "John 3:16-18"."""
    chapter, first, last = match["chapter"], match["first"], match["last"]
    return f"{match['book']} {chapter} {first}" + (f" to {last}" if last else "")


def _over(match: re.Match[str]) -> str:
    """Growth: "3 % y/y"."""
    word = {"y": "year", "q": "quarter", "m": "month"}[match[0][0]]
    return f"{word} over {word}"


def _military(hour: str, minute: str) -> str:
    said = spell_digits(hour) if hour[0] == "0" else cardinal(int(hour))
    return f"{said} {'hundred' if minute == '00' else in_pairs('1' + minute).partition(' ')[2]}"


def _place(match: re.Match[str]) -> str:
    """ "NY 10001" and "Austin, TX"."""
    zip_code = f" {', '.join(spell_digits(part) for part in match['zip'].split('-'))}" if match["zip"] else ""
    return STATES[match["state"]] + zip_code


def _in_town(match: re.Match[str]) -> str:
    """ "Gary, IN"."""
    return match["town"] + _place(match)


def _plural_number(match: re.Match[str]) -> str:
    """ "five 5s" as "five fives", "two 747s" as "two seven forty sevens"."""
    said = cardinal(int(match["number"])) if len(match["number"]) < 3 else in_pairs(match["number"])
    said = re.sub("y$", "ie", re.sub("x$", "xe", said))
    return f"{match['before']}{said}s"


def _grouped(match: re.Match[str]) -> str:
    """ "€1.000" as a thousand: who writes the euro so parts thousands by stops."""
    return ",".join(group for group in match.groups() if group)


def _ones(match: re.Match[str]) -> str:
    """ "1s and 0s"."""
    return f"{match['before2'] or ''}{cardinal(int(match['number'] or match['number2']))}s"


def _identifier(match: re.Match[str]) -> str:
    return re.sub("(?:number )?#$", "number ", match["what"]) + ", ".join(
        spell_digits(part) for part in re.findall(r"\d+", match["digits"])
    )


# "Apartment 4B" has a letter and no billions.
_LETTERED = re.compile(
    r"(?i)\b(?:apartment|apt|room|unit|suite|flat|seat|gate|row|exhibit|section|grade|class|building|platform|track|figure"
    r"|table|page|appendix|level|number|title|model|form|route|block|zone|terminal|bus|question|part|type|option|exit"
    r"|locker|stand|pier|dock|bay|lot|box|desk|door|lane|court|studio|ward|bed|shelf|slot|stop|hall|plot|house|chapter"
    r"|rule|article|item|note|annex|schedule|stage|step|group|team|phase|lab|highway|road|line) $"
)
_COMPACT = re.compile(
    r"(?<![\w.,])(?<![A-Za-z]-)(?P<amount>\d+(?:,\d{3})*(?:\.\d+)?)"
    r"(?:(?P<scale>bn|tn|mn|[kKMBT])| (?P<scale2>bn|tn|mn))\b(?![/'-])"
)
_MORE_BOOKS = (
    *("Joshua", "Judges", "Ruth", "Kings", "Chronicles", "Ezra", "Nehemiah", "Esther", "Job", "Psalms", "Ezekiel"),
    *("Hosea", "Joel", "Amos", "Jonah", "Micah", "Malachi", "Mark", "Luke", "John", "Acts", "James"),
)
_MANY = (
    "people|users|customers|visitors|copies|jobs|homes|years|views|euros|tons|tonnes|pounds|dollars|children|men|women"
)
_VERSE = re.compile(
    rf"\b(?P<book>{'|'.join(sorted({*abbreviations.BOOKS.values(), *_MORE_BOOKS}))}) (?P<chapter>\d{{1,3}})"
    r":(?P<first>\d{1,3})(?:-(?P<last>\d{1,3}))?(?![\d:])"
)
_COUNT_WORDS = "two|three|four|five|six|seven|eight|nine|ten|several|some|all|both|of|the|no|more"
# Some are words, too: those follow the name of a town, and those that people call out not at the start of a sentence.
_WORDS, _CALLS = "AL|CO|DE|ID|IN|LA|MA|OH|OR|PA", "HI|ME|OK"
_STATE = "|".join(STATES)
_PLAIN = "|".join(state for state in STATES if state not in f"{_WORDS}|{_CALLS}".split("|"))

RULES = rules(
    (r"(?<!\S)[:;=]'?-?[)(DPp|]+(?!\w)", ""),  # smileys
    # Thousands apart, as the French and the Swiss write them, and as Germans do.
    (
        r"(?<![\w.,-])(?<!\d )[1-9]\d{0,2}(?:[ '](?=\d{3}(?!\d))\d{3})+(?![\w']|[ .-]\d)",
        lambda m: re.sub(r"[ ']", ",", m[0]),
    ),
    # Telephone numbers: international, North American, local, British; emergency numbers; cards, accounts and codes.
    (r"(?<![\w+])\(?\+\d{1,3}\)?(?:[ .-]?\(?\d{1,5}\)?){2,6}(?!\d)", _phone),
    (r"(?<![\w-])0\d{2,4}-\d{3,4}-\d{3,4}(?![\w-])", _phone),
    (r"(?i)(?<=\bcall |\btext |\bdial )\d{3} \d{4}\b|(?<=\btext |\bdial )\d{5,6}\b(?! ?\d)", _phone),
    (r"(?<![\w.-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}(?![\w-])", _phone),
    (r"(?<![\w.,-])(?:00 ?\d{1,3}(?: \d{2,5}){2,5}|\d{3} \d{3} \d{4})(?![\w-]|[ .]\d)", _phone),
    (r"(?<![\w.-])1-800-(?=[A-Z])", "one, eight hundred, "),
    (r"(?<![\w.,$£€¥-])\d{3}-\d{4}(?![\w-])", _phone),
    (r"(?<![\w.,-])\(?0\d{2,4}\)? \d{3,6}(?: ?\d{3,4})?(?![\w-])", _phone),
    (r"(?i)(?<=\bcall |\bdial )\d{3}\b|(?<=\bring )999\b", _phone),
    (r"(?<![\w.,$£€¥#-])(?:911|999)(?![\w,.-]*\d|%| [AB] [DC]\b| [a-z]+s\b|-\w|[a-z])", _phone),
    (r"(?<![\w-])\d{4}(?:[ -]\d{4}){3}(?!\w)", _phone),
    (r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])", _phone),
    (r"(?<![\w-])\d+(?:-\d+){3,}(?![\w-])", _phone),
    (r"\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b", lambda m: _characters(m[0])),
    (r"(?i)\b401\(?k\)?(?!\w)", "four oh one K"),
    (r"\b(7\d7)-(\d{1,3})\b", lambda m: f"{in_pairs(m[1])} {in_pairs(m[2])}"),
    (r"\b(50|20)-\1\b", lambda m: f"{cardinal(int(m[1]))} {cardinal(int(m[1]))}"),
    (r"\b(\d{1,2})ers\b", lambda m: cardinal(int(m[1])).removesuffix("e") + "ers"),
    (
        r"\b(?!USD|EUR)([A-Z]{2,4})[ -]([3-9]\d{3})\b(?![,.]\d)",
        lambda m: f"{m[1]} {in_pairs(m[2]) if m[2][1:3] != '00' else m[2]}",
    ),
    (r"\b([A-Z]{1,3})&([A-Z]{1,3})(s?)\b", lambda m: f"{' '.join(m[1])} and {' '.join(m[2])}{m[3]}"),
    (
        r"(?P<what>(?i:\b(?:pin|otp|code|passcode|zip|account|passport|serial|id|isbn|tracking|reference|ref|confirmation"
        r"|card|password|extension|ext|sort code|order|ticket|case|invoice)"
        r"(?: (?:number|no|code))?\.?(?: is| was|:)? #?))"
        r"(?P<digits>\d{3,}(?:[ -]\d+)*)(?![\w,.]*\d|%)",
        _identifier,
    ),
    (rf"\b(?P<state>{_STATE})\.? (?P<zip>\d{{5}}(?:-\d{{4}})?)\b", _place),
    # "Austin, TX" and "Gary, IN", but not "ask him, OR else", "Sure, OK." or "Tell Mom, OK?"
    (rf"(?<=[a-z], )(?P<state>{_PLAIN})\b(?P<zip>)(?! [A-Z]{{2}})", _place),
    (rf"\b(?P<town>[A-Z][a-z]+, )(?P<state>{_WORDS})\b(?P<zip>)(?! [A-Z]{{2}})", _in_town),
    (rf"(?<=\w )(?P<town>[A-Z][a-z]+, )(?P<state>{_CALLS})\b(?P<zip>)(?!\?| [A-Z]{{2}})", _in_town),
    (r"(?<![\w.,-])[1-9]\d{0,2}(?:\.\d{3}){2,}(?![\w]|\.\d)", lambda m: m[0].replace(".", ",")),
    (r"(?<=[€£$])(\d{1,3}(?:\.\d{3})*),(\d\d)(?![\d,])", lambda m: m[1].replace(".", "") + "." + m[2]),
    (r"(?<![\d,])(\d+),(\d\d)(?= ?(?:€|EUR|CHF))", r"\1.\2"),
    (r"(?<=€)(\d{1,3})\.(\d{3})(?![\d.])|(?<![\d.])(\d{1,3})\.(\d{3})(?= ?€)", _grouped),
    (r"(?<![\d,.(\[{])(\d{1,3}),(\d{1,2})(?![\d,)\]}]|\.\d)", r"\1.\2"),
    (r"(?<=\d,\d{3}),(\d\d)(?![\d,])", r".\1"),
    (r"(?<=\bD C )\d{5}(?:-\d{4})?\b", _phone),
    (r"(?i)(?<=\bpress )#|(?<=\bdial )#|(?<=\bthe )#(?= (?:key|sign))", "hash "),
    (r"(?i)(?:(?<=\bpress )|(?<=\bdial )|(?<=\bcode ))\*(?=[\d ])", "star "),
    (_VERSE, _verse),
    # Money.
    (r"(?<!\w)R\$ ?(?=\d)", "BRL "),
    (r"(?<!\w)Rs\.? ?(?=\d)", "₹"),
    (r"(?<=\d)\s?-\s?(?=[$£€¥]\d)|(?<=\d[kKmMB])\s?-\s?(?=[$£€¥]\d)|(?<=\d[bmt]n)\s?-\s?(?=[$£€¥]\d)", " to "),
    (r"(?<=[$£€¥])(\d+(?:\.\d+)?)([kKmMB]|[bmt]n)\s?-\s?(\d+(?:\.\d+)?)\2\b", r"\1-\3\2"),
    (units.MONEY, units.money),
    # "5 days/week" and "the day/night cycle"; prices of what is sold by the piece.
    (
        r"(?<=[\w%])(?<!day)(?<!week)(?<!month)(?<!hour)/(?=(?:hr|hour|day|wk|week|mo|month|yr|year|person|night|kg|lb|oz"
        r"|gal|unit|mile|user|sq ft|min|sec|GB|kWh)\b)",
        " per ",
    ),
    (
        rf"(\b(?:{units.PAID})|\d%?)/(?=(?:bbl|barrel|share|ton|tonne|gallon|pound|litre|liter|piece|item|head|acre|page"
        r"|bottle|seat|guest|adult|child|call|ft)\b)",
        r"\1 per ",
    ),
    (r"\b(?:y/y|q/q|(?<=%)m/m|(?<=% )m/m)\b", _over),
    (r"(?<=[\d%a-z] )p/([wma])\b", lambda m: "per " + {"w": "week", "m": "month", "a": "annum"}[m[1]]),
    (r"(?<=per )(hr|min|sec|wk|mo|yr|kg|lb|oz|gal|bbl|sq ft|ft)\b", lambda m: units.UNITS[m[1]]),
    # An oven's: "at 180C", "180C/350F".
    (r"\b([1-5]\d\d)C/([1-5]\d\d)F\b", r"\1 degrees Celsius or \2 degrees Fahrenheit"),
    (r"(?<=\d) ?deg(?:rees?)?\.? ?(?=[CF]\b)", "°"),
    (r"(?<=\d)-deg\.", "-degree"),
    (r"(?<=\d) ?deg\b(\.$)?\.?", r" degrees\1"),
    (r"\b(at|to) ([1-5]\d\d)C\b", r"\1 \2 degrees Celsius"),
    (r"\b(at|to) ([1-5]\d\d)F\b", r"\1 \2 degrees Fahrenheit"),
    (units.CUPS, units.cups),
    (r"(?<![\w.,])(\d+) ?(?:c|¢)(?![\w/])", lambda m: f"{m[1]} cent{'s' * (m[1] != '1')}"),
    (
        r"(?<![\w.,])(\d{4})[x×](\d{3,4})(?!\d|[.,]\d| ?=|p\b)( ?px\b)?",
        lambda m: f"{in_pairs(m[1])} by {in_pairs(m[2]) if len(m[2]) == 4 else m[2]}{' pixels' if m[3] else ''}",
    ),
    (r"\b(240|360|480|720|1080|1440|2160)p\b", lambda m: f"{in_pairs(m[1])} P"),
    (r"\b([A-Z]{1,3})-(\d{3})\b(?!-)", lambda m: f"{m[1]} {in_pairs(m[2])}"),
    (r"(?<![\w.,])(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)p(?![\w/])", _pence),
    # Times.
    (r"(?i)(?<=\d)\.(\d\d)(?=\s?[ap][. ]?m\b)", r":\1"),
    (r"(?i)\b(ratio|scale|odds) of (\d+):(?=\d)", r"\1 of \2 to "),
    (r"(?i)\b(\d+):(?=\d+(?:,\d{3})* (?:scale|ratio|odds|dilution)\b|\d{1,3}(?:,\d{3})+(?!\d|,\d))", r"\1 to "),
    (r"(?<=\d:\d\d) ?h\b", ""),
    (r"\b([01]?\d|2[0-3])h([0-5]\d)\b", r"\1:\2"),
    (r"(?i)(?<=\d)\s?([ap])\.?\s?m\b(?!')", lambda m: f" {m[1].upper()} M"),
    (r"(?<=\d [AP] M)\s?-\s?(?=\d)", " to "),
    (r"(?<=:\d\d)\s?-\s?(?=\d{1,2}:\d\d)|(?<=\d)\s?-\s?(?=\d{1,2}(?::\d\d)? [AP] M\b)", " to "),
    (r"\b(\d{1,2}):00(?= [AP] M\b| noon\b| midnight\b| to \d{1,2}(?::\d\d)? [AP] M\b)", r"\1"),
    (r"\b(\d+)h ?(\d{1,2})m(?:in)?\b(?: ?(\d{1,2})s\b)?", _lasting),
    (r"\b([01]\d|2[0-3])([0-5]\d) (?:hours|hrs)\b", lambda m: f"{_military(m[1], m[2])} hours"),
    (r"(?<= [AP] M )([ECMP][SD]?T)\b", lambda m: " ".join(m[0])),
    (r"(?i)(prep|cook|bake|time): (\d+)m\b", r"\1: \2 minutes"),
    (r"\bS(\d{1,2})E(\d{1,3})\b", lambda m: f"season {int(m[1])} episode {int(m[2])}"),
    (r"\b9/11\b", "nine eleven"),
    (r"\b24/7\b", "twenty-four seven"),
    # Counts, years and decades.
    (r"(?<![\w.,])(\d{1,3})[ -]?(?:yo|y/o)(?![\w/])", r"\1-year-old"),
    (
        r"(?i)(?<![\w.,])(\d+) ?bps(?= (?:higher|lower|wider|tighter|cut|hike|rise|increase|above|below)\b)",
        r"\1 basis points",
    ),
    (r"(?i)\b(up|by|down) (\d+) ?bps\b", r"\1 \2 basis points"),
    (r"\b(1,?000|100)s\b(?= of\b)", lambda m: "hundreds" if m[1] == "100" else "thousands"),
    (r"(?<=\d(?:st|nd|rd|th))\s?-\s?(?=\d+(?:st|nd|rd|th)\b)", " to "),
    (r"(?<=\bUTC|\bGMT)-(?=\d)", " minus "),
    (r"\bT-(?=\d+ (?:min|sec|hour|day|week))", "T minus "),
    (r"(?<=\d) : (?=\d)", " to "),
    (r"§§\s?", "sections "),
    (r"¶\s?(?=\d)", "paragraph "),
    (r"(?<![\d:])(\d{1,2}):([0-5]\d\.\d+)", _race),
    (r"\b([A-Za-z]+\d+)-(?=\d)", r"\1 "),  # processors and aircraft
    (r"(?<=\d0s)-(?='?\d0s\b)", " to "),
    (r"(?P<before>\b[A-Za-z]{1,10}-)(?P<number>\d{1,3})s\b", _plural_number),
    (r"(?P<before>\b)(?P<number>\d)s(?= (?:and|or) \d'?s\b)|(?P<before2>(?:and|or) )(?P<number2>0)s\b", _ones),
    (rf"(?P<before>\b(?i:{_COUNT_WORDS}|\d+) |\b)(?P<number>(?<= )[1-9]|7\d7|(?<= )[1-9]\d{{2}})s\b", _plural_number),
    (r"\bQ([1-4])(?=')", r"Q\1 "),
    (r"(?<!\w)'(\d\d)(?=[\s,.;:!?)]|$)", lambda m: number_words(m[1]) if m[1][0] != "0" else spell_digits(m[1])),
    (r"\b(1\d|20)([1-9])0'?s\b", lambda m: f"{m[1]} {TENS[int(m[2]) - 1]}"),
    (r"(?:'|\b)([1-9])0'?s\b", lambda m: TENS[int(m[1]) - 1]),
    (r"\b2000'?s\b", "two thousands"),
    (r"\b(\d\d)00'?s\b", r"\1 hundreds"),
    (r"\b((?:19|20)\d\d)/(\d\d)\b(?!/)", r"\1 to \2"),
    (r"(?<![\w/.,-])(\d+\.\d+)/(\d+(?:\.\d+)?)(?![\w/]|[.,]\d)", r"\1 out of \2"),
    (r"(?<![\w.,/-])(\d+)-(\d+)(?=-[a-z]{3})", r"\1 to \2"),  # "18-24-year-olds"
    (r"(?<=\d)ff\.(?!\w)", " and following"),
    (FOUR_DIGITS, year_or_count),
    # Rooms, flights and errors; the numbers of houses.
    (
        r"(?i)(?<=\b(?:room|area) )(\d{3})(?![\w,.]*\d)|(?<=\bflight )(\d{3,4})\b|(?<=\b(?:route|error) )(\d{3})\b"
        r"|(?<=\bflight [A-Z]{2} )(\d{3,4})\b"
        r"|(?<=\bhttp )(\d{3})\b|(?<=\bhighway )(\d{3})\b|(?<=\bsuite )(\d{3,4})\b|(?<=\binterstate )(\d{3})\b"
        r"|\b(\d{3})(?= error\b)|(?<=\b(?:boeing|airbus) )(\d{3})\b",
        lambda m: in_pairs(m.group()),
    ),
    (
        r"\b(\d{3,4})([A-Z])?(?= (?:(?:North|South|East|West|[A-Z][a-z]+|\d+(?:st|nd|rd|th)) ){1,3}"
        r"(?:Street|Avenue|Road|Lane|Drive|Boulevard|Court|Place|Square|Parkway|Highway|Way|Terrace)\b)",
        lambda m: in_pairs(m[1]) + (f" {m[2]}" if m[2] else ""),
    ),
    # Large numbers in short; then units, of which "m" is one.
    (rf"(?<![\w.,])(\d+(?:\.\d+)?)m(?= (?:{_MANY})\b)", r"\1 million"),
    (_COMPACT, _compact),
    *units.RULES,
    *formulas.RULES,
)
SYMBOL = re.compile("[" + re.escape("".join(SYMBOLS)) + "]")


def rewrite(text: str, language: str = "en") -> str:
    """Written forms with a reading of their own, as words; plain numbers stay."""
    text = addresses(text)  # before the abbreviations: the dots of an address are none
    text = capitals.capitals(abbreviations.expand(text))
    if any(c.isdigit() for c in text):
        text = dates(text, language)
    text = rewritten(text, RULES)
    return SYMBOL.sub(lambda m: SYMBOLS[m.group()], text)
