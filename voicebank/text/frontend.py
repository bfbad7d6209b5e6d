"""The interface of a frontend: normalised text in, symbols out."""

from __future__ import annotations

import abc
import re
from collections.abc import Iterable
from typing import NamedTuple

from voicebank.text.symbols import SEPARATORS

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


class Frontend(abc.ABC):
    """Turns a normalised sentence into symbols, word by word.

    The units, not only the finished string, are the interface: a lexicon replaces single words, and training
    shows each word as graphemes or as phones at random.
    """

    name: str
    language: str

    @abc.abstractmethod
    def units(self, sentence: str) -> list[Unit]:
        """The words and punctuation marks of one normalised sentence, in order."""


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
