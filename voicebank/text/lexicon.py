"""Words whose phones a user or a voice gives."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from voicebank.errors import BadData
from voicebank.text.frontend import tokenize
from voicebank.text.markup import read_ipa
from voicebank.text.normalise import fold
from voicebank.text.symbols import look_up

# What follows the word of a line and is no IPA: a second word.
SPACED = re.compile(r"[A-Z]|[A-Za-z']{2,}\s")


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
        return look_up(self._words, _key(word))

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
