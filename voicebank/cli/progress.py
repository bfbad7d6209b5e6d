"""Training as a terminal shows it. Apart from ``train.py`` because it loads the training code."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from voicebank.training.trainer import Progress


class TrainingBar(Progress):
    """Features, then steps with loss and speed, on stderr; a line that stays for each validation."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.bar = Bar(*columns, console=self.console, disable=not self.console.is_terminal, transient=True)
        self.tasks: dict[str, TaskID] = {}
        self.reached: int | None = None

    def __enter__(self) -> TrainingBar:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def features(self, speaker: str, done: int, clips: int) -> None:
        """Features of ``done`` clips of a speaker are computed."""
        self._show(f"features of {speaker}", done, clips)

    def start(self, step: int, steps: int) -> None:
        """See :class:`voicebank.training.trainer.Progress`."""
        for task in self.tasks.values():
            self.bar.remove_task(task)
        self.reached = step
        self._show("training", step, steps)
        if step:
            self.say(f"going on at step {step}")

    def step(self, step: int, metrics: dict[str, float], clips_per_second: float) -> None:
        """See :class:`voicebank.training.trainer.Progress`."""
        self.reached = step
        text = f"loss {metrics['loss']:.4f}, {clips_per_second:.1f} clips/s"
        self.bar.update(self.tasks["training"], completed=step, description=text)

    def validated(self, step: int, metrics: dict[str, float], best: bool) -> None:
        """See :class:`voicebank.training.trainer.Progress`."""
        values = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        self.say(f"step {step}: {values or 'no clips held back'}{' (best)' if best else ''}")

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _show(self, task: str, done: int, total: int) -> None:
        if task not in self.tasks:
            self.tasks[task] = self.bar.add_task(task, total=total)
        self.bar.update(self.tasks[task], completed=done)
