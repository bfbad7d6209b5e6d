"""One network's fine-tuning: the training loop as a cloning uses it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from voicebank.cloning.clock import Clock
from voicebank.cloning.settings import CloneSettings
from voicebank.training.tasks import Task
from voicebank.training.trainer import Progress, Trainer, TrainerConfig

# Steps that are timed to see what is possible, and how many of them are not counted.
PILOT, SETTLING = 12, 4
# Share of the time that steps get; the rest goes to validations, checkpoints and previews.
STEPPING = 0.87
# L1 of the held-out clips is flat long before a voice sounds like its speaker: of weights that are as good, the later
# ones are livelier.
TOLERANCE = 0.01


class Listener(Protocol):
    """Who is told what the loop does."""

    def began(self, trainer: Trainer, steps: int) -> None:
        """Training begins, or goes on."""

    def stepped(self, trainer: Trainer, metrics: dict[str, float], pace: float) -> None:
        """A step is done; ``pace`` is seconds a step, all in all."""

    def validated(self, trainer: Trainer, metrics: dict[str, float], best: bool) -> None:
        """The averaged weights were scored on the held-out clips."""

    def heard(self, trainer: Trainer) -> None:
        """It is time for a preview."""

    def planned(self, trainer: Trainer, steps: int) -> None:
        """Only so many steps are possible in the time there is."""


def make_trainer(
    task: Task, folder: Path, settings: CloneSettings, steps: int, rate: float, notes: dict[str, Any]
) -> Trainer:
    """The trainer of a task, where it was when it was interrupted. Its run is one for ``voicebank assemble`` too."""
    model: Any = task.model
    rows = getattr(model.config, "speakers", 1)
    notes = {
        "task": task.name,
        "config": model.config.model_dump(mode="json"),
        "speakers": ["base", "speaker"][-rows:],
        **notes,
    }
    return Trainer(task, folder, _config(settings, steps, rate), notes)


def fine_tune(
    trainer: Trainer,
    settings: CloneSettings,
    clock: Clock,
    listener: Listener,
    stop: Callable[[], bool],
    *,
    planned: bool,
) -> None:
    """Train until steps, patience or time are used up, or ``stop`` says so.

    Args:
        trainer: where it was.
        settings: of the cloning.
        clock: the time there is.
        listener: told how it goes.
        stop: asked after every step.
        planned: whether the steps were cut to the time before.
    """
    stage = trainer.task.name
    watch = _Watch(trainer, settings, listener)
    if trainer.best == float("inf"):
        listener.began(trainer, trainer.config.steps)
        trainer.validate(watch)
    if _is_over(trainer):
        return

    def over() -> bool:
        return stop() or clock.left(stage) <= 0

    if settings.max_minutes and not planned:
        possible = _possible(trainer, watch, over, clock)
        if possible < trainer.config.steps:
            trainer.config = _config(settings, possible, trainer.config.rate)
            listener.planned(trainer, possible)
    if not over() and not _is_over(trainer):
        trainer.run(watch, stop=over)


def _possible(trainer: Trainer, watch: _Watch, over: Callable[[], bool], clock: Clock) -> int:
    """Steps that the time allows, measured on the first few. The learning rate can then still fall to its end."""
    ticks: list[float] = []

    def enough() -> bool:
        ticks.append(time.monotonic())
        return over() or len(ticks) >= PILOT

    trainer.run(watch, stop=enough)
    if len(ticks) <= SETTLING + 1:
        return trainer.config.steps
    pace = (ticks[-1] - ticks[SETTLING]) / (len(ticks) - 1 - SETTLING)
    return trainer.step + max(0, int(STEPPING * clock.left(trainer.task.name) / pace))


def _config(settings: CloneSettings, steps: int, rate: float) -> TrainerConfig:
    steps = max(1, steps)
    return TrainerConfig(
        steps=steps,
        rate=rate,
        warmup=min(100, max(1, steps // 10)),
        decay=0.8,
        average=settings.average,
        validate_every=settings.validate_every,
        patience=settings.patience,
        tolerance=TOLERANCE,
        checkpoint_seconds=settings.checkpoint_seconds,
        picture_every=settings.preview_every or steps + 1,
        device=settings.device,
        precision=settings.precision,
        threads=settings.threads,
        seed=settings.seed,
    )


def _is_over(trainer: Trainer) -> bool:
    """Whether the steps or the patience are used up, as they may be since before a kill."""
    config = trainer.config
    stale = trainer.step - trainer.best_step >= config.patience * config.validate_every
    return trainer.step >= config.steps or (config.patience > 0 and stale)


class _Watch(Progress):
    """Passes on what the training loop tells."""

    def __init__(self, trainer: Trainer, settings: CloneSettings, listener: Listener) -> None:
        self.trainer, self.listener, self.every = trainer, listener, settings.preview_every
        self.first = self.heard = trainer.step
        self.began = time.monotonic()

    def start(self, step: int, steps: int) -> None:
        """See :class:`Progress`."""
        self.first, self.began = step, time.monotonic()
        self.listener.began(self.trainer, steps)

    def step(self, step: int, metrics: dict[str, float], clips_per_second: float) -> None:
        """See :class:`Progress`."""
        pace = (time.monotonic() - self.began) / max(1, step - self.first)
        self.listener.stepped(self.trainer, metrics, pace)

    def validated(self, step: int, metrics: dict[str, float], best: bool) -> None:
        """See :class:`Progress`."""
        self.listener.validated(self.trainer, metrics, best)
        if self.every and step // self.every > self.heard // self.every:
            self.heard = step
            self.listener.heard(self.trainer)
