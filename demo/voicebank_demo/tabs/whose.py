"""Whose voice is this? The base voices by likeness to a clip."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

from voicebank.errors import BadAudio
from voicebank_demo.context import Demo
from voicebank_demo.matches import bars, of_clip
from voicebank_demo.messages import told
from voicebank_demo.uploads import read_clip

LEAD = """<p class="vb-lead">A few seconds of anybody's speech: which base voice is the closest? The likeness is the
cosine of two speaker embeddings: two recordings of one person are seldom below 0.75.</p>"""
WAITING = gr.Progress()


def build(demo: Demo) -> None:
    """The tab."""

    def changed(path: str | None, request: gr.Request, progress: gr.Progress = WAITING) -> str:
        return compare(path, request, progress) if path else ""

    def compare(path: str | None, request: gr.Request, progress: gr.Progress = WAITING) -> str:
        with told("whose"):
            if not path:
                raise BadAudio("record or choose a clip first")
            demo.uploaded(path, request)
            sound = read_clip(Path(path), Path(path).name, demo.settings.clip_seconds)
            return bars(of_clip(sound, lambda what, done, total: progress((done, total), desc=what)))

    gr.HTML(LEAD, apply_default_css=False)
    clip = gr.Audio(
        sources=["upload", "microphone"],
        type="filepath",
        label="A clip in which one person speaks",
        buttons=[],
        elem_id="whose-clip",
    )
    start = gr.Button("Compare", variant="primary", size="lg", elem_id="whose-start")
    found = gr.HTML(elem_id="whose-found", apply_default_css=False)
    for trigger, action in ((start.click, compare), (clip.change, changed)):
        trigger(
            action,
            clip,
            found,
            show_progress="full",
            concurrency_limit=1,
            concurrency_id="comparing",
            api_visibility="private",
        )
