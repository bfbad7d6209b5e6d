"""Sentences to read aloud, in an order that covers the sounds of English early.

``prompts.txt`` is written by hand and put in order by ``python -m voicebank_demo.prompts``: next comes always the
sentence that brings the most phones, and pairs of phones, that were seldom read so far.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from pathlib import Path

from voicebank import plugins

FILE = Path(__file__).with_name("prompts.txt")
PAIR = 0.5  # worth of a new pair of phones beside a new phone
STRESS = "ˈˌː"  # marks of a phone, not phones
ENOUGH = 4  # times a phone is read before more of it is worth nothing


@lru_cache(maxsize=1)
def prompts() -> list[str]:
    """The sentences, in order."""
    return [line.strip() for line in FILE.read_text(encoding="utf-8").splitlines() if line.strip()]


def phones(sentence: str) -> list[str]:
    """The phones of a sentence, without stress and marks; it needs the phonemizer plugin."""
    frontend = plugins.create("frontend", "phonemizer", language="en-us")
    return [c for unit in frontend.units(sentence) for c in unit.symbols if c.isalpha() and c not in STRESS]


def ordered(sentences: list[str]) -> list[str]:
    """The sentences, the most useful first, judged by what was read before."""
    left = {sentence: phones(sentence) for sentence in sentences}
    read: Counter[str] = Counter()
    found: list[str] = []

    def worth(sentence: str) -> float:
        sounds = left[sentence]
        singles = sum(max(0, ENOUGH - read[sound]) for sound in set(sounds))
        pairs = sum(not read[pair] for pair in set(map("".join, zip(sounds, sounds[1:], strict=False))))
        return (singles + PAIR * pairs) / (10 + len(sounds))  # short ones are read with less trouble

    while left:
        best = max(left, key=worth)
        sounds = left[best]
        read.update(sounds)
        read.update(map("".join, zip(sounds, sounds[1:], strict=False)))
        del left[best]
        found.append(best)
    return found


if __name__ == "__main__":
    FILE.write_text("\n".join(ordered(prompts())) + "\n", encoding="utf-8")
