"""What is measured in a unit or paid in a currency: ``5 km/h``, ``6 ft 2 in``, ``US$5``, ``€1.5bn``."""

from __future__ import annotations

import re

from voicebank.text.tables import CODES, CURRENCIES, SCALES, TABLES, rules

PREFIXES: dict[str, str] = TABLES["prefixes"]
# Bases that take prefixes: their name, and which prefixes.
PREFIXED: dict[str, list[str]] = TABLES["bases"]
PLAIN: dict[str, str] = TABLES["units"]
INVARIABLE = {"hertz", "horsepower", "kelvin", "stone", "P H"}
IRREGULAR = {"foot": "feet", "inch": "inches"}
# A word or the like as well: a unit only where no space stands before it, or after a number with a point.
CLOSE_ONLY = {"pp", "d", "mo", "pH", "MP", "Pb", "kt", "pt"}
# The other way about: "4K" is no temperature.
APART_ONLY = {"K", "t"}
POWERS = {"²": "square", "^2": "square", "2": "square", "³": "cubic", "^3": "cubic", "3": "cubic"}


def _single() -> dict[str, str]:
    units = dict(PLAIN)
    for base, (name, prefixes) in PREFIXED.items():
        for prefix in prefixes.split():
            units.setdefault(prefix + base, PREFIXES[prefix] + name)
    return units


UNITS = _single()
_NAMES = "|".join(re.escape(unit) for unit in sorted(UNITS, key=len, reverse=True))
_POWER = r"(?:\^?[23](?![\d.]\d|\d))"
_AMOUNT = (
    r"(?P<amount>(?:(?<![\w.,])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|(?<![\w.])\.\d+)"
    r"(?: (?:thousand|million|billion|trillion)(?= ))?)"
)
# "in" and "m" are words after "5 ", so what may come after them is limited below.
QUANTITY = re.compile(
    rf"{_AMOUNT}(?P<space> |-)?(?P<unit>{_NAMES})(?P<power>{_POWER})?"
    rf"(?:(?P<per>/|·| per )(?P<other>{_NAMES})(?P<power2>{_POWER})?)?(?P<stop>\.(?=\s+[a-z,;)]|,))?"
    r"(?![A-Za-z0-9°µμ/'^]|-[a-z]|\.[A-Za-z])"
)
BARE = re.compile(
    rf"(?<![\w./])(?P<unit>{_NAMES})(?P<power>{_POWER})?/(?P<other>{_NAMES})(?P<power2>{_POWER})?(?![\w/.-]\w)"
)
MICRO = re.compile(r"(?<!\w)[µμ](m|g|l|L|s|A|F)\b")
_BARE_FIRST = re.compile(r"m|k?m|mi|ft|[kmµμ]?g|m?[lL]|[kMGT]?(?:B|b|bit)|mol|W|k?W|J|N|rad")
SIDES = {"N": "north", "E": "east", "S": "south", "W": "west"}
# "12 in": inches, and not "in 12 in London".
_AFTER_INCHES = re.compile(
    r"\s*(?:$|[.,;:)x×]|by\b|wide|tall|long|deep|high|thick|across|in diameter|of (?:rain|snow))"
)


# "a 12 kg bag" and "a $3M deal" have no plural.
_ARTICLE = re.compile(r"\b[Aa]n? $")
# "1/4 lb" is a quarter pound, "3/4 mi" three quarters of a mile.
_PART = re.compile(r"(?<![\d/.,])(?<!\d[ -])(?P<over>\d{1,2})/$")
_NOUN = re.compile(
    r"[ -](?!(?:in|of|for|to|on|at|is|was|are|and|or|an?|the|per|each|more|less|from|by|that|which|as|with|will|off"
    r"|if|when|but|so|than|up|down|away|long|ago|later|before|after|over|under|now|today)\b)[A-Za-z]{3,}"
)
# "1/2 c. of milk" and "2 c. sugar", where "50 c." are cents.
CUPS = re.compile(
    r"(?<![\w.,/])(?P<amount>(?:\d+ )?\d/\d|\d+) c\. (?=(?:of|flour|sugar|milk|water|butter|rice|oats|oil|cream|broth"
    r"|stock|(?:chopped|grated|packed|brown|white|cold|warm|hot) [a-z]+)\b)"
)
# What an amount of money ends with, in words.
PAID = "|".join(
    sorted({name.rpartition(" ")[2] for names in (*CURRENCIES.values(), *CODES.values()) for name in names})
)


def cups(match: re.Match[str]) -> str:
    """The words of a match of :data:`CUPS`; numbers stay digits."""
    return f"{match['amount']} cup{'s' * (re.fullmatch(r'1|./.', match['amount']) is None)} "


def plural(name: str) -> str:
    """The name of several units: "miles per hour", "feet", "kilowatt hours"."""
    for joint in (" per ", " of ", " Celsius", " Fahrenheit"):
        head, found, tail = name.partition(joint)
        if found:
            return plural(head) + joint + tail
    if name in INVARIABLE or name.endswith("hertz"):
        return name
    *before, last = name.split(" ")
    return " ".join([*before, IRREGULAR.get(last, last + "s")])


