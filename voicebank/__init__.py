"""Base voices that speak English text and turn into yours.

import voicebank

voicebank.load("us-male").say("Hello there.").save("hello.wav")

Public are the names below, and the modules ``voicebank.errors`` (what is raised), ``voicebank.plugins`` (what can be
plugged in) and ``voicebank.files`` (files that are there whole or not at all). Two of the names are modules:
``voicebank.media`` (recordings of any format) and ``voicebank.provenance`` (who made a sound).
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from voicebank.errors import VoicebankError, VoicebankWarning

try:
    __version__ = version("voicebank")
except PackageNotFoundError:  # run from a source folder that was never installed
    __version__ = "0"

__all__ = [
    "Audio",
    "AudioWriter",
    "Chunk",
    "CloneSettings",
    "Dataset",
    "Progress",
    "Sentence",
    "Speech",
    "SpokenSentence",
    "SpokenWord",
    "Voice",
    "VoicebankError",
    "VoicebankWarning",
    "__version__",
    "batch",
    "clone_batch",
    "closest",
    "detect",
    "load",
    "media",
    "mix",
    "plot_detections",
    "provenance",
    "push_dataset",
    "search",
    "uploads",
    "voice_of",
    "voices",
]

# Name to module, imported at first use: `import voicebank` and `voicebank --help` must not wait for torch. The types
# of these names are in `__init__.pyi`.
_LAZY = {
    "Audio": "voicebank.audio",
    "AudioWriter": "voicebank.audio",
    "Chunk": "voicebank.synthesis.speech",
    "CloneSettings": "voicebank.cloning.store",
    "Dataset": "voicebank.data.dataset",
    "Progress": "voicebank.data.progress",
    "Sentence": "voicebank.text.pipeline",
    "Speech": "voicebank.synthesis.speech",
    "SpokenSentence": "voicebank.synthesis.speech",
    "SpokenWord": "voicebank.synthesis.timing",
    "Voice": "voicebank.bank",
    "batch": "voicebank.bulk.run",
    "clone_batch": "voicebank.bulk.clones",
    "closest": "voicebank.bank",
    "detect": "voicebank.provenance",
    "load": "voicebank.bank",
    "mix": "voicebank.bank",
    "plot_detections": "voicebank.provenance",
    "push_dataset": "voicebank.hub.datasets",
    "search": "voicebank.hub.client",
    "voice_of": "voicebank.provenance",
    "voices": "voicebank.bank",
}
_LAZY_MODULES = {
    "media": "voicebank.data.media",
    "provenance": "voicebank.provenance",
    "uploads": "voicebank.data.uploads",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
    elif name in _LAZY_MODULES:
        value = importlib.import_module(_LAZY_MODULES[name])
    else:
        raise AttributeError(f"module 'voicebank' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY, *_LAZY_MODULES})
