"""Words for the written forms that :mod:`voicebank.text.readings` reads."""

from __future__ import annotations

import re

MONTHS = [
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
]
TENS = ["tens", "twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties"]
DIGITS = ["oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
DENOMINATORS = {
    **{2: ("half", "halves"), 3: ("third", "thirds"), 4: ("quarter", "quarters"), 5: ("fifth", "fifths")},
    **{6: ("sixth", "sixths"), 7: ("seventh", "sevenths"), 8: ("eighth", "eighths"), 9: ("ninth", "ninths")},
    **{10: ("tenth", "tenths"), 12: ("twelfth", "twelfths"), 16: ("sixteenth", "sixteenths")},
    **{20: ("twentieth", "twentieths"), 32: ("thirty second", "thirty seconds"), 64: ("sixty fourth", "sixty fourths")},
    **{100: ("hundredth", "hundredths"), 1000: ("thousandth", "thousandths")},
}
ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
RULERS = re.compile(  # "the eighth" after these
    "Henry|Louis|George|Edward|Elizabeth|Charles|William|James|Richard|Philip|Napoleon|Paul|Pius|Benedict"
    "|Francis|Leo|Gregory|Alexander|Catherine|Nicholas|Ivan|Frederick|Peter|Mary|Rameses|Ramses|Ramesses|Ferdinand|Alfonso"
    "|Christian|Gustav|Harold|Innocent|Clement|Urban|Darius|Xerxes|Ptolemy|Victoria|Margaret|Robert|Joseph"
    "|Leopold|Carlos|Umberto|Haakon|Olav|Sixtus|Julius|Boniface|Celestine|Justinian|Constantine|Theodosius"
)
NUMBERED = re.compile(  # "eight" after these
    r"Chapter|Part|Volume|Book|Act|Scene|Section|Article|War|Bowl|Phase|Type|Level|Grade|Class|Round|Stage"
    "|Title|Figure|Appendix|Canto|Psalm|Symphony|Opus|Mark|Episode|Item|Step|Exhibit|Apollo|Saturn|Unit"
    "|Module|Lesson|Group|Theorem|Lemma|Table|Plate|Season|Series|Page|Division|Category|Tier|Line|Verse|Factor"
)
NOT_NAMES = re.compile("An?|The|My|Her|His|Our|Your|Their|This|That|No|And|Or|If|In|On|At|Is|Was")

CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
    "₽": ("ruble", "rubles", "kopeck", "kopecks"),
    "₩": ("won", "won", "jeon", "jeon"),
    "₿": ("bitcoin", "bitcoins", "cent", "cents"),
    "₺": ("lira", "lira", "kurus", "kurus"),
    "₪": ("shekel", "shekels", "agora", "agorot"),
    "₴": ("hryvnia", "hryvnias", "kopeck", "kopecks"),
}
CODES = {
    "USD": ("U S dollar", "U S dollars", "cent", "cents"),
    "EUR": CURRENCIES["€"],
    "GBP": CURRENCIES["£"],
    "JPY": CURRENCIES["¥"],
    "INR": ("Indian rupee", "Indian rupees", "paisa", "paise"),
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "AUD": ("Australian dollar", "Australian dollars", "cent", "cents"),
    "CAD": ("Canadian dollar", "Canadian dollars", "cent", "cents"),
    "NZD": ("New Zealand dollar", "New Zealand dollars", "cent", "cents"),
    "HKD": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
    "SGD": ("Singapore dollar", "Singapore dollars", "cent", "cents"),
    "SEK": ("Swedish krona", "Swedish kronor", "ore", "ore"),
    "NOK": ("Norwegian krone", "Norwegian kroner", "ore", "ore"),
    "DKK": ("Danish krone", "Danish kroner", "ore", "ore"),
    "CNY": ("yuan", "yuan", "fen", "fen"),
    "RMB": ("yuan", "yuan", "fen", "fen"),
    "KRW": ("Korean won", "Korean won", "jeon", "jeon"),
    "RUB": ("Russian ruble", "Russian rubles", "kopeck", "kopecks"),
    "BRL": ("Brazilian real", "Brazilian reais", "centavo", "centavos"),
    "MXN": ("Mexican peso", "Mexican pesos", "centavo", "centavos"),
    "ZAR": ("South African rand", "South African rand", "cent", "cents"),
    "PLN": ("Polish zloty", "Polish zlotys", "grosz", "groszy"),
    "CZK": ("Czech crown", "Czech crowns", "haler", "halers"),
    "TRY": ("Turkish lira", "Turkish lira", "kurus", "kurus"),
    "BTC": ("bitcoin", "bitcoins", "cent", "cents"),
}
SCALES = {
    **{"k": "thousand", "K": "thousand", "m": "million", "M": "million", "mn": "million", "mil": "million"},
    **{"bn": "billion", "B": "billion", "tn": "trillion", "T": "trillion"},
}
# Signs of more than one character, and those whose reading depends on their place; the first that fits.
OPERATORS = [
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
]
STATES = {
    **{"AL": "Alabama", "AK": "Alaska", "AZ": "Arizona", "AR": "Arkansas", "CA": "California", "CO": "Colorado"},
    **{"CT": "Connecticut", "DE": "Delaware", "DC": "D C", "FL": "Florida", "GA": "Georgia", "HI": "Hawaii"},
    **{"ID": "Idaho", "IL": "Illinois", "IN": "Indiana", "IA": "Iowa", "KS": "Kansas", "KY": "Kentucky"},
    **{"LA": "Louisiana", "ME": "Maine", "MD": "Maryland", "MA": "Massachusetts", "MI": "Michigan"},
    **{"MN": "Minnesota", "MS": "Mississippi", "MO": "Missouri", "MT": "Montana", "NE": "Nebraska", "NV": "Nevada"},
    **{"NH": "New Hampshire", "NJ": "New Jersey", "NM": "New Mexico", "NY": "New York", "NC": "North Carolina"},
    **{"ND": "North Dakota", "OH": "Ohio", "OK": "Oklahoma", "OR": "Oregon", "PA": "Pennsylvania"},
    **{"RI": "Rhode Island", "SC": "South Carolina", "SD": "South Dakota", "TN": "Tennessee", "TX": "Texas"},
    **{"UT": "Utah", "VT": "Vermont", "VA": "Virginia", "WA": "Washington", "WV": "West Virginia"},
    **{"WI": "Wisconsin", "WY": "Wyoming"},
}
# In a text in capitals these show that words are in capitals too; and these stay capitals there.
COMMON = re.compile(
    "a|about|after|all|am|an|and|are|as|at|away|be|been|before|but|by|can|come|could|did|do|does|down|for"
    "|from|get|give|go|going|good|had|has|have|he|help|her|here|him|his|how|i|if|in|into|is|it|its|just|know"
    "|let|like|look|made|make|may|me|more|must|my|new|no|not|now|of|off|on|one|only|or|our|out|over|please"
    "|said|say|see|she|should|so|some|stop|take|tell|than|that|the|their|them|then|there|they|this|time|to"
    "|too|two|up|use|very|wait|want|was|we|were|what|when|where|which|who|why|will|with|would|yes|you|your"
    "|never|always|ever|keep|under|open|closed|sale|free|today|warning|danger|attention|enter|end|big|day"
    "|first|last"
)
SPELLED = re.compile(
    "USA|UK|EU|UN|AI|API|ATM|CEO|CFO|CIO|COO|CIA|FAQ|FBI|IBM|URL|USB|UFO|UFC|UAE|GPU|CPU|IOU|IQ|ID|OK|ETA|DIY"
    "|ATV|AC|BBC|CNN|NBC|ABC|CBS|ITV|HBO|NBA|NFL|NHL|IRS|IRA|IPO|IMF|IP|PDF|HTML|CSS|SQL|IOS|OS|PC|TV|DVD|CD"
    "|VIP|RSVP|ASAP|HIV|AIDS|NHS|NGO|NYPD|LAPD|MIT|UCLA|EEG|EKG|MRI|ICU|GDP|AKA|PM|AD|BC|BCE|CE"
)
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
    "$": " dollars ",
    "£": " pounds ",
    "€": " euros ",
    "¥": " yen ",
    "₹": " rupees ",
    "₿": " bitcoin ",
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
