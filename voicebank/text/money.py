"""Amounts of money: the sign or code of a currency before or after a number, with a scale, a range or cents."""

from __future__ import annotations

import re

from voicebank.text.tables import CODES, CURRENCIES, SCALES

AREAS = {"US": "U S", "A": "Australian", "AU": "Australian", "C": "Canadian", "CA": "Canadian", "NZ": "New Zealand"} | {
    **{"HK": "Hong Kong", "S": "Singapore", "Can": "Canadian", "Aus": "Australian"},
}
_SIGN = "[" + "".join(CURRENCIES) + "]"
_SCALE = r"thousand|million|billion|trillion|bn|tn|mn|mil|[kKmMBT]"
_PLAIN_AMOUNT = r"(?:\d+(?:,\d{2,3})*(?:\.\d+)?|\.\d+)"
_CODE = "|".join(CODES)
MONEY = re.compile(
    rf"(?<![\w.])(?P<minus>-)?(?:(?P<area>{'|'.join(sorted(AREAS, key=len, reverse=True))})?(?P<sign>{_SIGN})"
    rf"|(?P<code>{_CODE}))(?: |(?P<minus2>-))?(?P<amount>{_PLAIN_AMOUNT})(?:[ -]?(?P<scale>{_SCALE})\b)?"
    rf"(?:(?<=\d)-(?P<until>{_PLAIN_AMOUNT})(?:\s?(?P<scale1>{_SCALE})\b)?(?![\w-]))?(?=(?P<after>.{{0,12}}))"
    rf"|(?<![\w.,$£€¥])(?P<amount2>{_PLAIN_AMOUNT})(?:-(?P<until2>{_PLAIN_AMOUNT}))?(?:\s?(?P<scale2>{_SCALE}))?"
    rf"\s?(?:(?P<sign2>[€£₽₴₺₪₩₹¥$](?!\d))|(?P<code2>{_CODE})\b)"
)
ATTRIBUTIVE = re.compile(r"[ -](?:bills?|notes?|coins?|fee|fine|prize|reward|tip|ticket|loan|gift|discount)\b")


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
    if scale or until:
        amount = _amount(whole, minor) + (
            f" to {_amount(*until.replace(',', '').partition('.')[::2])}" if until else ""
        )
        return f"{minus}{amount} {SCALES.get(scale, scale) + ' ' if scale else ''}{many}"
    if minor and len(minor) != 2:
        return f"{minus}{_amount(whole, minor)} {many}"
    # "a $5 bill", "a 5 euro note" and "a $20-a-day habit" have no plural.
    attributive = ATTRIBUTIVE.match(groups["after"] or "")
    major = f"{_amount(whole)} {one if whole == '1' or attributive else many}"
    if not minor or minor == "00":
        return minus + major
    small = f"{int(minor)} {cent if int(minor) == 1 else cents}"
    return minus + (small if int(whole or 0) == 0 else f"{major} and {small}")


def _amount(whole: str, minor: str = "") -> str:
    return f"{int(whole or 0):,}" + (f".{minor}" if minor else "")
