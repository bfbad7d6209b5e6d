"""What commands show of their work: progress, tables and summaries on the terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from voicebank.audio import Audio
from voicebank.data.progress import NO_METRICS, Progress, Scalars

if TYPE_CHECKING:
    from voicebank.bulk.output import Summary

SHOWN = {"loss": ".4f", "minutes": ".1f"}  # metrics that a bar has room for
EVERY = 30.0  # seconds between two lines where there is no terminal


class Bar(Progress):
    """The stage with its loss and the time left on stderr: a bar on a terminal, elsewhere a line every half minute.

    Validations, previews and notes are lines that stay.

    Args:
        lines: whether to print lines where there is no terminal.
    """

    def __init__(self, lines: bool = True) -> None:
        self.console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self.bar = RichProgress(*columns, console=self.console, disable=not self.console.is_terminal, transient=True)
        self.lines = lines and not self.console.is_terminal
        self.tasks: dict[str, TaskID] = {}
        self.began: dict[str, tuple[float, int]] = {}
        self.stage, self.done, self.printed = "", 0, time.monotonic()

    def __enter__(self) -> Bar:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def step(
        self, stage: str, done: int, total: int, metrics: Scalars = NO_METRICS, seconds_left: float | None = None
    ) -> None:
        """Move the bar of a stage, which is added when it is new; finished bars go."""
        now = time.monotonic()
        if stage not in self.tasks:
            self.tasks[stage] = self.bar.add_task(stage, total=total or None, left="")
            self.began[stage] = (now, done)
        self.stage, self.done = stage, done
        since, first = self.began[stage]
        if seconds_left is None and total > done > first:
            seconds_left = (now - since) / (done - first) * (total - done)
        left = "" if seconds_left is None else time_left(seconds_left)
        text = ", ".join([stage, *(f"{key} {metrics[key]:{form}}" for key, form in SHOWN.items() if key in metrics)])
        self.bar.update(self.tasks[stage], completed=done, total=total or None, description=text, left=left)
        if 0 < total <= done:
            self.bar.remove_task(self.tasks.pop(stage))
        elif self.lines and now - self.printed >= EVERY:
            self.printed = now
            self.note(f"{text}, {done} of {total}{', ' + left if left else ''}")

    def validated(self, stage: str, step: int, metrics: Scalars, best: bool) -> None:
        """Print the scores of a validation."""
        values = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        self.note(f"{stage}, step {step}: {values or 'no clips held back'}{' (best)' if best else ''}")

    def preview(self, stage: str, step: int, audio: Audio, attention: Path | None) -> None:
        """Print where a preview can be heard."""
        if attention is not None:
            self.note(f"{stage}, step {step}: hear {attention.with_suffix('.ogg')}")

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)


def summarise(done: Summary, what: str, minutes: str) -> None:
    """Print what came of many rows: where their manifest is, and how many failed."""
    typer.echo(f"{done.manifest}: {done.done} of {done.rows} {what}, {done.seconds / 60:.1f} minutes of {minutes}")
    if done.failed:
        typer.echo(f"{done.failed} {what} failed: the manifest has the reason of each", err=True)


def time_left(seconds: float) -> str:
    """``about 12 min left``, in words that do not flicker."""
    if seconds < 60:
        return f"about {max(1, round(seconds / 10)) * 10} s left"
    minutes = round(seconds / 60)
    return f"about {minutes} min left" if minutes < 90 else f"about {seconds / 3600:.1f} h left"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns; where the output is no terminal, on one long line each, for grep and awk."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    table = Table(*header, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
