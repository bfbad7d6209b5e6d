"""The words around a word: what they say about it, and whether it is a verb or a noun there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple


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

    def anywhere(self, pattern: str) -> bool:
        """Whether a word of a pattern stands in the sentence."""
        return any(re.fullmatch(pattern, word.lower()) for word in self.words)


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
