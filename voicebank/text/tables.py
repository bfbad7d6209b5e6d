"""Words for written forms: the tables of ``tables.json``, by what is written; and rules that rewrite a text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

TABLES: dict[str, Any] = json.loads(Path(__file__).with_name("tables.json").read_text(encoding="utf-8"))


def rows(table: str | Path) -> Iterator[list[str]]:
    """The lines of a ``.tsv`` beside this module, or at a path, each by its columns; a line with ``#`` is a comment."""
    lines = (Path(__file__).parent / table).read_text(encoding="utf-8").splitlines()
    return (line.split("\t") for line in lines if not line.startswith("#"))


def pronunciations(british: bool, *tables: str | Path) -> dict[str, str]:
    """Phones of words in small letters, from tables of a word, its American and its British phones; those of a later
    table count. "-" stands for phones that a table does not give."""
    column = 2 if british else 1
    return {row[0]: row[column] for table in tables for row in rows(table) if row[column] != "-"}


MONTHS = list(dict.fromkeys(TABLES["months"].values()))
MONTHS.insert(4, "May")  # which has no abbreviation
TENS = ["tens", "twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties"]
DIGITS = ["oh", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
ROMAN_DIGITS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
DENOMINATORS: dict[int, list[str]] = {int(number): names for number, names in TABLES["denominators"].items()}
# Singular and plural, of the whole and of its hundredth.
CURRENCIES: dict[str, list[str]] = TABLES["currencies"]
CODES: dict[str, list[str]] = TABLES["currency codes"]
SCALES: dict[str, str] = TABLES["scales"]
STATES: dict[str, str] = TABLES["states"]
SPOKEN_MARKS: dict[str, str] = TABLES["spoken marks"]
SYMBOLS: dict[str, str] = TABLES["symbols"]
# Words that are others, or are misread, without their accents.
AS_SAID: dict[str, str] = TABLES["words without accents"]
# "The eighth" after these, and "eight" after those.
RULERS, NUMBERED = frozenset(TABLES["rulers"]), TABLES["numbered"]
NOT_NAMES = re.compile("An?|The|My|Her|His|Our|Your|Their|This|That|No|And|Or|If|In|On|At|Is|Was")
# In a text in capitals these show that words are in capitals too; and these stay capitals there.
COMMON, SPELLED = frozenset(TABLES["common words"]), frozenset(TABLES["spelled"])
LETTER_NAMES: dict[str, str] = TABLES["letter names"]

Reading = str | Callable[[re.Match[str]], str]
Rules = list[tuple[re.Pattern[str], Reading]]


def rules(*written: tuple[str | re.Pattern[str], Reading]) -> Rules:
    """Patterns of what is written, and how it is read, in the order in which they are applied."""
    return [(re.compile(pattern), reading) for pattern, reading in written]


def rewritten(text: str, rules: Rules) -> str:
    """The text after all rules, one after the other."""
    for pattern, reading in rules:
        text = pattern.sub(reading, text)
    return text
