"""What the tests of cloning share: recordings, and somebody who remembers what was told."""

from __future__ import annotations

import shutil
from pathlib import Path

from voicebank.audio import Audio
from voicebank.cloning import CloneProgress
from voicebank.data.dataset import Dataset

CLIPS = Path(__file__).parent / "data" / "clips"


def doubled(folder: Path) -> Path:
    """The clips of us-male twice, half a minute: enough to be cloned from."""
    (folder / "wavs").mkdir(parents=True)
    lines = []
    for clip in Dataset.read(CLIPS / "us-male").clips:
        for copy in "ab":
            shutil.copyfile(clip.path, folder / "wavs" / f"{clip.id}{copy}{clip.path.suffix}")
            lines.append(f"{clip.id}{copy}|{clip.text}\n")
    (folder / "metadata.csv").write_text("".join(lines), encoding="utf-8")
    return folder


class Told(CloneProgress):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.steps: list[tuple[str, int, int, float]] = []
        self.scored: list[tuple[str, int, float, bool]] = []
        self.previews: list[tuple[str, int, float, Path | None]] = []
        self.notes: list[str] = []

    def stage(self, name: str, steps: int) -> None:
        self.stages.append(name)

    def step(self, stage: str, step: int, steps: int, metrics: dict[str, float], seconds_left: float) -> None:
        self.steps.append((stage, step, steps, seconds_left))

    def validated(self, stage: str, step: int, metrics: dict[str, float], best: bool) -> None:
        self.scored.append((stage, step, metrics["l1"], best))

    def preview(self, stage: str, step: int, audio: Audio, attention: Path | None) -> None:
        self.previews.append((stage, step, audio.duration, attention))

    def note(self, text: str) -> None:
        self.notes.append(text)
