"""What a cloning tells whoever shows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from voicebank.audio import Audio

STAGES = ("features", "base speech", "text2mel", "ssrn")


class CloneProgress:
    """Told how a cloning goes. The default shows nothing; subclass it and show what you like.

    The stages are, in this order, those of :data:`STAGES`; one that is done already, or not needed, is left out.
    """

    def stage(self, name: str, steps: int) -> None:
        """A stage begins, or goes on after an interruption. Told again when the number of its steps changes."""

    def step(self, stage: str, step: int, steps: int, metrics: dict[str, float], seconds_left: float) -> None:
        """A step is done. ``metrics`` are running means, empty outside training; ``seconds_left`` is an estimate for
        this stage and all that follow."""

    def validated(self, stage: str, step: int, metrics: dict[str, float], best: bool) -> None:
        """The held-out clips were predicted. Step 0 is the base voice as it was. ``best``: the voice folder has it."""

    def preview(self, stage: str, step: int, audio: Audio, attention: Path | None) -> None:
        """The voice, as it is now, spoke the preview sentence; ``attention`` is a picture of how it read it."""

    def note(self, text: str) -> None:
        """Something worth a line."""
