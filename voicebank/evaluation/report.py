"""Scores as files: JSON for programs, Markdown for people."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel

from voicebank.errors import BadData
from voicebank.files import atomic


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
