"""Making and checking datasets, resumable at any moment, with a report. :mod:`pieces` makes the clips."""

from __future__ import annotations

import os
from pathlib import Path

from voicebank.data import media, sources
from voicebank.data.checks import check_together
from voicebank.data.pieces import Recognisers, analyse, recording
from voicebank.data.progress import Progress
from voicebank.data.report import Finding, Report, Row, page
from voicebank.data.workspace import Workspace, digest, written
from voicebank.errors import BadAudio, BadData
from voicebank.plugins import Transcriber


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
    found, general = sources.find(place, captions, out)
    name = transcriber if isinstance(transcriber, str) else type(transcriber).__name__ if transcriber else None
    job = digest(found, {"transcriber": name, "language": language, **({"clean": True} if clean else {})})
    space = Workspace(out, job)
    if space.finished is not None:
        return space.finished
    recognisers = Recognisers.of(transcriber, clean)
    rows, done, findings = space.noted()
    progress = progress or Progress()
    for source in progress.track("recordings", found, len(found)):
        if source.id in done:
            continue
        faults: list[Finding] = []
        with written(out):
            for row in recording(source, recognisers, space, rows, faults, single=len(found) == 1, progress=progress):
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
    found, general = sources.find(folder)
    recognisers = Recognisers.of(transcriber)
    rows = []
    for source in (progress or Progress()).track("clips", found, len(found)):
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
    for row in rows:  # faults that were found among the clips of an earlier run
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
