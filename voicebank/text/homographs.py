"""Words that are written alike and said in two ways, told apart by the words around them: *to record*, *a record*.

A table of contexts and no tagger: taggers that come in a wheel with their model are large or unmaintained, and most of
these words have one neighbour that decides.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from voicebank.text.contexts import RULES, Context
from voicebank.text.frontend import Unit


class Homograph(NamedTuple):
    """The name of the rule that chooses, and the phones of both ways to say a word."""

    rule: str
    us: tuple[str, str]
    gb: tuple[str, str]


@functools.cache
def homographs() -> dict[str, Homograph]:
    """The table ``homographs.tsv``, by word."""
    lines = (Path(__file__).with_suffix(".tsv")).read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
    return {word: Homograph(rule, (us0, us1), (gb0, gb1)) for word, rule, us0, us1, gb0, gb1 in rows}


def choose(units: Sequence[Unit], language: str) -> list[Unit]:
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
        way = RULES[entry.rule](Context(words, i))
        if way is None:
            continue
        said = entry.us if language.lower() in ("en", "en-us") else entry.gb
        if plural:
            said = (said[0] + _plural(said[0]), said[1] + _plural(said[1]))
        letters = unit.symbols.isupper()
        present = 0 if letters else int(_likeness(unit.symbols, said[1]) > _likeness(unit.symbols, said[0]))
        if present != way:
            result[i] = unit._replace(symbols=said[way])
    return result


def _plural(phones: str) -> str:
    return "ᵻz" if phones[-1] in "szʃʒ" else "s" if phones[-1] in "ptkfθ" else "z"


def _likeness(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()
