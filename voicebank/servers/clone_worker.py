"""What a process does that makes a voice of what a client has sent."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationError

import voicebank
from voicebank import plugins
from voicebank.config import Config
from voicebank.data.progress import NO_METRICS, Progress, Scalars
from voicebank.errors import VoicebankError
from voicebank.files import atomic, remove_torn
from voicebank.synthesis.folder import CONFIG

ASKED, STATE = "asked.json", "state.json"
RECORDINGS, DATASET, VOICE = "recordings", "dataset", "voice"
EVERY = 0.5  # seconds between two writings of the state


class CloneRequest(Config):
    """What a voice is made of."""

    id: str
    created_at: int
    source: Path
    captions: Path | None = None
    name: Annotated[str, Field(min_length=1, max_length=100)]
    consent: Annotated[str, Field(max_length=500)]
    language: Literal["en-us", "en-gb"] = "en-us"
    base: str | None = None
    """One of ``bases``; the closest of them if left out."""
    bases: tuple[str, ...]
    steps: Annotated[int | None, Field(ge=1, le=5000)] = None
    """Of Text2Mel and of SSRN each; what the minutes of speech are worth if left out."""
    rehearsal: Annotated[float | None, Field(ge=0, le=0.9)] = None
    """Share of each batch that is the base's own speech."""
    minutes: float
    """Computing it may take."""


class MadeVoice(BaseModel):
    """A voice that a client makes, as it stands."""

    id: str
    object: Literal["audio.voice"] = "audio.voice"
    type: Literal["audio_sample"] = "audio_sample"
    name: str
    created_at: int
    status: Literal["waiting", "working", "ready", "failed", "cancelled"] = "waiting"
    base: str | None = None
    stage: str = ""
    """What is being done, such as ``features``, ``text2mel`` or ``ssrn``."""
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    notes: list[str] = []
    error: str | None = None

    @property
    def ended(self) -> bool:
        return self.status in ("ready", "failed", "cancelled")


def read(folder: Path) -> MadeVoice | None:
    """The voice in a folder; None if there is none."""
    try:
        return MadeVoice.model_validate_json((folder / STATE).read_bytes()) if (folder / ASKED).is_file() else None
    except (OSError, ValidationError):
        return None


def finish(folder: Path, made: MadeVoice) -> None:
    """Note the end of a job. Its recordings are not kept, nor a voice that did not become one."""
    made.seconds_left = None
    atomic(folder / STATE, made.model_dump_json())
    tidy(folder, made)


def tidy(folder: Path, made: MadeVoice) -> None:
    """Remove what an ended job has no use for."""
    for name in (RECORDINGS, DATASET, f"{VOICE}.training", *([] if made.status == "ready" else [VOICE])):
        shutil.rmtree(folder / name, ignore_errors=True)


class JobProgress(Progress):
    """Of a job, written down for the server."""

    def __init__(self, folder: Path, made: MadeVoice) -> None:
        self.folder, self.made, self._written = folder, made, 0.0

    def write(self) -> None:
        """Put the state where the server looks for it."""
        self._written = time.monotonic()
        atomic(self.folder / STATE, self.made.model_dump_json())

    def step(
        self, stage: str, done: int, total: int, metrics: Scalars = NO_METRICS, seconds_left: float | None = None
    ) -> None:
        """A step of a stage is done."""
        made = self.made
        new = stage != made.stage
        made.stage, made.step, made.steps = stage, done, total
        made.seconds_left = None if seconds_left is None else round(seconds_left)
        if new or time.monotonic() - self._written > EVERY:
            self.write()

    def note(self, text: str) -> None:
        """Something worth a line."""
        self.made.notes.append(self.without_places(text))
        self.write()

    def without_places(self, text: str) -> str:
        """A message without the folders of this machine."""
        return text.replace(f"{self.folder}{os.sep}", "").replace(str(self.folder), self.made.name)

    def run(self, request: CloneRequest) -> None:
        """Make the dataset, find the closest base, and clone."""
        self.made.status = "working"
        self.write()
        transcriber = next((info.name for info in plugins.known("transcriber") if info.error is None), None)
        dataset = voicebank.Dataset.make(
            self.folder / request.source,
            self.folder / DATASET,
            captions=request.captions and self.folder / request.captions,
            transcriber=transcriber,
            language=request.language,
            progress=self,
        )
        if self.made.base is None:
            bases = {base: voicebank.load(base) for base in request.bases}
            best = voicebank.closest(dataset, bases.values(), progress=self).voice
            self.made.base = next(base for base, voice in bases.items() if voice is best)
            self.write()
        given = {"text2mel_steps": request.steps, "ssrn_steps": request.steps, "rehearsal": request.rehearsal}
        voicebank.load(self.made.base).clone(
            dataset,
            self.folder / VOICE,
            name=request.name,
            consent=request.consent,
            settings={
                "max_minutes": request.minutes,
                "preview_every": 0,
                **{name: value for name, value in given.items() if value is not None},
            },
            progress=self,
        )
        self.made.status = "ready" if (self.folder / VOICE / CONFIG).is_file() else "failed"


def main(folder: Path) -> None:
    """Make the voice in a folder, or go on with it."""
    request, made = CloneRequest.model_validate_json((folder / ASKED).read_bytes()), read(folder)
    remove_torn(folder)
    job = JobProgress(folder, made or MadeVoice(id=request.id, name=request.name, created_at=request.created_at))
    try:
        job.run(request)
    except VoicebankError as error:
        job.made.status, job.made.error = "failed", job.without_places(" ".join(str(error).split()))
    finish(folder, job.made)
