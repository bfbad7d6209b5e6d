"""The report of a dataset: what is known of each clip, what is wrong with it, and the page that shows it."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, model_validator

from voicebank.audio import Audio
from voicebank.config import renamed
from voicebank.errors import BadAudio

EMBEDDED = 32 << 20  # bytes of sound within the page; what is beyond is only linked to

# Kinds of faults, and what to do about each.
ADVICE = {
    "bandwidth": "record at 24 kHz or more, without a telephone and without strong compression",
    "characters": "write them as words, as they are spoken",
    "clicks": "keep hands off keys and mouse, or try --clean",
    "corrected": "listen whether it is right now",
    "clipping": "record again at a lower level",
    "disfluency": "write the words as they were said, or record again",
    "duplicate": "keep one of the two",
    "language": "keep only clips in the language of the dataset",
    "length": "cut it in pauses; `voicebank dataset make` does",
    "mismatch": "correct the transcript, or drop the clip",
    "missing": "add what is missing, or drop the line or file",
    "noise": "record in a quiet room, try --clean, or drop the clip",
    "pace": "look whether text is missing or too much",
    "pause": "cut the clip there, or shorten the pause",
    "room": "record closer to the microphone, in a room with soft furniture",
    "silence": "check the microphone and record again",
    "speaker": "keep the clips of one speaker only",
    "too little": "record more: 1 minute is the least, from 5 minutes on a voice is good",
    "uncut": "nothing to do, if enough is left without it",
    "unreadable": "save it again as .wav, or drop it",
}


def _known(kind: str) -> str:
    if kind not in ADVICE:
        raise ValueError(f"is no kind of fault: known are {', '.join(ADVICE)}")
    return kind


class Finding(BaseModel):
    """One fault. A ``serious`` one keeps a clip out of a dataset, another only marks it as doubtful."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Annotated[str, AfterValidator(_known)]
    clip: str
    """Name of the clip; empty for the dataset as a whole."""
    reason: str
    serious: bool = True

    @staticmethod
    def of(kind: str, clip: str, reason: str, *, serious: bool = True) -> Finding:
        """A finding, in one line."""
        return Finding(kind=kind, clip=clip, reason=" ".join(reason.split()), serious=serious)

    @property
    def advice(self) -> str:
        """What to do."""
        return ADVICE[self.kind]

    def __str__(self) -> str:
        return f"{self.clip + ': ' if self.clip else ''}{self.reason} ({self.kind}): {self.advice}"


class Row(BaseModel):
    """One clip. Levels in dB of full scale, times in seconds of the recording it comes from."""

    model_config = ConfigDict(extra="forbid")

    id: str
    source: str
    start: float = 0.0
    end: float = 0.0
    text: str = ""
    transcript: str | None = None
    """The recogniser's transcript; None without a recogniser."""
    seconds: float = 0.0
    words: int = 0
    level: float = -120.0
    noise: float = -120.0
    bandwidth: float | None = None
    """Hz up to which it carries speech; None if that is not known."""
    cleaned: bool = False
    """Whether noise was taken out of it."""
    clipped: int = 0
    """Places where the recorder cut off the wave."""
    file: str | None = None
    """Relative to the dataset's folder."""
    findings: list[Finding] = []
    embedding: list[float] | None = None
    envelope: list[int] = []

    @model_validator(mode="before")
    @classmethod
    def _older(cls, data: Any) -> Any:
        return renamed(data, heard="transcript")

    @property
    def kept(self) -> bool:
        """Whether it has no serious finding."""
        return not any(finding.serious for finding in self.findings)

    @property
    def pace(self) -> float:
        """Words a second."""
        return self.words / self.seconds if self.seconds else 0.0


