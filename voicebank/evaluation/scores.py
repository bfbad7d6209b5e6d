"""The results of an evaluation: one row a sentence, and their summary."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from voicebank.config import first_error, renamed
from voicebank.errors import BadData, explained
from voicebank.evaluation.comparison import Comparison
from voicebank.evaluation.faults import FAULTS, Fault
from voicebank.evaluation.measures import Prosody, mean_of
from voicebank.files import atomic
from voicebank.hub.card import markdown_table, number, percent

WORST = 10
"""Clips of the lowest DistillMOS that a report lists."""
_MEANS = ("dnsmos", "dnsmos_signal", "dnsmos_background", "pitch_spread", "energy_spread")


class Report(BaseModel):
    """A result that is written as JSON for programs and as Markdown for people."""

    model_config = ConfigDict(extra="forbid")

    def summary(self) -> str:
        """The measures as a Markdown table."""
        raise NotImplementedError

    def markdown(self) -> str:
        """The summary and every row."""
        raise NotImplementedError

    def write(self, folder: str | os.PathLike[str], name: str) -> None:
        """Write ``name.json`` and ``name.md`` into a folder, which is made; each appears only when complete.

        Raises:
            BadData: they cannot be written.
        """
        folder = Path(folder)
        with explained(f"cannot write the scores into {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
            atomic(folder / f"{name}.json", self.model_dump_json(indent=1) + "\n")
            atomic(folder / f"{name}.md", self.markdown())


class SentenceScore(BaseModel):
    """One sentence of one system. What could not be measured (no sound came out) is None."""

    model_config = ConfigDict(extra="forbid")

    id: str
    text: str
    transcript: str
    """The recogniser's transcript."""
    words: int
    """Words of the text after normalising; ``word_errors`` counts substitutions, insertions and deletions."""
    word_errors: int
    characters: int
    character_errors: int
    seconds: float
    """Length of the sound."""
    compute_per_second: float | None = None
    """Seconds of computing for one second of speech."""
    dnsmos: float | None = None
    dnsmos_signal: float | None = None
    dnsmos_background: float | None = None
    distillmos: float | None = None
    pitch_spread: float | None = None
    """In semitones, see :class:`voicebank.evaluation.measures.Prosody`."""
    energy_spread: float | None = None
    """In dB."""
    similarity: dict[str, float] = {}
    """Cosine to the centroid of each reference speaker, by name."""
    faults: list[Fault] = []
    pieces: int = 1
    """More than one if the sentence ran away as a whole and the voice then spoke it in pieces."""
    evidence: str = ""
    """Why each fault counts, in words."""

    @model_validator(mode="before")
    @classmethod
    def _older(cls, data: Any) -> Any:
        return renamed(data, heard="transcript")

    @property
    def wer(self) -> float:
        """Word error rate, 0 upwards."""
        return self.word_errors / self.words


