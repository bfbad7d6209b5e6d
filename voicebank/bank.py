"""The bank: names to voices."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from voicebank.config import FORMAT_VERSION, VoiceConfig
from voicebank.errors import BadVoice, UnknownName
from voicebank.hub_trust import read_config
from voicebank.voice import Voice

_PACKAGE = Path(__file__).parent
# Base voices on the Hub: name to the commit they are taken at; one that is not listed, at the tag of its format.
PINNED: dict[str, str] = {}


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


def local(name: str | Path) -> Path | None:
    """The folder that a name means on this machine, None if it means none: a bundled voice goes before a folder.

    A folder of a bundled voice's name is meant by a path: ``./us-male``.
    """
    text = str(name)
    bundled = folder() / text
    if isinstance(name, str) and _is_name(text) and bundled.is_dir():
        return bundled
    return Path(name) if Path(name).is_dir() else None


def load(name: str | Path, *, revision: str | None = None, token: str | bool | None = None) -> Voice:
    """Load a voice: the name of a bundled one, a voice folder, or a repository on the Hugging Face Hub.

    Args:
        name: bundled name, folder, or ``owner/name``, to which ``@revision`` may be added; the first that fits, in
            this order. A plain name that is neither bundled nor a folder is looked for as ``$VOICEBANK_ORG/name``
            where that variable is set, at a pinned revision. A ``Path`` is always a folder.
        revision: branch, tag or commit on the Hub.
        token: of the Hub; the one that is logged in if left out.

    Raises:
        UnknownName: there is no such voice; the message lists those there are.
        BadVoice: its files are damaged or not to be trusted, or it needs a newer voicebank.
        HubError: the Hub refuses, or cannot be reached and the voice is not in its cache.
    """
    text, path = str(name), Path(name)
    if (here := local(name)) is not None:
        return Voice.from_folder(here)
    if path.exists():
        raise BadVoice(f"{path} is a file: name the folder that holds config.json")
    if isinstance(name, str):
        repo, _, asked = text.partition("@")
        owner = os.environ.get("VOICEBANK_ORG")
        if _is_name(repo) and owner:
            asked = asked or revision or PINNED.get(repo, f"v{FORMAT_VERSION}")
            return Voice.from_pretrained(f"{owner}/{repo}", revision=asked, token=token)
        if repo.count("/") == 1 and not repo.startswith((".", "~", "/")) and "\\" not in repo:
            return Voice.from_pretrained(repo, revision=asked or revision, token=token)
    known = ", ".join(p.parent.name for p in sorted(folder().glob("*/config.json"))) or "none"
    raise UnknownName(
        f"unknown voice {text!r}: bundled are {known}; "
        "a folder with a config.json or owner/name on the Hugging Face Hub works too"
    )


def _is_name(name: str) -> bool:
    return name not in ("", ".", "..") and not set(name) & set("/\\")
