"""Base voices that speak English text and turn into yours.

import voicebank

voicebank.load("us-male").say("Hello there.").save("hello.wav")
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from voicebank.errors import VoicebankError

if TYPE_CHECKING:
    from voicebank.audio import Audio
    from voicebank.bank import Voice, closest, load, voices
    from voicebank.data.dataset import Dataset
    from voicebank.hub.search import search

try:
    __version__ = version("voicebank")
except PackageNotFoundError:  # run from a source folder that was never installed
    __version__ = "0"

__all__ = ["Audio", "Dataset", "Voice", "VoicebankError", "__version__", "closest", "load", "search", "voices"]

# Name to module, imported at first use: `import voicebank` and `voicebank --help` must not wait for torch.
_LAZY = {
    "Audio": "voicebank.audio",
    "Dataset": "voicebank.data.dataset",
    "Voice": "voicebank.bank",
    "closest": "voicebank.bank",
    "load": "voicebank.bank",
    "search": "voicebank.hub.search",
    "voices": "voicebank.bank",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'voicebank' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
