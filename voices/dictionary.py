"""The pronouncing dictionary of the frontend `graphemes`: phones of words that people use and recordings seldom hold.

    pip install misaki wordfreq
    python voices/dictionary.py texts/us-male.txt texts/us-female.txt ... -o voicebank/text/dictionary.tsv

Phones are those of the American and the British dictionary of misaki (Apache-2.0), respelled as espeak-ng spells them,
whose phones the voices know. A word that has two pronunciations is left out (homographs.tsv), and so is one that the
given sentences hold often: voices read it well from its letters.
"""

from __future__ import annotations

import importlib.resources
import json
import re
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from wordfreq import zipf_frequency

from voicebank.text.homographs import homographs
from voicebank.text.symbols import clean

USED = 2.0  # occurrences in a billion words, as a power of ten
OFTEN = 20  # occurrences in the sentences
DIPHTHONGS = {"A": "eɪ", "I": "aɪ", "W": "aʊ", "Y": "ɔɪ", "O": "oʊ", "Q": "əʊ", "ʤ": "dʒ", "ʧ": "tʃ", "ᵊ": "ə"}
VOWELS = "aeiouæɐɑɒɔəɚɛɜɪʊʌᵻAIOWYQ"
HEAD = """\
# Words to their phones in American and in British English, from the dictionaries of misaki 0.9.4 (Apache-2.0,
# https://github.com/hexgrad/misaki), respelled by voices/dictionary.py.
# word	us	gb
"""


def american(phones: str) -> str:
    """misaki's American spelling as espeak-ng's: it does not write the length of vowels."""
    phones = phones.replace("ᵊ", "ə").replace("ɜɹ", "ɜː").replace("əɹ", "ɚ")
    phones = re.sub("([ɑɔu])(?!ː)", r"\1ː", phones)
    phones = re.sub(f"([ˈˌ][^{VOWELS}]*i)(?!ː)", r"\1ː", phones)
    return re.sub(f"(ɚ|ɜː)(?=[ˈˌ]?[{VOWELS}])", r"\1ɹ", phones)


def british(phones: str) -> str:
    """misaki's British spelling as espeak-ng's."""
    return phones.replace("ɛː", "eə").replace("əː", "ɜː")


def respelled(phones: str) -> str:
    """What both have in common: letters that stand for diphthongs, and the vowel that *about* begins with."""
    phones = re.sub("^ə(?!ʊ|ː)", "ɐ", phones)
    return "".join(DIPHTHONGS.get(symbol, symbol) for symbol in phones)


def words_of(texts: list[Path]) -> Counter[str]:
    """How often the texts hold each word of letters, in small ones; "don't" is "don" and "t"."""
    return Counter(word for path in texts for word in re.findall("[a-z]+", path.read_text(encoding="utf-8").lower()))


def pronunciations(name: str) -> dict[str, str]:
    """Words in lower case and their phones; of two ways to write a word with a capital, the lower case counts."""
    path = importlib.resources.files("misaki.data") / f"{name}.json"
    entries = json.loads(path.read_text(encoding="utf-8"))
    known = {word.lower(): phones for word, phones in entries.items() if word != word.lower()}
    known |= {word: phones for word, phones in entries.items() if word == word.lower()}
    return {word: phones for word, phones in known.items() if isinstance(phones, str)}


def main(texts: list[Path], output: Annotated[Path, typer.Option("--output", "-o")]) -> None:
    """Write the dictionary."""
    seen = words_of(texts)
    us = pronunciations("us_silver") | pronunciations("us_gold")
    gb = pronunciations("gb_silver") | pronunciations("gb_gold")
    lines = []
    for word in sorted(us.keys() & gb.keys()):
        known = seen[word] >= OFTEN or word in homographs() or word.removesuffix("s") in homographs()
        if known or not re.fullmatch("[a-z]{3,}", word) or zipf_frequency(word, "en") < USED:
            continue
        ways = respelled(american(us[word])), respelled(british(gb[word]))
        if not any(clean(phones)[1] for phones in ways):
            lines.append("\t".join((word, *ways)) + "\n")
    output.write_text(HEAD + "".join(lines), encoding="utf-8")
    print(f"{len(lines)} words")


if __name__ == "__main__":
    typer.run(main)
