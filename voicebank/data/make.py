"""Making and checking datasets, resumable at any moment, with a report. :mod:`pieces` makes the clips."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from voicebank.data import media, sources
from voicebank.data.checks import check_together
from voicebank.data.memory import kept
from voicebank.data.pieces import Recognisers, analyse, recording
from voicebank.data.progress import Progress
from voicebank.data.report import Finding, Report, Row, page
from voicebank.data.sources import Source
from voicebank.errors import BadAudio, BadData, explained
from voicebank.files import append_line, atomic, read_lines, remove_torn
from voicebank.plugins import Transcriber
from voicebank.text.normalise import normalise

VERSION = 2  # raise it when other clips would be cut from the same recordings
STATE = ".make"
RESULTS = ("wavs", "rejected")


@kept()
def make(
    place: Path,
    out: Path,
    *,
    captions: Path | None = None,
    transcriber: str | Transcriber | None = "whisper",
    language: str = "en-us",
    clean: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Make a dataset (see :meth:`voicebank.Dataset.make`). The report stands in the folder, too.

    Raises:
        BadData: the input holds nothing usable, the captions do not fit, or the folder cannot be written.
        UnknownName, PluginError: the transcriber is not installed or does not load.
    """
    recordings, general = sources.find(place, captions, out)
    name = transcriber if isinstance(transcriber, str) else type(transcriber).__name__ if transcriber else None
    job = digest(recordings, {"transcriber": name, "language": language, **({"clean": True} if clean else {})})
    space = Workspace(out, job)
    if space.finished is not None:
        return space.finished
    recognisers = Recognisers.of(transcriber, clean)
    rows, done, findings = space.noted()
    progress = progress or Progress()
    for source in progress.track("recordings", recordings, len(recordings)):
        if source.id in done:
            continue
        faults: list[Finding] = []
        with written(out):
            cache, single = space.cache(source), len(recordings) == 1
            for row in recording(source, recognisers, cache, out, rows, faults, single=single, progress=progress):
                rows[row.id] = row
                space.note(row=row.model_dump())
            space.note(done=source.id, findings=[fault.model_dump() for fault in faults])
        findings += faults
    report = _report(out.resolve().name, list(rows.values()), [*general, *findings], recognisers, name)
    report.job, report.language = job, language
    with written(out):
        _settle(report, out)
        if not report.kept:
            raise BadData(f"no clip of {place} can be used: {_why_none(report)}")
        progress.step("report", 0, 1)
        space.finish(report, page(report, out))
    return report


def check(
    folder: Path, *, transcriber: str | Transcriber | None = "whisper", progress: Progress | None = None
) -> Report:
    """Look for everything that is wrong with the clips of a folder (see :meth:`voicebank.Dataset.check`).

    Raises:
        BadData: there are no clips in it.
        UnknownName, PluginError: the transcriber is not installed or does not load.
    """
    clips, general = sources.find(folder)
    recognisers = Recognisers.of(transcriber)
    rows = []
    for source in (progress or Progress()).track("clips", clips, len(clips)):
        row = Row(id=source.id, source=source.path.name, text=source.text or "")
        row.file = os.path.relpath(source.path, folder if folder.is_dir() else folder.parent)
        rows.append(row)
        try:
            sound = media.read(source.path)
        except BadAudio as error:
            row.findings.append(Finding.of("unreadable", source.id, str(error)))
            continue
        row.end = sound.duration
        if source.text is None:
            row.findings.append(Finding.of("missing", source.id, "it has no transcript"))
            continue
        analyse(row, sound.piece(0, sound.duration), len(sound.clipped), recognisers)
    name = transcriber if isinstance(transcriber, str) else None
    return _report(folder.resolve().name, rows, general, recognisers, name)


def _report(
    name: str, rows: list[Row], general: list[Finding], recognisers: Recognisers, transcriber: str | None
) -> Report:
    for row in rows:  # faults among the clips of an earlier run
        row.findings = [f for f in row.findings if f.kind not in ("duplicate", "speaker")]
    notes = []
    if recognisers.transcriber is None:
        notes.append("Nobody listened: whether the transcripts match was not checked.")
    if not recognisers.speakers:
        notes.append("Speakers were not told apart: install 'voicebank[clone]' for that.")
    rows = sorted(rows, key=lambda row: row.id)
    return Report(name=name, transcriber=transcriber, notes=notes, rows=rows, general=[*check_together(rows), *general])


def _settle(report: Report, out: Path) -> None:
    """Move each clip to where its findings say that it belongs."""
    for row in report.rows:
        if row.file is None:
            continue
        wanted = f"{'wavs' if row.kept else 'rejected'}/{Path(row.file).name}"
        for folder in ("wavs", "rejected"):
            stands = out / folder / Path(row.file).name
            if stands.is_file() and stands != out / wanted:
                os.replace(stands, out / wanted)
        row.file = wanted


