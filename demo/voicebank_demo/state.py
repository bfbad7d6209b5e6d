"""What a worker is asked for, and what it reports: one model for the process that writes and the page that reads."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voicebank.errors import BadData
from voicebank.files import atomic

REQUEST, STATE, STOP = "request.json", "state.json", "stop"
POINTS = 240  # of a curve
LONGEST_CLIP = 20.0  # seconds; longer ones are not learned from


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CheckRequest(_Model):
    """Make a dataset of recordings."""

    kind: Literal["check"] = "check"
    source: Path
    """A folder of clips, or one recording."""
    captions: Path | None = None
    dataset: Path
    language: str


class TrainRequest(_Model):
    """Make a voice of a dataset."""

    kind: Literal["train"] = "train"
    base: str
    name: str
    consent: str
    language: str
    minutes: float
    settings: dict[str, float] = {}
    """Settings of the cloning, where they differ from those for so many minutes."""


class Problem(_Model):
    """A fault of a clip, or of all clips together."""

    kind: str
    reason: str
    advice: str
    serious: bool


class Clip(_Model):
    """One clip and the words in it."""

    id: str
    text: str
    seconds: float
    file: str | None
    """Its place in the dataset's folder."""
    guessed: bool
    """The words are those that the recogniser heard; nobody wrote them."""
    used: bool
    """A voice will learn from it."""
    problems: list[Problem] = []

    @property
    def possible(self) -> bool:
        """Whether a voice could learn from it, if its words are right."""
        return self.file is not None and 0 < self.seconds <= LONGEST_CLIP


class Match(_Model):
    """How close a base voice is to the speaker."""

    name: str
    similarity: float | None
    """Cosine of the mean speaker embeddings."""
    pitch_hz: float | None
    base_pitch_hz: float | None
    accent_probability: float | None
    """How likely the speaker has this voice's accent, 0..1."""
    score: float
    """Higher is closer."""

    @classmethod
    def of(cls, row: object) -> Match:
        """A row of ``voicebank.closest``, rounded."""
        values = {name: getattr(row, name) for name in cls.model_fields}
        return cls.model_validate({k: round(float(v), 4) if hasattr(v, "__float__") else v for k, v in values.items()})


class Preview(_Model):
    """The voice in training spoke a sentence."""

    stage: str
    step: int
    audio: Path
    attention: Path | None = None


class Comparison(_Model):
    """A sentence as the speaker recorded it, and as the base voice says it."""

    text: str
    original: Path
    base: Path | None = None


class State(_Model):
    """How far a job is, and what came of it."""

    phase: Literal["working", "done", "failed"] = "working"
    error: str = ""
    stage: str = ""
    step: int = 0
    steps: int = 0
    seconds_left: float | None = None
    stopped: bool = False
    notes: list[str] = []
    # Of a check
    language: str = "en-us"
    listened: bool = False
    """A recogniser compared the clips with their texts, or wrote those."""
    clips: list[Clip] = []
    general: list[Problem] = []
    matches: list[Match] = []
    report: Path | None = None
    # Of a training
    best: str = ""
    curves: dict[str, dict[str, list[tuple[int, float]]]] = {}
    """Losses by stage and by what they were measured on."""
    previews: list[Preview] = []
    comparison: Comparison | None = None
    seconds: float = Field(0.0, ge=0)
    """How long it took."""

    def add_point(self, stage: str, kind: str, step: int, value: float) -> None:
        """Add a point to a curve, which is thinned when it gets long."""
        points = self.curves.setdefault(stage, {}).setdefault(kind, [])
        points.append((step, round(float(value), 5)))
        if len(points) > POINTS:
            del points[1:-1:2]


Model = TypeVar("Model", bound=BaseModel)


def write(path: Path, model: BaseModel) -> None:
    """Write a model to a file that is there whole or not at all."""
    atomic(path, model.model_dump_json())


def read(path: Path, kind: type[Model]) -> Model | None:
    """What a file holds; None if there is none.

    Raises:
        BadData: it holds something else.
    """
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise BadData(f"{path.name} is damaged: start over") from error


def read_state(folder: Path) -> State | None:
    """What was last written about the work in a folder; None before anything was."""
    return read(folder / STATE, State)
