"""The tab Your voice: record or upload, read through what was found, give consent, and hear it learn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import gradio as gr

from voicebank_demo import voices
from voicebank_demo.clips import Clips
from voicebank_demo.jobs import Job
from voicebank_demo.making import ACCENTS, AGREED, MINE, PRIVATE, Make
from voicebank_demo.page import Confirmed, component, render, text
from voicebank_demo.state import State, read_state
from voicebank_demo.visitors import Demo, Visitor

LEAD = """<p class="vb-lead">One minute of speech makes a voice, five make a good one. Everything stays in a
folder of your own on this machine, and is deleted after you leave.</p>"""
FILES = '<p class="vb-note vb-files" data-for="{}"></p>'
STAGES = {
    "features": "It looks at your clips",
    "base speech": "It practises, so that it forgets nothing",
    "text2mel": "It learns how you speak",
    "ssrn": "It learns how you sound",
}
CHECKS = {
    "looking for speech": "Is there speech in it?",
    "recordings": "Your recordings are checked",
    "report": "The results are put together",
    "closest base voice": "Which voice is the closest to yours?",
    "accent": "Which accent do you speak with?",
    "packing": "It is packed",
}
HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# Answered by the request itself: a Stop must neither wait in Gradio's queue nor be refused when that is full. Only for
# what never raises: without the queue, the page does not show why something was refused.
QUIET = {**HIDDEN, "queue": False}
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
        title=STAGES.get(state.stage)
        or CHECKS.get(state.stage)
        or state.stage[:1].upper() + state.stage[1:]
        or "It starts",
        known=state.steps > 0 and not finishing,
        percent=round(100 * state.step / state.steps, 1) if state.steps else 0,
        finishing=finishing,
        stopping=job.stopping > 0,
    )


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
    timer: gr.Timer
    seen: gr.State
    banner: gr.HTML
    speak_voice: gr.HTML

    def all(self) -> list[Any]:
        """Every component."""
        return list(vars(self).values())


class Looker:
    """Draws the tab as it stands for a visitor."""

    def __init__(self, make: Make, view: View) -> None:
        self.make, self.demo, self.view = make, make.demo, view

    def look(self, seen: str, request: gr.Request) -> dict[Any, Any]:
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
            self.view.timer: gr.Timer(active=True),
            self.view.seen: now,
        }
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


def build(demo: Demo, banner: gr.HTML, speak_voice: gr.HTML) -> None:
    """The tab; ``banner`` is above all tabs, ``speak_voice`` the list of voices that grows by the one made here."""
    make = Make(demo)
    text(LEAD)
    seen, timer = gr.State(""), gr.Timer(1.5, active=False)
    # Above what grows while it works: a button that moves is missed.
    with gr.Column(visible=False, elem_id="make-working") as running:
        halt = gr.Button("Stop", size="lg", elem_id="make-stop")
    progress = text("", elem_id="make-progress")
    with gr.Column(visible=True, elem_id="make-collect") as collect:
        recorder, deleting, checks = _collect(make)
    with gr.Column(visible=False, elem_id="make-checked") as ready:
        clips, findings, base, begin, inputs, other = _checked(make)
    with gr.Column(visible=False, elem_id="make-made") as finished:
        results, another, erasing = _made(make)
    deleting.place_undo()
    erasing.place_undo()
    view = View(
        *(collect, ready, running, finished, progress, halt, recorder, clips, findings, base, results),
        *(timer, seen, banner, speak_voice),
    )
    look, shown = Looker(make, view).look, view.all()
    timer.tick(look, seen, shown, **QUIET)
    deleting.connect(make.forget, make.remember, recorder)
    after = [halt.click(make.stop, None, None, **QUIET), other.click(make.other, None, None, **QUIET)]
    after += [another.click(make.keep, None, None, **QUIET), *erasing.connect(make.delete, make.undelete, None)]
    after += [button.click(action, given, None, concurrency_limit=2, **HIDDEN) for button, action, given in checks]
    after.append(begin.click(make.start, inputs, None, concurrency_limit=2, **HIDDEN))
    for event in after:
        event.success(look, seen, shown, **QUIET)
    demo.looks.append((look, seen, shown))


Action = tuple[gr.Button, Callable[..., None], list[Any]]


def _collect(make: Make) -> tuple[gr.HTML, Confirmed, list[Action]]:
    """Where recordings come from."""
    language = gr.Radio(ACCENTS, value="en-us", label="Accent of the speaker")
    with gr.Tabs():
        with gr.Tab("Record", id="record"):
            recorder = component("recorder", "make-recorder")
            with gr.Row():
                check = gr.Button("Check my recordings", variant="primary", elem_id="make-check-recorded")
                deleting = Confirmed(
                    "Delete them", "Delete all recordings?", "The recordings are deleted.", "make-clear"
                )
        with gr.Tab("Upload clips", id="clips"):
            text('<p class="vb-note">If you have their words, give them, too: a .txt for each, or metadata.csv.</p>')
            clips = gr.File(
                label="Sound files, or one zip",
                file_count="multiple",
                elem_id="make-clips",
            )
            text(FILES.format("make-clips"))
            check_clips = gr.Button("Check my clips", variant="primary", elem_id="make-check-clips")
        with gr.Tab("Long recording", id="long"):
            text('<p class="vb-note">If there are subtitles (.vtt or .srt), give them, too.</p>')
            long = gr.File(
                label="A recording or video",
                file_count="multiple",
                elem_id="make-long",
            )
            text(FILES.format("make-long"))
            check_long = gr.Button("Check my recording", variant="primary", elem_id="make-check-long")
    # "multiple": who reads faster than the line is must not lose a sentence.
    recorder.recorded(make.recorded, None, recorder, trigger_mode="multiple", **QUIET)
    for files in (clips, long):
        files.upload(make.demo.uploaded, files, None, **QUIET)
    actions: list[Action] = [
        (check, make.check_recordings, [language]),
        (check_clips, make.check_upload, [clips, language]),
        (check_long, make.check_upload, [long, language]),
    ]
    return recorder, deleting, actions


def _checked(make: Make) -> tuple[gr.HTML, gr.HTML, gr.HTML, gr.Button, list[Any], gr.Button]:
    """What was found, and what a training needs to know."""
    clips = component("clips", "make-clip-list")
    findings = text("", elem_id="make-found")
    text('<h2 class="vb-title">Start from the voice that is closest to yours</h2>')
    base = component("voices", "make-base", voices.picker())
    longest = make.demo.settings.job_minutes
    with gr.Row():
        name = gr.Textbox("my-voice", label="Name of the voice", max_length=40, min_width=160, elem_id="make-name")
        minutes = gr.Slider(2, longest, min(30, longest), step=1, label="Minutes it may take")
    who = gr.Radio([MINE, AGREED, PRIVATE], label="Whose voice is it?", elem_id="make-consent")
    speaker = gr.Textbox(label="The speaker's name, for the voice's description (may stay empty)", max_length=80)
    with gr.Row(elem_classes="vb-sticky"):
        begin = gr.Button("Start", variant="primary", size="lg", scale=3, elem_id="make-start")
        other = gr.Button("Other recordings", size="lg", scale=1, elem_id="make-other")
    clips.edited(make.edit, None, clips, trigger_mode="multiple", **QUIET)
    return clips, findings, base, begin, [base, name, who, speaker, minutes], other


def _made(make: Make) -> tuple[gr.HTML, gr.Button, Confirmed]:
    """The voice, and where it can go."""
    results = text("", elem_id="make-results")
    with gr.Row():
        gr.Button("Speak with it", variant="primary", elem_id="make-speak").click(
            None, js="() => window.voicebank.show('Speak')"
        )
        another = gr.Button("Make another voice", elem_id="make-another")
    with gr.Accordion("Push it to the Hugging Face Hub", open=False, elem_id="make-hub"):
        with gr.Row():
            repo = gr.Textbox(label="Repository", placeholder="me/my-voice", min_width=180, elem_id="make-repo")
            token = gr.Textbox(
                label="Token", type="password", info="used once, kept nowhere", min_width=180, elem_id="make-token"
            )
        private = gr.Checkbox(True, label="Private repository")
        send = gr.Button("Push", elem_id="make-push")
        pushed = gr.Markdown(elem_id="make-pushed")
    send.click(make.push, [repo, token, private], [pushed, token], concurrency_limit=2, api_visibility="private")
    erasing = Confirmed(
        "Delete this voice", "Delete the voice and everything it was made of?", "The voice is deleted.", "make-again"
    )
    return results, another, erasing
