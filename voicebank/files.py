"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def atomic(path: Path, text: str) -> None:
    """Write a text file, UTF-8, that appears under its name only when complete.

    Raises:
        OSError: it cannot be written; what stood under the name still does.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        with open(partial, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def remove_torn(folder: Path) -> None:
    """Remove what a killed process left half-written in a folder and those in it: ``x.part``, ``x.part.png``."""
    for pattern in ("*.part", "*.part.*"):
        for torn in folder.rglob(pattern):
            if torn.is_file():
                torn.unlink(missing_ok=True)
