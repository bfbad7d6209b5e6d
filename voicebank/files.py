"""Files and folders that are there whole or not at all, and journals that survive a kill."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_number = itertools.count()


def atomic(path: Path, text: str) -> None:
    """Write a text file, UTF-8, that appears under its name only when complete.

    Raises:
        OSError: it cannot be written; what stood under the name still does.
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The path of a temporary file beside ``path``, which takes that name when the block ends well.

    Its suffix is that of ``path``; two processes or threads never share one. It is removed when the block raises.

    Raises:
        OSError: it cannot be written; what stood under the name still does.
    """
    partial = _beside(path)
    try:
        yield partial
        with open(partial, "r+b") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """A new folder beside ``folder``, which takes its place when the block ends well.

    What ``folder`` holds already and the new one does not is kept.

    Raises:
        OSError: it cannot be written; what stood there still does.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial, old = _beside(folder), _beside(folder)
    partial.mkdir()
    try:
        yield partial
        if folder.exists():
            for path in folder.iterdir():
                if not (partial / path.name).exists():
                    (shutil.copytree if path.is_dir() else shutil.copy2)(path, partial / path.name)
            os.replace(folder, old)
        os.replace(partial, folder)
    finally:
        for leftover in (partial, old):
            shutil.rmtree(leftover, ignore_errors=True)


def remove_torn(folder: Path) -> None:
    """Remove what a killed process left half-written in a folder and those in it."""
    for torn in list(folder.rglob(".*.part*")):
        if torn.is_dir():
            shutil.rmtree(torn, ignore_errors=True)
        else:
            torn.unlink(missing_ok=True)


def append_line(journal: Path, line: object) -> None:
    """Append one line of JSON that survives a power cut.

    Raises:
        OSError: it cannot be written.
    """
    with open(journal, "ab+") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")  # the line before was torn by a kill
        file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(journal: Path) -> list[dict[str, Any]]:
    """The JSON objects of a journal, none if there is none; a line that was torn by a kill is left out."""
    values = []
    for line in journal.read_text(encoding="utf-8", errors="replace").splitlines() if journal.is_file() else []:
        with suppress(ValueError):
            values.append(json.loads(line))
    return [value for value in values if isinstance(value, dict)]


def _beside(path: Path) -> Path:
    """A hidden name in the same folder that nothing else has."""
    return path.with_name(f".{path.stem}.{os.getpid()}-{next(_number)}.part{path.suffix}")
