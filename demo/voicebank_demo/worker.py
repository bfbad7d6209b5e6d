"""What a process does that checks recordings or makes a voice.

It reads ``request.json`` and writes ``state.json`` there; a file ``stop`` asks it to end with what it has.
"""

from __future__ import annotations

import re
import shutil
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import TypeAdapter

import voicebank
from voicebank import Audio, CloneSettings, Dataset, Progress, Voice, plugins
from voicebank.errors import VoicebankError
from voicebank.files import replacing
from voicebank_demo.clips import check_speech, clips_of, problem
from voicebank_demo.settings import Settings
from voicebank_demo.state import (
    REQUEST,
    STATE,
    STOP,
    CheckRequest,
    Comparison,
    Match,
    Preview,
    State,
    TrainRequest,
    write,
)

EVERY = 1.0  # seconds between two writings of the state
REQUESTS: TypeAdapter[CheckRequest | TrainRequest] = TypeAdapter(CheckRequest | TrainRequest)
ASKING = ("base speech", "bandwidth", "text2mel", "ssrn", "packing")  # stages in which a Stop keeps what is there
NO_METRICS: Mapping[str, float] = MappingProxyType({})


class Worker(Progress):
    """A job at work in its folder, and what the page shows of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = State()
        self.begun = self.written = time.monotonic()
        self.write()

    def write(self) -> None:
        """Put the state where the page looks for it."""
        self.written = time.monotonic()
        self.state.seconds = round(self.written - self.begun, 1)
        write(self.folder / STATE, self.state)

    def stopped(self) -> bool:
        """Whether the visitor asked to stop."""
        return (self.folder / STOP).exists()

    def halt(self) -> None:
        """End where there is nothing to keep yet, if the visitor asked to stop."""
        if self.stopped():
            raise VoicebankError("it was stopped before there was anything to keep")

    # Callbacks of the library

    def step(
        self,
        stage: str,
        done: int,
        total: int,
        metrics: Mapping[str, float] = NO_METRICS,
        seconds_left: float | None = None,
    ) -> None:
        """A step of a stage is done."""
        if stage not in ASKING:
            self.halt()
        if metrics:
            self.state.add_point(stage, "training", done, _loss(metrics))
        self.state.seconds_left = None if seconds_left is None else round(seconds_left)
        stage = without_places(stage)
        new = (stage, total) != (self.state.stage, self.state.steps) or done == total
        self.state.stage, self.state.step, self.state.steps = stage, done, total
        if new or time.monotonic() - self.written > EVERY:
            self.write()

    def validated(self, stage: str, step: int, metrics: Mapping[str, float], best: bool) -> None:
        """The held-out clips were predicted."""
        if metrics:
            self.state.add_point(stage, "held back", step, _loss(metrics))
        if best:
            self.state.best = f"{stage}, step {step}"
        self.write()

    def preview(self, stage: str, step: int, audio: Audio, attention: Path | None) -> None:
        """The voice, as it is now, spoke the preview sentence."""
        folder = self.folder / "previews"
        folder.mkdir(exist_ok=True)
        number = len(self.state.previews) + 1
        spoken = Preview(stage=stage, step=step, audio=audio.save(folder / f"{number:04d}.wav"))
        if attention is not None and attention.is_file():
            spoken.attention = folder / f"{number:04d}{attention.suffix}"
            shutil.copyfile(attention, spoken.attention)
        self.state.previews.append(spoken)
        self.write()

    def note(self, text: str) -> None:
        """Something worth a line."""
        self.state.notes.append(without_places(text))
        self.write()


def check(worker: Worker, request: CheckRequest, settings: Settings) -> None:
    """Make a dataset of what was recorded or uploaded, and look which base voice is closest."""
    worker.halt()  # a Stop may be quicker than the start of this process
    long = request.source.is_file()
    if long:
        worker.step("looking for speech", 0, 0)
        check_speech(request.source)
    transcriber = None
    if settings.listen or long:
        transcriber = next((info.name for info in plugins.known("transcriber") if info.error is None), None)
    dataset = Dataset.make(
        request.source,
        request.dataset,
        captions=request.captions,
        transcriber=transcriber,
        language=request.language,
        progress=worker,
    )
    state, report = worker.state, dataset.report
    assert report is not None  # it was just made
    state.language, state.listened = request.language, transcriber is not None
    state.clips = clips_of(report, request.source, request.captions)
    state.general = [problem(finding) for finding in report.general]
    state.notes = list(report.notes)
    state.report = request.dataset / "report.html"
    worker.step("closest base voice", 0, 0)
    found = voicebank.closest(dataset, progress=worker)
    state.matches = [Match.of(row) for row in found.rows]
    state.phase = "done"
    worker.write()


def train(worker: Worker, request: TrainRequest, settings: Settings) -> None:
    """Make the voice."""
    worker.halt()
    folder, state = worker.folder, worker.state
    dataset = Dataset.read(folder / "dataset", request.language)
    base = voicebank.load(request.base)
    state.comparison = compare(base, dataset, folder)
    worker.write()
    base.clone(
        dataset,
        folder / "clone",
        name=request.name,
        consent=request.consent,
        settings=CloneSettings.for_minutes(
            request.minutes, **{**request.settings, "preview_text": state.comparison.text}
        ),
        progress=worker,
        stop=worker.stopped,
    )
    if not any("training" in lines for lines in state.curves.values()):
        worker.halt()  # what is there now is the base voice as it was
    worker.step("packing", 0, 0)
    pack(folder / "clone", folder / f"{request.name}.zip")
    state.phase, state.stopped, state.seconds_left = "done", worker.stopped(), 0
    worker.write()


def compare(base: Voice, dataset: Dataset, folder: Path) -> Comparison:
    """A sentence as the speaker said it and as the base voice says it, to hear the voice in training beside them."""
    clip = min(dataset.clips, key=lambda clip: abs(len(clip.text) - 60))
    comparison = Comparison(text=clip.text[:300], original=folder / f"original{clip.path.suffix}")
    shutil.copyfile(clip.path, comparison.original)
    try:
        comparison.base = base.say(comparison.text).save(folder / "base.wav")
    except VoicebankError:  # a text that a base voice does not speak is no reason to make no voice
        comparison.base = None
    return comparison


def pack(voice: Path, target: Path) -> None:
    """A voice folder as a zip that appears when it is complete."""
    with replacing(target) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(voice.rglob("*")):
            if path.is_file():
                archive.write(path, Path(target.stem) / path.relative_to(voice))


def without_places(message: str) -> str:
    """A message without the folders of this machine, one of which is a visitor's secret: the names at their ends
    stay."""
    return re.sub(r"(?<![\w.])/(?:[^\s/'\":,;]+/)+", "", message)


def _loss(metrics: Mapping[str, float]) -> float:
    return next((metrics[name] for name in ("l1", "loss") if name in metrics), next(iter(metrics.values())))


def main(folder: Path) -> int:
    """Do what the request says; 1 if it could not be done."""
    request = REQUESTS.validate_json((folder / REQUEST).read_bytes())
    worker = Worker(folder)
    try:
        if isinstance(request, CheckRequest):
            check(worker, request, Settings())
        else:
            train(worker, request, Settings())
    except VoicebankError as error:
        print(f"{folder.name}: {error}", file=sys.stderr)
        worker.state.phase, worker.state.error = "failed", without_places(" ".join(str(error).split()))
        worker.write()
        return 1
    return 0
