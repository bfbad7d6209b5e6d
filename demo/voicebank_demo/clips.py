"""The clips of a check: their words corrected, and whether a voice learns from them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel

from voicebank import media
from voicebank.errors import BadAudio, BadData
from voicebank_demo.state import Clip, Problem, State, read, read_state, write
from voicebank_demo.voices import address

LONGEST_TEXT = 400  # characters of a clip
SILENT = 60.0  # of 32768: level below which nobody speaks
RANGE = 2.0  # speech is louder than what is between its words by more than this
WORDS = {
    "characters": "it has characters that nobody can speak",
    "clipping": "it is too loud, and distorted",
    "disfluency": "there are slips or repetitions",
    "duplicate": "it is there twice",
    "language": "it does not sound like English",
    "length": "it is too short or too long",
    "mismatch": "the words do not seem to fit",
    "missing": "something is missing",
    "noise": "there is much noise",
    "pace": "it is very fast or very slow",
    "pause": "there is a long pause in it",
    "silence": "nothing is heard in it",
    "speaker": "it sounds like somebody else",
    "too little": "there is little speech",
    "uncut": "no pause was found to cut it",
    "unreadable": "it cannot be opened",
}


class Edits(BaseModel):
    """What the visitor changed, by the clips' names."""

    texts: dict[str, str] = {}
    used: dict[str, bool] = {}


class Clips:
    """The clips of a finished check.

    Args:
        work: the visitor's folder of work, with ``checks`` and ``dataset`` in it.
    """

    def __init__(self, work: Path) -> None:
        self.dataset = work / "dataset"
        self.file = work / "checks" / "edits.json"
        self.state = read_state(work / "checks") or State()

    @property
    def checked(self) -> bool:
        """Whether there is a check that found something to learn from."""
        return self.state.phase == "done" and (self.dataset / "metadata.csv").is_file()

    def all(self) -> list[Clip]:
        """The clips, as the visitor left them."""
        edits = read(self.file, Edits) or Edits()
        return [
            clip.model_copy(
                update={
                    "text": edits.texts.get(clip.id, clip.text),
                    "guessed": clip.guessed and clip.id not in edits.texts,
                    "used": edits.used.get(clip.id, clip.used),
                }
            )
            for clip in self.state.clips
        ]

    def minutes(self) -> float:
        """Minutes of speech that a voice learns from."""
        return sum(clip.seconds for clip in self.all() if clip.used) / 60

    def edit(self, name: Any, text: Any = None, used: Any = None) -> None:
        """Correct a clip's words, or say whether it is used.

        Raises:
            BadData: there is no such clip, it cannot be used, or that is no text.
        """
        clip = next((clip for clip in self.all() if clip.id == name), None)
        if clip is None:
            raise BadData("there is no such clip: reload the page")
        edits = read(self.file, Edits) or Edits()
        if text is not None:
            text = " ".join(str(text).split())
            if not text or len(text) > LONGEST_TEXT:
                raise BadData(f"the words of a clip are 1 to {LONGEST_TEXT} characters")
            edits.texts[clip.id] = text
        if used is not None:
            if used and not (clip.possible and clip.text):
                raise BadData("nothing can be learned from this clip: it has no words, or is too long or too short")
            edits.used[clip.id] = bool(used)
        write(self.file, edits)

    def apply(self) -> None:
        """Make the dataset what the visitor wants.

        Raises:
            BadData: no clip is left.
        """
        clips = [clip for clip in self.all() if clip.file is not None]
        if not any(clip.used for clip in clips):
            raise BadData("tick at least one clip to learn from")
        lines = []
        for clip in clips:
            name = Path(clip.file or "").name
            target = self.dataset / ("wavs" if clip.used else "rejected") / name
            target.parent.mkdir(exist_ok=True)
            for folder in ("wavs", "rejected"):
                stands = self.dataset / folder / name
                if stands.is_file() and stands != target:
                    os.replace(stands, target)
            if clip.used:
                lines.append(f"{clip.id}|{clip.text.replace('|', ' ')}\n")
        (self.dataset / "metadata.csv").write_text("".join(lines), encoding="utf-8")

    def value(self) -> dict[str, Any]:
        """Value of the list on the page."""
        clips = self.all()
        return {
            "run": str(self.dataset),
            "clips": [self._row(clip) for clip in clips],
            "minutes": round(self.minutes(), 2),
            "used": sum(clip.used for clip in clips),
            "guessed": sum(clip.guessed and clip.used for clip in clips),
            "listened": self.state.listened,
        }

    def _row(self, clip: Clip) -> dict[str, Any]:
        return {
            "id": clip.id,
            "text": clip.text,
            "seconds": round(clip.seconds, 1),
            "guessed": clip.guessed,
            "used": clip.used,
            "possible": clip.possible,
            "audio": self._address(clip),
            "problems": [WORDS.get(problem.kind, problem.kind) for problem in clip.problems],
            "reasons": "; ".join(f"{problem.reason}: {problem.advice}" for problem in clip.problems),
        }

    def _address(self, clip: Clip) -> str:
        """Where a clip is heard, which may have changed its folder."""
        name = Path(clip.file or "").name
        found = next(
            (self.dataset / f / name for f in ("wavs", "rejected") if (self.dataset / f / name).is_file()), None
        )
        return address(found) if found and name else ""


def clips_of(report: Any, source: Path, captions: Path | None) -> list[Clip]:
    """The rows of a dataset's report as the page needs them."""
    return [
        Clip(
            id=row.id,
            text=row.text,
            seconds=row.seconds,
            file=row.file,
            guessed=row.transcript is not None
            and row.text == row.transcript
            and not _written(row.source, source, captions),
            used=row.kept,
            problems=[problem(finding) for finding in row.findings],
        )
        for row in report.rows
    ]


def problem(finding: Any) -> Problem:
    """A finding of the library."""
    return Problem(kind=finding.kind, reason=finding.reason, advice=finding.advice, serious=finding.serious)


def _written(name: str, source: Path, captions: Path | None) -> bool:
    """Whether somebody wrote down what is said in a recording."""
    folder = source if source.is_dir() else source.parent
    if captions is not None or (folder / "metadata.csv").is_file() or (folder / "metadata.jsonl").is_file():
        return True
    texts = (".txt", ".lab", ".vtt", ".srt", ".ass", ".ssa", ".json3")
    return any(
        path.stem.partition(".")[0] == Path(name).stem.partition(".")[0] and path.suffix in texts
        for path in folder.rglob("*")
    )


def check_speech(recording: Path) -> None:
    """See that somebody speaks in a recording, before a recogniser spends minutes on it.

    Raises:
        BadAudio: it is silent, nothing but noise, or damaged.
    """
    sound = media.read(recording)
    frame = sound.rate // 50
    samples = sound.samples[: len(sound.samples) // frame * frame].reshape(-1, frame)
    levels = np.array([np.sqrt(np.mean(np.square(block, dtype=np.float32))) for block in samples])
    loud, quiet = np.percentile(levels, [98, 20]) if len(levels) else (0.0, 0.0)
    if loud < SILENT or loud < RANGE * quiet:
        raise BadAudio("nobody is heard in the recording: is it the right one?")
