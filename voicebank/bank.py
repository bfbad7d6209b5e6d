"""The bank: names to voices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from voicebank.config import VoiceConfig
from voicebank.errors import BadVoice, UnknownName
from voicebank.voice import Voice, read_config

_PACKAGE = Path(__file__).parent


@dataclass(frozen=True)
class VoiceInfo:
    """A bundled voice, as ``voicebank voices`` lists it."""

    name: str
    folder: Path
    config: VoiceConfig

    @property
    def megabytes(self) -> float:
        """Size of its weights on disk."""
        return sum(p.stat().st_size for p in self.folder.glob("*.safetensors")) / 1e6


def folder() -> Path:
    """Where the bundled voices are: inside an installed package, or in the repository of an editable install."""
    installed = _PACKAGE / "_voices"
    return installed if installed.is_dir() else _PACKAGE.parent / "voices"


def voices() -> list[VoiceInfo]:
    """The bundled voices, by name."""
    return [
        VoiceInfo(path.parent.name, path.parent, read_config(path.parent))
        for path in sorted(folder().glob("*/config.json"))
    ]


def load(name: str | Path) -> Voice:
    """Load a voice: the name of a bundled one, or a voice folder.

    Raises:
        UnknownName: there is no such voice; the message lists those there are.
        BadVoice: its files are damaged, or it needs a newer voicebank.
    """
    bundled = folder() / str(name)
    if _is_name(str(name)) and bundled.is_dir():
        return Voice.from_folder(bundled)
    path = Path(name)
    if path.is_dir():
        return Voice.from_folder(path)
    if path.exists():
        raise BadVoice(f"{path} is a file: name the folder that holds config.json")
    known = ", ".join(p.parent.name for p in sorted(folder().glob("*/config.json"))) or "none"
    raise UnknownName(
        f"unknown voice {str(name)!r}: bundled are {known}; a folder with a config.json works too"
    )


def _is_name(name: str) -> bool:
    return name not in ("", ".", "..") and not set(name) & set("/\\")
