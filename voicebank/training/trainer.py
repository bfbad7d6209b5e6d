"""The training loop of both networks: resumable, averaged, stopped early."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import nn

from voicebank.config import Config
from voicebank.data.progress import Progress
from voicebank.errors import BadData
from voicebank.files import append_line, atomic, read_lines, remove_torn
from voicebank.training import distributed, plots
from voicebank.training.optimizer import Adam
from voicebank.training.runs import load_checkpoint, prefixed, save_checkpoint, unprefixed
from voicebank.training.tasks import Metrics, Task

# Steps in a row whose gradients are not finite, after which training is given up.
SKIPPED_MOST = 20
CURVE_SECONDS = 20.0  # between two drawings of the curves: one takes as long as several steps of a small network
# A critic learns against a model that changes: what it saw long ago says little, and it is to stay ahead.
CRITIC_BETAS, CRITIC_RATE = (0.8, 0.99), 2.0


class TrainerConfig(Config):
    """How long and how fast to train."""

    steps: int = Field(20_000, ge=1)
    minutes: float | None = None
    """Stop after this much time in this call; the next call goes on from there."""
    rate: float = Field(1e-3, gt=0)
    warmup: int = 200
    decay: float = Field(0.4, ge=0, le=1)
    """Share of the steps, at the end, in which the rate falls to a hundredth."""
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    average: float = Field(0.998, ge=0, lt=1)
    """Decay of the weights' moving average, which is what is validated and kept."""
    validate_every: int = 500
    patience: int = 0
    """Validations without improvement after which to stop; 0 never stops early."""
    tolerance: float = Field(0.0, ge=0, le=0.5)
    """Later weights are kept as best while they are worse than the best validation by no more than this share."""
    checkpoint_seconds: float = 120.0
    picture_every: int = 1000
    device: str = "auto"
    precision: str = Field("auto", pattern="^(auto|float32|bfloat16)$")
    compile: bool = False
    threads: int | None = None
    seed: int = 0


