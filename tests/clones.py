"""What the tests of cloning share: recordings, and progress that keeps all it is told."""

from __future__ import annotations

import shutil
from pathlib import Path

from voicebank.audio import Audio
from voicebank.data.dataset import Dataset
from voicebank.data.progress import NO_METRICS, Progress, Scalars

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


class Recorded(Progress):
    """Keeps all calls."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.steps: list[tuple[str, int, int, float]] = []
        self.scored: list[tuple[str, int, float, bool]] = []
        self.previews: list[tuple[str, int, float, Path | None]] = []
        self.notes: list[str] = []

    def step(
        self, stage: str, done: int, total: int, metrics: Scalars = NO_METRICS, seconds_left: float | None = None
    ) -> None:
        if stage not in self.stages:
            self.stages.append(stage)
        if done:
            self.steps.append((stage, done, total, seconds_left or 0.0))

    def validated(self, stage: str, step: int, metrics: Scalars, best: bool) -> None:
        self.scored.append((stage, step, metrics["l1"], best))

    def preview(self, stage: str, step: int, audio: Audio, attention: Path | None) -> None:
        self.previews.append((stage, step, audio.duration, attention))

    def note(self, text: str) -> None:
        self.notes.append(text)
