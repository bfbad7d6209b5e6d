"""From a text of any length to the symbol strings that a voice speaks, one sentence at a time."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from voicebank.errors import BadText, PluginError, VoicebankError
from voicebank.text.frontend import Frontend, Unit, join, tokenize
from voicebank.text.homographs import choose_homographs
from voicebank.text.lexicon import Lexicon
from voicebank.text.markup import Ipa, Pause, Prosody, Text, parse_markup
from voicebank.text.normalise import normalise, unspeakable
from voicebank.text.sentences import PLACEHOLDER, SentenceSplitter, split_long
from voicebank.text.symbols import clean

FINAL = ".,!?;:…—"
SHOWN = 12  # how many unspeakable characters an error names


class Sentence(NamedTuple):
    """One sentence, or a piece of one that was too long, ready to be spoken.

    ``text`` is as it was written, ``normalised`` in spoken words, ``symbols`` what the network reads;
    ``dropped`` names the characters that cannot be spoken and were left out. ``rate`` and ``volume`` are what SSML's
    ``prosody`` asks for: factors of the speed (0.5 to 2) and of the amplitude (0 to 4), 1 where it asks for nothing.
    ``units`` are the words and marks that ``symbols`` was joined from.
    """

    text: str
    normalised: str
    symbols: str
    dropped: str
    rate: float = 1.0
    volume: float = 1.0
    units: tuple[Unit, ...] = ()


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
        BadText: while iterating, if the text is empty or blank, or if nothing in it can be spoken (the message
            names the characters).
    """
    dropped = ""  # of sentences without anything to speak: the next one names them
    any_text = spoken = False
    for part in _parts(text):
        any_text = True
        if isinstance(part, Pause):
            spoken = True
            yield part
            continue
        written, phones, final, prosody = part
        for sentence in _fit(written, phones, frontend, lexicon, max_symbols, final):
            dropped = "".join(dict.fromkeys(dropped + sentence.dropped))
            if sentence.symbols:
                spoken = True
                yield sentence._replace(dropped=dropped, rate=prosody.rate, volume=prosody.volume)
                dropped = ""
    if not any_text:
        raise BadText("the text is empty; give at least one word to speak")
    if not spoken:
        shown = f": {dropped[:SHOWN]}{'…' if len(dropped) > SHOWN else ''}" if dropped else ""
        raise BadText(f"nothing in the text can be spoken{shown}; write words in Latin letters or numbers")


def readable(parts: Iterable[Sentence | Pause]) -> Iterator[str]:
    """How a text is read, a line for each part of :func:`prepare`: numbers and signs as words, IPA in ``[[ ]]``, pauses
    as marks. The lines are themselves a text that is read the same."""
    for part in parts:
        yield f"[pause:{part.seconds:g}]" if isinstance(part, Pause) else part.normalised


class _Written(NamedTuple):
    """A sentence as it was written, with a placeholder for each piece of IPA, the mark it gets if it has none, and how
    it is to be spoken. The phones of later sentences may follow its own."""

    text: str
    phones: deque[str]
    final: str
    prosody: Prosody


def _parts(text: str | Iterable[str]) -> Iterator[Pause | _Written]:
    splitter, phones, prosody = SentenceSplitter(), deque[str](), Prosody()
    for part in parse_markup(_chunks(text)):
        sentences: Iterable[str] = ()
        final = "."
        if isinstance(part, Text):
            sentences = splitter.push(part.text)
        elif isinstance(part, Ipa):
            phones.append(part.symbols)
            sentences = splitter.push(PLACEHOLDER)
        elif part != prosody:
            sentences = splitter.end()
            final = "," if isinstance(part, Prosody) else "."
        for sentence in sentences:
            yield _Written(sentence, phones, final, prosody)
        if isinstance(part, Pause):
            yield part
        elif isinstance(part, Prosody):
            prosody = part
    for sentence in splitter.end():
        yield _Written(sentence, phones, ".", prosody)


def _chunks(text: str | Iterable[str]) -> Iterator[str]:
    # A placeholder of ours in the text itself would be taken for raw IPA.
    for chunk in [text] if isinstance(text, str) else text:
        yield chunk.replace(PLACEHOLDER, " ")


def _fit(
    text: str, phones: deque[str], frontend: Frontend, lexicon: Lexicon | None, limit: int, final: str
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
        if words.strip():
            units += _apply(lexicon, _frontend_units(frontend, words), frontend)
    symbols, unknown = clean(join(units))
    symbols = symbols.strip()
    if not any(c.isalpha() for c in symbols):
        symbols = ""
    elif symbols.rstrip('")')[-1] not in FINAL:
        symbols += final  # voices learn from sentences that end in a mark, and find the end by it
    dropped = unspeakable(text) + unknown
    return Sentence(_show(text, phones), _show(normalised, phones), symbols, dropped, units=tuple(units))


def _frontend_units(frontend: Frontend, words: str) -> list[Unit]:
    """The units of a frontend, which may be anybody's.

    Raises:
        PluginError: it fails, or returns something else.
    """
    try:
        units = [Unit(*unit) for unit in frontend.units(words)]
        if not all(isinstance(field, str) for unit in units for field in unit):
            raise TypeError("the fields of a unit must be str")
    except VoicebankError:
        raise
    except Exception as error:
        name = getattr(frontend, "name", type(frontend).__name__)
        raise PluginError(f"frontend {name!r} fails on {words[:40]!r}: {type(error).__name__}: {error}") from error
    return choose_homographs(units, frontend.language) if frontend.language.startswith("en") else units


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
                yield from _frontend_units(frontend, word)
            else:
                yield Unit(word, symbols)


class Lines:
    """Passes a text on, and knows on which of its lines a sentence begins.

    Raises:
        BadText: while iterating, for what is no text.
    """

    _REACH = 20_000  # characters in which a sentence is looked for

    def __init__(self, text: str | Iterable[str]) -> None:
        self._chunks = [text] if isinstance(text, str) else text
        self._text, self._at, self._line = "", 0, 1

    def __iter__(self) -> Iterator[str]:
        for chunk in self._chunks:
            self._text, self._at = self._text[self._at :] + check_text(chunk), 0
            yield chunk

    def of(self, sentence: str) -> int:
        """The line of the next sentence, which is none of those before; that of the last where it is not found."""
        words = r"\s+".join(re.escape(word) for word in sentence[:60].split()[:6])
        if match := re.compile(words).search(self._text, self._at, self._at + self._REACH):
            self._line += self._text.count("\n", self._at, match.start())
            self._at = match.start() + 1
        return self._line


def check_text(text: object) -> str:
    """The text, if it is one.

    Raises:
        BadText: it is something else; the message says what to do.
    """
    if isinstance(text, str):
        return text
    advice = {
        "bytes": "decode it first, for instance text.decode()",
        "Path": "read it first, for instance path.read_text(encoding='utf-8')",
    }
    kind = "Path" if isinstance(text, os.PathLike) else type(text).__name__
    raise BadText(f"the text is no str but {type(text).__name__}: {advice.get(kind, 'give words to speak')}")
