"""What the words around a homograph say about it, and the rules that choose by them: one for nouns and verbs, and
one for each word that needs its own.

Rules return 0 or 1, the first or the second way of ``homographs.tsv``, or None where nothing decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
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
START = r"|[.!?;:,\"(—-]|and|but|then|so|please|or"


def _is_verb(context: Context) -> bool | None:
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
    if context.before("him|them|us|me|you|" + _PLURAL, skip=ADVERBS) and not context.after(BE + "|of|and|were|from"):
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


# A noun in the plural, which a verb may follow: "farms produce milk".
_PLURAL = r"[a-z]{2,}[^\W_suia\d]s|people|men|women|children|police"


def _noun_or_verb(context: Context) -> int | None:
    verb = _is_verb(context)
    return None if verb is None else int(verb)


def _verb_or_noun(context: Context) -> int | None:
    verb = _is_verb(context)
    return None if verb is None else int(not verb)


def _close(context: Context) -> int | None:
    if context.after("of|in") and context.before("the|a|at"):
        return 1
    if context.before("a|its|their") and context.near(-2) in ("to", "reached") and not context.after("[a-z]+"):
        return 1
    if context.after("to|by|together|enough|friends?|up|range|call|second|behind|at") and not context.before(
        MODALS, ADVERBS
    ):
        return 0
    return _noun_or_verb(context)


def _live(context: Context) -> int | None:
    if context.before("long"):
        return 0
    if context.before(
        DETERMINERS + "|go|goes|went|going|broadcast|streamed|perform|performed|play|played|recorded|shown"
    ):
        return 1
    if context.after(
        "music|show|shows|broadcast|album|concert|audience|wire|wires|stream|television|tv|coverage"
        "|ammunition|bait|animals|performance|performances|band|chat|updates|on air"
    ):
        return 0 if context.before(MODALS) else 1
    if context.before(BE):
        return 1
    return (
        0
        if _is_verb(context) or context.after("in|with|here|there|near|alone|together|at|on|by|under|among|longer")
        else None
    )


def _lives(context: Context) -> int | None:
    if context.before(DETERMINERS + "|people's|of|save|saved|saves|lost|human|nine"):
        return 0
    place = context.after(
        "in|at|with|near|on|here|there|alone|by|next|under|among|for|happily|across|above|below|far|just"
    )
    return 1 if place or context.before(SINGULAR + "|that") else None


PAST = re.compile(
    r"yesterday|ago|last|once|earlier|already|was|were|had|did|sat|went|came|took|stood|said|knew|thought|then|when"
    r"|before"
    r"|never|aloud|picked|opened|finished|until|nineteen|(?!need|indeed|feed|speed|seed|bed|red|hundred)[a-z]{3,}ed"
)


def _read(context: Context) -> int | None:
    if context.before("to|" + MODALS.replace("|made|", "|"), skip=ADVERBS):
        return 0
    if context.before(f"{HAVE}|{BE}|get|gets|got", skip=ADVERBS + "|widely"):
        return 1
    if context.before("good|a|the|must|quick|long|easy"):
        return 0
    if context.before(
        "he|she|it|who|everyone|nobody|someone|everybody|sign|letter|note|headline|message|label|text", skip=ADVERBS
    ):
        return 1
    if context.before("i|we|you|they|people|and", skip=ADVERBS):
        return 1 if any(PAST.fullmatch(w.lower()) for w in context.words) else 0
    name = context.words[context.at - 1] if context.at else ""
    if re.fullmatch(r"[A-Z][a-z]+", name):
        return 1
    if context.near(-1) == "":
        return 0
    return (
        1
        if re.fullmatch(r"[a-z]{3,}[^s]", name)
        and not context.after("[,.]|as")
        and context.near(-2) in ("the", "a", "my", "her", "his")
        else None
    )


def _lead(context: Context) -> int | None:
    if context.after(
        "pipes?|paint|poisoning|weights?|shot|pencils?|bullets?|acid|mines?|ore|crystal|apron|solder"
        "|sheets?|glaze|ions?|compounds|free"
    ):
        return 1
    if context.before(
        "of|contains?|contained|molten|pencil|like|as|toxic|heavy|white|red|containing|melted|liquid"
    ) and not context.after("singer|role|actor|guitar|[a-z]+er"):
        return 1
    metals = "zinc|copper|tin|mercury|silver|gold|iron|steel|arsenic|cadmium|aluminum|aluminium|nickel"
    if (
        context.after("and|or")
        and re.fullmatch(metals, context.near(2))
        or context.before("and|or")
        and re.fullmatch(metals, context.near(-2))
    ):
        return 1
    if context.after("is|was") and context.anywhere("metals?|heavy|toxic|soft|dense|poisonous|melts|element"):
        return 1
    if context.after("in|from") and context.anywhere("water|paint|soil|petrol|gasoline|fuel|pipes|blood|metal"):
        return (
            1
            if context.before("the|any|some|no|of|remove|removed|found|" + START) and not context.before("to")
            else None
        )
    return 0 if _is_verb(context) is not None else None


def _tear(context: Context) -> int | None:
    if context.after(
        "gas|drops?|ducts?|stained|rolled|ran|fell|slid|in her eye|in his eye|came|dropped|trickled|streamed"
    ):
        return 0
    if context.before("and") and context.near(-2) == "wear":
        return 1
    if context.before("single|shed|salty|one|wiped|without") or (
        context.after("in") and "eye" in " ".join(context.words).lower()
    ):
        return 0
    if context.before(DETERMINERS) and context.after("in|through|across|along|near|at|on"):
        return 1
    if context.after("up|apart|down|off|out|away|open|along|it|them|the|through|into|here"):
        return 1
    verb = _is_verb(context)
    return None if verb is None else int(verb)


def _tears(context: Context) -> int | None:
    if context.before(SINGULAR, skip=ADVERBS) or context.after("up|apart|down|off|it|through|easily|the|a"):
        return 1
    return 0 if _is_verb(context) is False else None


def _wind(context: Context) -> int | None:
    if context.after("up|it|them") or (context.after("down|back|around|round") and not context.before(DETERMINERS)):
        return 1
    if context.after(
        "turbines?|power|farms?|speed|instruments?|chill|tunnel|direction|blew|blows|was|is|energy|howled|carried"
    ):
        return 0
    return _noun_or_verb(context)


def _winds(context: Context) -> int | None:
    if context.before("road|river|path|trail|stairs|stream|track|staircase|street|valley|it|which|that|lane|he|she"):
        return 1
    return 0


def _wound(context: Context) -> int | None:
    turned = "up|around|round|down|through|its|tightly|tight|back|into|his|along"
    if context.before(DETERMINERS + "|open|deep|stab|bullet|gunshot|head|flesh|of") or context.before(MODALS):
        return 0
    if (
        context.after(turned)
        or (context.before(f"{HAVE}|{BE}") or context.after("the"))
        and context.anywhere("clock|watch|thread|wire|wool|bandage|spring|rope|yarn|string|coil|scarf|toy|tape")
    ):
        return 1
    return None


def _bow(context: Context) -> int | None:
    if (
        context.before("take|takes|took|taking|final|deep|low|slight|polite|graceful|formal|ship's|boat's|a")
        and (
            context.near(-2) in ("take", "takes", "took", "a", "with", "gave", "made", "the")
            and not context.after("and|tie|in")
        )
        and (context.near(-1) != "a" or context.near(-2) != "with")
    ):
        return 1
    if context.after("down|before|out|to|low|his|her|your|their|deeply|politely|respectfully") and not context.before(
        DETERMINERS
    ):
        return 1
    if context.anywhere("ship|boat|stern|deck|sailors?|sail|waves|vessel|hull|captain|yacht") and not context.after(
        "tie|and arrow|string"
    ):
        return 1
    if context.after("tie|and|string|in|legged") or context.anywhere("arrows?|violin|ribbon|hair|archer|cello"):
        return 0
    return _noun_or_verb(context)


def _bass(context: Context) -> int | None:
    fish = (
        "fish|fishing|fished|caught|catch|lake|river|sea|striped|largemouth|smallmouth|grilled|fried"
        "|pond|trout|salmon|bait|hook|angler|swam|fisherman|cooked|ate|eat|fillet"
    )
    return 1 if context.anywhere(fish) and not context.after("guitar|player|drum|line|clef|voice|notes?|solo") else 0


def _row(context: Context) -> int | None:
    if context.after("over|about|broke|erupted|between|with|blew|escalated|continued") and context.before(
        "an?|the|this|huge|big|bitter|furious|blazing|terrible|political|public|diplomatic"
    ):
        return (
            0
            if context.after("with|between")
            and not context.anywhere(
                "had|have|having|angry|over|government|neighbours?|neighbors?|parents|wife|husband"
            )
            else 1
        )
    if context.before(
        "blazing|furious|heated|terrible|bitter|flaming|almighty|diplomatic|awful|big|huge|loud"
    ) and context.anywhere("had|having|have|was|after|over"):
        return 1
    return 0


def _sow(context: Context) -> int | None:
    if context.before(DETERMINERS + "|pregnant|fat|wild|mother") or context.after("and her|gave|nursed|fed"):
        return 1
    return (
        0
        if _is_verb(context)
        else 1
        if context.anywhere("pigs?|piglets?|boar|farm") and not context.anywhere("seeds?|crops?|fields?")
        else 0
    )


def _dove(context: Context) -> int | None:
    into = context.after(
        "into|in|under|down|off|for|deep|through|headfirst|right|straight|from|beneath|underwater|headlong|below|after"
    )
    if context.before("he|she|it|they|we|i|who|and|then|[A-Z].*") or (
        into and not context.before(DETERMINERS + "|white|a")
    ):
        return 1 if into else None
    return 0


def _minute(context: Context) -> int | None:
    small = (
        "amounts?|details?|quantity|quantities|particles?|traces?|differences?|changes?|fractions?"
        "|cracks?|specks?|organisms?|creatures?|proportions|doses?|scale|examination|inspection"
        "|variations|pieces|holes|insects|concentrations|print|fragments?"
    )
    if context.after(small) or context.before("very|extremely|so|incredibly|almost|quite"):
        return 1
    if context.before(BE) and context.after("[.,;]|and|compared|but|in|"):
        return 1
    return 0


def _invalid(context: Context) -> int | None:
    if context.before(
        "an|the|poor|old|elderly|chronic|lifelong|become|became|permanent|helpless|bedridden"
    ) and context.after(
        r"[.,;!?]||is|was|for|in|who|and|since|chair|at|could|had|needed|needs|mother|father|wife|husband"
        r"|sister|brother|son|daughter|aunt|lay|sat"
    ):
        return 1
    return 0


def _content(context: Context) -> int | None:
    if context.before(
        f"{BE}|feels?|felt|seems?|seemed|quite|very|perfectly|fully|remain|remained|looked|looks|not|and|rest"
    ) and (
        context.after(r"with|to|[.,;!?]||just|and|enough|in|now")
        and not context.before("the|and")
        or context.after("to")
    ):
        return 1
    return 0


def _polish(context: Context) -> int | None:
    capital = context.word[0].isupper()
    return int(capital and not (context.at == 0 and context.after(OBJECTS)))


def _does(context: Context) -> int | None:
    if context.before("two|three|four|five|six|several|some|female|young|bucks|deer") or context.anywhere(
        "bucks|stags|fawns|deer"
    ):
        return 1
    return None


def _resume(context: Context) -> int | None:
    return (
        1
        if context.before("an?|the|my|your|his|her|their|our|updated|new|good|impressive")
        and not context.after("the|work|talks")
        else None
    )


def _august(context: Context) -> int | None:
    return 1 if context.word[0].islower() else None


RULES: dict[str, Callable[[Context], int | None]] = {
    **{"noun-verb": _noun_or_verb, "verb-noun": _verb_or_noun, "close": _close, "live": _live, "lives": _lives},
    **{"read": _read, "lead": _lead, "tear": _tear, "tears": _tears, "wind": _wind, "winds": _winds, "wound": _wound},
    **{"bow": _bow, "bass": _bass, "row": _row, "sow": _sow, "dove": _dove, "minute": _minute, "invalid": _invalid},
    **{"content": _content, "polish": _polish, "does": _does, "resume": _resume, "august": _august},
}