class Report(BaseModel):
    """All clips of a dataset and all findings."""

    model_config = ConfigDict(extra="forbid")

    name: str
    job: str = ""
    """Digest of what it was made of."""
    language: str = "en-us"
    transcriber: str | None = None
    notes: list[str] = []
    """What was not checked, and why."""
    rows: list[Row] = []
    general: list[Finding] = []
    """Findings on the dataset as a whole, and on files that are no clip."""

    @property
    def kept(self) -> list[Row]:
        """Clips without a serious fault."""
        return [row for row in self.rows if row.kept]

    @property
    def minutes(self) -> float:
        """Minutes of the kept clips."""
        return sum(row.seconds for row in self.kept) / 60

    @property
    def findings(self) -> list[Finding]:
        """All findings, those on the whole first."""
        return [*self.general, *(finding for row in self.rows for finding in row.findings)]

    def summary(self) -> str:
        """In one line."""
        doubtful = sum(bool(row.findings) for row in self.kept)
        return (
            f"{len(self.kept)} clips, {self.minutes:.1f} minutes; {doubtful} of them doubtful; "
            f"{len(self.rows) - len(self.kept)} rejected{f' ({why})' if (why := self.why_rejected()) else ''}"
        )

    def why_rejected(self) -> str:
        """How many clips were rejected for what, most first: ``3 mismatch, 1 noise``."""
        kinds = Counter(kind for row in self.rows for kind in {f.kind for f in row.findings if f.serious})
        return ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())


def page(report: Report, folder: Path) -> str:
    """``report.html`` of a dataset whose clips lie in a folder: figures, histograms, and doubtful clips to be heard.

    One page without other files, as long as the sound of the clips is no more than 32 MB.
    """
    from jinja2 import Environment, PackageLoader

    kept = report.kept
    clipped = sum(any(f.kind == "clipping" for f in row.findings) for row in report.rows)
    figures = {
        "minutes": f"{report.minutes:.1f}",
        "clips kept": str(len(kept)),
        "of them doubtful": str(sum(bool(row.findings) for row in kept)),
        "clips rejected": str(len(report.rows) - len(kept)),
        "clipped clips": str(clipped),
        "words a second": _median([row.pace for row in kept], "{:.1f}"),
        "level": _median([row.level for row in kept], "{:.0f} dB"),
        "noise": _median([row.noise for row in kept], "{:.0f} dB"),
        "transcribed by": report.transcriber or "nobody",
    }
    values = {
        "seconds": [row.seconds for row in kept],
        "words a second": [row.pace for row in kept],
        "level, dB": [row.level for row in kept],
        "noise, dB": [row.noise for row in kept],
    }
    environment = Environment(loader=PackageLoader("voicebank.data", "."), autoescape=True)
    return environment.get_template("report.html.jinja").render(
        report=report,
        figures=figures,
        charts=[_histogram(title, numbers) for title, numbers in values.items() if numbers],
        tables={
            "Rejected": [row for row in report.rows if not row.kept],
            "Doubtful, but kept": [row for row in kept if row.findings],
        },
        player=_Players(folder).source,
    )


class _Players:
    """Sources of audio elements, with the sound in the page as long as there is room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.room = EMBEDDED

    def source(self, row: Row) -> str:
        if row.file is None or not (self.folder / row.file).is_file():
            return ""
        try:
            data = Audio.read(self.folder / row.file, 24000).to_bytes("mp3")
        except BadAudio:
            return ""
        if len(data) > self.room:
            return row.file
        self.room -= len(data)
        return "data:audio/mpeg;base64," + base64.b64encode(data).decode("ascii")


def _histogram(title: str, values: Sequence[float]) -> dict[str, Any]:
    """What the template draws on 240 by 90 pixels."""
    counts, edges = np.histogram(values, bins=12)
    step, top = 240 / len(counts), max(1, int(counts.max()))
    bars = [
        {"x": round(i * step, 1), "height": round(90 * int(count) / top, 1), "label": f"{a:.1f} to {b:.1f}: {count}"}
        for i, (count, a, b) in enumerate(zip(counts, edges, edges[1:], strict=False))
    ]
    ends = {"first": f"{edges[0]:.1f}", "last": f"{edges[-1]:.1f}"}
    return {"title": title, "bars": bars, "width": round(step - 1, 1), **ends}


def _median(values: Sequence[float], form: str) -> str:
    return form.format(float(np.median(values))) if values else ""
