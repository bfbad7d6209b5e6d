"""Hear the difference: a sentence from its letters and from its phones, and in every voice."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from voicebank_demo import bank
from voicebank_demo.context import Demo
from voicebank_demo.messages import told
from voicebank_demo.pictures import figure
from voicebank_demo.player import address
from voicebank_demo.reading import symbols
from voicebank_demo.speech import check_text

LONGEST = 300  # characters: one sentence, many times
EXAMPLES = [
    ["A neural network reads this sentence."],
    ["The colonel bought a yacht and a bouquet."],
    ["She ate quinoa with Siobhan at the rendezvous."],
]
LEAD = """<p class="vb-lead">English spelling gives no rule for a word like "neural" or "quinoa". From its letters a
voice that seldom or never met the word has to guess; from the phones of a pronouncing dictionary it only has to
speak. It is the same network that reads both.</p>"""
NAMES = {"graphemes": "From letters (graphemes)", "phonemizer": "From phones (phonemizer)"}


def card(title: str, folder: Path, voice: Any, text: str, frontend: str | None, *, pictured: bool) -> str:
    """A sentence that was spoken: player, symbols and pictures."""
    speech = voice.say_detailed(text, frontend=frontend)
    name = "-".join(part for part in (voice.name, frontend) if part)
    path = speech.audio.save(folder / f"{''.join(c if c.isalnum() else '-' for c in name)}.wav")
    read = " ".join(symbols(spoken.sentence) for spoken in speech.sentences)
    pictures = "".join(figure(spoken) for spoken in speech.sentences[:2]) if pictured else ""
    return (
        f'<div class="vb-card"><h3>{escape(title)}</h3><audio controls src="{escape(address(path))}"></audio>'
        f"<p>{read}</p>{pictures}</div>"
    )


def waiting(title: str) -> str:
    """A card whose sentence is still being spoken."""
    return f'<div class="vb-card"><h3>{escape(title)}</h3><p class="vb-note">…</p></div>'


def cards(folder: Path, jobs: list[tuple[str, str, str | None]], text: str, *, pictured: bool) -> Iterator[str]:
    """The cards of ``(title, voice, frontend)`` jobs, again after each that is done."""
    done: list[str] = []
    for title, voice, frontend in jobs:
        rest = "".join(waiting(later[0]) for later in jobs[len(done) :])
        yield f'<div class="vb-cards">{"".join(done)}{rest}</div>'
        done.append(card(title, folder, bank.get(voice), text, frontend, pictured=pictured))
    yield f'<div class="vb-cards">{"".join(done)}</div>'


def build(demo: Demo) -> None:
    """The tab."""
    names, known = bank.names(), bank.frontends()
    readers = [name for name in ("graphemes", "phonemizer") if name in known]

    def compare(text: str, voice: str, request: gr.Request) -> Iterator[str]:
        with told("difference"):
            sentence = check_text(text, LONGEST)
            jobs: list[tuple[str, str, str | None]] = [(NAMES[name], voice, name) for name in readers]
            yield from cards(demo.visitor(request).new_speech(), jobs, sentence, pictured=True)

    def everybody(text: str, request: gr.Request) -> Iterator[str]:
        with told("difference"):
            sentence = check_text(text, LONGEST)
            jobs: list[tuple[str, str, str | None]] = [(name, name, known[0]) for name in names]
            yield from cards(demo.visitor(request).new_speech(), jobs, sentence, pictured=False)

    gr.HTML(LEAD, apply_default_css=False)
    with gr.Row():
        text = gr.Textbox(
            EXAMPLES[0][0],
            label="Sentence",
            lines=2,
            max_length=LONGEST,
            scale=3,
            min_width=260,
            elem_id="difference-text",
        )
        voice = gr.Dropdown(names, value=bank.first(), label="Voice", scale=1, min_width=140)
    start = gr.Button("Compare", variant="primary", size="lg", elem_id="difference-start")
    both = gr.HTML(elem_id="difference-both", apply_default_css=False)
    gr.HTML('<h3 class="vb-title">The same sentence in every voice</h3>', apply_default_css=False)
    four = gr.HTML(elem_id="difference-voices", apply_default_css=False)
    gr.Examples(EXAMPLES, [text], label="Try")

    shared: dict[str, Any] = {
        "show_progress": "hidden",
        "concurrency_limit": int(demo.settings.speaking),
        "concurrency_id": "speaking",
        "api_visibility": "private",
    }
    for trigger in (start.click, text.submit):
        trigger(compare, [text, voice], both, **shared).success(everybody, [text], four, **shared)
    if "phonemizer" not in known:
        gr.HTML(
            '<p class="vb-note">The phonemizer frontend is not installed here: pip install voicebank-phonemizer.</p>',
            apply_default_css=False,
        )
