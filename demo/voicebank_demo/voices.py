"""Voices that are loaded once and shared by all visitors, each with a name and a face."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import voicebank
from voicebank import Voice, plugins
from voicebank.errors import UnknownName
from voicebank_demo.pictures import portrait

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}(@[\w.-]{1,64})?", re.ASCII)
KEPT = 3  # voices from the Hub, and of visitors, that stay in memory
NAMES = {"us-male": "Michael", "us-female": "Sarah", "gb-male": "George", "gb-female": "Emma"}
READERS = {
    "phonemizer": "by dictionary: words as they are pronounced (phonemizer)",
    "graphemes": "by spelling, and a dictionary of rarer words (graphemes)",
}

_lock = threading.Lock()
_bundled: dict[str, Voice] = {}
_fetched: OrderedDict[str, Voice] = OrderedDict()


class Face(NamedTuple):
    """A voice as the page shows it."""

    id: str
    name: str
    about: str
    portrait: str
    """A picture, as HTML."""
    sample: str
    """Address of a sentence in this voice; empty if there is none."""

    @classmethod
    def of(cls, identity: str, folder: Path, number: int, accent: str, gender: str, name: str = "") -> Face:
        """The face of a voice folder; another ``number``, another colour."""
        sample = folder / "sample.ogg"
        country = {"US": "us", "British": "gb"}.get(accent, "")
        about = " ".join(filter(None, (accent, {"male": "man", "female": "woman"}.get(gender, gender))))
        heard = address(sample) if sample.is_file() else ""
        return cls(identity, name or identity, about, portrait(gender, country, number), heard)


def address(path: Path) -> str:
    """The address of a file that the demo serves."""
    return "gradio_api/file=" + quote(str(path))


def faces(own: dict[str, Path] | None = None) -> list[Face]:
    """The bundled voices, and before them a visitor's own."""
    known = voicebank.voices()
    bundled = [
        Face.of(info.name, info.folder, number, info.config.accent, info.config.gender, NAMES.get(info.name, ""))
        for number, info in enumerate(known)
    ]
    mine = [
        Face.of(f"own:{name}", folder, number, "", "", name)._replace(about="your voice")
        for number, (name, folder) in enumerate((own or {}).items(), len(known))
    ]
    return [*mine, *bundled]


def picker(chosen: str = "", own: dict[str, Path] | None = None, best: str = "") -> dict[str, Any]:
    """The value of a list of voices to choose from; ``best`` is marked as the closest."""
    known = faces(own)
    chosen = chosen if chosen in {face.id for face in known} else first()
    return {"voices": [face._asdict() for face in known], "chosen": chosen, "best": best}


def title(name: str) -> str:
    """The name by which people call a voice."""
    return NAMES.get(name, name.removeprefix("own:"))


def names() -> list[str]:
    """The bundled voices."""
    return [info.name for info in voicebank.voices()]


def first() -> str:
    """The voice that speaks unless another is chosen."""
    known = names()
    return "us-male" if "us-male" in known else known[0] if known else ""


def get(name: str, own: dict[str, Path] | None = None) -> Voice:
    """A bundled voice, a visitor's own (``own:name``), or one of the Hugging Face Hub. Never a folder: names come
    from anybody.

    Raises:
        UnknownName: it is none of them.
        HubError, BadVoice: the Hub has no such voice, or what it has is not one.
    """
    name = str(name or "").strip()
    folder = (own or {}).get(name.removeprefix("own:")) if name.startswith("own:") else None
    key = str(folder) if folder else name
    with _lock:
        if key in _bundled:
            return _bundled[key]
        if key in _fetched:
            _fetched.move_to_end(key)
            return _fetched[key]
        if name in names():
            voice = _bundled[name] = voicebank.load(name)
            return voice
    if folder is None and (not HUB_ID.fullmatch(name) or Path(name.partition("@")[0]).exists()):
        known = ", ".join(names())
        raise UnknownName(
            f"there is no voice {name[:60]!r}: choose one of {known}, or owner/name on the Hugging Face Hub"
        )
    # Outside the lock, which a slow download would hold; and never with this machine's own token.
    voice = voicebank.load(folder) if folder else voicebank.load(name, token=False)
    with _lock:
        _fetched[key] = voice
        while len(_fetched) > KEPT:
            _fetched.popitem(last=False)
    return voice


def forget(folder: Path) -> None:
    """Drop a visitor's voice from memory: its folder is about to hold another."""
    with _lock:
        _fetched.pop(str(folder), None)


def frontends() -> list[str]:
    """The frontends that load, phones first: they are what a new visitor should hear."""
    return sorted(
        (info.name for info in plugins.known("frontend") if info.error is None), key=lambda n: (n == "graphemes", n)
    )


def readers() -> list[tuple[str, str]]:
    """The frontends with what they do in plain words, as a list of choices."""
    return [(READERS.get(name, name), name) for name in frontends()]


def vocoders() -> list[str]:
    """The vocoders that load."""
    return [info.name for info in plugins.known("vocoder") if info.error is None]
