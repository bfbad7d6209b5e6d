"""Signs between numbers and letters: arithmetic, powers, sizes, versions, tags, addresses of the web."""

from __future__ import annotations

import re

from voicebank.text.numbers import cardinal, in_pairs, number_words, ordinal_words, spell_digits
from voicebank.text.tables import SPOKEN_MARKS, rules

DIGIT_NAMES = {"0": "zero"} | {str(i): spell_digits(str(i)) for i in range(1, 10)}
_SIGNS = {"+": "plus", "-": "minus"}
# "DaysOfCode" in three words.
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=\d)(?=[A-Za-z])")


def _scientific(match: re.Match[str]) -> str:
    sign = "minus " if match["sign"] == "-" else ""
    return f"{match['mantissa']} times ten to the {sign}{_exponent(match['power'])}"


def _exponent(digits: str) -> str:
    return ordinal_words(int(digits)) if len(digits) < 5 else number_words(digits)


def _power(match: re.Match[str]) -> str:
    sign, power = match["sign"], match["power"]
    if not sign and power in ("2", "3"):
        return " squared " if power == "2" else " cubed "
    said = number_words(power) if power.isdigit() else power.upper() if len(power) == 1 else power
    return f" to the power of {'minus ' if sign == '-' else ''}{said} "


def _times(match: re.Match[str]) -> str:
    """ "a 4x4" and "1920×1080" are sizes, "3 × 4" and "3x4=12" are products."""
    after = match.string[match.end() :]
    product = not re.match(r"[\d.,]+ ?(?:[mck]m|(?:milli|centi|kilo)?meters|inch|feet|pixels)", after) and (
        match[0].strip() in "*·"
        or "× " in match[0]
        or re.match(r"[\d.,]+ ?(?:(?:kilo|milli)?gram|(?:milli|centi)?liter|ounce|pound)", after)
        or re.match(r"[\d.,\s]*(?:=|equals|\^|to the power|squared)", after)
    )
    return " times " if product else " by "


def _factor(match: re.Match[str]) -> str:
    """ "a 10x gain" is ten times, "y = -3x" is three x."""
    return (
        " x" if re.search(r"(?:equals|plus|minus|[-+*/(^=])\s*-?[\d.]+$", match.string[: match.start()]) else " times"
    )


def _either(match: re.Match[str]) -> str:
    """ "a yes/no question"."""
    return match[0].replace("/", " or ")


def _right_side(match: re.Match[str]) -> str:
    """ "= 2x - 1", "= b / c"."""
    signs = {"-": " minus ", "/": " divided by "}
    return re.sub(r"(?<=[\w)])\s+([-/])\s+(?=[\d(]|[a-z]\b)", lambda m: signs[m[1]], match[0])


def _hex(match: re.Match[str]) -> str:
    return " ".join(DIGIT_NAMES.get(c, c.upper()) for c in match[0])


def _version_number(number: str) -> str:
    return " point ".join("zero" if part == "0" else number_words(part) for part in number.split("."))


