"""The rules that choose a way to say a homograph: one for nouns and verbs, and one for each word that needs its own.

Rules return 0 or 1, the first or the second way of ``homographs.tsv``, or None where nothing decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from voicebank.text.context import ADVERBS, BE, DETERMINERS, HAVE, MODALS, OBJECTS, SINGULAR, START, Context, is_verb


def _noun_or_verb(context: Context) -> int | None:
    verb = is_verb(context)
    return None if verb is None else int(verb)


def _verb_or_noun(context: Context) -> int | None:
    verb = is_verb(context)
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
    verb = is_verb(context) or context.after("in|with|here|there|near|alone|together|at|on|by|under|among|longer")
    return 0 if verb else None


def _lives(context: Context) -> int | None:
    if context.before(DETERMINERS + "|people's|of|save|saved|saves|lost|human|nine"):
        return 0
    place = "in|at|with|near|on|here|there|alone|by|next|under|among|for|happily|across|above|below|far|just"
    return 1 if context.after(place) or context.before(SINGULAR + "|that") else None


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
    noun = re.fullmatch(r"[a-z]{3,}[^s]", name) and context.near(-2) in ("the", "a", "my", "her", "his")
    return 1 if noun and not context.after("[,.]|as") else None


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
        noun = context.before("the|any|some|no|of|remove|removed|found|" + START) and not context.before("to")
        return 1 if noun else None
    return 0 if is_verb(context) is not None else None


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
    return _noun_or_verb(context)


def _tears(context: Context) -> int | None:
    if context.before(SINGULAR, skip=ADVERBS) or context.after("up|apart|down|off|it|through|easily|the|a"):
        return 1
    return 0 if is_verb(context) is False else None


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
        quarrel = "had|have|having|angry|over|government|neighbours?|neighbors?|parents|wife|husband"
        return 0 if context.after("with|between") and not context.anywhere(quarrel) else 1
    if context.before(
        "blazing|furious|heated|terrible|bitter|flaming|almighty|diplomatic|awful|big|huge|loud"
    ) and context.anywhere("had|having|have|was|after|over"):
        return 1
    return 0


def _sow(context: Context) -> int | None:
    if context.before(DETERMINERS + "|pregnant|fat|wild|mother") or context.after("and her|gave|nursed|fed"):
        return 1
    pig = context.anywhere("pigs?|piglets?|boar|farm") and not context.anywhere("seeds?|crops?|fields?")
    return 1 if pig and not is_verb(context) else 0


def _dove(context: Context) -> int | None:
    ways = (
        "into|in|under|down|off|for|deep|through|headfirst|right|straight|from|beneath|underwater|headlong|below|after"
    )
    into = context.after(ways)
    subject = context.before("he|she|it|they|we|i|who|and|then|[A-Z].*")
    if subject or (into and not context.before(DETERMINERS + "|white|a")):
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
    noun = context.before("an?|the|my|your|his|her|their|our|updated|new|good|impressive")
    return 1 if noun and not context.after("the|work|talks") else None


def _august(context: Context) -> int | None:
    return 1 if context.word[0].islower() else None


RULES: dict[str, Callable[[Context], int | None]] = {
    **{"noun-verb": _noun_or_verb, "verb-noun": _verb_or_noun, "close": _close, "live": _live, "lives": _lives},
    **{"read": _read, "lead": _lead, "tear": _tear, "tears": _tears, "wind": _wind, "winds": _winds, "wound": _wound},
    **{"bow": _bow, "bass": _bass, "row": _row, "sow": _sow, "dove": _dove, "minute": _minute, "invalid": _invalid},
    **{"content": _content, "polish": _polish, "does": _does, "resume": _resume, "august": _august},
}
