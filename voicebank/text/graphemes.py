"""The built-in frontend: letters as they are written."""

from __future__ import annotations

from voicebank.text.frontend import Frontend, Unit, tokenize
from voicebank.text.symbols import clean


class Graphemes(Frontend):
    """Upper-case letters, apostrophes and punctuation. Needs no package and no language data.

    It reads unseen words as well as the network has learned English spelling; the ``phonemizer`` plugin reads
    them as a dictionary does.
    """

    name = "graphemes"

    def __init__(self, language: str = "en") -> None:
        self.language = language

    def units(self, sentence: str) -> list[Unit]:
        """One unit a word or punctuation mark; characters outside the symbol table are left out."""
        return [Unit(token, clean(token.upper().replace("’", "'"))[0]) for token in tokenize(sentence)]
