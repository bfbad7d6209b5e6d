"""Words whose phones are given: those of a user's list, and homographs, which are written alike and said in two ways.

A homograph is chosen by the words around it (*to record*, *a record*): by a table of contexts and no tagger. Taggers
that come in a wheel are large or unmaintained, and most of these words have one neighbour that decides.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import NamedTuple

from voicebank.errors import BadData
from voicebank.text.context import Context
from voicebank.text.frontend import Unit, tokenize
from voicebank.text.homographs import RULES
from voicebank.text.markup import read_ipa
from voicebank.text.normalise import fold

VOICELESS = "ptkfθ"
# What follows the word of a line and is no IPA: a second word.
SPACED = re.compile(r"[A-Z]|[A-Za-z']{2,}\s")
SIBILANTS = "szʃʒ"


class Lexicon:
    """Words to IPA, case-insensitive.

    Args:
        words: IPA of each word. A word is letters and apostrophes, without spaces and hyphens.

    Raises:
        BadData: for a word of several tokens, or IPA with a character outside the symbol table.
    """

    def __init__(self, words: Mapping[str, str]) -> None:
        self._words: dict[str, str] = {}
        for word, ipa in words.items():
            self._add(word, ipa, "lexicon")

    @classmethod
    def read(cls, path: str | PathLike[str]) -> Lexicon:
        """Read a file of lines ``word<TAB or spaces>IPA``; ``#`` starts a comment, later lines win.

        Raises:
            BadData: if the file cannot be read, or for the first bad line, with its number.
        """
        try:
            lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise BadData(f"cannot read lexicon {path}: {error}") from error
        lexicon = cls({})
        for number, line in enumerate(lines, start=1):
            entry = line.split("#", 1)[0].split(maxsplit=1)
            if not entry:
                continue
            if len(entry) < 2:
                raise BadData(f"{path}, line {number}: {entry[0]!r} has no IPA; write: word<TAB>IPA")
            if "\t" not in line and SPACED.match(entry[1]):
                raise BadData(f"{path}, line {number}: {' '.join(line.split())!r} has two words; give one and its IPA")
            lexicon._add(entry[0], entry[1], f"{path}, line {number}")
        return lexicon

    def _add(self, word: str, ipa: str, where: str) -> None:
        key = _key(word)
        if tokenize(key) != [key] or not key.replace("'", "").isalpha():
            raise BadData(f"{where}: {word!r} is not one word of letters; give each part a line of its own")
        symbols, unknown = read_ipa(ipa)
        if unknown or not symbols:
            problem = f"holds {unknown[0]!r}, which is no IPA symbol of the table" if unknown else "is empty"
            raise BadData(f"{where}: the IPA of {word!r} {problem}")
        self._words[key] = symbols

    def get(self, word: str) -> str | None:
        """Phones of a word, or of its possessive (``Nguyen's``); None if it is not listed."""
        key = _key(word)
        symbols = self._words.get(key)
        if symbols is None and key.endswith("'s") and key[:-2] in self._words:
            base = self._words[key[:-2]]
            symbols = base + ("ɪz" if base[-1] in SIBILANTS else "s" if base[-1] in VOICELESS else "z")
        return symbols

    def __contains__(self, word: str) -> bool:
        return self.get(word) is not None

    def __or__(self, other: Lexicon) -> Lexicon:
        """Both lexicons; where they disagree, ``other`` is right."""
        both = Lexicon({})
        both._words = self._words | other._words
        return both

    def __len__(self) -> int:
        return len(self._words)


def _key(word: str) -> str:
    return fold(word).lower()


class Homograph(NamedTuple):
    """The name of the rule that chooses, and the phones of both ways to say a word."""

    rule: str
    us: tuple[str, str]
    gb: tuple[str, str]


@functools.cache
def homographs() -> dict[str, Homograph]:
    """The table ``homographs.tsv``, by word."""
    lines = Path(__file__).with_name("homographs.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines if not line.startswith("#"))
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
    return "ᵻz" if phones[-1] in SIBILANTS else "s" if phones[-1] in VOICELESS else "z"


def _likeness(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()
