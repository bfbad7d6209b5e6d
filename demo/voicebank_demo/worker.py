"""The process that checks recordings or makes a voice: ``python -m voicebank_demo.worker FOLDER``.

It reads ``request.json`` and writes ``state.json`` there; a file ``stop`` asks it to end with what it has.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from voicebank.errors import VoicebankError
from voicebank.files import atomic, replacing
from voicebank_demo.jobs import REQUEST, STATE, STOP
from voicebank_demo.settings import settings

TRAINING = ("base speech", "text2mel", "ssrn")  # stages of a cloning that ask whether to stop
POINTS = 240  # of a curve
EVERY = 1.0  # seconds between two writings of the state
FINDINGS = 60  # shown on the page


class State:
    """What the page shows, on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.values: dict[str, Any] = {
            "phase": "working",
            "stage": "",
            "step": 0,
            "steps": 0,
            "curves": {},
            "previews": [],
        }
        self.written = 0.0

    def set(self, *, now: bool = False, **values: Any) -> None:
        """Change some values; they reach the disk within a second, or at once."""
        self.values.update(values)
        if now or time.monotonic() - self.written > EVERY:
            self.written = time.monotonic()
            atomic(self.folder / STATE, json.dumps(self.values))

    def curve(self, stage: str, kind: str, step: int, value: float) -> None:
        """Add a point to a curve of a stage, which is thinned when it gets long."""
        points = self.values["curves"].setdefault(stage, {}).setdefault(kind, [])
        points.append([step, round(float(value), 5)])
        if len(points) > POINTS:
            del points[1:-1:2]


def check(folder: Path, request: dict[str, Any], state: State) -> None:
    """Make a dataset of what was recorded or uploaded, and look which base voice is closest."""
    _halt(folder)  # a Stop may be quicker than the start of this process
    from voicebank import plugins
    from voicebank.data.dataset import Dataset
    from voicebank_demo.matches import closest

    listener = None
    if settings().listen or request.get("long"):
        listener = next((info.name for info in plugins.known("transcriber") if info.error is None), None)

    progress = _progress(folder, state)
    out = Path(request["dataset"])
    dataset = Dataset.make(
        request["source"],
        out,
        captions=request.get("captions") or None,
        transcriber=listener,
        language=request["language"],
        progress=progress,
    )
    report = dataset.report
    assert report is not None
    findings = sorted(report.findings, key=lambda finding: not finding.serious)
    state.set(
        now=True,
        language=request["language"],
        summary=report.summary(),
        minutes=round(report.minutes, 2),
        clips=len(report.kept),
        notes=report.notes,
        findings=[
            {"clip": f.clip, "kind": f.kind, "reason": f.reason, "advice": f.advice, "serious": f.serious}
            for f in findings[:FINDINGS]
        ],
        hidden=max(0, len(findings) - FINDINGS),
        report=str(out / "report.html"),
    )
    state.set(now=True, stage="closest base voice", step=0, steps=0)
    rows = closest(dataset, progress)
    state.set(now=True, phase="done", matches=rows)


def train(folder: Path, request: dict[str, Any], state: State) -> None:
    """Make the voice."""
    _halt(folder)
    import voicebank
    from voicebank.cloning import CloneSettings
    from voicebank.data.dataset import Dataset

    dataset = Dataset.read(folder / "dataset", request["language"])
    wanted = CloneSettings.for_minutes(float(request["minutes"]), **(request.get("settings") or {}))
    clone = folder / "clone"
    voicebank.load(request["base"]).clone(
        dataset,
        clone,
        name=request["name"],
        consent=request["consent"],
        settings=wanted,
        progress=_progress(folder, state),
        stop=(folder / STOP).exists,
    )
    if not any("training" in lines for lines in state.values["curves"].values()):
        _halt(folder)  # what is there now is the base voice as it was
    state.set(now=True, stage="packing", step=0, steps=0, seconds_left=5)
    pack(clone, folder / f"{request['name']}.zip")
    state.set(now=True, phase="done", stopped=(folder / STOP).exists(), seconds_left=0)


def pack(voice: Path, target: Path) -> None:
    """A voice folder as a zip that appears when it is complete."""
    with replacing(target) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(voice.rglob("*")):
            if path.is_file():
                archive.write(path, Path(target.stem) / path.relative_to(voice))


def _halt(folder: Path) -> None:
    """End where there is nothing to keep yet, if the visitor asked to stop."""
    if (folder / STOP).exists():
        raise VoicebankError("it was stopped before there was anything to keep")


def _progress(folder: Path, state: State) -> Any:
    from voicebank.audio import Audio
    from voicebank.data.progress import NO_METRICS, Progress

    previews = folder / "previews"
    previews.mkdir(exist_ok=True)

    class Page(Progress):
        """Writes everything down for the page."""

        def step(
            self,
            stage: str,
            done: int,
            total: int,
            metrics: Mapping[str, float] = NO_METRICS,
            seconds_left: float | None = None,
        ) -> None:
            if stage not in TRAINING:  # the others do not ask by themselves
                _halt(folder)
            if metrics:
                state.curve(stage, "training", done, _loss(metrics))
            left = {} if seconds_left is None else {"seconds_left": round(seconds_left)}
            state.set(now=done == 0, stage=stage, step=done, steps=total, **left)

        def validated(self, stage: str, step: int, metrics: Mapping[str, float], best: bool) -> None:
            if metrics:
                state.curve(stage, "held back", step, _loss(metrics))
            state.set(now=True, **({"best": f"{stage}, step {step}"} if best else {}))

        def preview(self, stage: str, step: int, audio: Audio, attention: Path | None) -> None:
            number = len(state.values["previews"]) + 1
            entry = {"stage": stage, "step": step, "audio": str(audio.save(previews / f"{number:04d}.wav"))}
            if attention is not None and attention.is_file():
                picture = previews / f"{number:04d}{attention.suffix}"
                shutil.copyfile(attention, picture)
                entry["attention"] = str(picture)
            state.set(now=True, previews=[*state.values["previews"], entry])

        def note(self, text: str) -> None:
            state.set(now=True, note=text)

    return Page()


def _loss(metrics: Mapping[str, float]) -> float:
    return next((metrics[name] for name in ("l1", "loss") if name in metrics), next(iter(metrics.values())))


def _end_with_parent() -> None:
    """The demo holds the other end of our standard input: when it is closed, nobody waits for us any more."""

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os._exit(3)

    threading.Thread(target=wait, daemon=True).start()


def without_places(message: str) -> str:
    """A message without the folders of this machine, which are nobody's business: the names at their ends stay."""
    return re.sub(r"(?<![\w.])/(?:[^\s/'\":,;]+/)+", "", message)


def main(folder: Path) -> int:
    """Do what the request says; 1 if it could not be done."""
    _end_with_parent()
    if hasattr(os, "nice"):
        os.nice(5)  # the page, and who only wants to hear a sentence, come first
    request = json.loads((folder / REQUEST).read_text(encoding="utf-8"))
    state = State(folder)
    state.set(now=True)
    try:
        {"check": check, "train": train}[request["kind"]](folder, request, state)
    except VoicebankError as error:
        print(f"{request['kind']}: {error}", file=sys.stderr)
        state.set(now=True, phase="failed", error=without_places(" ".join(str(error).split())))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
