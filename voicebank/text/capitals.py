"""What is written in capitals: Roman numerals, acronyms in the plural, and words that are only emphasised."""

from __future__ import annotations

import re

from voicebank.text.numbers import cardinal, ordinal, year_words
from voicebank.text.tables import COMMON, NOT_NAMES, NUMBERED, ROMAN_DIGITS, RULERS, SPELLED, rewritten, rules

_NUMERAL = r"[MDCLXVI]+"
_VALID = re.compile(r"(?=[MDCLXVI])M{0,3}(CM|CD|D?C{0,3})(XC|XL|L?X{0,3})(IX|IV|V?I{0,3})")
# Numerals by their letters that are more often something else.
OTHERWISE = re.compile("I|V|X|L|C|D|M|CD|DC|MC|MD|CV|MI|DI|DIV|MIX|LI|CI|CC|DL|MM|XL|CM|DM|ML|CL|MV|LCD|LD|VD|XX|XXX")
_DRIP = re.compile(r" (?:drip|line|bag|fluids?|needle|pole|tube|access|antibiotics|therapy|infusion|medication)")
_READ_AS_WORDS = re.compile(
    "SIM|PIN|RAM|ROM|ZIP|GIF|JPEG|NATO|NASA|BAFTA|FEMA|LARP|MOOC|SWAT|SEAL|PAC|CAT|LAN|WAN|MAC|ASIC|SCUBA|LASER"
)
_WORD = re.compile(r"[A-Z][A-Z']*")
# Before "chapter I" these make it the speaker; what follows it where it is the first chapter.
_THIS = re.compile(r"(?i)\b(?:this|that|my|next|last|previous|present|following) $")
_AFTER_ONE = re.compile(
    r" (?:[a-z]+s|of|and|or|to|in|on|at|by|for|from|with|above|below|only|alone|began|ended|we|you|he|she|it|they|there"
    r"|the|an?|our|my|your|her|their)\b"
)
# "us" and not the country, after these.
_BEFORE_US = re.compile(
    r"(?i)\b(?:tell|give|let|help|show|send|join|call|of|to|with|for|from|at|all|between|about|against|on|by|see|save"
    r"|teach|follow|contact|email|visit|than|like|ask|bring|make|take|leave|love|hear|trust|want|needs?|lets|gives) $"
)


def value(numeral: str) -> int | None:
    """The number that a Roman numeral stands for; None for letters that are none."""
    if not _VALID.fullmatch(numeral.upper()):
        return None
    values = [ROMAN_DIGITS[c] for c in numeral.upper()]
    return sum(-v if v < max(values[i:]) else v for i, v in enumerate(values))


def _counted(match: re.Match[str]) -> str:
    number = value(match["numeral"])
    small = match["numeral"].islower()
    if number is None or (small and match["numeral"] in ("i", "l", "li", "xi") and not match["name"][0].isupper()):
        return match[0]
    # "In this chapter I show", "in the present volume I was", but "see part I of it", "volume I has".
    if match["numeral"] == "I" and match["name"][0].islower():
        before, after = match.string[: match.start()], match.string[match.end() :]
        if re.match(" [a-z]", after) and (_THIS.search(before) or not _AFTER_ONE.match(after)):
            return match[0]
    return f"{match['name']} {number}"


def _range(match: re.Match[str]) -> str:
    first, last = value(match["first"]), value(match["last"])
    if first is None or last is None:
        return match[0]
    return f"{match['names']} {first}{' to ' if '-' in match['joint'] else match['joint']}{last}"


def _named(match: re.Match[str]) -> str:
    name, numeral, after = match["name"], match["numeral"], match["after"]
    number = value(numeral)
    if number is None or (len(numeral) == 1 and _is_initial(match)):
        return match[0]
    # "Charles I think": a single I after a name counts only where no sentence can go on with it.
    if name in RULERS and (
        numeral != "I" or re.match(r"'s|[.,;:!?)]|$| of | (?:ruled|reigned|died|became|was|is)\b", after)
    ):
        return f"{name} the {ordinal(number)}"
    if len(numeral) > 1 and not NOT_NAMES.fullmatch(name) and "C" not in numeral and numeral not in ("XL", "LI"):
        return f"{name} {number}"
    return match[0]


def _is_initial(match: re.Match[str]) -> bool:
    """ "Robert V. Smith", but not "Pope Paul V Borghese" nor "Charles V. After that". The stop is gone by now."""
    if match["numeral"] in ("L", "C"):
        return True
    surname = re.match(r" (?:[A-Z]\b|([A-Z][a-z'’]+))", match["after"])
    titled = re.search(r"\b(?:King|Queen|Pope|Emperor|Empress|Tsar|Prince|Duke|Saint) $", match.string[: match.start()])
    return surname is not None and (surname[1] or "").lower() not in COMMON and not titled


