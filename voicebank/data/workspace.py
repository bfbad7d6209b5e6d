"""The folder that a dataset is made in: what is done stays done, whatever interrupts the making."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from voicebank.data.report import Finding, Report, Row
from voicebank.data.sources import Source
from voicebank.errors import BadData
from voicebank.files import append_line, atomic, read_lines, remove_torn
from voicebank.text.normalise import normalise

VERSION = 2  # raise it when other clips would be cut from the same recordings
STATE = ".make"
RESULTS = ("wavs", "rejected")


class Workspace:
    """``out`` with its hidden state: what was decoded, heard and cut so far.

    Each clip is written first and then noted in ``rows.jsonl``; a recording whose clips are all noted gets a
    line of its own. A second run with the same input goes on from there; with other input it keeps only what
    was heard in recordings that are still the same.

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
            report = _report(done)
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

    def memory(self, source: Source) -> Path:
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


@contextlib.contextmanager
def written(out: Path) -> Iterator[None]:
    """Errors of the disk as one line that says what to do."""
    try:
        yield
    except OSError as error:
        why = error.strerror or str(error)
        raise BadData(
            f"cannot write {error.filename or out}: {why}; what is done is kept, the same command goes on"
        ) from error


def _report(path: Path) -> Report | None:
    try:
        return Report.model_validate_json(path.read_bytes())
    except ValueError:
        return None