def _why_none(report: Report) -> str:
    serious = [f for f in report.findings if f.serious and f.clip]
    return f"{report.why_rejected() or 'there is no clip'}; first: {serious[0]}" if serious else "there is none"


class Workspace:
    """``out`` with its hidden state: what was decoded, transcribed and cut so far.

    Each clip is written first and then noted in ``rows.jsonl``; a recording whose clips are all noted gets a
    line of its own. A second run with the same input goes on from there; with other input it keeps only what
    was transcribed of recordings that are still the same.

    Raises:
        BadData: the folder holds something else, or cannot be written.
    """

    def __init__(self, out: Path, job: str) -> None:
        self.out, self.job = out, job
        self.state = out / STATE
        self.rows_file = self.state / "rows.jsonl"
        self.finished: Report | None = None
        with written(out):
            self._open()

    def _open(self) -> None:
        done = self.out / "dataset.json"
        if done.is_file():
            report = _stored_report(done)
            if report is not None and report.job == self.job:
                self.finished = report
                shutil.rmtree(self.state, ignore_errors=True)  # of a making that was killed in its last moment
                return
            raise BadData(f"{self.out} holds a dataset already: choose another folder, or remove it first")
        if self.out.exists() and not self.state.is_dir() and any(self.out.iterdir()):
            raise BadData(f"{self.out} is not empty: choose another folder for the dataset")
        self.state.mkdir(parents=True, exist_ok=True)
        mark = self.state / "job"
        if not mark.is_file() or mark.read_text(encoding="utf-8") != self.job:
            for name in RESULTS:
                shutil.rmtree(self.out / name, ignore_errors=True)
            self.rows_file.unlink(missing_ok=True)
            atomic(mark, self.job)
        for name in RESULTS:
            (self.out / name).mkdir(exist_ok=True)

    def noted(self) -> tuple[dict[str, Row], set[str], list[Finding]]:
        """Rows by name, names of the recordings that are done, and findings on recordings."""
        rows: dict[str, Row] = {}
        done: set[str] = set()
        findings: list[Finding] = []
        for line in read_lines(self.rows_file):
            if "row" in line:
                row = Row.model_validate(line["row"])
                rows[row.id] = row
            elif "done" in line:
                done.add(str(line["done"]))
                findings += [Finding.model_validate(f) for f in line.get("findings") or ()]
        return rows, done, findings

    def note(self, **line: Any) -> None:
        """Remember that something is done."""
        append_line(self.rows_file, line)

    def cache(self, source: Source) -> Path:
        """Where the sound and the words of a recording are kept, without suffix."""
        return self.state / f"{source.id[:60]}-{fingerprint(source.path)}"

    def finish(self, report: Report, page: str) -> None:
        """Write what makes the folder a dataset, and take the state away."""
        remove_torn(self.out)
        atomic(self.out / "report.html", page)
        atomic(self.out / "metadata.csv", metadata(report))
        stored = report.model_copy(
            update={"rows": [r.model_copy(update={"embedding": None, "envelope": []}) for r in report.rows]}
        )
        atomic(self.out / "dataset.json", stored.model_dump_json(indent=1) + "\n")
        rejected = self.out / "rejected"
        if rejected.is_dir() and not any(rejected.iterdir()):
            rejected.rmdir()
        shutil.rmtree(self.state, ignore_errors=True)


def metadata(report: Report) -> str:
    """``id|text|normalised`` lines of the kept clips."""
    return "".join(f"{row.id}|{_cell(row.text)}|{_cell(normalise(row.text, report.language))}\n" for row in report.kept)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", " ").split())


def fingerprint(path: Path) -> str:
    """Tells whether a file is still the same, without reading all of it."""
    stat = path.stat()
    return hashlib.sha256(f"{path.resolve()}|{stat.st_size}|{stat.st_mtime_ns}".encode()).hexdigest()[:12]


def digest(sources: list[Source], settings: dict[str, Any]) -> str:
    """Tells one making of a dataset from another."""
    parts: list[Any] = [VERSION, settings]
    for source in sources:
        beside = fingerprint(source.captions) if source.captions else None
        parts.append([source.id, fingerprint(source.path), source.text, beside])
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def written(out: Path) -> AbstractContextManager[None]:
    """Around what is written into a dataset's folder."""
    return explained(f"cannot write {out}", then="; what is done is kept, the same command goes on")


def _stored_report(path: Path) -> Report | None:
    try:
        return Report.model_validate_json(path.read_bytes())
    except ValueError:
        return None
