"""Scores as files: JSON for programs, Markdown for people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel

from voicebank.errors import BadData
from voicebank.files import atomic


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; what would break it is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(" ".join(c.split()).replace("|", r"\|") for c in line) + " |\n" for line in lines)


def write_report(folder: str | os.PathLike[str], name: str, result: BaseModel, text: str) -> None:
    """Write ``name.json`` and ``name.md`` into a folder, which is made; each appears only when complete.

    Raises:
        BadData: they cannot be written.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in (
            (folder / f"{name}.json", result.model_dump_json(indent=1) + "\n"),
            (folder / f"{name}.md", text),
        ):
            atomic(path, content)
    except OSError as error:
        raise BadData(f"cannot write the scores into {folder}: {error.strerror or error}") from error


def percent(value: float) -> str:
    """A fraction as a percentage."""
    return f"{100 * value:.1f} %"


def number(value: float | None, decimals: int = 2) -> str:
    """So many decimals, nothing for None."""
    return "" if value is None else f"{value:.{decimals}f}"
