"""Words for the written forms that :mod:`voicebank.text.readings` reads."""

from __future__ import annotations

import re

MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
TENS = ["tens", "twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties"]
DIGITS = ["oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
RULERS = re.compile(  # "the eighth" after these
    "Henry|Louis|George|Edward|Elizabeth|Charles|William|James|Richard|Philip|Napoleon|Paul|Pius|Benedict"
    "|Francis|Leo|Gregory|Alexander|Catherine|Nicholas|Ivan|Frederick|Peter|Mary|Rames+es|Ferdinand|Alfonso"
    "|Christian|Gustav|Harold|Innocent|Clement|Urban|Darius|Xerxes|Ptolemy|Victoria|Margaret|Robert|Joseph"
    "|Leopold|Carlos|Umberto|Haakon|Olav|Sixtus|Julius|Boniface|Celestine|Justinian|Constantine|Theodosius"
)
NUMBERED = re.compile(  # "eight" after these
    "Chapter|Part|Volume|Book|Act|Scene|Section|Article|War|Bowl|Phase|Type|Level|Grade|Class|Round|Stage"
    "|Title|Figure|Appendix|Canto|Psalm|Symphony|Opus|Mark"
)
NOT_NAMES = re.compile("An?|The|My|Her|His|Our|Your|Their|This|That|No|And|Or|If|In|On|At|Is|Was")

CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
}
SCALES = {"k": "thousand", "K": "thousand", "m": "million", "M": "million", "bn": "billion", "B": "billion"}
UNITS = {  # those the library does not know, or reads as something else ("100m": minutes)
    "m": "meters",
    "kHz": "kilohertz",
    "kB": "kilobytes",
    "KB": "kilobytes",
    "kWh": "kilowatt hours",
    "kW": "kilowatts",
    "W": "watts",
    "V": "volts",
    "mAh": "milliamp hours",
    "Mbps": "megabits per second",
    "Gbps": "gigabits per second",
    "m/s": "meters per second",
    "km/h": "kilometers per hour",
    "km/s": "kilometers per second",
    "ft/s": "feet per second",
    "fps": "frames per second",
    "rpm": "revolutions per minute",
    "sec": "seconds",
    "secs": "seconds",
    "hr": "hours",
    "hrs": "hours",
    "mins": "minutes",
    "l": "liters",
    "L": "liters",
    "gal": "gallons",
    "dB": "decibels",
    "in.": "inches",
    "px": "pixels",
}
SINGULAR = {"inches": "inch", "hertz": "hertz", "kilohertz": "kilohertz"}
SPOKEN_MARKS = {
    ".": "dot",
    "/": "slash",
    "@": "at",
    "-": "dash",
    "_": "underscore",
    "?": "question mark",
    "=": "equals",
    "&": "and",
    "#": "hash",
    ":": "colon",
    "~": "tilde",
    "%": "percent",
    "+": "plus",
}
SYMBOLS = {
    "&": " and ",
    "≈": " approximately ",
    "~": " about ",
    "<": " is less than ",
    ">": " is greater than ",
    "±": " plus or minus ",
    "×": " times ",
    "÷": " divided by ",
    "=": " equals ",
    "§": " section ",
    "¢": " cents ",
    "†": " ",
    "‡": " ",
    "¶": " ",
    "•": " ",
    "·": " ",
    "*": " ",
    "_": " ",
    "^": " ",
    "`": " ",
    "|": ", ",
    "\\": " backslash ",
    "[": "(",
    "]": ")",
    "{": "(",
    "}": ")",
}
AS_SAID = {  # words that are others, or are misread, without their accents
    "résumé": "rezumay",
    "resumé": "rezumay",
    "exposé": "expozay",
    "rosé": "rozay",
    "pâté": "pattay",
    "lamé": "lammay",
    "maté": "mahtay",
    "passé": "passay",
    "blasé": "blahzay",
    "touché": "tooshay",
    "josé": "Hozay",
    "beyoncé": "Beeyonsay",
    "brontë": "Brontay",
    "zoë": "Zoey",
    "chloë": "Chloey",
    "noël": "Noelle",
}
