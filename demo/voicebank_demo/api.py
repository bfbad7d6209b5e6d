"""The calls for programs: ``gradio_client`` and MCP find ``speak``, ``closest`` and ``voices`` described below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

import voicebank
from voicebank.errors import BadAudio
from voicebank_demo import bank
from voicebank_demo.context import Demo
from voicebank_demo.matches import of_clip
from voicebank_demo.messages import told
from voicebank_demo.speech import check_text
from voicebank_demo.uploads import read_clip


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
            frontend: What reads the text: phonemizer (as a dictionary says it) or graphemes (from its letters).
            speed: From 0.5 (half as fast) to 2.
            vocoder: What makes the sound.
        """
        with told("speak"):
            spoken = bank.get(voice).say(
                check_text(text, int(demo.settings.text)), frontend=frontend, speed=float(speed), vocoder=vocoder
            )
            # Gradio writes the file, and removes it after some minutes: programs do not say when they leave.
            return spoken.sample_rate, np.round(spoken.samples * 32767).astype(np.int16)

    def closest(clip: str) -> list[dict[str, Any]]:
        """List the base voices by likeness to the speaker of a clip and by pitch, the closest first.

        Args:
            clip: A sound file of up to a minute in which one person speaks.
        """
        with told("closest"):
            if not clip:
                raise BadAudio("give a sound file")
            return of_clip(read_clip(Path(clip), Path(clip).name, demo.settings.clip_seconds))

    def voices() -> list[dict[str, Any]]:
        """List the bundled voices: name, accent, gender, language, license and what each was trained on."""
        return [
            {
                "name": info.name,
                "accent": info.config.accent,
                "gender": info.config.gender,
                "language": info.config.language,
                "license": info.config.license,
                "origin": info.config.origin,
            }
            for info in voicebank.voices()
        ]

    with gr.Column(visible=False):
        trigger = gr.Button()
        text = gr.Textbox(label="text")
        voice = gr.Textbox(bank.first(), label="voice")
        frontend = gr.Textbox(bank.frontends()[0], label="frontend")
        speed = gr.Number(1.0, label="speed")
        vocoder = gr.Textbox("griffin-lim", label="vocoder")
        clip = gr.Audio(label="clip", type="filepath")
        sound = gr.Audio(label="sound", interactive=False)
        rows = gr.JSON(label="rows")
    limit = int(demo.settings.speaking)
    trigger.click(
        speak,
        [text, voice, frontend, speed, vocoder],
        sound,
        api_name="speak",
        concurrency_limit=limit,
        concurrency_id="speaking",
    )
    trigger.click(closest, [clip], rows, api_name="closest", concurrency_limit=1, concurrency_id="comparing")
    trigger.click(voices, None, rows, api_name="voices")
