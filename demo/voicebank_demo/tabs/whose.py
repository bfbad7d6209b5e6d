"""Whose voice is this? The mark of a voice of this bank, and the base voices by likeness to a clip."""

from __future__ import annotations

import html
from pathlib import Path

import gradio as gr

import voicebank
from voicebank import Audio
from voicebank.errors import BadAudio
from voicebank.provenance import voice_of
from voicebank_demo.context import Demo
from voicebank_demo.matches import bars, of_clip
from voicebank_demo.messages import told
from voicebank_demo.uploads import read_clip

LEAD = """<p class="vb-lead">A few seconds of anybody's speech: which base voice is the closest? The likeness is the
cosine of two speaker embeddings: two recordings of one person are seldom below 0.75.</p>"""
WAITING = gr.Progress()


def _mark(sound: Audio) -> str:
    """Whether a voice of this bank said it, in a sentence."""
    found = voicebank.detect(sound)
    if found.payload is None:
        return '<p class="vb-lead">Was this made here? There is no mark in it.</p>'
    name = voice_of(found.payload) or f"a voice that is not here (payload {found.payload:04x})"
    return (
        f'<p class="vb-lead">Was this made here? Yes, by {html.escape(name)}. Sound without a mark would show one as '
        f"clearly with a probability of at most {found.p_value:.0e}.</p>"
    )


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
            return _mark(sound) + bars(of_clip(sound, lambda what, done, total: progress((done, total), desc=what)))

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
