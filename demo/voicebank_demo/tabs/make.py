"""Make your voice: record or upload, see what was found, give consent, and watch it learn."""

from __future__ import annotations

import re
import secrets
import shutil
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from voicebank.errors import BadData
from voicebank_demo import bank
from voicebank_demo.context import Demo
from voicebank_demo.jobs import Job, read_state, remove_results
from voicebank_demo.matches import table
from voicebank_demo.messages import told
from voicebank_demo.progress import checks, downloads, working
from voicebank_demo.recorder import recorder
from voicebank_demo.recordings import Recordings
from voicebank_demo.tabs.yours import build as build_yours
from voicebank_demo.uploads import take
from voicebank_demo.visitors import Visitor, remove_uploads

ACCENTS = [("US English", "en-us"), ("British English", "en-gb")]
OWN, AGREED, PRIVATE = "It is my own voice", "The speaker agreed to this", "Neither: for private use only"
LEAD = """<p class="vb-lead">One minute of speech makes a voice, five make a good one. Everything stays in a
folder of your own on this machine, and is deleted after you leave.</p>"""
Phase = str  # collect, check, checked, train, made


def phase_of(job: Job | None, visitor: Visitor) -> Phase:
    """How far a visitor has come, from their job and from what is in their folder."""
    if job is not None:
        return job.kind
    work = visitor.folder / "voice"
    if list(work.glob("*.zip")):
        return "made"
    if (work / "dataset" / "metadata.csv").is_file() and checked(work):
        return "checked"
    return "collect"


def checked(work: Path) -> dict[str, Any]:
    """What the checks found; it outlives the state of the training that comes after."""
    found = read_state(work / "checks")
    return found if found.get("phase") == "done" else {}


