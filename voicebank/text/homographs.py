"""Homographs, which are written alike and said in two ways: chosen by the words around (*to record*, *a record*).

By a table of contexts (``homograph_rules.tsv``) and no tagger: taggers that come in a wheel are large or unmaintained,
and most of these words have one neighbour that decides.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from voicebank.text import tables
from voicebank.text.frontend import Unit
from voicebank.text.symbols import plural_ending


class Context(NamedTuple):
    """The words of a sentence around a homograph; empty strings beyond its ends, marks as words."""

    words: Sequence[str]
    at: int

    def near(self, offset: int) -> str:
        """The word so far to the right, as it is written."""
        at = self.at + offset
        return self.words[at] if 0 <= at < len(self.words) else ""

    def before(self, skip: str) -> str:
        """The word before, in small letters; words of the pattern ``skip`` do not count."""
        offset = -1
        while skip and re.fullmatch(skip, self.near(offset).lower()):
            offset -= 1
        return self.near(offset).lower()


Condition = Callable[[Context], bool]


class Rule(NamedTuple):
    """A line of ``homograph_rules.tsv``: how a word is said where all conditions hold."""

    way: str
    conditions: list[Condition]


@functools.cache
def rules() -> dict[str, list[Rule]]:
    """The lines of each rule, in their order."""
    named: dict[str, str] = {}
    table: dict[str, list[Rule]] = {}
    for name, way, *conditions in tables.rows("homograph_rules.tsv"):
        if name.isupper():
            named[name] = way
        else:
            table.setdefault(name, []).append(Rule(way, [_condition(written, named) for written in conditions]))
    return table


# Where the words of a condition stand, of those that are compared in small letters.
_PLACES = {"word": 0, "before": -1, "after": 1, "2before": -2, "3before": -3, "2after": 2}


def _condition(written: str, named: Mapping[str, str]) -> Condition:
    """What a condition of the table asks of a context."""
    if written.startswith("!"):
        inner = _condition(written[1:], named)
        return lambda context: not inner(context)
    name, _, pattern = written.partition("=")
    matches = re.compile(re.sub("[A-Z]{2,}", lambda m: named[m[0]], pattern)).fullmatch
    name, passes, more = name.partition("~")
    if passes:
        skip = "|".join(filter(None, [named["ADVERBS"], more]))
        return lambda context: matches(context.before(skip)) is not None
    if name in _PLACES:
        return lambda context: matches(context.near(_PLACES[name]).lower()) is not None
    others: dict[str, Condition] = {
        "verb": lambda context: way_of("verb", context) == 1,
        "noun": lambda context: way_of("verb", context) == 0,
        "anywhere": lambda context: any(matches(word.lower()) for word in context.words),
        "Word": lambda context: matches(context.near(0)) is not None,
        "Before": lambda context: matches(context.near(-1)) is not None,
    }
    return others[name]


def way_of(rule: str, context: Context) -> int | None:
    """Which way a rule chooses, 0 or 1; None where nothing decides."""
    if rule == "verb-noun":  # its first way is the verb
        verb = way_of("verb", context)
        return None if verb is None else 1 - verb
    for way, conditions in rules()[rule]:
        if all(holds(context) for holds in conditions):
            return int(way) if way.isdigit() else None if way == "-" else way_of(way, context)
    return None


class Homograph(NamedTuple):
    """The name of the rule that chooses, and the phones of both ways to say a word."""

    rule: str
    us: tuple[str, str]
    gb: tuple[str, str]


@functools.cache
def homographs() -> dict[str, Homograph]:
    """The table ``homographs.tsv``, by word."""
    rows = tables.rows("homographs.tsv")
    return {word: Homograph(rule, (us0, us1), (gb0, gb1)) for word, rule, us0, us1, gb0, gb1 in rows}


def choose_homographs(units: Sequence[Unit], language: str) -> list[Unit]:
    """The units of a sentence, with the phones of homographs that their frontend reads in the wrong way.

    Where the words around do not decide, and where letters are read right as they are, a unit stays as it is.
    """
    result = list(units)
    words = [unit.graphemes for unit in units]
    for i, unit in enumerate(units):
        word = unit.graphemes.lower()
        entry = homographs().get(word)
        plural = entry is None and word.endswith("s")
        if plural:
            entry = homographs().get(word[:-1])
        if entry is None or (plural and entry.rule not in ("noun-verb", "verb-noun")):
            continue
        way = way_of(entry.rule, Context(words, i))
        if way is None:
            continue
        said = entry.us if language.lower() in ("en", "en-us") else entry.gb
        if plural:
            said = (said[0] + plural_ending(said[0]), said[1] + plural_ending(said[1]))
        letters = unit.symbols.isupper()
        present = 0 if letters else int(_likeness(unit.symbols, said[1]) > _likeness(unit.symbols, said[0]))
        if present != way:
            result[i] = unit._replace(symbols=said[way])
    return result


def _likeness(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()
