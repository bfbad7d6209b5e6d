"""From a text of any length to the symbol strings that a voice speaks, one sentence at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from voicebank.errors import BadText
from voicebank.text.frontend import Frontend, Unit, join, tokenize
from voicebank.text.lexicon import Lexicon
from voicebank.text.markup import Ipa, Pause, parse_markup
from voicebank.text.normalise import PLACEHOLDER, normalise, unspeakable
from voicebank.text.sentences import split_long, split_sentences, stream_sentences
from voicebank.text.symbols import clean

FINAL = ".,!?;:…—"
SHOWN = 12  # how many unspeakable characters an error names


class Sentence(NamedTuple):
    """One sentence, or a piece of one that was too long, ready to be spoken.

    ``text`` is as it was written, ``normalised`` in spoken words, ``symbols`` what the network reads;
    ``dropped`` names the characters that cannot be spoken and were left out.
    """

    text: str
    normalised: str
    symbols: str
    dropped: str


def prepare(
    text: str | Iterable[str], frontend: Frontend, lexicon: Lexicon | None = None, max_symbols: int = 200
) -> Iterator[Sentence | Pause]:
    """The sentences and pauses of a text, lazily, so that a whole book costs constant memory.

    Args:
        text: A string, or pieces of one that are read as if joined, such as an open file.
        frontend: Reads the words.
        lexicon: Words that are spoken as it says instead.
        max_symbols: Longer sentences are cut at clauses, else at words.

    Raises:
        BadText: while iterating, if the text is empty or blank, if nothing in it can be spoken (the message
            names the characters), or for a bad pause or IPA mark.
    """
    dropped = ""  # of sentences without anything to speak: told with the next one
    any_text = spoken = False
    for written in stream_sentences(_chunks(text)):
        any_text = True
        for part in _parts(written):
            if isinstance(part, Pause):
                spoken = True
                yield part
                continue
            for sentence in _fit(*part, frontend, lexicon, max_symbols):
                dropped = "".join(dict.fromkeys(dropped + sentence.dropped))
                if sentence.symbols:
                    spoken = True
                    yield sentence._replace(dropped=dropped)
                    dropped = ""
    if not any_text:
        raise BadText("the text is empty; give at least one word to speak")
    if not spoken:
        shown = f": {dropped[:SHOWN]}{'…' if len(dropped) > SHOWN else ''}" if dropped else ""
        raise BadText(f"nothing in the text can be spoken{shown}; write words in Latin letters or numbers")


def _chunks(text: str | Iterable[str]) -> Iterator[str]:
    # A placeholder of ours in the text itself would be taken for raw IPA.
    for chunk in [text] if isinstance(text, str) else text:
        yield chunk.replace(PLACEHOLDER, " ")


def _parts(written: str) -> Iterator[Pause | tuple[str, deque[str]]]:
    """Pauses, and texts in which a placeholder stands for each piece of raw IPA that goes with them."""
    text, phones = "", deque[str]()
    for part in parse_markup(written):
        if isinstance(part, Pause):
            for sentence in split_sentences(text):
                yield sentence, phones
            yield part
            text, phones = "", deque()
        elif isinstance(part, Ipa):
            text += PLACEHOLDER
            phones.append(part.symbols)
        else:
            text += part.text
    for sentence in split_sentences(text):
        yield sentence, phones


def _fit(
    text: str, phones: deque[str], frontend: Frontend, lexicon: Lexicon | None, limit: int, final: str = "."
) -> Iterator[Sentence]:
    """The sentence, or pieces of it that keep within the limit of symbols."""
    shorter = int(0.85 * limit)  # spoken words are longer than written ones
    if len(text) <= 1.5 * limit:
        taken = [phones.popleft() for _ in range(text.count(PLACEHOLDER))]
        sentence = _sentence(text, taken, frontend, lexicon, final)
        length = len(sentence.symbols)
        if length <= limit:
            yield sentence
            return
        if len(text) == 1:  # raw IPA: nothing to cut in the text as written
            for piece in split_long(sentence.symbols, limit):
                yield sentence._replace(symbols=piece)
            return
        phones.extendleft(reversed(taken))
        shorter = min(len(text) - 1, int(0.95 * len(text) * limit / length))
    pieces = split_long(text, max(1, shorter))
    for i, piece in enumerate(pieces, start=1):
        # A comma keeps the voice up where the sentence goes on.
        yield from _fit(piece, phones, frontend, lexicon, limit, final if i == len(pieces) else ",")


def _sentence(text: str, phones: list[str], frontend: Frontend, lexicon: Lexicon | None, final: str) -> Sentence:
    # A frontend of a third party may read other languages: its numbers are read in English all the same.
    normalised = normalise(text, frontend.language if frontend.language.startswith("en") else "en")
    units: list[Unit] = []
    for i, words in enumerate(normalised.split(PLACEHOLDER)):
        if i:
            units.append(Unit(phones[i - 1], phones[i - 1]))
        units += _apply(lexicon, frontend.units(words), frontend) if words.strip() else []
    symbols, unknown = clean(join(units))
    symbols = symbols.strip()
    if not any(c.isalpha() for c in symbols):
        symbols = ""
    elif symbols.rstrip('")')[-1] not in FINAL:
        symbols += final  # voices learn from sentences that end in a mark, and find the end by it
    return Sentence(_show(text, phones), _show(normalised, phones), symbols, unspeakable(text) + unknown)


def _show(text: str, phones: list[str]) -> str:
    for symbols in phones:
        text = text.replace(PLACEHOLDER, f"[[{symbols}]]", 1)
    return text


def _apply(lexicon: Lexicon | None, units: list[Unit], frontend: Frontend) -> Iterator[Unit]:
    """Words of the lexicon in place of the frontend's; words merged with one are read apart."""
    if lexicon is None or not len(lexicon):
        yield from units
        return
    for unit in units:
        words = tokenize(unit.graphemes) if unit.is_word else []
        if not any(word in lexicon for word in words):
            yield unit
            continue
        for word in words:
            symbols = lexicon.get(word)
            if symbols is None:
                yield from frontend.units(word)
            else:
                yield Unit(word, symbols)
