"""Speak: a text in any voice, heard from its first sentence on and seen from the inside."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from voicebank.errors import VoicebankError
from voicebank_demo import bank
from voicebank_demo.context import Demo
from voicebank_demo.messages import told
from voicebank_demo.player import address, player, stop_player
from voicebank_demo.reading import details
from voicebank_demo.speech import check_text, speak

if TYPE_CHECKING:
    from voicebank.bank import Voice

PICTURED = 12  # sentences whose pictures are drawn
EXAMPLES = [
    ["Dr. Smith paid $3.50 on May 1st, 2024, at 7:45 p.m. That is 12% less than in 1999!"],
    ["Please wait [pause:0.6] for the [[ˈnʊɹəl]] network to warm up."],
    ["The rain in Spain stays mainly in the plain. Who said so? Nobody I know."],
    [
        "A lighthouse keeper is seldom in a hurry. Every evening he climbs one hundred and ninety-nine steps, "
        "lights the lamp, and looks out over the water. Some nights there are ships. Most nights there are only "
        "stars. He writes both down in the same book."
    ],
]


def speaking(
    folder: Path, text: str, load: Callable[[], Voice], **options: Any
) -> Iterator[tuple[dict[str, Any], str]]:
    """Speak into a folder: what the player shows, and the sentences as they were read.

    Raises:
        VoicebankError: the voice cannot be had, or does not speak the text; the player keeps what was spoken so far.
    """
    state: dict[str, Any] = {"run": secrets.token_hex(4), "state": "working", "parts": [], "fraction": 0}
    yield {**state, "message": "the voice gets ready"}, ""
    read: list[str] = []
    try:
        for spoken in speak(load(), text, **options):
            path = spoken.audio.save(folder / f"{spoken.number:04d}.wav")
            for sentence in spoken.sentences:
                read.append(details(len(read) + 1, sentence, opened=not read, pictured=len(read) < PICTURED))
            state = {**state, "parts": [*state["parts"], address(path)], "fraction": round(spoken.fraction, 3)}
            message = f"sentence {spoken.number} of {spoken.total}" if spoken.total > 1 else ""
            yield {**state, "message": message}, "".join(read)
    except VoicebankError:
        yield {**state, "state": "done" if state["parts"] else "failed", "message": ""}, "".join(read)
        raise
    yield {**state, "state": "done", "message": ""}, "".join(read)


def build(demo: Demo) -> None:
    """The tab."""

    def say(
        text: str, voice: str, frontend: str, speed: float, vocoder: str, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        with told("speak"):
            text = check_text(text, int(demo.settings.text))
            folder = demo.visitor(request).new_speech()
            options = {"frontend": frontend, "speed": speed, "vocoder": vocoder}
            yield from speaking(folder, text, lambda: bank.get(voice), **options)

    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=280):
            text = gr.Textbox(
                label="Text",
                value=EXAMPLES[0][0],
                lines=9,
                max_lines=14,
                max_length=int(demo.settings.text),
                elem_id="speak-text",
            )
        with gr.Column(scale=2, min_width=280):
            voice = gr.Dropdown(
                bank.names(),
                value=bank.first(),
                label="Voice",
                info="or owner/name of a voice on the Hugging Face Hub",
                allow_custom_value=True,
                elem_id="speak-voice",
            )
            with gr.Row():
                frontend = gr.Dropdown(
                    bank.frontends(), label="Reads the text", min_width=120, elem_id="speak-frontend"
                )
                vocoder = gr.Dropdown(bank.vocoders(), label="Makes the sound", min_width=120)
            speed = gr.Slider(0.5, 2.0, 1.0, step=0.05, label="Speed")
    with gr.Row():
        start = gr.Button("Speak", variant="primary", size="lg", scale=3, elem_id="speak-start")
        stop = gr.Button("Stop", size="lg", scale=1, min_width=80, elem_id="speak-stop")
    sound = player("speak-player")
    read = gr.HTML(elem_id="speak-reading", apply_default_css=False)
    gr.Examples(EXAMPLES, [text], label="Try", examples_per_page=8, elem_id="speak-examples")

    event: dict[str, Any] = {
        "inputs": [text, voice, frontend, speed, vocoder],
        "outputs": [sound, read],
        "show_progress": "hidden",
        "concurrency_limit": int(demo.settings.speaking),
        "concurrency_id": "speaking",
        "api_visibility": "private",
    }
    clicked = start.click(say, **event)
    entered = text.submit(say, **event)
    stop.click(None, js=stop_player("speak-player"), cancels=[clicked, entered])