RULES = rules(
    # Arithmetic and other signs between numbers; ions before powers.
    (r"\b((?:[A-Z][a-z]?\d?){1,6})\^(\d?)([+-])(?![\w(])", lambda m: f"{m[1]} {m[2]} {_SIGNS[m[3]]}"),
    (r"(?:(?<=\d/\d)|(?<=\d/\d\d))(?:th|rd|nd|st)s?\b", ""),
    (r"(?<![\w/.,-])(\d+)-(?=[1-9]/\d{1,2}\b)", r"\1 "),
    (r"(?<![\w.])(?P<mantissa>\d+(?:\.\d+)?)[eE](?P<sign>[+-]?)(?P<power>\d{1,4})(?!\w)", _scientific),
    (r"\+/-|\+-(?=\d)", "±"),
    (r"(?<=\d)!(?=\s*[=+*/×÷)-])|(?<=\bn)!(?=\s*=)", " factorial"),
    (r"(?<!\S)\|(\w(?:[\w\s.+*/-]*\w)?)\|(?=\s*[<>=+*/]|[.,]?$)", r"the absolute value of \1"),
    (r"\((\w+)\|(\w+)\)", r"(\1 given \2)"),
    (r"(?<![\w])0x[0-9A-Fa-f]+\b|(?<=#)(?=[0-9A-Fa-f]*\d)(?:[0-9A-Fa-f]{6})\b", _hex),
    (r"\b([b-df-hj-np-tv-z])([b-df-hj-np-tv-z])(?=\^)", r"\1 \2"),
    (r"(?<=[\w)])(?:\^|\*\*)\s?[({]?(?P<sign>[+-]?)(?P<power>\d+|[a-z]\b)[)}]?", _power),
    (r"=[^!?;]*", _right_side),
    (r"(?:(?<=[\d)])|(?<=\b[a-z])) / (?=[\d(])", " divided by "),
    # Signs of more than one character, and those whose reading depends on their place.
    (r"(?<![\w)\]] )(?:(?<=\s)|^)(?:<=|=<)\s?(?=[\d$£€.])", "at most "),
    (r"(?<![\w)\]] )(?:(?<=\s)|^)>=\s?(?=[\d$£€.])", "at least "),
    (r"(?:(?<=\s)|(?<=\()|^)<(?=[\d$£€.])", "less than "),
    (r"(?:(?<=\s)|(?<=\()|^)>(?=[\d$£€.])", "more than "),
    (r"(?<=[\w)\]])\s?(?:!==?|=/=|<>)\s?(?=[\w(\"'-])", " is not equal to "),
    (r"!=", " not equal to "),
    (r"\s*(?:<=|=<)\s*", " is less than or equal to "),
    (r"\s*>=\s*", " is greater than or equal to "),
    (r"\s*(?:<?=>|<?-+>)\s*", " to "),
    (r"\s*===?\s*", " equals "),
    (r"&&", " and "),
    (r"\|\|", " or "),
    (r"(?<=[\w)])\s+-\s+(?=[\w(][^.!?;,]*(?:=|equals))|(?<=[\d)]) ?- ?(?=[\d(][^.!?,;]*(?:=|equals))", " minus "),
    (r"(?<=[\d)])\s?[x×*·]\s?(?=[\d(])", _times),
    (r"(?<=\d)x\b(?!\s*(?:squared|cubed|to the power|equals|plus|minus|[-+=*/^]))", _factor),
    (
        r"\b(?P<name>v(?:er(?:sion)?)?\.?\s?)(?P<number>\d+(?:\.\d+)+)\b",
        lambda m: "version " + _version_number(m["number"]),
    ),
    (r"\bv(\d+)\b", r"version \1"),
    (r"(?<![\w.])(\d+\.\d+\.\d+)(?!\.?\d)", lambda m: _version_number(m[1])),
    (r"(?<![\w.,/-])(-?\d[\d,.]*%?)(?<![.,])\s?-\s?(\d[\d,.]*)(?![\d/-])", r"\1 to \2"),
    (r"(?<=°[CF])\s?-\s?(?=\d)", " to "),
    (r"(?<![\w-])(\d{1,3})-(\d{1,3})-(\d{1,3})(?![\w-])", r"\1 \2 \3"),
    (r"(?<![\w.])-(?=[\d.]*\d)", "minus "),
    (r"(?<=[\d)])\s*-\s*(?=\d)", " minus "),
    (r"(?<=\d)\.(?=\d+\.\d)|(?<=\d\.\d)\.(?=\d)", " dot "),
    (r"(?<!\w)# (?=of\b)", "number "),
    (r"#(?=\d[\d,.]*(?![\w])|[A-Z]{1,3}-?\d)", "number "),
    (r"\b([A-G])#", r"\1 sharp"),
    (r"#(?=\w)(\w+)", lambda m: "hashtag " + CAMEL.sub(" ", m[1])),
    (r"\bC\+\+", "C plus plus"),
    (r"(?i)\bN/A\b", "not applicable"),
    (r"\bw/o\b", "without"),
    (r"\bw/(?=\s|$)", "with"),
    (r"\bc/o\b", "care of"),
    (r"\bb/c\b", "because"),
    (r"(?i)\b(and|either)/or\b", r"\1 or"),
    (r"(?i)\b(he/she|she/he|his/hers?|hers?/his|him/her|yes/no|true/false|on/off|pass/fail|male/female)\b", _either),
    # The home folder of a shell, which is no estimate.
    (r"(?<!\S)~/(\.?)(?=\w)", lambda m: "tilde slash " + "dot " * len(m[1])),
    (r"(?<=\w) / (?=\w)", ", "),
    (r"(?<=[A-Za-z])/(?=[A-Za-z])|(?<!\S)/(?=[\w.]+/)", " slash "),
    (r"@", " at "),
    (r"(?<=\w)\s*\+\s*(?=\w)", " plus "),
    # ASP.NET, and names such as node.js.
    (r"\b([A-Z]{2,})\.([A-Z]{2,})\b", lambda m: f"{' '.join(m[1])} dot {m[2].lower()}"),
    (r"(?<!\w)\.NET\b", "dot net"),
    (r"(?<!\S)\.(?=[a-z][a-z\d]{1,4}\b)", "dot "),
    (r"(?<=[A-Za-z])\.(?=[a-z])", " dot "),
    # The parameters of a type: List<String>.
    (r"<([A-Za-z_][\w.]*(?:, ?[\w.]+)*)>", r" \1 "),
)