def begins_quantity(text: str, at: int) -> bool:
    """Whether a number with its unit begins there."""
    match = QUANTITY.match(text, at)
    return match is not None and _unit(match) != match.group()


def _feet(match: re.Match[str]) -> str:
    """ "five foot eleven" for 5'11", and in full where the units are."""
    if match["mark"]:
        return f"{match['feet']} foot {match['inches']}"
    return f"{_quantity(match['feet'], 'foot')} {_quantity(match['inches'], 'inch')}"


def _inches(match: re.Match[str]) -> str:
    # Behind an odd number of quotation marks, this one closes.
    return f"{match[1]} inch" if match.string.count('"', 0, match.start()) % 2 == 0 else match.group()


def _quantity(amount: str, name: str) -> str:
    amount = f"{int(amount):,}" if amount.isdigit() else amount  # 1500 alone would be a year
    return f"{amount} {name if amount == '1' else plural(name)}"


def _angle(match: re.Match[str]) -> str:
    parts = [_quantity(match["degrees"], "degree"), _quantity(str(int(match["minutes"])), "minute")]
    if match["seconds"]:
        parts.append("and " + _quantity(match["seconds"].removeprefix("0") or "0", "second"))
    return " ".join([*parts, SIDES.get(match["side"] or "", "")]).rstrip()


def _name(unit: str, power: str | None) -> str:
    return f"{POWERS[power]} {UNITS[unit]}" if power else UNITS[unit]


def _unit(match: re.Match[str]) -> str:
    amount, unit, after = match["amount"], match["unit"], match.string[match.end() :][:20]
    alone = not (match["power"] or match["other"])
    space = match["space"] or ""
    if alone and ((space == " " and unit in CLOSE_ONLY) or (space != " " and unit in APART_ONLY)):
        return match.group()
    if alone and unit == "in" and space == " " and not (match["stop"] or _AFTER_INCHES.match(after)):
        return match.group()
    if space == "-" and (len(unit) < 2 or unit == "in" or not alone):
        return match.group()
    name = _name(unit, match["power"])
    if match["other"]:
        other = _name(match["other"], match["power2"])
        if match["power2"] and match["other"] == "s":
            other = "second squared" if match["power2"].endswith("2") else "second cubed"
        name = f"{name} {other}" if match["per"] == "·" else f"{name} per {other}"
    if space == "-":
        return f"{amount}-{name}"
    if alone and (part := _PART.search(match.string, 0, match.start())):
        if part["over"] == "1" or _ARTICLE.search(match.string, 0, part.start()):
            return f"{amount} {name}"
        return f"{amount} of {'an' if name[0] in 'aeio' else 'a'} {name}"
    if alone and _ARTICLE.search(match.string, 0, match.start()) and _NOUN.match(match.string, match.end()):
        return f"{amount} {name}"
    return _quantity(amount, name)


def _bare(match: re.Match[str]) -> str:
    if not _BARE_FIRST.fullmatch(match["unit"]):
        return match.group()
    return f"{plural(_name(match['unit'], match['power']))} per {_name(match['other'], match['power2'])}"


# Units as words after their numbers, which stay as digits.
_MEASURES = "k?g|m?l|[cmk]?m|oz|lb|in|ft|mi|mph|km/?h"
RULES = rules(
    (r"(?<=\d)[x×](?=\d+(?:\.\d+)?(?:[mck]?m|ft|in)\b)", " x "),
    # One measure in two units: "200g/7oz".
    (rf"(?<![\w.,/])(\d[\d.,]* ?(?:{_MEASURES}))/(?=\d[\d.,]* ?(?:{_MEASURES})\b)", r"\1, "),
    (r"\b(sq|cu)\. ?(?=(?:ft|in|m|km|mi|yd|cm)\b)", r"\1 "),
    (
        r"(?<![\w.])(?P<degrees>\d+)° ?(?P<minutes>\d{1,2})' ?(?:(?P<seconds>\d{1,2}(?:\.\d+)?)(?:\"|'') ?)?"
        r"(?P<side>[NESW]\b)?",
        _angle,
    ),
    (r"(?<=\d)°(?=[NSEW]\b)", "° "),
    (r"(?<=\d° )[NSEW]\b", lambda m: SIDES[m[0]]),
    (r"(?<=\d)\"\s?[x×]\s?(?=\d)", " by "),
    (r"(?<![\w.])(\d+)'(?= (?:tall|long|wide|high|deep)\b)", r"\1 feet"),
    (
        r"(?<![\w.])(?P<feet>\d+)(?:(?P<mark>')| ?ft\.?| ?foot| ?feet) ?(?P<inches>\d{1,2}(?:\.\d+| \d/\d)?)"
        r"(?:\"|''| ?in\b\.?| ?inch(?:es)?\b)",
        _feet,
    ),
    (r"(?<![\w.,])(\d+(?:\.\d+)?)\"(?=[ ,.)]|$)", _inches),
    (r"(?<![\w.])(\d+)' ?[x×] ?(\d+)'(?!\d)", r"\1 foot by \2 foot"),
    (r"(?<![\w.])(\d+) ?st\.? (\d+) ?lbs?\b\.?", lambda m: f"{_quantity(m[1], 'stone')} {_quantity(m[2], 'pound')}"),
    (r"(?<![\w.])(\d+) ?lbs?\.? (\d+) ?oz\b\.?", lambda m: f"{_quantity(m[1], 'pound')} {_quantity(m[2], 'ounce')}"),
    (r"\b[Ll]/100 ?km\b", "liters per 100 kilometers"),
    (QUANTITY, _unit),
    (r"(?<=[a-z]s) [x×] (?=\d)", " by "),
    (BARE, _bare),
    (MICRO, lambda m: f"micro{plural(PREFIXED[m[1]][0])}"),
)

