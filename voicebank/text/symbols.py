"""The one table of symbols that every voice shares, so that any voice can be fine-tuned from any other.

A *symbol string* is a plain ``str`` with one character a symbol. Graphemes are upper case and phones are
lower-case IPA, so a sentence that mixes the two stays readable and unambiguous: ``THE nˈʊɹəl NETWORK.``
(mixed representation: Deep Voice 3, arXiv:1710.07654, section 3.2).
"""

from collections.abc import Mapping

PAD = "_"
END = "~"
GRAPHEMES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ'"
SEPARATORS = ' .,!?;:-"()…—'
STRESS = "ˈˌːˑ"
# Every base letter of the IPA chart, not only the English ones: a later language must not change the table.
PHONES = (
    "abcdefhijklmnopqrstuvwxyz"
    "æçðøħŋœɐɑɒɓɔɕɖɗɘəɚɛɜɝɞɟɠɡɢɣɤɥɦɧɨɪɫɬɭɮɯɰɱɲɳɴɵɶɸɹɺɻɽɾʀʁʂʃʄʈʉʊʋʌʍʎʏʐʑʒʔʕʘʙʛʜʝʟʡʢ"
    "βθχᵻᵿ"
    "ʰʲʷˠˤ˞\u0303\u0329"
)
SYMBOLS = PAD + END + SEPARATORS + GRAPHEMES + STRESS + PHONES
SIBILANTS, VOICELESS = "szʃʒ", "ptkfθ"
# Room for symbols that no voice uses yet: the embedding keeps its shape when one is added at the end.
TABLE_SIZE = 192

_INDEX = {symbol: i for i, symbol in enumerate(SYMBOLS)}
if len(_INDEX) != len(SYMBOLS) or len(SYMBOLS) > TABLE_SIZE:
    raise AssertionError("the symbol table has a duplicate or has outgrown its size")

# Table indices of the letters, first and last.
LETTERS = (_INDEX["A"], _INDEX["Z"])


def known(character: str) -> bool:
    """Whether a character is a symbol a sentence may hold (padding and the end symbol are not)."""
    return character in _INDEX and character not in (PAD, END)


def clean(symbols: str) -> tuple[str, str]:
    """Split a string into the symbols of the table and, in order, the characters that had to be dropped."""
    kept = "".join(c for c in symbols if known(c))
    dropped = "".join(c for c in symbols if not known(c))
    return kept, dropped


def encode(symbols: str) -> list[int]:
    """Table indices of a symbol string, with the end symbol appended.

    Raises:
        KeyError: for a character outside the table (see :func:`clean`).
    """
    return [_INDEX[c] for c in symbols + END]


def is_sound(symbol: str) -> bool:
    """Whether a symbol is a phone or a letter: what takes time to say, and not a mark."""
    return symbol in PHONES or symbol in GRAPHEMES


def plural_ending(phones: str, after_sibilants: str = "ᵻz") -> str:
    """Phones of an "s" that is added to a word with these phones."""
    return after_sibilants if phones[-1] in SIBILANTS else "s" if phones[-1] in VOICELESS else "z"


def look_up(words: Mapping[str, str], word: str) -> str | None:
    """Phones of a word, or of the possessive of one (``nguyen's``); None if it is not there. Both in small letters."""
    phones = words.get(word)
    if phones is None and word.endswith("'s") and (base := words.get(word[:-2])) is not None:
        return base + plural_ending(base, "ɪz")
    return phones
