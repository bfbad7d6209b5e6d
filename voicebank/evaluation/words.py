"""Words that no corpus holds: how many does a recogniser understand, frontend by frontend?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ConfigDict, model_validator

from voicebank.audio import Audio
from voicebank.config import renamed
from voicebank.data.dataset import audio_files
from voicebank.errors import BadData, explained
from voicebank.evaluation.listening import Recogniser, normalise_words
from voicebank.evaluation.scores import Report
from voicebank.evaluation.scoring import speak
from voicebank.hub.card import markdown_table

if TYPE_CHECKING:
    from voicebank.synthesis.synthesizer import Synthesizer

FRONTENDS = ("graphemes", "phonemizer")
SEEN = "seen"


class Entry(NamedTuple):
    """One line of a words file: ``word|carrier sentence|other spellings, of the same sound|seen``."""

    word: str
    carrier: str
    accepted: tuple[str, ...]
    """The word, and other spellings that count as recognising it."""
    seen: bool
    """The training transcripts do hold the word."""


class WordScore(BaseModel):
    """One word; ``transcripts`` and ``right`` are by frontend."""

    model_config = ConfigDict(extra="forbid")

    word: str
    carrier: str
    accepted: list[str]
    seen: bool
    transcripts: dict[str, str]
    right: dict[str, bool]

    @model_validator(mode="before")
    @classmethod
    def _older(cls, data: Any) -> Any:
        return renamed(data, heard="transcripts")


class WordScores(Report):
    """How many words of a list were understood, by frontend."""

    system: str
    transcriber: str
    words: int
    unseen: int
    """Words that are in none of the training transcripts."""
    right: dict[str, int]
    """Of all words."""
    right_unseen: dict[str, int]
    rows: list[WordScore]

    def summary(self) -> str:
        """The counts as a Markdown table, a column a frontend."""
        counts = [
            ("understood", *(f"{n} of {self.words}" for n in self.right.values())),
            ("of those in no transcript", *(f"{n} of {self.unseen}" for n in self.right_unseen.values())),
        ]
        return markdown_table(("words", *self.right), counts)

    def markdown(self) -> str:
        """The counts, and every word, with the transcript where it was not understood."""
        rows = [
            (
                row.word + (" (seen)" if row.seen else ""),
                row.carrier,
                *("yes" if right else f"no: {row.transcripts[name]}" for name, right in row.right.items()),
            )
            for row in self.rows
        ]
        return f"# Words of {self.system}\n\nTranscribed by {self.transcriber}.\n\n{self.summary()}\n" + markdown_table(
            ("word", "carrier", *self.right), rows
        )


def read_words(path: str | PathLike[str]) -> list[Entry]:
    """Read a words file. Lines that start with ``#`` are comments.

    Raises:
        BadData: it cannot be read, or a line lacks its carrier or has a carrier without the word.
    """
    with explained(f"cannot read the words in {path}"):
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    entries = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        word, carrier, others, note, *_ = [field.strip() for field in line.split("|")] + [""] * 3
        if not word or word.lower() not in carrier.lower():
            raise BadData(f"{path}, line {number}: write `word|a sentence with the word|other spellings`")
        accepted = (word, *(other.strip() for other in others.split(",") if other.strip()))
        entries.append(Entry(word, carrier, accepted, note == SEEN))
    if not entries:
        raise BadData(f"{path} holds no words")
    return entries


def is_recognised(entry: Entry, transcript: str) -> bool:
    """Whether a transcript holds the word, in one of its accepted spellings, as whole words."""
    recognised = f" {normalise_words(transcript)} "
    return any(f" {normalise_words(spelling)} " in recognised for spelling in entry.accepted)


def evaluate_words(
    voice: Synthesizer,
    words: str | PathLike[str],
    *,
    frontends: Sequence[str] = FRONTENDS,
    out: str | PathLike[str] | None = None,
    recogniser: Recogniser | None = None,
) -> WordScores:
    """Let a voice say each word of a file in its carrier sentence, with each frontend, and listen.

    Args:
        voice: what :func:`voicebank.load` gives.
        words: see :class:`Entry`.
        frontends: one column of the table each.
        out: folder for ``words.json`` and ``words.md``.
        recogniser: as in :func:`voicebank.evaluation.evaluate_voice`.

    Raises:
        BadData: the file is unusable, or ``out`` cannot be written.
    """
    entries = read_words(words)
    recogniser = recogniser or Recogniser()
    carriers = {entry.word: entry.carrier for entry in entries}
    clips = {
        name: {take.id: take.audio for take in speak(voice, carriers, frontend=name, progress=recogniser.progress)}
        for name in frontends
    }
    return _recognise(entries, clips, voice.config.name, out, recogniser)


def evaluate_words_folder(
    folder: str | PathLike[str],
    words: str | PathLike[str],
    *,
    name: str | None = None,
    out: str | PathLike[str] | None = None,
    recogniser: Recogniser | None = None,
) -> WordScores:
    """Score the words as another system says them: clips of the carrier sentences, named ``<word>.wav``.

    Raises:
        BadData: a word has no clip.
    """
    entries = read_words(words)
    name = name or Path(folder).resolve().name
    files: dict[str, Audio | Path | None] = {path.stem: path for path in audio_files(Path(folder))}
    if lacking := [entry.word for entry in entries if entry.word not in files]:
        raise BadData(f"{folder} lacks clips of {len(lacking)} words, first: {lacking[0]}")
    return _recognise(entries, {name: files}, name, out, recogniser or Recogniser())


def _recognise(
    entries: Sequence[Entry],
    clips: Mapping[str, Mapping[str, Audio | Path | None]],
    system: str,
    out: str | PathLike[str] | None,
    recogniser: Recogniser,
) -> WordScores:
    jobs = [(name, entry.word) for name in clips for entry in entries]
    texts = recogniser.listen(lambda job: recogniser.transcribe(clips[job[0]][job[1]]), jobs)
    transcripts: dict[str, dict[str, str]] = {entry.word: {} for entry in entries}
    for (name, word), text in zip(jobs, texts, strict=True):
        transcripts[word][name] = text
    rows = [
        WordScore(
            word=entry.word,
            carrier=entry.carrier,
            accepted=list(entry.accepted),
            seen=entry.seen,
            transcripts=transcripts[entry.word],
            right={name: is_recognised(entry, text) for name, text in transcripts[entry.word].items()},
        )
        for entry in entries
    ]
    scores = WordScores(
        system=system,
        transcriber=str(recogniser),
        words=len(rows),
        unseen=sum(not row.seen for row in rows),
        right={name: sum(row.right[name] for row in rows) for name in clips},
        right_unseen={name: sum(row.right[name] for row in rows if not row.seen) for name in clips},
        rows=rows,
    )
    if out is not None:
        scores.write(out, "words")
    return scores
