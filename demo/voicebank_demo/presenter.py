"""What the tab Your voice shows: how far a visitor has come, what was found, and what was made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from voicebank_demo import voices
from voicebank_demo.clips import Clips
from voicebank_demo.jobs import Job
from voicebank_demo.making import Make
from voicebank_demo.page import render
from voicebank_demo.state import State, read_state
from voicebank_demo.visitors import Visitor

STAGES = {
    "features": "It looks at your clips",
    "base speech": "It practises, so that it forgets nothing",
    "bandwidth": "It guesses what the recordings lack",
    "text2mel": "It learns how you speak",
    "ssrn": "It learns how you sound",
}
CHECKS = {
    "looking for speech": "Is there speech in it?",
    "recordings": "Your recordings are checked",
    "report": "The results are put together",
    "closest base voice": "Which voice is the closest to yours?",
    "accent": "Which accent do you speak with?",
    "reading": "Which voice is the closest to yours?",
    "speaker embedding": "Which voice is the closest to yours?",
    "base voices": "Which voice is the closest to yours?",
    "listening": "The words are compared with the sound",
    "clips": "Your recordings are checked",
    "checking": "Your recordings are checked",
    "packing": "It is packed",
}
Phase = Literal["collect", "check", "checked", "train", "made"]


def phase_of(job: Job | None, visitor: Visitor) -> Phase:
    """How far a visitor has come, from their job and from what is in their folder."""
    if job is not None:
        return "train" if job.queue == "train" else "check"
    if visitor.archive is not None:
        return "made"
    return "checked" if Clips(visitor.work).checked else "collect"


def working(job: Job, waiting: int, wait_seconds: float | None) -> str:
    """How far a job is: its place in the queue, or its stage, and what there is to hear."""
    state, training = job.state(), job.queue == "train"
    names = list(STAGES)
    finishing = state.steps > 0 and state.step >= state.steps
    return render(
        "working.html",
        state=state,
        training=training,
        waiting=waiting,
        wait_seconds=wait_seconds,
        stages=STAGES,
        at=names.index(state.stage) if state.stage in names else len(names) if state.stage == "packing" else -1,
        title=STAGES.get(state.stage) or CHECKS.get(_kind(state.stage)) or "It goes on" if state.stage else "It starts",
        known=state.steps > 0 and not finishing,
        percent=round(100 * state.step / state.steps, 1) if state.steps else 0,
        finishing=finishing,
        stopping=job.stopping > 0,
    )


def _kind(stage: str) -> str:
    """A stage without the file or voice that it is about: "clips of talk.wav"."""
    return re.split(r" (?:of|to) ", stage, maxsplit=1)[0]


def failure(work: Path) -> str:
    """Why the last job came to nothing; empty if it did not."""
    for state in (read_state(work), read_state(work / "checks")):
        if state is not None and state.phase == "failed":
            return render("failed.html", error=state.error)
    return ""


def made(visitor: Visitor) -> str:
    """The finished voice: what became of it, and its zip."""
    archive = visitor.archive
    if archive is None:
        return ""
    state = read_state(visitor.work) or State()
    return render("made.html", state=state, archive=archive, size=archive.stat().st_size / 1e6)


@dataclass(frozen=True)
class View:
    """The components whose content follows the phase."""

    collect: gr.Column
    checked: gr.Column
    working: gr.Column
    made: gr.Column
    progress: gr.HTML
    halt: gr.Button
    recorder: gr.HTML
    clips: gr.HTML
    findings: gr.HTML
    base: gr.HTML
    results: gr.HTML
    kept: gr.HTML
    timer: gr.Timer
    seen: gr.State
    banner: gr.HTML
    speak_voice: gr.HTML
    undo_recordings: gr.Row
    undo_checks: gr.Row
    undo_voice: gr.Row

    def all(self) -> list[Any]:
        """Every component."""
        return list(vars(self).values())


class Presenter:
    """Draws the tab as it stands for a visitor."""

    def __init__(self, make: Make, view: View) -> None:
        self.make, self.demo, self.view = make, make.demo, view

    def update(self, seen: str, request: gr.Request) -> dict[Any, Any]:
        """What the page shows. Between two changes of phase only the progress changes."""
        visitor = self.demo.visitor(request)
        job = self.demo.jobs.of(visitor.token)
        phase = phase_of(job, visitor)
        waiting = self.demo.jobs.place(job) if job else 0
        left = self.demo.jobs.wait_seconds(job) if job and waiting else None
        progress = working(job, waiting, left) if job else failure(visitor.work)
        now = f"{phase} {'stops' if job and job.stopping else ''} {progress if job is None else ''}"
        changes: dict[Any, Any] = {self.view.progress: progress, self.view.banner: self._banner(job, waiting, visitor)}
        if now == seen:
            # Answers may overtake each other: an end is drawn twice, and the timer rests after the second time, so
            # that a late answer from before the end is not the last.
            return changes if job else {**changes, self.view.timer: gr.Timer(active=False)}
        stopping = job is not None and job.stopping > 0
        changes |= {
            self.view.collect: gr.Column(visible=phase == "collect"),
            self.view.checked: gr.Column(visible=phase == "checked"),
            self.view.working: gr.Column(visible=job is not None),
            self.view.made: gr.Column(visible=phase == "made"),
            self.view.halt: gr.Button("Stopping …" if stopping else "Stop", interactive=not stopping),
            self.view.results: made(visitor),
            self.view.kept: render("kept.html", voices=visitor.kept()),
            self.view.timer: gr.Timer(active=True),
            self.view.seen: now,
        }
        if job is not None:  # what was deleted before it cannot be had back beside what it makes
            view = self.view
            changes |= {row: gr.Row(visible=False) for row in (view.undo_recordings, view.undo_checks, view.undo_voice)}
        return {**changes, **self._filled(phase, visitor), **({} if not seen else self._voices(visitor))}

    def _voices(self, visitor: Visitor) -> dict[Any, Any]:
        """The voices to speak with: one was made or deleted. A page that opens has them already."""
        chosen = f"own:{visitor.archive.stem}" if visitor.archive else ""
        return {self.view.speak_voice: voices.picker(chosen, visitor.voices())}

    def _filled(self, phase: Phase, visitor: Visitor) -> dict[Any, Any]:
        """What is in the column of a phase that begins."""
        if phase == "collect":
            return {self.view.recorder: self.make.recordings(visitor).value(arrived=True)}
        if phase == "checked":
            clips = Clips(visitor.work)
            best = clips.state.matches[0].name if clips.state.matches else ""
            return {
                self.view.clips: clips.value(),
                self.view.findings: render("checked.html", state=clips.state),
                self.view.base: voices.picker(best, best=best),
            }
        return {}

    def _banner(self, job: Job | None, waiting: int, visitor: Visitor) -> str:
        done = f"Your voice {visitor.archive.stem} is ready: choose it under Speak." if visitor.archive else ""
        left = job.state().seconds_left if job else None
        training = job is not None and job.queue == "train"
        return render("banner.html", job=job, waiting=waiting, training=training, left=left, done=done)