def build(demo: Demo) -> gr.Timer:
    """The tab; the timer that it returns keeps it up to date."""

    def visitor_of(request: gr.Request) -> Visitor:
        return demo.visitor(request)

    def recordings(visitor: Visitor) -> Recordings:
        return Recordings(visitor.folder / "recordings", demo.settings.minutes)

    def work_of(visitor: Visitor) -> Path:
        return visitor.folder / "voice"

    # Looking

    def look(seen: str, request: gr.Request) -> list[Any]:
        """What the tab shows. Between two changes of phase only the progress does."""
        visitor = visitor_of(request)
        job = demo.jobs.of(visitor.token)
        stopping = job is not None and job.stopping > 0
        work, phase = work_of(visitor), phase_of(job, visitor)
        if job is not None:
            waiting = demo.jobs.place(job)
            left = demo.jobs.wait_seconds(job) if waiting else None
            progress = working(phase, job.state(), waiting, left, stopping=stopping)
        else:
            progress = failure(work)
        now = f"{phase} {'stops' if stopping else ''} {progress if job is None else ''}"
        if now == seen:
            # Answers may overtake each other: an end is drawn twice, and the timer rests after the second time, so
            # that a late answer from before the end is not the last.
            rest = gr.skip() if job else gr.Timer(active=False)
            return [gr.skip()] * 7 + [progress, gr.skip(), rest] + [gr.skip()] * 3
        found = checked(work)
        near = found.get("matches") or []
        return [
            gr.Column(visible=phase == "collect"),
            gr.Column(visible=phase == "checked"),
            gr.Column(visible=job is not None),
            gr.Column(visible=phase == "made"),
            checks(found) if phase == "checked" else "",
            table(near) if phase == "checked" else "",
            gr.Dropdown(bank.names(), value=near[0]["name"]) if phase == "checked" and near else gr.skip(),
            progress,
            downloads(work, read_state(work)) if phase == "made" else "",
            gr.Timer(active=True),
            now,
            recordings(visitor).value(arrived=True) if phase == "collect" else gr.skip(),
            gr.Button("Stopping …" if stopping else "Stop", interactive=not stopping),
        ]

    # Collecting

    def recorded(event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        kept = recordings(visitor_of(request))
        try:
            with told("recording"):
                kept.add(event._data.get("number"), event._data.get("wav"))
        except gr.Error as error:
            return kept.value(message=str(error.message), bad=True)
        return kept.value()

    def submit(visitor: Visitor, source: Path, captions: Path | None, language: str) -> None:
        work = work_of(visitor)
        request = {
            "source": str(source),
            "captions": str(captions) if captions else None,
            "long": source.is_file(),
            "language": language,
            "dataset": str(work / "dataset"),
        }
        demo.jobs.submit(visitor.token, "check", work / "checks", request, lambda: remove_results(work))

    def check_recordings(language: str, request: gr.Request) -> None:
        with told("recordings"):
            visitor = visitor_of(request)
            demo.jobs.check_free(visitor.token)
            kept = recordings(visitor)
            if not kept.done():
                raise BadData("record some sentences first")
            submit(visitor, kept.folder, None, _language(language))

    def check_upload(files: list[str] | None, language: str, request: gr.Request) -> None:
        with told("upload"):
            visitor = visitor_of(request)
            demo.jobs.check_free(visitor.token)
            visitor.check_room(demo.settings.visitor_megabytes)
            shutil.rmtree(visitor.folder / "upload", ignore_errors=True)
            paths = [Path(file) for file in files or []]
            try:
                place, captions = take(paths, [path.name for path in paths], visitor.folder / "upload", demo.settings)
            finally:
                remove_uploads(paths)
            submit(visitor, place, captions, _language(language))

    # Making

    def start(base: str, name: str, who: str | None, speaker: str, minutes: float, request: gr.Request) -> None:
        with told("start"):
            visitor = visitor_of(request)
            work = work_of(visitor)
            found = checked(work)
            if not found:
                raise BadData("check your recordings first")
            if base not in bank.names():
                raise BadData("choose one of the base voices")
            if who not in (OWN, AGREED, PRIVATE):
                raise BadData("say first whose voice it is")
            settings: dict[str, Any] = {"max_minutes": max(1.0, min(float(minutes), demo.settings.job_minutes))}
            if steps := int(demo.settings.steps):
                settings |= {"text2mel_steps": steps, "ssrn_steps": steps, "rehearsal_sentences": min(160, 4 * steps)}
                settings |= {"validate_every": max(1, steps // 4), "preview_every": max(1, steps // 2)}
            request_ = {
                "base": base,
                "name": _name(name),
                "consent": _consent(who, speaker),
                "minutes": found["minutes"],
                "language": found["language"],
                "settings": settings,
            }

            def prepare() -> None:
                remove_results(work, keep=lambda path: path.name in ("checks", "dataset"))

            demo.jobs.submit(visitor.token, "train", work, request_, prepare)

    def stop(request: gr.Request) -> None:
        demo.jobs.stop(visitor_of(request).token)

    def again(request: gr.Request) -> None:
        visitor = visitor_of(request)
        demo.jobs.drop(visitor.token)
        remove_results(work_of(visitor))
        shutil.rmtree(visitor.folder / "upload", ignore_errors=True)

    def forget(request: gr.Request) -> dict[str, Any]:
        visitor = visitor_of(request)
        shutil.rmtree(visitor.folder / "recordings", ignore_errors=True)
        return recordings(visitor).value(arrived=True)

    gr.HTML(LEAD, apply_default_css=False)
    phase = gr.State("")
    timer = gr.Timer(1.5, active=False)
    hidden: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    # Answered by the request itself: a Stop must neither wait in Gradio's queue nor be refused when that is full.
    # Only for what never raises: without the queue, the page does not show why something was refused.
    quiet = {**hidden, "queue": False}

    # Above what grows while it works: a button that moves is missed.
    with gr.Column(visible=False, elem_id="make-working") as running:
        halt = gr.Button("Stop", size="lg", elem_id="make-stop")
    progress = gr.HTML(elem_id="make-progress", apply_default_css=False)
    with gr.Column(visible=True, elem_id="make-collect") as collect:
        language = gr.Radio(ACCENTS, value="en-us", label="Accent of the speaker")
        with gr.Tabs():
            with gr.Tab("Record"):
                prompted = recorder("make-recorder")
                with gr.Row():
                    check_recorded = gr.Button("Check my recordings", variant="primary", elem_id="make-check-recorded")
                    clear = gr.Button("Delete them", elem_id="make-clear")
            with gr.Tab("Upload clips"):
                clips = gr.File(
                    label="Clips with .txt or .lab transcripts, metadata.csv with clips, or one zip of them",
                    file_count="multiple",
                    elem_id="make-clips",
                )
                check_clips = gr.Button("Check my clips", variant="primary", elem_id="make-check-clips")
            with gr.Tab("Long recording"):
                long = gr.File(
                    label="A recording or video, and its captions (.vtt, .srt) if there are any",
                    file_count="multiple",
                    elem_id="make-long",
                )
                check_long = gr.Button("Check my recording", variant="primary", elem_id="make-check-long")

    with gr.Column(visible=False, elem_id="make-checked") as ready:
        found = gr.HTML(elem_id="make-found", apply_default_css=False)
        gr.HTML('<h3 class="vb-title">Closest base voices</h3>', apply_default_css=False)
        near = gr.HTML(elem_id="make-near", apply_default_css=False)
        with gr.Row():
            base = gr.Dropdown(bank.names(), label="Start from", min_width=160)
            name = gr.Textbox("my-voice", label="Name of the voice", max_length=40, min_width=160)
            minutes = gr.Slider(
                2, demo.settings.job_minutes, min(30, demo.settings.job_minutes), step=1, label="Minutes it may take"
            )
        who = gr.Radio([OWN, AGREED, PRIVATE], label="Whose voice is it?", elem_id="make-consent")
        speaker = gr.Textbox(label="The speaker's name, for the voice's card (may stay empty)", max_length=80)
        with gr.Row():
            begin = gr.Button("Start", variant="primary", size="lg", scale=3, elem_id="make-start")
            other = gr.Button("Other recordings", size="lg", scale=1, elem_id="make-other")

    with gr.Column(visible=False, elem_id="make-made") as made:
        results = gr.HTML(elem_id="make-results", apply_default_css=False)
        build_yours(demo)
        fresh = gr.Button("Delete this voice and start over", elem_id="make-again")

    shown = [collect, ready, running, made, found, near, base, progress, results, timer, phase, prompted, halt]
    timer.tick(look, phase, shown, **quiet)
    # "multiple": who reads faster than the line is must not lose a sentence.
    prompted.recorded(recorded, None, prompted, trigger_mode="multiple", **quiet)
    for files in (clips, long):
        files.upload(demo.uploaded, files, None, **quiet)
    clear.click(forget, None, prompted, **quiet)
    for button, action, inputs in (
        (check_recorded, check_recordings, [language]),
        (check_clips, check_upload, [clips, language]),
        (check_long, check_upload, [long, language]),
        (begin, start, [base, name, who, speaker, minutes]),
    ):
        button.click(action, inputs, None, concurrency_limit=2, **hidden).success(look, phase, shown, **quiet)
    for button, action in ((halt, stop), (other, again), (fresh, again)):
        button.click(action, None, None, **quiet).success(look, phase, shown, **quiet)
    demo.looks.append((look, phase, shown))
    return timer


def failure(work: Path) -> str:
    """Why the last job came to nothing; empty if it did not."""
    for state in (read_state(work), read_state(work / "checks")):
        if state.get("phase") == "failed":
            return f'<p class="vb-card vb-bad">{escape(str(state.get("error", "")))}</p>'
    return ""


def _language(language: str) -> str:
    if language not in dict(ACCENTS).values():
        raise BadData("choose an accent")
    return language


def _name(name: str) -> str:
    return re.sub(r"[^a-z0-9-]+", "-", (name or "").lower()).strip("-")[:40] or f"voice-{secrets.token_hex(2)}"


def _consent(who: str, speaker: str) -> str:
    speaker = "".join(c for c in (speaker or "") if c.isprintable()).strip()[:80]
    if who == PRIVATE:
        return ""
    by = f"{speaker}, " if speaker else ""
    return f"{by}{'the speaker, who made it' if who == OWN else 'the speaker agreed'}, as stated in the web demo"
