"""The tab Compare: a sentence from its letters and from its phones, and in every voice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from voicebank import Speech, plugins
from voicebank.errors import VoicebankError
from voicebank_demo import voices
from voicebank_demo.page import component, errors_shown, examples, render, text
from voicebank_demo.speech import check_text
from voicebank_demo.visitors import Demo

LONGEST = 300  # characters: one sentence, many times
EXAMPLES = {
    "Neural network": "A neural network reads this sentence.",
    "Colonel, yacht, bouquet": "The colonel bought a yacht and a bouquet.",
    "Quinoa, Siobhan, rendezvous": "She ate quinoa with Siobhan at the rendezvous.",
}
FIRST = EXAMPLES["Neural network"]
LEAD = """<p class="vb-lead">English spelling does not say how to speak a word like "neural" or "quinoa". From the
spelling a voice has to guess; with a dictionary it knows. Here you hear both, and then every voice.</p>"""
SPELLING, DICTIONARY = "Guessed from the spelling", "With a dictionary"


@dataclass
class Card:
    """A sentence in one of the ways in which it is spoken."""

    title: str
    voice: str
    frontend: str | plugins.Frontend
    pictured: bool = False
    portrait: str = ""
    speech: Speech | None = None
    path: Path | None = None
    error: str = ""

    def speak(self, folder: Path, sentence: str) -> None:
        """Speak it into a folder."""
        self.speech = voices.get(self.voice).say_detailed(sentence, frontend=self.frontend)
        reader = self.frontend if isinstance(self.frontend, str) else "letters"
        self.path = self.speech.audio.save(folder / f"{self.voice}-{reader}.wav")


def cards(folder: Path, wanted: list[Card], sentence: str, heading: str) -> Iterator[str]:
    """All cards below a heading, again after each that is done.

    Raises:
        VoicebankError: one could not be spoken; the cards say so.
    """
    for card in wanted:
        yield render("cards.html", cards=wanted, heading=heading)
        try:
            card.speak(folder, sentence)
        except VoicebankError as error:
            for other in wanted:
                other.error = "" if other.speech else str(error) if other is card else "not spoken"
            yield render("cards.html", cards=wanted, heading=heading)
            raise
    yield render("cards.html", cards=wanted, heading=heading)


def build(demo: Demo) -> None:
    """The tab."""
    known = voices.frontends()

    def compare(said: str, picked: Any, request: gr.Request) -> Iterator[str]:
        with errors_shown("difference"):
            sentence = check_text(said, LONGEST)
            voice = str(picked["chosen"])
            letters = plugins.create(
                "frontend", "graphemes", language=voices.get(voice).config.language, dictionary=False
            )
            wanted = [
                Card(SPELLING, voice, letters, pictured=True),
                Card(DICTIONARY, voice, known[0], pictured=True),
            ]
            yield from cards(demo.visitor(request).new_speech(), wanted, sentence, "Two ways to read it")

    def everybody(said: str, request: gr.Request) -> Iterator[str]:
        with errors_shown("difference"):
            sentence = check_text(said, LONGEST)
            wanted = [
                Card(f"{face.name}, {face.about}", face.id, known[0], portrait=face.portrait) for face in voices.faces()
            ]
            yield from cards(demo.visitor(request).new_speech(), wanted, sentence, "The same sentence in every voice")

    text(LEAD)
    said = gr.Textbox(FIRST, label="Sentence", lines=2, elem_id="difference-text")
    text(f'<p class="vb-count" data-for="difference-text" data-longest="{LONGEST}"></p>')
    examples(EXAMPLES, said)
    voice = component("voices", "difference-voice", voices.picker())
    start = gr.Button("Compare", variant="primary", size="lg", elem_id="difference-start")
    both = text("", elem_id="difference-both")
    four = text("", elem_id="difference-voices")
    shared: dict[str, Any] = {"show_progress": "hidden", **demo.limits(demo.settings.speaking, "speaking")}
    start.click(compare, [said, voice], both, **shared).success(everybody, [said], four, **shared)
