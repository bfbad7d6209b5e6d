"""Voices that are loaded once and shared by all visitors."""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import voicebank
from voicebank import plugins
from voicebank.errors import UnknownName

if TYPE_CHECKING:
    from voicebank.bank import Voice

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}(@[\w.-]{1,64})?", re.ASCII)
KEPT = 3  # voices from the Hub that stay in memory

_lock = threading.Lock()
_bundled: dict[str, Voice] = {}
_fetched: OrderedDict[str, Voice] = OrderedDict()


def names() -> list[str]:
    """The bundled voices."""
    return [info.name for info in voicebank.voices()]


def first() -> str:
    """The voice that speaks unless another is chosen."""
    known = names()
    return "us-male" if "us-male" in known else known[0] if known else ""


def get(name: str) -> Voice:
    """A bundled voice, or one of the Hugging Face Hub. Never a folder: names come from anybody.

    Raises:
        UnknownName: it is neither.
        HubError, BadVoice: the Hub has no such voice, or what it has is not one.
    """
    name = str(name or "").strip()
    with _lock:
        if name in _bundled:
            return _bundled[name]
        if name in _fetched:
            _fetched.move_to_end(name)
            return _fetched[name]
        if name in names():
            voice = _bundled[name] = voicebank.load(name)
            return voice
    known = ", ".join(names())
    if not HUB_ID.fullmatch(name) or Path(name.partition("@")[0]).exists():
        raise UnknownName(
            f"there is no voice {name[:60]!r}: choose one of {known}, or owner/name on the Hugging Face Hub"
        )
    # Outside the lock, which a slow download would hold; and never with this machine's own token.
    voice = voicebank.load(name, token=False)
    with _lock:
        _fetched[name] = voice
        while len(_fetched) > KEPT:
            _fetched.popitem(last=False)
    return voice


def frontends() -> list[str]:
    """The frontends that load, phones first: they are what a new visitor should hear."""
    return sorted(
        (info.name for info in plugins.known("frontend") if info.error is None), key=lambda n: (n == "graphemes", n)
    )


def vocoders() -> list[str]:
    """The vocoders that load."""
    return [info.name for info in plugins.known("vocoder") if info.error is None]
