"""The frontend ``phonemizer`` of voicebank: English text to IPA phones with espeak-ng.

Licence: GPL-3.0-or-later, as the ``phonemizer`` package and espeak-ng are.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import logging
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from voicebank.errors import PluginError
from voicebank.text.frontend import Frontend, Unit, tokenize
from voicebank.text.symbols import STRESS, clean, known, look_up
from voicebank.text.tables import pronunciations

LANGUAGES = ("en-us", "en-gb")
MAX_GROUP = 4  # espeak merges up to four words ("it is not a") and splits a word into as many parts
GROUP_PENALTY = 0.25  # a group must be this much more alike than single words, so that ties stay one to one
LONGEST_ACRONYM = 5
LETTER_A = "eigh"  # what espeak reads as the name of the letter wherever it stands
VOWELS = frozenset("aeiouyæøœɐɑɒɔɘəɚɛɜɝɞɤɨɪɯɵɶʉʊʌᵻᵿ")
SAME = str.maketrans({"ɾ": "t", "ʔ": "t", "g": "ɡ", "ɫ": "l", "ɹ": "r"} | dict.fromkeys(STRESS))


class Phonemizer(Frontend):
    """Phones of whole clauses, aligned to their words.

    Some 3,600 words that espeak-ng reads wrongly (*coup*, *dopamine*, *qwerty*) are read as two dictionaries have them,
    and the names that voicebank knows (*Chopin*, *Hyundai*) as they are said.

    Args:
        language: ``en-us`` or ``en-gb``.
        corrections: False for espeak-ng's own reading of all words.

    Raises:
        PluginError: for another language.
    """

    name = "phonemizer"
    safe_options: ClassVar[frozenset[str]] = frozenset({"corrections"})

    def __init__(self, language: str = "en-us", corrections: bool = True) -> None:
        if language not in LANGUAGES:
            raise PluginError(f"phonemizer: unknown language {language!r}; use one of {', '.join(LANGUAGES)}")
        self.language = language
        self._corrections = _corrections(language) if corrections else {}

    def units(self, sentence: str) -> list[Unit]:
        """One unit a word (or the words that espeak merges) or punctuation mark of a normalised sentence."""
        units: list[Unit] = []
        for words, group in itertools.groupby(_tokens(sentence), key=lambda t: t == "-" or t[-1:].isalnum()):
            tokens = list(group)
            if words:
                units += map(self._corrected, _clause(tokens, self.language))
            else:
                units += [Unit(token, _mark(token)) for token in tokens]
        return units

    def _corrected(self, unit: Unit) -> Unit:
        """The unit, with other phones where espeak reads its word wrongly."""
        word = unit.graphemes.replace("’", "'")
        if word.isupper() and len(word) <= LONGEST_ACRONYM:  # ABO is no "abo"
            return unit
        phones = look_up(self._corrections, word.lower())
        return unit._replace(symbols=phones) if phones else unit


@functools.cache
def _corrections(language: str) -> Mapping[str, str]:
    """Phones of words in small letters: those that dictionaries agree on, and the names that voicebank knows."""
    return pronunciations(language == "en-gb", Path(__file__).with_name("corrections.tsv"), "names.tsv")


def _tokens(sentence: str) -> list[str]:
    """Tokens, with the apostrophe of "dogs'" moved inside, where it is a letter and not a mark."""
    return [t[:-1] if t[-1] in "'’" and len(t) > 1 else t for t in tokenize(sentence)]


def _mark(token: str) -> str:
    # A lone apostrophe is an opening single quote: in the symbol table it is a grapheme, so it is left out.
    return "" if token in "'’" else clean(token)[0]


def _clause(tokens: Sequence[str], language: str) -> list[Unit]:
    """Units of the words between two marks; hyphens within keep their place."""
    words = [t for t in tokens if t != "-"]
    if not words:
        return [Unit(t, t) for t in tokens]
    hyphens = set()  # indices of the words that a hyphen comes before
    count = 0
    for token in tokens:
        if token == "-":
            hyphens.add(count)
        else:
            count += 1
    said = [LETTER_A if _is_letter_a(words, i, hyphens) else word for i, word in enumerate(words)]
    units: list[Unit] = []
    at = 0
    for size, phones in align(said, _speak(" ".join(said), language), language):
        if at in hyphens:
            units.append(Unit("-", "-"))
        text = words[at]
        for i in range(at + 1, at + size):
            text += ("-" if i in hyphens else " ") + words[i]
        units.append(Unit(text, phones))
        at += size
    if len(words) in hyphens:
        units.append(Unit("-", "-"))
    return units


def _is_letter_a(words: Sequence[str], at: int, hyphens: set[int]) -> bool:
    """Whether "A" is the letter (Plan A, A I, A-level) and not the article, as which espeak reads it."""
    if words[at] != "A":
        return False
    if at > 0:
        before = words[at - 1]
        return len(before) == 1 or not before.isupper()  # not in a sentence all in capitals
    following = words[1] if len(words) > 1 else ""
    spelled = len(following) == 1 and following.isupper() and 2 not in hyphens  # "A U-turn" has an article
    return spelled or 1 in hyphens


def align(words: Sequence[str], spoken: Sequence[str], language: str) -> list[tuple[int, str]]:
    """Match the words of a clause to the words espeak made of them.

    Returns:
        ``(how many written words, their phones)``, in order, covering every word and every phone.
    """
    parts = [_speak(word, language) for word in words]
    alone = ["".join(part) for part in parts]
    if len(words) == len(spoken) and all(map(_alike, alone, spoken)):
        return [(1, phones) for phones in spoken]
    if not spoken:
        return [(1, phones) for phones in alone]
    # The cheapest cut of both into groups of one to one, several to one or one to several, cheapest first:
    # the right path costs little, so that few of the wrong ones are looked at.
    goal = (len(words), len(spoken))
    heap: list[tuple[float, int, int, int, int]] = [(0.0, 0, 0, 0, 0)]
    best: dict[tuple[int, int], tuple[int, int]] = {}
    while heap and goal not in best:
        cost, i, j, di, dj = heapq.heappop(heap)
        if (i, j) in best:
            continue
        best[i, j] = (di, dj)
        if i == len(words) or j == len(spoken):
            continue
        many = range(2, max(MAX_GROUP, len(parts[i])) + 1)
        for di, dj in [(1, 1), *((n, 1) for n in range(2, MAX_GROUP + 1)), *((1, n) for n in many)]:
            if i + di <= goal[0] and j + dj <= goal[1] and (i + di, j + dj) not in best:
                a, b = "".join(alone[i : i + di]), "".join(spoken[j : j + dj])
                step = _distance(_bare(a), _bare(b)) + GROUP_PENALTY * (di + dj - 2)
                heapq.heappush(heap, (cost + step, i + di, j + dj, di, dj))
    i, j = goal
    if goal not in best:
        return [(i, " ".join(spoken))]
    groups: list[tuple[int, str]] = []
    while i:
        di, dj = best[i, j]
        groups.append((di, "".join(spoken[j - dj : j])))
        i, j = i - di, j - dj
    return groups[::-1]


@functools.lru_cache(maxsize=65536)
def _bare(phones: str) -> str:
    return phones.translate(SAME)


def _alike(a: str, b: str) -> bool:
    a, b = _bare(a), _bare(b)
    return a == b or _distance(a, b) <= 0.4 * max(len(a), len(b))


@functools.lru_cache(maxsize=65536)
def _distance(a: str, b: str) -> float:
    """Edit distance in which vowels, which weaken in context, count half."""
    weights = [0.5 if c in VOWELS else 1.0 for c in b]
    row = [0.0, *itertools.accumulate(weights)]
    for c in a:
        weight = 0.5 if c in VOWELS else 1.0
        diagonal, left = row[0], row[0] + weight
        row[0] = left
        for j, (d, other) in enumerate(zip(b, weights, strict=True), start=1):
            if c == d:
                here = diagonal
            else:  # plain comparisons: this is the inner loop of the alignment
                here = diagonal + (weight if weight > other else other)
                if left + other < here:
                    here = left + other
            if row[j] + weight < here:
                here = row[j] + weight
            diagonal, row[j], left = row[j], here, here
    return row[-1]


@functools.lru_cache(maxsize=65536)
def _speak(text: str, language: str) -> tuple[str, ...]:
    """The phones of some words read together, one string a word that espeak makes of them."""
    backend, separator = _backend(language)
    with _LOCK:
        line = backend.phonemize([text], separator=separator, strip=True)[0]
    return tuple(filter(None, map(_phones, line.split("|"))))


def _phones(spoken: str) -> str:
    """espeak's spelling in characters of the symbol table; an accented letter outside it loses its accent."""
    spoken = unicodedata.normalize("NFC", spoken).replace("g", "ɡ")
    letters = (c if known(c) else clean(unicodedata.normalize("NFD", c))[0] for c in spoken if c not in " -'")
    return "".join(letters)


_LOCK = threading.RLock()  # espeak-ng keeps its state in globals


@functools.cache
def _backend(language: str):  # type: ignore[no-untyped-def]
    import espeakng_loader
    from phonemizer.backend import EspeakBackend
    from phonemizer.backend.espeak.wrapper import EspeakWrapper
    from phonemizer.separator import Separator

    logger = logging.getLogger("voicebank.phonemizer")
    logger.setLevel(logging.ERROR)  # a warning for each foreign word that espeak reads in its own language
    with _LOCK:
        EspeakWrapper.set_library(espeakng_loader.get_library_path())
        EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
        backend = EspeakBackend(
            language, with_stress=True, language_switch="remove-flags", words_mismatch="ignore", logger=logger
        )
    return backend, Separator(phone="", word="|", syllable="")