class Trainer:
    """Trains a task in a run folder.

    The folder holds ``checkpoint.safetensors`` (everything needed to go on), ``best.safetensors`` (the averaged
    weights of the best validation), ``metrics.jsonl``, ``loss.png`` and ``pictures/``. Random numbers are drawn
    from the seed and the step alone, so a run that was killed and resumed follows the same path.

    Where the process belongs to a group of `torch.distributed`, all of it trains one model, each on its share of every
    batch. The first writes the folder; all read it when they begin.

    Args:
        task: what is trained.
        folder: of the run.
        config: of the loop.
        notes: stored in checkpoint and weights; ``task`` and ``config`` of another run are refused.
        on_validation: called with metrics, and whether the weights are the best so far, before progress is.
        time_after: called with seconds a step; the seconds that come after this training, for the time left.
    """

    def __init__(
        self,
        task: Task,
        folder: str | Path,
        config: TrainerConfig,
        notes: dict[str, Any],
        *,
        on_validation: Callable[[dict[str, float], bool], None] | None = None,
        time_after: Callable[[float], float] | None = None,
    ) -> None:
        self.on_validation, self.time_after = on_validation, time_after
        self.task, self.folder, self.config, self.notes = task, Path(folder), config, notes
        self.device = pick_device(config.device)
        self.bfloat16 = pick_precision(config.precision, self.device)
        self.model = task.model.to(self.device)
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.optimizers = [Adam(self.model.named_parameters(), config.betas)]
        if task.critic is not None:
            task.critic.to(self.device)
            self.optimizers.append(Adam(task.critic.named_parameters("critic"), CRITIC_BETAS, CRITIC_RATE))
        self.step = self.skipped = 0
        self.best = float("inf")
        self.best_step = 0
        self.drawn = time.monotonic()
        self.first = distributed.rank() == 0
        if self.first:
            self.folder.mkdir(parents=True, exist_ok=True)
            remove_torn(self.folder)
        self._resume()

    def run(self, progress: Progress | None = None, stop: Callable[[], bool] | None = None) -> int:
        """Train until the steps, the minutes or the patience are used up, or ``stop`` says so.

        Returns the step reached. Ctrl-C writes a checkpoint before it goes on as KeyboardInterrupt.
        """
        progress = progress or Progress()
        config = self.config
        if config.threads:
            torch.set_num_threads(config.threads)
        model: nn.Module = torch.compile(self.model, dynamic=True) if config.compile else self.model  # type: ignore[assignment]
        loss = distributed.parallel(distributed.Loss(self.task.loss, model, self.task.critic))
        first, name = self.step, self.task.name
        progress.step(name, first, config.steps)
        began = saved = time.monotonic()
        means: dict[str, float] = {}
        try:
            while not self.is_over:
                metrics = self._step(loss)
                for k, v in metrics.items():
                    means[k] = float(v) if k not in means else 0.98 * means[k] + 0.02 * float(v)
                now = time.monotonic()
                pace = (now - began) / (self.step - first)
                left = pace * (config.steps - self.step) + (self.time_after(pace) if self.time_after else 0.0)
                progress.step(name, self.step, config.steps, dict(means), left)
                if self.step % 50 == 0:
                    self._log("train", means)
                if self.step % config.validate_every == 0 or self.step == config.steps:
                    self.validate(progress)
                if now - saved > config.checkpoint_seconds:
                    self.save()
                    saved = now
                enough = bool(stop and stop()) or bool(config.minutes and now - began > config.minutes * 60)
                if any(distributed.of_first([enough], self.device)):
                    break
            if self.best_step == 0:
                self.validate(progress)
            if self.first and self.step > first and not self.is_over:  # the minutes are
                self._draw()
        finally:
            self.save()
        return self.step

    def save(self) -> None:
        """Write the checkpoint, atomically."""
        if not self.first:
            return
        tensors = prefixed("model", self.model.state_dict())
        tensors |= prefixed("average", self.average)
        if self.task.critic is not None:
            tensors |= prefixed("critic", self.task.critic.state_dict())
        for optimizer in self.optimizers:
            for name, slot in optimizer.slots.items():
                tensors |= prefixed(f"adam.{name}", slot)
        state = {"step": self.step, "best": self.best, "best_step": self.best_step, **self.notes}
        save_checkpoint(self.folder / "checkpoint.safetensors", tensors, state)

    def _resume(self) -> None:
        path = self.folder / "checkpoint.safetensors"
        if not path.exists():
            return
        tensors, state = load_checkpoint(path)
        for key in ("task", "config"):
            if state.get(key) != self.notes.get(key):
                raise BadData(f"{self.folder} holds a run with another {key}: choose another folder, or remove it")
        self.model.load_state_dict(unprefixed("model", tensors))
        self.average = {k: v.to(self.device) for k, v in unprefixed("average", tensors).items()}
        if self.task.critic is not None:
            self.task.critic.load_state_dict(unprefixed("critic", tensors))
        for optimizer in self.optimizers:
            optimizer.load({name: unprefixed(f"adam.{name}", tensors) for name in optimizer.parameters})
        self.step, self.best, self.best_step = state["step"], state["best"], state["best_step"]
        if not self.first:
            return
        # Lines written after the checkpoint belong to steps that are about to be done again.
        rows = [r for r in self.metrics() if r["step"] <= self.step]
        text = "".join(json.dumps(r) + "\n" for r in rows)
        atomic(self.folder / "metrics.jsonl", text)

    def metrics(self) -> list[dict[str, Any]]:
        """The rows of ``metrics.jsonl``; a line cut off by a kill is left out."""
        return read_lines(self.folder / "metrics.jsonl")

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, constant, then a linear fall to a hundredth over the last share of the steps."""
        config = self.config
        falling = config.steps * config.decay
        left = min(1.0, (config.steps - step) / falling) if falling else 1.0
        return config.rate * min(1.0, (step + 1) / max(1, config.warmup)) * max(0.01, left)

    def _step(self, loss: nn.Module) -> Metrics:
        torch.manual_seed((self.config.seed << 32) + (distributed.rank() << 24) + self.step)
        rate = self.learning_rate(self.step)
        loss.train()
        with self._precision():
            metrics: Metrics = loss(self.step, self.device)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        metrics["loss"].backward()  # type: ignore[no-untyped-call]
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip)
        metrics = distributed.mean(metrics)
        self.step += 1
        if not torch.isfinite(norm):
            # One such step would make every weight not-a-number, and all training before it worthless.
            self.skipped += 1
            if self.skipped >= SKIPPED_MOST:
                raise BadData(
                    f"{self.task.name} diverged at step {self.step}: the loss is {metrics['loss'].item():g}; "
                    "the best weights are kept, try again with a smaller learning rate"
                )
            return {}
        self.skipped = 0
        for optimizer in self.optimizers:
            optimizer.step(rate)
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))
        state = self.model.state_dict()
        torch._foreach_lerp_(list(self.average.values()), [state[k] for k in self.average], 1 - decay)
        return metrics

    @contextlib.contextmanager
    def averaged(self) -> Iterator[nn.Module]:
        """The model with the averaged weights, for as long as the context lasts."""
        current = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.average)
        self.model.eval()
        try:
            with torch.inference_mode(), self._precision():
                yield self.model
        finally:
            self.model.load_state_dict(current)

    def validate(self, progress: Progress) -> None:
        """Score the averaged weights on the held-back clips, and keep them if they are the best so far."""
        if self.first:
            self._validate(progress)
        best, step = distributed.of_first([self.best, self.best_step], self.device)
        self.best, self.best_step = best, int(step)

    def _validate(self, progress: Progress) -> None:
        with self.averaged() as model:
            metrics = {k: float(v) for k, v in self.task.validate(model, self.device).items()}
            if self.step and (self.step % self.config.picture_every == 0 or self.step >= self.config.steps):
                self.task.picture(model, self.folder / "pictures" / f"{self.step:06d}.png", self.device)
        # Without held-back clips there is nothing to choose by: the latest weights are the best.
        criterion = self.task.criterion
        judged = metrics.get(criterion, self.best) if criterion else self.best
        better = criterion is None or not metrics or judged < self.best * (1 + self.config.tolerance)
        if better:
            self.best, self.best_step = min(judged, self.best), self.step
            notes = {"step": self.step, "lowest": self.best, **metrics, **self.notes}
            save_checkpoint(self.folder / "best.safetensors", self.average, notes)
        if metrics:
            self._log("validation", metrics)
        if self.step and (self.is_over or time.monotonic() - self.drawn > CURVE_SECONDS):
            self._draw()
        if self.on_validation:
            self.on_validation(metrics, better)
        progress.validated(self.task.name, self.step, metrics, better)

    def _draw(self) -> None:
        """The curves of all rows so far."""
        self.drawn = time.monotonic()
        plots.curves(self.folder / "loss.png", self.metrics(), self.task.criterion or "l1")

    @property
    def is_over(self) -> bool:
        """Whether the steps or the patience are used up."""
        config = self.config
        stale = (self.step - self.best_step) // config.validate_every
        return self.step >= config.steps or 0 < config.patience <= stale

    def _log(self, kind: str, metrics: dict[str, float]) -> None:
        if not self.first:
            return
        row = {"kind": kind, "step": self.step, "time": round(time.time(), 1)}
        row |= {k: round(v, 6) for k, v in metrics.items()}
        append_line(self.folder / "metrics.jsonl", row)

    def _precision(self) -> contextlib.AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16)


def pick_device(name: str) -> torch.device:
    """``auto`` is CUDA where there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def pick_precision(name: str, device: torch.device) -> bool:
    """Whether to compute in bfloat16: by default on CUDA, and on CPUs that multiply it in hardware."""
    if name != "auto":
        return name == "bfloat16"
    return device.type == "cuda" or bool(torch.cpu._is_avx512_bf16_supported())
