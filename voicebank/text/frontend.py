"""Frontends: normalised text in, symbols out. The interface, and the built-in frontend of letters."""

from __future__ import annotations

import abc
import functools
import re
from collections.abc import Iterable, Mapping
from typing import ClassVar, NamedTuple

from voicebank.text.symbols import SEPARATORS, clean, look_up
from voicebank.text.tables import LETTER_NAMES, SPELLED, pronunciations

# A word, with inner apostrophes and hyphens between letters split off as punctuation of their own.
TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*['’]?|[^\w\s]")


class Unit(NamedTuple):
    """One word (or the few words that a frontend merges), or one punctuation mark.

    ``graphemes`` is how it is written, ``symbols`` what the network reads.
    """

    graphemes: str
    symbols: str

    @property
    def is_word(self) -> bool:
        """False for a punctuation mark."""
        return any(c.isalnum() for c in self.graphemes)


class MixedUnit(NamedTuple):
    """A unit in both representations, so that training can show either (Deep Voice 3, arXiv:1710.07654, 3.2).

    ``written`` is how it is written, ``graphemes`` and ``phones`` are the symbols of the one and the other.
    """

    written: str
    graphemes: str
    phones: str

    def unit(self, phones: bool = True) -> Unit:
        """The unit as phones, or as graphemes."""
        return Unit(self.written, self.phones if phones else self.graphemes)


class Frontend(abc.ABC):
    """Turns a normalised sentence into symbols, word by word.

    The units, not only the finished string, are the interface: a lexicon replaces single words, and training
    shows each word as graphemes or as phones at random.
    """

    name: str
    language: str
    safe_options: ClassVar[frozenset[str]] = frozenset()
    """Names of options that do no harm whatever their values, so that a voice which somebody else made may set them."""

    @abc.abstractmethod
    def units(self, sentence: str) -> list[Unit]:
        """The words and punctuation marks of one normalised sentence, in order."""


_CONSONANTS = re.compile("[B-DF-HJ-NP-TV-XZ]{2,5}")  # a word has a vowel
_CAPITAL_WITHIN = re.compile("(?<=[A-Za-z]{2}[a-z])(?=[A-Z][a-z])")  # GitHub, and not McDonald


class Graphemes(Frontend):
    """The built-in frontend: upper-case letters, apostrophes and punctuation. Needs no package.

    Acronyms that are said letter by letter (GPU, VPN) become the names of their letters, as words. Words of a
    pronouncing dictionary, of some 48,000 that people use but do not say every day, become phones, and so do some 500
    names: a network learns how English is spelled, and not that "colonel" is spelled otherwise.

    All other words it reads as well as the network has learned English spelling; the ``phonemizer`` plugin knows more
    of them, and how they are said beside each other.

    Args:
        language: ``en-us`` or ``en`` for American, ``en-gb`` for British English. Others have no dictionary.
        dictionary: False for letters alone.
    """

    name = "graphemes"
    safe_options = frozenset({"dictionary"})

    def __init__(self, language: str = "en", dictionary: bool = True) -> None:
        self.language = language
        self._phones = _dictionary(language) if dictionary else {}

    def units(self, sentence: str) -> list[Unit]:
        """One unit a word or punctuation mark; characters outside the symbol table are left out."""
        return [Unit(token, self._symbols(token)) for token in tokenize(sentence)]

    def _symbols(self, token: str) -> str:
        word = token.replace("’", "'")
        if word in SPELLED or _CONSONANTS.fullmatch(word):
            names = {**LETTER_NAMES, "Z": "zed"} if self.language == "en-gb" else LETTER_NAMES
            word = " ".join(names[letter] for letter in word)
        elif phones := look_up(self._phones, word.lower()):
            return phones
        elif len(parts := _CAPITAL_WITHIN.split(word)) > 1:
            return " ".join(map(self._symbols, parts))
        return clean(word.upper())[0]


@functools.cache
def _dictionary(language: str) -> Mapping[str, str]:
    """Phones of words in small letters, from ``dictionary.tsv`` and ``names.tsv``."""
    if language.lower() not in ("en", "en-us", "en-gb"):
        return {}
    return pronunciations(language.lower() == "en-gb", "dictionary.tsv", "names.tsv")


def tokenize(sentence: str) -> list[str]:
    """Words and punctuation marks of a normalised sentence."""
    return TOKEN.findall(sentence)


def join(units: Iterable[Unit]) -> str:
    """The symbol string: a space between words, closing punctuation attached to the word before it."""
    text = ""
    space = quoted = False
    for unit in units:
        mark = unit.symbols
        if not mark:
            continue
        opening = mark == "(" or (mark == '"' and not quoted)
        attached = mark in SEPARATORS and not opening
        text += " " + mark if text and space and not attached else mark
        quoted ^= mark == '"'
        space = not opening and mark != "-"
    return text
