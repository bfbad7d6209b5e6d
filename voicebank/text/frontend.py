"""Frontends: normalised text in, symbols out. The interface, and the built-in frontend of letters."""

from __future__ import annotations

import abc
import re
from collections.abc import Iterable
from typing import ClassVar, NamedTuple

from voicebank.text.symbols import SEPARATORS, clean
from voicebank.text.tables import LETTER_NAMES, SPELLED

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


class Graphemes(Frontend):
    """The built-in frontend: upper-case letters, apostrophes and punctuation. Needs no package and no language data.

    Acronyms that are said letter by letter (GPU, VPN) become the names of their letters, as words.

    It reads unseen words as well as the network has learned English spelling; the ``phonemizer`` plugin reads
    them as a dictionary does.
    """

    name = "graphemes"

    def __init__(self, language: str = "en") -> None:
        self.language = language

    def units(self, sentence: str) -> list[Unit]:
        """One unit a word or punctuation mark; characters outside the symbol table are left out."""
        return [Unit(token, clean(self._spelled(token).upper().replace("’", "'"))[0]) for token in tokenize(sentence)]

    def _spelled(self, token: str) -> str:
        if not (token in SPELLED or _CONSONANTS.fullmatch(token)):
            return token
        names = {**LETTER_NAMES, "Z": "zed"} if self.language == "en-gb" else LETTER_NAMES
        return " ".join(names[letter] for letter in token)


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
