"""The words as the frontend read them."""

from __future__ import annotations

from html import escape

from voicebank.synthesis.speech import SpokenSentence
from voicebank.text.pipeline import Sentence
from voicebank_demo.pictures import figure


def reading(sentence: Sentence) -> str:
    """Normalised text and symbols of a sentence, and what could not be spoken."""
    rows = [("read as", escape(sentence.normalised)), ("symbols", symbols(sentence))]
    if sentence.dropped:
        rows.append(("left out", f'<span class="vb-bad">{escape(sentence.dropped)}</span>'))
    return '<dl class="vb-reading">' + "".join(f"<dt>{name}</dt><dd>{value}</dd>" for name, value in rows) + "</dl>"


def symbols(sentence: Sentence) -> str:
    """The symbols that the network reads: letters are upper case, phones IPA."""
    # A browser breaks lines at stress marks, within words: each word is a box.
    words = " ".join(f"<i>{escape(word)}</i>" for word in sentence.symbols.split(" "))
    return f'<span class="vb-symbols">{words}</span>'


def details(number: int, spoken: SpokenSentence, *, opened: bool, pictured: bool) -> str:
    """A sentence that opens to its reading and its pictures."""
    note = ""
    if spoken.pieces > 1:
        note = f'<p class="vb-note">Spoken in {spoken.pieces} pieces: as a whole it lost its way.</p>'
    return (
        f'<details class="vb-sentence"{" open" if opened else ""}>'
        f"<summary>{number}. {escape(spoken.sentence.text)}</summary>"
        f"{reading(spoken.sentence)}{note}{figure(spoken) if pictured else ''}</details>"
    )
