"""Cloning: the closest base voice, and a base voice fine-tuned to a speaker.

The names are imported at first use: settings and progress need no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicebank.cloning.nearest import BaseMatch, Closest, closest
    from voicebank.cloning.progress import CloneProgress
    from voicebank.cloning.run import clone
    from voicebank.cloning.settings import CloneSettings

__all__ = ["BaseMatch", "CloneProgress", "CloneSettings", "Closest", "clone", "closest"]

_LAZY = {
    "BaseMatch": "nearest",
    "CloneProgress": "progress",
    "CloneSettings": "settings",
    "Closest": "nearest",
    "clone": "run",
    "closest": "nearest",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'voicebank.cloning' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value
