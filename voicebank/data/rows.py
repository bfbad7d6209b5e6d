"""What is known of each clip of a dataset, and what is wrong with it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Kind = Literal[
    "characters",
    "clipping",
    "disfluency",
    "duplicate",
    "language",
    "length",
    "mismatch",
    "missing",
    "noise",
    "pace",
    "pause",
    "silence",
    "speaker",
    "too little",
    "uncut",
    "unreadable",
]

# What to do about each.
ADVICE: dict[Kind, str] = {
    "characters": "write them as words, as they are spoken",
    "clipping": "record again at a lower level",
    "disfluency": "write the words as they were said, or record again",
    "duplicate": "keep one of the two",
    "language": "keep only clips in the language of the dataset",
    "length": "cut it in pauses; `voicebank dataset make` does",
    "mismatch": "correct the transcript, or drop the clip",
    "missing": "add what is missing, or drop the line or file",
    "noise": "record in a quiet room, or drop the clip",
    "pace": "look whether text is missing or too much",
    "pause": "cut the clip there, or shorten the pause",
    "silence": "check the microphone and record again",
    "speaker": "keep the clips of one speaker only",
    "too little": "record more: 1 minute is the least, from 5 minutes on a voice is good",
    "uncut": "nothing to do, if enough is left without it",
    "unreadable": "save it again as .wav, or drop it",
}


class Finding(BaseModel):
    """One fault. A ``serious`` one keeps a clip out of a dataset, another only marks it as doubtful."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    clip: str
    """Name of the clip; empty for the dataset as a whole."""
    reason: str
    serious: bool = True

    @staticmethod
    def of(kind: Kind, clip: str, reason: str, *, serious: bool = True) -> Finding:
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
    heard: str | None = None
    """What the recogniser wrote; None where nobody listened."""
    seconds: float = 0.0
    words: int = 0
    level: float = -120.0
    noise: float = -120.0
    clipped: int = 0
    """Places where the recorder cut off the wave."""
    file: str | None = None
    """Relative to the dataset's folder."""
    findings: list[Finding] = []
    embedding: list[float] | None = None
    envelope: list[int] = []

    @property
    def kept(self) -> bool:
        """Whether nothing serious was found."""
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
            f"{len(self.rows) - len(self.kept)} rejected"
        )