class Scores(Report):
    """Scores of a voice, or of any system that left a folder of clips. Rates are fractions."""

    system: str
    frontend: str | None = None
    vocoder: str | None = None
    transcriber: str
    """Plugin and model of the recogniser."""
    voicebank_version: str
    sentences: int
    missing: int = 0
    """Sentences of the list that a scored folder has no clip of; they count in nothing else."""
    seconds: float
    """Speech scored, all clips together."""
    wer: float
    """Word errors of all sentences over words of all sentences."""
    cer: float
    dnsmos: float | None
    """Mean of DNSMOS P.835 overall, 1..5; ``_signal`` and ``_background`` are its other two scales."""
    dnsmos_signal: float | None
    dnsmos_background: float | None
    distillmos: float | None = None
    """Mean of DistillMOS, 1..5: how natural it sounds."""
    distillmos_lowest: float | None = None
    """Its mean over the ten worst clips."""
    pitch_spread: float | None = None
    """How much the pitch varies within a clip, in semitones, mean over clips."""
    energy_spread: float | None = None
    """How much the level varies within a clip, in dB, mean over clips."""
    own_pitch_spread: float | None = None
    """That of the recordings of its own speaker, as is ``own_energy_spread``."""
    own_energy_spread: float | None = None
    similarity: dict[str, float]
    """Mean Resemblyzer cosine to the centroid of each reference speaker, by name."""
    own: str | None
    """The reference that is this system's own corpus."""
    nearest: str | None
    """The reference with the highest mean similarity."""
    nearest_own: float | None
    """Share of the clips that are nearer their own corpus than any other reference."""
    compute_per_second: float | None
    """Median over sentences, each spoken alone after a warm-up. None for a folder."""
    ran_away: int
    repeated: int
    skipped: int
    stopped_early: int
    faulty: int
    """Sentences with at least one of the four faults."""
    in_pieces: int = 0
    """Sentences that ran away as a whole and were then spoken in pieces. They count as ``ran away``, though their sound
    is whole."""
    against: Comparison | None = None
    """The difference to another system."""
    rows: list[SentenceScore]
    """Worst first: faults, then word errors, then DNSMOS."""

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Scores:
        """Scores that ``voicebank evaluate`` wrote: a ``scores.json``, or the folder that holds one.

        Raises:
            BadData: it cannot be read, or is no such file.
        """
        path = Path(path)
        path = path / "scores.json" if path.is_dir() else path
        try:
            with explained(f"cannot read the scores in {path}"):
                return cls.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise BadData(f"{path} is no scores.json of `voicebank evaluate`: {first_error(error)}") from error

    def summary(self) -> str:
        """The measures as a Markdown table, and the comparison if there is one as another."""
        lines = [("sentences", f"{self.sentences}, {self.seconds / 60:.1f} min")]
        if self.missing:
            lines.append(("sentences without a clip", str(self.missing)))
        lines += [
            ("word error rate", percent(self.wer)),
            ("character error rate", percent(self.cer)),
            ("DistillMOS", number(self.distillmos)),
            (f"DistillMOS, the {WORST} worst clips", number(self.distillmos_lowest)),
            ("DNSMOS overall", number(self.dnsmos)),
            ("DNSMOS signal", number(self.dnsmos_signal)),
            ("DNSMOS background", number(self.dnsmos_background)),
        ]
        for what, unit, value, own in (
            ("pitch spread", "semitones", self.pitch_spread, self.own_pitch_spread),
            ("energy spread", "dB", self.energy_spread, self.own_energy_spread),
        ):
            speaker = f" ({self.own}: {number(own)})" if own is not None else ""
            lines.append((f"{what} within a clip, {unit}", number(value) + speaker))
        for name, value in self.similarity.items():
            lines.append((f"similarity to {name}{' (its own)' if name == self.own else ''}", f"{value:.3f}"))
        if self.nearest_own is not None:
            lines.append(("clips nearest their own corpus", percent(self.nearest_own)))
        if self.compute_per_second is not None:
            lines.append(("computing for 1 s of speech, median", f"{self.compute_per_second:.3f} s"))
        lines += [
            ("ran away", str(self.ran_away)),
            ("repeated", str(self.repeated)),
            ("skipped", str(self.skipped)),
            ("stopped early", str(self.stopped_early)),
            ("sentences with any of these", str(self.faulty)),
        ]
        if self.compute_per_second is not None:
            lines.append(("spoken in pieces, having run away as a whole", str(self.in_pieces)))
        table = markdown_table(("measure", "value"), lines)
        return f"{table}\n{self.against.summary()}" if self.against is not None else table

    def markdown(self) -> str:
        """The summary, and every sentence as a row, worst first."""
        title = [self.system]
        title += [f"frontend {self.frontend}"] if self.frontend else []
        title += [f"vocoder {self.vocoder}"] if self.vocoder else []
        header = ("id", "words wrong", "DistillMOS", "DNSMOS", "similarity", "faults", "text", "transcript")
        rows = [
            (
                row.id,
                f"{row.word_errors} of {row.words}",
                number(row.distillmos),
                number(row.dnsmos),
                number(row.similarity.get(self.own or "")),
                row.evidence,
                row.text,
                row.transcript,
            )
            for row in self.rows
        ]
        return (
            f"# {', '.join(title)}\n\n"
            f"Transcribed by {self.transcriber}, scored by voicebank {self.voicebank_version}.\n\n"
            f"{self.summary()}\n{self._least_natural()}## Sentences, worst first\n\n{markdown_table(header, rows)}"
        )

    def least_natural(self) -> list[SentenceScore]:
        """The ten sentences with the lowest DistillMOS, worst first."""
        return sorted((row for row in self.rows if row.distillmos is not None), key=_distillmos)[:WORST]

    def _least_natural(self) -> str:
        rows = [(row.id, number(row.distillmos), row.text) for row in self.least_natural()]
        table = markdown_table(("id", "DistillMOS", "text"), rows)
        return f"## The {WORST} clips with the lowest DistillMOS\n\n{table}\n" if rows else ""


def summarise(
    rows: Sequence[SentenceScore],
    *,
    system: str,
    transcriber: str,
    frontend: str | None = None,
    vocoder: str | None = None,
    own: str | None = None,
    own_prosody: Prosody | None = None,
    missing: int = 0,
) -> Scores:
    """The scores of a system from those of its sentences (at least one)."""
    from voicebank import __version__

    natural = sorted(row.distillmos for row in rows if row.distillmos is not None)
    computing = [row.compute_per_second for row in rows if row.compute_per_second is not None]
    compared = [row.similarity for row in rows if row.similarity]
    similarity = {name: fmean(each[name] for each in compared) for name in (compared[0] if compared else ())}
    counts = {fault.replace(" ", "_"): sum(fault in row.faults for row in rows) for fault in FAULTS}
    means = {name: mean_of(getattr(row, name) for row in rows) for name in _MEANS}
    return Scores(
        system=system,
        frontend=frontend,
        vocoder=vocoder,
        transcriber=transcriber,
        voicebank_version=__version__,
        sentences=len(rows),
        missing=missing,
        seconds=sum(row.seconds for row in rows),
        wer=sum(row.word_errors for row in rows) / sum(row.words for row in rows),
        cer=sum(row.character_errors for row in rows) / sum(row.characters for row in rows),
        distillmos=mean_of(natural),
        distillmos_lowest=mean_of(natural[:WORST]),
        own_pitch_spread=own_prosody.pitch if own_prosody else None,
        own_energy_spread=own_prosody.energy if own_prosody else None,
        similarity=similarity,
        own=own,
        nearest=max(similarity, key=similarity.__getitem__) if similarity else None,
        nearest_own=fmean(max(each, key=each.__getitem__) == own for each in compared)
        if own and len(similarity) > 1
        else None,
        compute_per_second=median(computing) if computing else None,
        faulty=sum(bool(row.faults) for row in rows),
        in_pieces=sum(row.pieces > 1 for row in rows),
        rows=sorted(rows, key=_badness),
        **means,
        **counts,
    )


def _distillmos(row: SentenceScore) -> float:
    return row.distillmos or 0.0


def _badness(row: SentenceScore) -> tuple[int, float, float]:
    return (-len(row.faults), -row.wer, row.dnsmos if row.dnsmos is not None else 0.0)
