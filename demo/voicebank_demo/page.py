"""How the page is made: theme, templates, its own components, and how faults are shown."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.themes.utils import colors, sizes
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from voicebank import Audio, uploads
from voicebank.errors import BadAudio, VoicebankError
from voicebank_demo import pictures
from voicebank_demo.visitors import Demo
from voicebank_demo.voices import address, title

log = logging.getLogger("voicebank.demo")
STATIC = Path(__file__).parent / "static"
_FONT = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
# How events of the page's own are joined: programs do not see them, and nothing flickers while they are answered.
HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# Answered by the request itself: a Stop must neither wait in Gradio's queue nor be refused when that is full. Only for
# what never raises: without the queue, the page does not show why something was refused.
UNQUEUED: dict[str, Any] = {**HIDDEN, "queue": False}
WAITING = gr.Progress()
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "DejaVu Sans Mono", "monospace")


class Theme(gr.themes.Base):
    """Ink and teal on paper. No font is fetched from anywhere."""

    def __init__(self) -> None:
        super().__init__(
            primary_hue=colors.teal,
            secondary_hue=colors.amber,
            neutral_hue=colors.stone,
            radius_size=sizes.radius_lg,
            font=_FONT,
            font_mono=_MONO,
        )
        self.name = "voicebank"
        self.set(
            body_background_fill="*neutral_50",
            body_background_fill_dark="*neutral_950",
            # All text has a contrast of at least 4.5 to what it stands on.
            body_text_color_subdued="*neutral_600",
            body_text_color_subdued_dark="*neutral_300",
            block_info_text_color="*neutral_600",
            block_info_text_color_dark="*neutral_300",
            block_label_text_color="*neutral_600",
            block_label_text_color_dark="*neutral_300",
            block_title_text_color="*neutral_600",
            block_title_text_color_dark="*neutral_300",
            link_text_color="*primary_700",
            link_text_color_dark="*primary_300",
            link_text_color_visited="*primary_700",
            link_text_color_visited_dark="*primary_300",
            link_text_color_hover="*primary_800",
            link_text_color_hover_dark="*primary_200",
            link_text_color_active="*primary_800",
            link_text_color_active_dark="*primary_200",
            block_radius="*radius_lg",
            container_radius="*radius_lg",
            input_radius="*radius_md",
            block_background_fill="white",
            block_background_fill_dark="*neutral_900",
            block_border_width="1px",
            block_border_color="*neutral_200",
            block_border_color_dark="*neutral_800",
            block_label_background_fill="transparent",
            block_label_background_fill_dark="transparent",
            block_label_border_width="0px",
            block_label_text_weight="500",
            block_title_text_weight="500",
            block_shadow="none",
            input_background_fill="*neutral_50",
            input_background_fill_dark="*neutral_950",
            input_border_width="1px",
            input_border_color="*neutral_500",
            input_border_color_dark="*neutral_500",
            input_border_color_focus="*primary_500",
            input_placeholder_color="*neutral_600",
            input_placeholder_color_dark="*neutral_400",
            button_primary_background_fill="*primary_700",
            button_primary_background_fill_hover="*primary_800",
            button_primary_background_fill_dark="*primary_700",
            button_primary_background_fill_hover_dark="*primary_800",
            button_primary_text_color="white",
            button_secondary_background_fill="white",
            button_secondary_background_fill_dark="*neutral_800",
            button_secondary_border_color="*neutral_300",
            checkbox_border_color="*neutral_500",
            checkbox_border_color_dark="*neutral_400",
            button_border_width="1px",
            button_large_text_weight="600",
        )


def static(name: str) -> str:
    """A style sheet or script of ``static/``."""
    return (STATIC / name).read_text(encoding="utf-8")


def duration(seconds: float | None) -> str:
    """A time as people say it."""
    if seconds is None:
        return "a while"
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} seconds"
    if seconds < 5400:
        return f"{round(seconds / 60)} minutes"
    return f"{seconds / 3600:.1f} hours"


def clock(seconds: float) -> str:
    """A place in a recording, as minutes and seconds."""
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"


def sentence(words: str) -> str:
    """A message of the library as a sentence of the page."""
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")


def number(value: float | None, digits: int) -> str:
    """A number of a table; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals.update(pictures=pictures)
_templates.filters.update(
    address=address, clock=clock, duration=duration, number=number, pyrepr=repr, sentence=sentence, voice=title
)


def render(template: str, /, **values: Any) -> str:
    """A template of ``templates/``; whatever is put into it is escaped."""
    return _templates.get_template(template).render(**values)


# Components


def text(html: str, **options: Any) -> gr.HTML:
    """A piece of HTML that is as it is."""
    return gr.HTML(html, apply_default_css=False, **options)


def component(name: str, elem_id: str, value: Any = None) -> gr.HTML:
    """A component of the demo's own: ``templates/NAME.html`` brought to life by ``static/NAME.js``."""
    return gr.HTML(
        value={} if value is None else value,
        html_template=render(f"{name}.html", id=elem_id),
        js_on_load=static(f"{name}.js"),
        elem_id=elem_id,
        apply_default_css=False,
    )