TOP_DOMAINS = "com|org|net|edu|gov|info|io|ai|app|dev|uk|us|ca|au|de|fr|eu|tv|me|co|nz|ie|ch"
WEB = re.compile(
    rf"\b(?:(?:https?|ftp)://|www\.|localhost:)[^\s<>\"()]*[\w/]|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    rf"|\b(?:[a-z0-9-]+\.)+(?:{TOP_DOMAINS})\b(?::\d{{2,5}})?(?:/[^\s<>\"()]*[\w/])?|\b\w+_\w+\.[a-z]\w{{1,3}}\b"
)
_ADDRESS = re.compile(
    r"(?<![\w.])(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:/(\d{1,2}))?(?::(\d{2,5}))?(?![\w]|\.\d)"
)


def addresses(text: str) -> str:
    """The text with addresses of the web, of mail and of the internet protocol as words."""
    return _ADDRESS.sub(_internet, WEB.sub(_web, text))


def _web(match: re.Match[str]) -> str:
    address = re.sub(r"^(?:https?|ftp)://", "", match.group()).rstrip("/")
    address = re.sub(r"\bwww\b", "W W W", address)
    # A country is spelled out, other endings are words; digits are left to the number grammar.
    address = re.sub(
        r"\.(uk|us|ca|au|de|fr|eu|tv|nz|ie|ch|io|ai)(?=[/:]|$)", lambda m: "." + " ".join(m[1].upper()), address
    )
    address = re.sub(r"\b[a-z]\b", lambda m: m[0].upper(), address)
    return "".join(f" {SPOKEN_MARKS[c]} " if c in SPOKEN_MARKS else c for c in address)


def _internet(match: re.Match[str]) -> str:
    *parts, prefix, port = match.groups()
    said = " dot ".join(in_pairs(part) if part != "0" else "zero" for part in parts)
    return said + (f" slash {prefix}" if prefix else "") + (f", port {_digits_in_pairs(port)}" if port else "")


def _digits_in_pairs(digits: str) -> str:
    return in_pairs(digits) if len(digits) in (3, 4) else cardinal(int(digits))
