"""Where the voices that come with the package are, and which folder a name means."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def folder() -> Path:
    """Where the bundled voices are: inside an installed package, or in the repository of an editable install."""
    installed = _PACKAGE / "_voices"
    return installed if installed.is_dir() else _PACKAGE.parent / "voices"


def local(name: str | Path) -> Path | None:
    """The folder that a name means on this machine, None if it means none: a bundled voice goes before a folder.

    A folder of a bundled voice's name is meant by a path: ``./us-male``.
    """
    text = str(name)
    bundled = folder() / text
    if isinstance(name, str) and is_name(text) and _is_dir(bundled):
        return bundled
    return Path(name) if _is_dir(Path(name)) else None


def is_name(name: str) -> bool:
    """Whether a voice could have this name, and it is no path."""
    return name not in ("", ".", "..") and not set(name) & set("/\\")


def exists(path: Path) -> bool:
    """Whether there is something of this name; False for a name that no file can have."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _is_dir(path: Path) -> bool:
    return exists(path) and path.is_dir()
