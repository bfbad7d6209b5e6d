"""The tab Speak: a text in any voice, heard from its first sentence on and seen from the inside."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from voicebank.errors import BadData
from voicebank_demo import voices
from voicebank_demo.page import UNQUEUED, component, errors_shown, examples, render, stop_player, text
from voicebank_demo.prompts import prompts
from voicebank_demo.speech import check_text, speaking
from voicebank_demo.visitors import Demo

LONG_TEXTS = Path(__file__).with_name("texts.txt").read_text(encoding="utf-8").strip().split("\n\n")
FIRST = "Dr. Smith paid $3.50 on May 1st, 2024, at 7:45 p.m. That is 12% less than in 1999!"
EXAMPLES = {
    "Numbers": FIRST,
    "A pause": "And the winner is [pause:1.5] my grandmother!",
    "A name, as you say it": "Her name is Siobhan, which is spoken [[ʃɪˈvɔːn]].",
    "A verse": "The rain in Spain stays mainly in the plain. Who said so? Nobody I know.",
}


@dataclass(frozen=True)
class Controls:
    """What is set on the tab."""

    text: gr.Textbox
    voice: gr.HTML
    hub: gr.Textbox
    frontend: gr.Radio
    vocoder: gr.Radio
    speed: gr.Slider

    def all(self) -> list[Any]:
        """In the order of :func:`chosen`."""
        return [self.text, self.voice, self.hub, self.frontend, self.speed, self.vocoder]


def calls(said: str, picked: Any, hub: str, frontend: str, speed: float, vocoder: str, request: gr.Request) -> str:
    """How programs get what is on the page now."""
    url = str(request.request.base_url).rstrip("/") if request.request else ""
    given = {"text": said, "voice": chosen(picked, hub), "frontend": frontend, "speed": speed, "vocoder": vocoder}
    return render("snippets.html", **given, url=url, call=json.dumps(given, ensure_ascii=False))


def chosen(picked: Any, hub: str) -> str:
    """The voice: one of the Hub if it is named, else the one that was picked."""
    hub = (hub or "").strip()
    return hub or str((picked or {}).get("chosen") if isinstance(picked, dict) else picked or "")


class Speaker:
    """What happens when somebody presses something on the tab."""

    def __init__(self, demo: Demo) -> None:
        self.demo, self.longest = demo, int(demo.settings.text)

    def say(
        self, said: str, picked: Any, hub: str, frontend: str, speed: float, vocoder: str, request: gr.Request
    ) -> Iterator[tuple[Any, str]]:
        """Speak: what the player shows, and the sentences as they were read."""
        with errors_shown("speak"):
            said = check_text(said, self.longest)
            visitor = self.demo.visitor(request)
            own, name = visitor.voices(), chosen(picked, hub)
            for progress in speaking(
                visitor.new_speech(),
                said,
                lambda: voices.get(name, own),
                frontend=frontend,
                vocoder=vocoder,
                speed=speed,
            ):
                link = {"text": said[:1500], "voice": "" if name.startswith("own:") else name}
                yield {**progress.value(), "link": link}, progress.details()

    def opened(self, request: gr.Request) -> tuple[Any, Any]:
        """A link to a text and a voice; and the voices that the visitor made."""
        asked = request.query_params
        visitor = self.demo.visitor(request)
        own = visitor.voices()
        mine = f"own:{visitor.archive.stem}" if visitor.archive else ""  # what somebody made is what they want to hear
        said = str(asked.get("text") or "")[: self.longest]
        return said or gr.skip(), voices.picker(str(asked.get("voice") or mine), own)


def another(texts: list[str], now: str) -> str:
    """One of the texts, but not the one that is there: a press that changes nothing looks broken."""
    return random.choice([text for text in texts if text != now] or texts)


def build(demo: Demo) -> Controls:
    """The tab; returns what is set on it: the list of voices grows by those that visitors make."""
    speaker, longest = Speaker(demo), int(demo.settings.text)
    with gr.Row(equal_height=False):
        with gr.Column(scale=3, min_width=280):
            written = gr.Textbox(label="Text", value=FIRST, lines=7, max_lines=14, elem_id="speak-text")
            text(f'<p class="vb-count" data-for="speak-text" data-longest="{longest}"></p>')
            with gr.Row(elem_classes="vb-small"):
                anything = gr.Button("Surprise me", size="sm", min_width=110, elem_id="speak-random")
                story = gr.Button("A long text", size="sm", min_width=110, elem_id="speak-long")
                opener = gr.UploadButton(
                    "Open a .txt", file_types=[".txt"], size="sm", min_width=110, elem_id="speak-open"
                )
            examples(EXAMPLES, written)
        with gr.Column(scale=3, min_width=280):
            picker = component("voices", "speak-voice", voices.picker())
            speed = gr.Slider(0.5, 2.0, 1.0, step=0.05, label="Speed", elem_id="speak-speed")
    with gr.Row():
        start = gr.Button("Speak", variant="primary", size="lg", scale=3, elem_id="speak-start")
        stop = gr.Button("Stop", size="lg", scale=1, min_width=80, elem_id="speak-stop")
    sound = component("player", "speak-player")
    with gr.Accordion("Details", open=False, elem_id="speak-details"):
        hub = gr.Textbox(
            label="Another voice", placeholder="owner/name", info="from the Hugging Face Hub", elem_id="speak-hub"
        )
        frontend = gr.Radio(
            voices.readers(), value=voices.frontends()[0], label="Reads the text", elem_id="speak-frontend"
        )
        vocoder = gr.Radio(voices.vocoders(), value=voices.vocoders()[0], label="Makes the sound (vocoder)")
        read = text("", elem_id="speak-reading")

    controls = Controls(written, picker, hub, frontend, vocoder, speed)
    spoken = start.click(
        speaker.say,
        controls.all(),
        [sound, read],
        show_progress="hidden",
        **demo.limits(demo.settings.speaking, "speaking"),
    )
    stop.click(None, js=stop_player("speak-player"), cancels=[spoken])
    anything.click(lambda now: another(prompts(), now), written, written, **UNQUEUED)
    story.click(lambda now: another(LONG_TEXTS, now), written, written, **UNQUEUED)
    opener.upload(lambda file: text_of(file, longest), opener, written, **UNQUEUED)
    demo.on_load.append((speaker.opened, None, [written, picker]))
    return controls


def build_calls(demo: Demo, controls: Controls) -> None:
    """How programs get what is set on the tab, whichever tab is open."""
    with gr.Accordion("For programs", open=False, elem_id="programs") as programs:
        code = text("")
    changes = [
        *(programs.expand, controls.text.change, controls.voice.change, controls.hub.change),
        *(controls.frontend.change, controls.speed.change, controls.vocoder.change),
    ]
    gr.on(changes, calls, controls.all(), code, trigger_mode="always_last", **UNQUEUED)


def text_of(file: str, longest: int) -> str:
    """A file of text, as far as it can be spoken here.

    Raises:
        BadData: it is no text.
    """
    with errors_shown("file"):
        data = Path(file).read_bytes()[: 4 * longest + 4]
        if b"\0" in data:
            raise BadData("that is no file of plain text: save it as .txt first")
        return data.decode("utf-8", "replace").lstrip("\ufeff")[: longest + 1]
