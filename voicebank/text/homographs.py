"""Homographs, which are written alike and said in two ways: chosen by the words around (*to record*, *a record*).

By a table of contexts (``homograph_rules.tsv``) and no tagger: taggers that come in a wheel are large or unmaintained,
and most of these words have one neighbour that decides.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from voicebank.text.frontend import Unit

SIBILANTS, VOICELESS = "szʃʒ", "ptkfθ"


class Context(NamedTuple):
    """The words of a sentence around a homograph; empty strings beyond its ends, marks as words."""

    words: Sequence[str]
    at: int

    @property
    def word(self) -> str:
        """The homograph as it is written."""
        return self.words[self.at]

    def near(self, offset: int) -> str:
        """The word so far to the right, in small letters."""
        at = self.at + offset
        return self.words[at].lower() if 0 <= at < len(self.words) else ""

    def before(self, pattern: str, skip: str = "") -> bool:
        """Whether the word before is one of a pattern; words of ``skip`` do not count."""
        offset = -1
        while skip and re.fullmatch(skip, self.near(offset)):
            offset -= 1
        return re.fullmatch(pattern, self.near(offset)) is not None

    def after(self, pattern: str) -> bool:
        """Whether the word after is one of a pattern."""
        return re.fullmatch(pattern, self.near(1)) is not None


MODALS = (
    "can|could|will|would|shall|should|may|might|must|cannot|can't|couldn't|won't|wouldn't|shouldn't"
    "|mustn't|do|does|did"
    "|don't|doesn't|didn't|let's|please|help|helps|helped|let|lets|make|makes|made|to|i'll|you'll"
    "|he'll|she'll|we'll|they'll"
    "|it'll|i'd|you'd|he'd|she'd|we'd|they'd|gonna|wanna|or"
)
SUBJECTS = "i|you|we|they|who|people|many|most|both|all"
SINGULAR = "he|she|it|who|which|nobody|everyone|someone|everybody|somebody"
DETERMINERS = (
    "the|an?|this|these|those|my|your|his|its|our|their|some|any|no|every|each|another|whose|what|which|one|two|three"
    "|four|five|six|ten|several|few|more|such|many|new|old|first|second|last|next|good|great|bad"
    "|best|own|only|other|same"
    "|world|whole|her|big|small|long|short|little|public|high|low|full|real|his|daily|personal|late|early|sudden|loud"
)
PREPOSITIONS = (
    "of|in|on|for|with|at|by|from|about|under|over|into|without|as|than|between|against|after|before|during|per|through"
)
BE = "is|are|was|were|be|been|being|am|isn't|aren't|wasn't|weren't|i'm|you're|he's|she's|it's|we're|they're|that's"
HAVE = "has|have|had|having|i've|you've|we've|they've|hasn't|haven't|hadn't|he'd|she'd|i'd|they'd|we'd"
ADVERBS = (
    "never|always|often|also|only|just|still|even|really|probably|usually|ever|not|already|soon"
    "|quickly|slowly|sometimes"
    "|rarely|now|then|simply|actually|quietly|carefully|gently|deeply|almost|fully|strongly|all|both"
    "|better|well|recently"
)
OBJECTS = (
    "the|an?|my|your|his|her|our|their|its|this|that|these|those|it|them|him|us|me|you|everything"
    "|anything|nothing|some|any"
    "|all|every|each|more|what|how|whether|themselves|himself|herself|itself|yourself|both|no"
)
# A noun in the plural, which a verb may follow: "farms produce milk".
PLURAL = r"[a-z]{2,}[^\W_suia\d]s|people|men|women|children|police"
START = r"|[.!?;:,\"(—-]|and|but|then|so|please|or"


def is_verb(context: Context) -> bool | None:
    """Whether a word is a verb, not a noun or adjective; None if its neighbours do not say."""
    third = context.word.lower().endswith("s") and context.word.lower() not in (
        "close",
        "use",
        "house",
        "excuse",
        "abuse",
    )
    if context.before(MODALS, skip=ADVERBS) and not third:
        return True
    if context.before(SINGULAR if third else SUBJECTS, skip=ADVERBS) and not context.before(DETERMINERS):
        return True
    if context.before(DETERMINERS) or context.before(".*'s"):
        return False
    if context.before(f"{PREPOSITIONS}|{BE}|{HAVE}|feel|feels|felt|seem|seems|seemed|very|too|so|quite|more"):
        return False
    if context.after(OBJECTS):
        return True
    if context.before("him|them|us|me|you|" + PLURAL, skip=ADVERBS) and not context.after(BE + "|of|and|were|from"):
        return not third
    # "a strange old record": a determiner before, with nothing but describing words between.
    for offset in (-2, -3):
        if re.fullmatch(DETERMINERS, context.near(offset)) and re.fullmatch(r"[a-z]+", context.near(offset + 1)):
            return False
    if context.before(START, skip=ADVERBS) and context.after("up|down|out|off|back|to|with|away"):
        return True
    if (
        context.before("[a-z-]+")
        and not context.before(START)
        and context.after(f"{PREPOSITIONS}|{BE}|{HAVE}|and|or|to|[.,;:!?)]|")
    ):
        return False
    return None


Condition = Callable[[Context], bool]


class Rule(NamedTuple):
    """A line of ``homograph_rules.tsv``: how a word is said where all conditions hold."""

    way: str
    conditions: list[Condition]


@functools.cache
def rules() -> dict[str, list[Rule]]:
    """The lines of each rule, in their order."""
    table: dict[str, list[Rule]] = {}
    for name, way, *conditions in _rows("homograph_rules.tsv"):
        table.setdefault(name, []).append(Rule(way, [_condition(written) for written in conditions]))
    return table


def _condition(written: str) -> Condition:
    """What a condition of the table asks of a context."""
    if written.startswith("!"):
        inner = _condition(written[1:])
        return lambda context: not inner(context)
    name, _, pattern = written.partition("=")
    pattern = re.sub("[A-Z]{2,}", lambda m: globals()[m[0]], pattern)
    matches = re.compile(pattern).fullmatch
    name, passed, more = name.partition("~")
    skip = "|".join(filter(None, [ADVERBS, more])) if passed else ""
    conditions: dict[str, Condition] = {
        "verb": lambda context: is_verb(context) is True,
        "noun": lambda context: is_verb(context) is False,
        "before": lambda context: context.before(pattern, skip),
        "after": lambda context: context.after(pattern),
        "2before": lambda context: matches(context.near(-2)) is not None,
        "2after": lambda context: matches(context.near(2)) is not None,
        "anywhere": lambda context: any(matches(word.lower()) for word in context.words),
        "Word": lambda context: matches(context.word) is not None,
        "Before": lambda context: matches(context.words[context.at - 1] if context.at else "") is not None,
    }
    return conditions[name]


def way_of(rule: str, context: Context) -> int | None:
    """Which way a rule chooses, 0 or 1; None where nothing decides."""
    if rule == "verb-noun":  # its first way is the verb
        verb_second = way_of("noun-verb", context)
        return None if verb_second is None else 1 - verb_second
    for way, conditions in rules().get(rule, ()):
        if all(holds(context) for holds in conditions):
            if way == "verb":
                verb = is_verb(context)
                return None if verb is None else int(verb)
            return None if way == "-" else int(way)
    return None


class Homograph(NamedTuple):
    """The name of the rule that chooses, and the phones of both ways to say a word."""

    rule: str
    us: tuple[str, str]
    gb: tuple[str, str]


@functools.cache
def homographs() -> dict[str, Homograph]:
    """The table ``homographs.tsv``, by word."""
    rows = _rows("homographs.tsv")
    return {word: Homograph(rule, (us0, us1), (gb0, gb1)) for word, rule, us0, us1, gb0, gb1 in rows}


def _rows(table: str) -> Iterator[list[str]]:
    lines = Path(__file__).with_name(table).read_text(encoding="utf-8").splitlines()
    return (line.split("\t") for line in lines if not line.startswith("#"))


def choose_homographs(units: Sequence[Unit], language: str) -> list[Unit]:
    """The units of a sentence, with the phones of homographs that their frontend reads in the wrong way.

    Where the words around do not decide, and where letters are read right as they are, a unit stays as it is.
    """
    result = list(units)
    words = [unit.graphemes for unit in units]
    for i, unit in enumerate(units):
        word = unit.graphemes.lower()
        entry = homographs().get(word)
        plural = entry is None and word.endswith("s")
        if plural:
            entry = homographs().get(word[:-1])
        if entry is None or (plural and entry.rule not in ("noun-verb", "verb-noun")):
            continue
        way = way_of(entry.rule, Context(words, i))
        if way is None:
            continue
        said = entry.us if language.lower() in ("en", "en-us") else entry.gb
        if plural:
            said = (said[0] + plural_ending(said[0]), said[1] + plural_ending(said[1]))
        letters = unit.symbols.isupper()
        present = 0 if letters else int(_likeness(unit.symbols, said[1]) > _likeness(unit.symbols, said[0]))
        if present != way:
            result[i] = unit._replace(symbols=said[way])
    return result


def plural_ending(phones: str, after_sibilants: str = "ᵻz") -> str:
    """Phones of an "s" that is added to a word with these phones."""
    return after_sibilants if phones[-1] in SIBILANTS else "s" if phones[-1] in VOICELESS else "z"


def _likeness(a: str, b: str) -> float:
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()
