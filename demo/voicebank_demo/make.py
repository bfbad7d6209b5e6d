"""The tab Your voice: record or upload, read through what was found, give consent, and hear it learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from voicebank_demo import voices
from voicebank_demo.making import ACCENTS, AGREED, MINE, PRIVATE, Make
from voicebank_demo.page import HIDDEN, UNQUEUED, Confirmed, component, text
from voicebank_demo.presenter import Presenter, View
from voicebank_demo.visitors import Demo

LEAD = """<p class="vb-lead">One minute of speech makes a voice, five make a good one. Everything stays in a
folder of your own on this machine, and is deleted after you leave.</p>"""
FILES = """<p class="vb-note vb-files" data-for="{}" hidden><span></span>
<button type="button">Add more files</button></p>"""


def build(demo: Demo, banner: gr.HTML, speak_voice: gr.HTML) -> None:
    """The tab; ``banner`` is above all tabs, ``speak_voice`` the list of voices that grows by the one made here."""
    make = Make(demo)
    text(LEAD)
    seen, timer = gr.State(""), gr.Timer(1.5, active=False)
    # Above what grows while it works: a button that moves is missed.
    with gr.Column(visible=False, elem_id="make-working") as running:
        halt = gr.Button("Stop", size="lg", elem_id="make-stop")
    kept = text("", elem_id="make-kept")
    progress = text("", elem_id="make-progress")
    with gr.Column(visible=True, elem_id="make-collect") as collect:
        recorder, deleting, checks = _collect(make)
    with gr.Column(visible=False, elem_id="make-checked") as ready:
        clips, findings, base, begin, inputs, other = _checked(make)
    with gr.Column(visible=False, elem_id="make-made") as finished:
        results, another, erasing = _made(make)
    asked = (deleting, other, erasing)
    for each in asked:
        each.place_undo()
    view = View(
        *(collect, ready, running, finished, progress, halt, recorder, clips, findings, base, results, kept),
        *(timer, seen, banner, speak_voice, *(each.undoing for each in asked)),
    )
    update, shown = Presenter(make, view).update, view.all()
    timer.tick(update, seen, shown, **UNQUEUED)
    deleting.connect(make.forget, make.remember, recorder)
    after = [halt.click(make.stop, None, None, **UNQUEUED), another.click(make.keep, None, None, **UNQUEUED)]
    after += [event for each in (other, erasing) for event in each.connect(make.delete, make.undelete, None)]
    after += [button.click(action, given, None, concurrency_limit=2, **HIDDEN) for button, action, given in checks]
    after.append(begin.click(make.start, inputs, None, concurrency_limit=2, **HIDDEN))
    for event in after:
        event.success(update, seen, shown, **UNQUEUED)
    demo.on_load.append((update, seen, shown))


Action = tuple[gr.Button, Callable[..., None], list[Any]]


def _collect(make: Make) -> tuple[gr.HTML, Confirmed, list[Action]]:
    """Where recordings come from."""
    language = gr.Radio(ACCENTS, value="en-us", label="Accent of the speaker")
    with gr.Tabs():
        with gr.Tab("Record", id="record"):
            recorder = component("recorder", "make-recorder")
            with gr.Row(equal_height=True, elem_classes="vb-sticky"):
                check = gr.Button(
                    "Check my recordings",
                    variant="primary",
                    size="lg",
                    scale=3,
                    min_width=180,
                    elem_id="make-check-recorded",
                )
                deleting = Confirmed(
                    "Delete them", "Delete all recordings?", "The recordings are deleted.", "make-clear"
                )
            deleting.place_question()
        with gr.Tab("Upload clips", id="clips"):
            note = "If you have their words, give them, too: a .txt for each, or a table (metadata.csv)."
            clips = _files(make, "clips", note, "Sound files, or one zip", "Check my clips")
        with gr.Tab("Long recording", id="long"):
            note = "If there are subtitles (.vtt or .srt), give them, too."
            long = _files(make, "long", note, "A recording or video", "Check my recording")
    # "multiple": who reads faster than the line is must not lose a sentence.
    recorder.recorded(make.recorded, None, recorder, trigger_mode="multiple", **UNQUEUED)
    actions: list[Action] = [(check, make.check_recordings, [language])]
    actions += [(button, make.check_upload, [files, language]) for files, button in (clips, long)]
    return recorder, deleting, actions


def _files(make: Make, name: str, note: str, label: str, action: str) -> tuple[gr.File, gr.Button]:
    """Where files are chosen, and the button that has them checked."""
    text(f'<p class="vb-note">{note}</p>')
    files = gr.File(label=label, file_count="multiple", elem_id=f"make-{name}")
    text(FILES.format(f"make-{name}"))
    with gr.Row(elem_classes="vb-sticky"):
        check = gr.Button(action, variant="primary", size="lg", elem_id=f"make-check-{name}")
    files.upload(make.demo.uploaded, files, None, **UNQUEUED)
    return files, check


def _checked(make: Make) -> tuple[gr.HTML, gr.HTML, gr.HTML, gr.Button, list[Any], Confirmed]:
    """What was found, and what a training needs to know."""
    clips = component("clips", "make-clip-list")
    findings = text("", elem_id="make-found")
    text('<h2 class="vb-title">Start from the voice that is closest to yours</h2>')
    base = component("voices", "make-base", voices.picker())
    longest = make.demo.settings.job_minutes
    with gr.Row():
        name = gr.Textbox("my-voice", label="Name of the voice", max_length=40, min_width=240, elem_id="make-name")
        minutes = gr.Slider(2, longest, min(30, longest), step=1, label="Minutes it may take", min_width=240)
    who = gr.Radio([MINE, AGREED, PRIVATE], label="Whose voice is it?", elem_id="make-consent")
    speaker = gr.Textbox(label="The speaker's name, for the voice's description (may stay empty)", max_length=80)
    with gr.Row(equal_height=True):
        begin = gr.Button("Make my voice", variant="primary", size="lg", scale=3, min_width=180, elem_id="make-start")
        other = Confirmed(
            "Back",
            "Go back to your recordings? What you corrected here is deleted.",
            "What was found, and what you corrected, is deleted.",
            "make-other",
            ("Yes, go back", "No, stay"),
        )
    other.place_question()
    clips.edited(make.edit, None, clips, trigger_mode="multiple", **UNQUEUED)
    return clips, findings, base, begin, [base, name, who, speaker, minutes], other


def _made(make: Make) -> tuple[gr.HTML, gr.Button, Confirmed]:
    """The voice, and where it can go."""
    results = text("", elem_id="make-results")
    with gr.Row(equal_height=True):
        speak = gr.Button("Speak with it", variant="primary", size="lg", scale=3, min_width=180, elem_id="make-speak")
        another = gr.Button("Make another", size="lg", min_width=130, elem_id="make-another")
        erasing = Confirmed(
            "Delete it", "Delete the voice and everything it was made of?", "The voice is deleted.", "make-again"
        )
    erasing.place_question()
    speak.click(None, js="() => window.voicebank.show('Speak')")
    with gr.Accordion("Share it on the Hugging Face Hub", open=False, elem_id="make-hub"):
        with gr.Row():
            repo = gr.Textbox(label="Repository", placeholder="me/my-voice", min_width=180, elem_id="make-repo")
            token = gr.Textbox(
                label="Token", type="password", info="used once, kept nowhere", min_width=180, elem_id="make-token"
            )
        private = gr.Checkbox(True, label="Private repository")
        send = gr.Button("Upload it", elem_id="make-push")
        pushed = gr.Markdown(elem_id="make-pushed")
    send.click(make.push, [repo, token, private], [pushed, token], concurrency_limit=2, api_visibility="private")
    return results, another, erasing