def examples(texts: dict[str, str], field: gr.Textbox) -> None:
    """Texts to try, under what they show."""
    gr.Examples([[words] for words in texts.values()], [field], example_labels=list(texts), label="Try")


def stop_player(elem_id: str) -> str:
    """JavaScript that silences a player and lets it keep what it has."""
    box = f"document.querySelector('#{elem_id} .vb-player').parentElement"
    return f"() => {{ {box}.dispatchEvent(new Event('voicebank-stop')); }}"


class Confirmed:
    """A button for what cannot be had back: it asks first, and offers to undo it afterwards.

    Args:
        label: of the button.
        question: asked before.
        done: said afterwards.
        elem_id: of the button, and how those of the question and of the offer begin.
        answers: the words of yes and of no.
    """

    def __init__(
        self, label: str, question: str, done: str, elem_id: str, answers: tuple[str, str] = ("Yes, delete", "No, keep")
    ) -> None:
        self.button = gr.Button(label, size="lg", min_width=130, elem_id=elem_id)
        self.elem_id, self.question, self.done, self.answers = elem_id, question, done, answers

    def place_question(self) -> None:
        """Make the question, below the row in which the button stands."""
        with gr.Row(visible=False, elem_id=f"{self.elem_id}-ask", elem_classes="vb-ask") as self.asking:
            text(f"<p>{escape(self.question)}</p>")
            self.yes = gr.Button(self.answers[0], variant="stop", min_width=110, elem_id=f"{self.elem_id}-yes")
            self.no = gr.Button(self.answers[1], min_width=110, elem_id=f"{self.elem_id}-no")

    def place_undo(self) -> None:
        """Make the offer to undo it, where it stays visible afterwards."""
        with gr.Row(visible=False, elem_id=f"{self.elem_id}-done", elem_classes="vb-ask") as self.undoing:
            text(f"<p>{escape(self.done)}</p>")
            self.undo = gr.Button("Undo", min_width=110, elem_id=f"{self.elem_id}-undo")

    def connect(self, delete: Any, undo: Any, outputs: Any) -> tuple[Any, Any]:
        """Join it to what it does; both functions take the request and return ``outputs``."""
        rows = [self.asking, self.undoing]
        self.button.click(lambda: (gr.Row(visible=True), gr.Row(visible=False)), None, rows, **UNQUEUED)
        self.no.click(lambda: gr.Row(visible=False), None, self.asking, **UNQUEUED)
        deleted = self.yes.click(delete, None, outputs, **UNQUEUED)
        deleted.success(lambda: (gr.Row(visible=False), gr.Row(visible=True)), None, rows, **UNQUEUED)
        undone = self.undo.click(undo, None, outputs, **UNQUEUED)
        undone.success(lambda: gr.Row(visible=False), None, self.undoing, **UNQUEUED)
        return deleted, undone


def clip_tab(
    demo: Demo,
    name: str,
    longest: float,
    answer: Callable[[Audio, Path, gr.Request, gr.Progress], str],
    *,
    lead: str,
    label: str,
    button: str,
) -> None:
    """A tab with one question about one clip, which is recorded or chosen; the answer stands below it.

    Args:
        demo: the demo.
        name: how the ids of its elements begin.
        longest: seconds that a clip may last.
        answer: gets the clip, its file, who asks, and what to tell of the progress; returns HTML.
        lead: what the tab is for.
        label: of the clip.
        button: what starts it, if the clip itself did not.
    """

    def ask(path: str | None, request: gr.Request, progress: gr.Progress = WAITING) -> str:
        with errors_shown(name):
            if not path:
                raise BadAudio("record or choose a clip first")
            demo.uploaded(path, request)
            file = Path(path)
            return answer(uploads.read_clip(file, file.name, longest), file, request, progress)

    def changed(path: str | None, request: gr.Request, progress: gr.Progress = WAITING) -> str:
        return ask(path, request, progress) if path else ""

    text(f'<p class="vb-lead">{escape(lead)}</p>')
    clip = gr.Audio(
        sources=["upload", "microphone"],
        type="filepath",
        label=label,
        buttons=[],
        elem_id=f"{name}-clip",
        elem_classes="vb-clip",
    )
    start = gr.Button(button, variant="primary", size="lg", elem_id=f"{name}-start")
    found = text("", elem_id=f"{name}-found")
    shared: dict[str, Any] = {"show_progress": "full", **demo.limits(1, "comparing")}
    start.click(ask, clip, found, **shared)
    clip.change(changed, clip, found, **shared)


# Faults


@contextlib.contextmanager
def errors_shown(what: str) -> Iterator[None]:
    """Show the library's errors, which are about what the visitor gave, on the page and as one line of the log."""
    try:
        yield
    except VoicebankError as error:
        message = " ".join(str(error).split())
        log.warning("%s: %s", what, message)
        # Gradio draws messages as HTML, and they quote what visitors write.
        raise gr.Error(
            escape(message, quote=False), title="That did not work", duration=12, print_exception=False
        ) from None
