"""Progress of whatever takes long: making datasets, training, cloning, evaluating."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from voicebank.audio import Audio

T = TypeVar("T")
Scalars = Mapping[str, float]
"""Metrics by name."""
NO_METRICS: Scalars = MappingProxyType({})


class Progress:
    """Callbacks of a long computation. These ignore everything: subclass it, and show what you like."""

    def step(
        self, stage: str, done: int, total: int, metrics: Scalars = NO_METRICS, seconds_left: float | None = None
    ) -> None:
        """``done`` of the ``total`` steps of a stage are finished; 0 when it begins.

        Args:
            stage: what is being done, such as ``features``, ``text2mel`` or ``listening``.
            done: steps that are finished.
            total: steps of the stage; it may change.
            metrics: running means of the losses; empty outside training.
            seconds_left: estimate for this stage and all that follow; None where there is none.
        """

    def validated(self, stage: str, step: int, metrics: Scalars, best: bool) -> None:
        """The held-out clips were scored with the averaged weights; ``best`` if those were kept."""

    def preview(self, stage: str, step: int, audio: Audio, attention: Path | None) -> None:
        """A voice in training spoke a sentence; ``attention`` is a picture of its alignment."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def track(self, stage: str, items: Iterable[T], total: int) -> Iterator[T]:
        """Iterate over the items of a stage; each counts as done when the next one is asked for."""
        self.step(stage, 0, total)
        for done, item in enumerate(items, 1):
            yield item
            self.step(stage, done, total)
