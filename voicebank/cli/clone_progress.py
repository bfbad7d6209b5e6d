"""Cloning as a terminal shows it. Apart from ``clone.py`` because it loads rich."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from voicebank.audio import Audio
from voicebank.cloning.progress import CloneProgress


class CloneBar(CloneProgress):
    """The stage with its loss and the time left on stderr; a line that stays for each validation and preview."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self.bar = Progress(*columns, console=self.console, disable=not self.console.is_terminal, transient=True)
        self.task: TaskID | None = None
        self.name = ""

    def __enter__(self) -> CloneBar:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def stage(self, name: str, steps: int) -> None:
        """See :class:`CloneProgress`."""
        if self.task is not None:
            self.bar.remove_task(self.task)
        self.task, self.name = self.bar.add_task(name, total=steps, left=""), name

    def step(self, stage: str, step: int, steps: int, metrics: dict[str, float], seconds_left: float) -> None:
        """See :class:`CloneProgress`."""
        if self.task is None:
            self.stage(stage, steps)
        assert self.task is not None
        text = f"{stage}, loss {metrics['loss']:.4f}" if "loss" in metrics else stage
        self.bar.update(self.task, completed=step, total=steps, description=text, left=time_left(seconds_left))

    def validated(self, stage: str, step: int, metrics: dict[str, float], best: bool) -> None:
        """See :class:`CloneProgress`."""
        values = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        self.note(f"{stage}, step {step}: {values}{' (best)' if best else ''}")

    def preview(self, stage: str, step: int, audio: Audio, attention: Path | None) -> None:
        """See :class:`CloneProgress`."""
        if attention is not None:
            self.note(f"{stage}, step {step}: hear {attention.with_suffix('.ogg')}")

    def note(self, text: str) -> None:
        """See :class:`CloneProgress`."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)


def time_left(seconds: float) -> str:
    """``about 12 min left``, in words that do not flicker."""
    if seconds < 60:
        return f"about {max(1, round(seconds / 10)) * 10} s left"
    minutes = round(seconds / 60)
    return f"about {minutes} min left" if minutes < 90 else f"about {seconds / 3600:.1f} h left"


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each thing that is done, on stderr if that is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield show
