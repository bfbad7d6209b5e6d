"""The calls for programs: ``gradio_client`` and MCP find those described below."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import gradio as gr
import numpy as np

import voicebank
from voicebank import Audio, uploads
from voicebank.errors import BadAudio
from voicebank_demo import voices as bank
from voicebank_demo.detect import places
from voicebank_demo.page import errors_shown
from voicebank_demo.speech import as_int16, check_text
from voicebank_demo.visitors import Demo
from voicebank_demo.whose import matches

FILE = "/gradio_api/file="


def taking_uploads(clip: gr.Audio) -> gr.Audio:
    """Let sound be given as the address under which this server has it: assistants get one when they upload.

    Gradio fetches addresses, and rightly refuses to fetch those of this machine. (A subclass would do the same, but
    Gradio writes a file beside the module of each.)
    """
    fetch = clip.async_move_resource_to_block_cache

    async def move(given: str | Path | None) -> str | None:
        text = str(given or "")
        if text.startswith(("http://", "https://")) and FILE in text:
            path = Path(unquote(text.partition(FILE)[2])).resolve()
            if path.is_relative_to(Path(clip.GRADIO_CACHE).resolve()) and path.is_file():
                return str(path)
        return await fetch(given)

    clip.async_move_resource_to_block_cache = move  # type: ignore[method-assign, assignment]
    return clip


def keeping_text(rows: gr.JSON) -> gr.JSON:
    """Let the text of JSON stay one: Gradio would make rows of it."""
    postprocess = rows.postprocess

    def keep(value: Any) -> Any:
        return value if isinstance(value, str) else postprocess(value)

    rows.postprocess = keep  # type: ignore[method-assign]
    return rows


def _for(request: gr.Request, rows: Any) -> Any:
    """Rows as the caller reads them: MCP makes text of everything, and of rows that of Python."""
    return json.dumps(rows, ensure_ascii=False) if request.headers.get("x-gradio-user") == "mcp" else rows


def _sound(clip: str, longest: float) -> Audio:
    """The sound that was given."""
    if not clip:
        raise BadAudio("give a sound file")
    return uploads.read_clip(Path(clip), Path(clip).name, longest)


def build(demo: Demo) -> None:
    """Add the calls to the app. Their components are on no page."""

    def speak(
        text: str,
        voice: str = bank.first(),
        frontend: str = bank.frontends()[0],
        speed: float = 1.0,
        vocoder: str = "griffin-lim",
    ) -> tuple[int, np.ndarray]:
        """Speak English text and return the sound as a WAV file, 24 kHz mono.

        Args:
            text: What to say. It may hold pauses, as [pause:0.5], and IPA, as [[ˈnʊɹəl]].
            voice: A name that the call voices lists, or owner/name of a voice on the Hugging Face Hub.
            frontend: What reads the text: phonemizer (phones) or graphemes (letters, and phones for rarer words).
            speed: From 0.5 (half as fast) to 2.
            vocoder: What makes the sound.
        """
        with errors_shown("speak"):
            spoken = bank.get(voice).say(
                check_text(text, int(demo.settings.text)), frontend=frontend, speed=float(speed), vocoder=vocoder
            )
            # Gradio writes the file, and removes it after some minutes: programs do not say when they leave.
            return spoken.sample_rate, as_int16(spoken)

    def closest(clip: str, request: gr.Request) -> Any:
        """List the base voices by likeness to the speaker of a clip and by pitch, the closest first.

        Args:
            clip: A sound file of up to a minute in which one person speaks.
        """
        with errors_shown("closest"):
            found = matches(_sound(clip, demo.settings.clip_seconds))
            about = {info.name: info.config for info in voicebank.voices()}
            rows = [(row, about[row.name]) for row in found]
            return _for(request, [{**row.model_dump(), "accent": c.accent, "gender": c.gender} for row, c in rows])

    def detect(clip: str, request: gr.Request) -> Any:
        """Say whether a voice of voicebank made a sound, which voice, and from which to which second it speaks.

        Args:
            clip: A sound file of up to five minutes.
        """
        with errors_shown("detect"):
            found = voicebank.detect(_sound(clip, demo.settings.search_seconds))
            kept = {key: getattr(found, key) for key in ("marked", "score", "p_value", "threshold", "payload")}
            return _for(request, {**kept, "places": [place._asdict() for place in places(found)]})

    def voices(request: gr.Request) -> Any:
        """List the bundled voices: name, accent, gender, language, license and what each was trained on."""
        kept = ("name", "accent", "gender", "language", "license", "origin")
        return _for(request, [{key: getattr(info.config, key) for key in kept} for info in voicebank.voices()])

    with gr.Column(visible=False):
        trigger = gr.Button()
        text = gr.Textbox(label="text")
        voice = gr.Textbox(bank.first(), label="voice")
        frontend = gr.Textbox(bank.frontends()[0], label="frontend")
        speed = gr.Number(1.0, label="speed")
        vocoder = gr.Textbox("griffin-lim", label="vocoder")
        clip = taking_uploads(gr.Audio(label="clip", type="filepath"))
        sound = gr.Audio(label="sound", interactive=False)
        rows = keeping_text(gr.JSON(label="rows"))
    shared: dict[str, Any] = {"concurrency_limit": int(demo.settings.speaking), "concurrency_id": "speaking"}
    trigger.click(speak, [text, voice, frontend, speed, vocoder], sound, api_name="speak", **shared)
    for call, name in ((closest, "closest"), (detect, "detect")):
        trigger.click(call, [clip], rows, api_name=name, concurrency_limit=1, concurrency_id="comparing")
    trigger.click(voices, None, rows, api_name="voices")