AREAS = {"US": "U S", "A": "Australian", "AU": "Australian", "C": "Canadian", "CA": "Canadian", "NZ": "New Zealand"} | {
    **{"HK": "Hong Kong", "S": "Singapore", "Can": "Canadian", "Aus": "Australian"},
}
_SIGN = "[" + "".join(CURRENCIES) + "]"
_SCALE = r"thousand|million|billion|trillion|bn|tn|mn|mil|MM|[kKmMBT]"
_PLAIN_AMOUNT = r"(?:\d+(?:,\d\d(?=,\d))*(?:,\d{3})*(?:\.\d+)?|\.\d+)"
_CODE = "|".join(CODES)
MONEY = re.compile(
    rf"(?<![\w.])(?P<minus>-)?(?:(?P<area>{'|'.join(sorted(AREAS, key=len, reverse=True))})?(?P<sign>{_SIGN})"
    rf"|(?P<code>{_CODE}))(?: |(?P<minus2>-))?(?P<amount>{_PLAIN_AMOUNT})(?:[ -]?(?P<scale>{_SCALE})\b)?"
    rf"(?:(?<=\d)-(?P<until>{_PLAIN_AMOUNT})(?:\s?(?P<scale1>{_SCALE})\b)?(?![\w-]))?(?=(?P<after>.{{0,12}}))"
    rf"|(?<![\w.,$£€¥])(?P<amount2>{_PLAIN_AMOUNT})(?:-(?P<until2>{_PLAIN_AMOUNT}))?(?:\s?(?P<scale2>{_SCALE}))?"
    rf"\s?(?:(?P<sign2>[€£₽₴₺₪₩₹¥$](?!\d))|(?P<code2>{_CODE})\b)"
)
ATTRIBUTIVE = re.compile(
    r"[ -](?:bills?|notes?|coins?|fee|fine|prize|reward|tip|ticket|loan|gift|discount|an?-[a-z]+)\b"
)


def money(match: re.Match[str]) -> str:
    """The words of a match of :data:`MONEY`; numbers stay digits."""
    groups = match.groupdict()
    sign = groups["sign"] or groups["code"] or groups["sign2"] or groups["code2"]
    one, many, cent, cents = CURRENCIES[sign] if sign in CURRENCIES else CODES[sign]
    if area := groups["area"]:
        one, many = f"{AREAS[area]} {one}", f"{AREAS[area]} {many}"
    # With its commas: 1984 alone would be a year.
    whole, _, minor = (groups["amount"] or groups["amount2"]).replace(",", "").partition(".")
    minus = "minus " if groups["minus"] or groups["minus2"] else ""
    scale = groups["scale"] or groups["scale1"] or groups["scale2"]
    until = groups["until"] or groups["until2"]
    attributive = ATTRIBUTIVE.match(groups["after"] or "") or (
        _ARTICLE.search(match.string, 0, match.start()) and _NOUN.match(match.string, match.end())
    )
    if scale or until:
        amount = _amount(whole, minor) + (
            f" to {_amount(*until.replace(',', '').partition('.')[::2])}" if until else ""
        )
        return f"{minus}{amount} {SCALES.get(scale, scale) + ' ' if scale else ''}{one if attributive else many}"
    if minor and len(minor) != 2:
        return f"{minus}{_amount(whole, minor)} {many}"
    # "a $5 bill", "a 5 euro note" and "a $20-a-day habit" have no plural.
    major = f"{_amount(whole)} {one if whole == '1' or attributive else many}"
    if not minor or minor == "00":
        return minus + major
    small = f"{int(minor)} {cent if int(minor) == 1 else cents}"
    return minus + (small if int(whole or 0) == 0 else f"{major} and {small}")


def _amount(whole: str, minor: str = "") -> str:
    return f"{int(whole or 0):,}" + (f".{minor}" if minor else "")