def _the(match: re.Match[str]) -> str:
    number = value(match["numeral"])
    if (
        number is None
        or (OTHERWISE.fullmatch(match["numeral"]) and match["numeral"] != "XX")
        or (number == 4 and _DRIP.match(match["after"] or ""))
    ):
        return match[0]
    return f"{match['the']}{ordinal(number)}"


def _alone(match: re.Match[str]) -> str:
    numeral = match["numeral"]
    # "CIV" and "MIX" are more often something else.
    number = value(numeral) if len(numeral) > 3 or set(numeral) <= set("IVX") else None
    before, after = match.string[: match.start()][-4:], match.string[match.end() :][:15]
    if number is None or OTHERWISE.fullmatch(numeral):
        return match[0]
    if numeral == "IV" and (re.search(r"\b[Aa]n? $", before) or _DRIP.match(after)):
        return match[0]
    if 1000 < number < 2100:
        return year_words(number)
    return cardinal(number)


def _plural(match: re.Match[str]) -> str:
    letters = match["letters"]
    if _READ_AS_WORDS.fullmatch(letters):
        return match[0]
    return " ".join(letters) + "s"


def _lowered(match: re.Match[str]) -> str:
    run = match.group()
    words = _WORD.findall(run)
    long = [w for w in words if len(w) > 1]
    if len(long) < 2 or not (any(w.lower() in COMMON for w in long) or len(long) > 3 or any(len(w) > 6 for w in long)):
        return run

    def lower(word: re.Match[str]) -> str:
        capital = word[0]
        if capital == "US" and not _BEFORE_US.search(match.string[: match.start() + word.start()]):
            return "U S"
        if capital.startswith("I'"):
            return "I" + capital[1:].lower()
        is_word = re.search("[AEIOUY]", capital) and capital not in SPELLED and not value(capital)
        return capital.lower() if capital == "A" or (len(capital) > 1 and capital[1] != "'" and is_word) else capital

    said = _WORD.sub(lower, run)
    begins = match.string[: match.start()].rstrip()[-1:] in ".!?"
    return said[0].upper() + said[1:] if begins else said


_RULES = rules(
    (r"(?<![\w'-])[A-Z][A-Z']*(?:(?:[ ,;:/-]|, |; |: | - | — )[A-Z][A-Z']*)+(?![\w])", _lowered),
    (
        r"\b(?P<numeral>[IVX]+)(?:th)?(?= (?:century|centuries|dynasty|arrondissement|Corps|Olymp))",
        lambda m: ordinal(number) if (number := value(m["numeral"])) else m[0],
    ),
    (
        r"(?P<names>\b(?:[Cc]hapter|[Pp]art|[Vv]olume|[Bb]ook|[Aa]ct|[Ss]cene|[Ss]ection|[Aa]rticle|[Pp]hase|[Tt]ype|[Ll]evel"
        r"|[Gg]rade|[Ss]tage|[Tt]able|[Ff]igure|War|[Pp]age)s) "
        rf"(?P<first>{_NUMERAL}|[ivxl]+)(?P<joint>\s?-\s?| to | and | or | & )(?P<last>{_NUMERAL}|[ivxl]+)\b(?!')",
        _range,
    ),
    (r"(?<![\w'])I(?=(?:,| and| or|-) ?II\b)", "1"),
    (
        rf"\b(?P<name>{'|'.join(NUMBERED)}|chapter|part|volume|book|act|scene|section|article|phase|type|level|grade|class|stage"
        r"|title|figure|appendix|pages?|division|category|tier|table|episode|verse|line|factor|group|diabetes|paragraph)"
        rf" (?P<numeral>{_NUMERAL}|[ivxl]+)\b(?!')",
        _counted,
    ),
    (r"\b(?P<name>[A-Z][a-z]+) (?P<numeral>[IVXLC]+)\b(?=(?P<after>.{0,12}))", _named),
    (rf"(?P<the>\b[Tt]he )(?P<numeral>{_NUMERAL})\b(?!'|-[a-z]|\.[A-Z])(?=(?P<after> [a-z]+)?)", _the),
    (rf"(?<![\w'.&-])(?P<numeral>{_NUMERAL})(?![\w'&]|\.\w|-\w)", _alone),
    (r"\b(?P<letters>[A-Z]{2,5})(?:'s(?= (?:and|or|are|were|have)\b)|s)\b", _plural),
)


def capitals(text: str) -> str:
    """The text with Roman numerals as numbers, words of a text in capitals in small letters, and plurals spelled."""
    return rewritten(text, _RULES)
