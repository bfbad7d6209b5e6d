"""The tab Whose voice: the base voices by likeness to a clip."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

import voicebank
from voicebank import Audio, Progress
from voicebank_demo import voices
from voicebank_demo.page import clip_tab, render
from voicebank_demo.state import Match, State
from voicebank_demo.visitors import Demo

LEAD = "Record or choose a few seconds of anybody. Which of our voices is the closest?"
WORDS = ((0.8, "like twins"), (0.7, "very alike"), (0.6, "alike"), (0.5, "a little alike"), (-1.0, "not alike"))


class Shown(Progress):
    """Progress as Gradio shows it."""

    def __init__(self, progress: gr.Progress) -> None:
        self.progress = progress

    def step(self, stage: str, done: int, total: int, *args: Any, **kwargs: Any) -> None:
        """A step is done."""
        self.progress((done, total), desc=stage)


def matches(clip: Audio, progress: Progress | None = None) -> list[Match]:
    """The base voices by likeness to one clip, the best score first."""
    bases = [voices.get(name) for name in voices.names()]
    return [Match.of(row) for row in voicebank.closest([clip], bases, progress=progress).rows]


def words(similarity: float | None) -> str:
    """A likeness in words."""
    if similarity is None:
        return "not compared"
    return next(word for least, word in WORDS if similarity >= least)


def result(found: list[Match]) -> str:
    """The voices by likeness alone: what the bars show is what they are sorted by."""
    found = sorted(found, key=lambda row: -(row.similarity or 0.0))
    faces = {face.id: face for face in voices.faces()}
    rows = [(faces[row.name], row) for row in found]
    return render("whose.html", rows=rows, words=words, state=State(matches=found))


def build(demo: Demo) -> None:
    """The tab."""

    def answer(sound: Audio, file: Path, request: gr.Request, progress: gr.Progress) -> str:
        return result(matches(sound, Shown(progress)))

    label = "A clip in which one person speaks"
    clip_tab(demo, "whose", demo.settings.clip_seconds, answer, lead=LEAD, label=label, button="Find the closest voice")
