"""Cloning: a base voice is fine-tuned to a speaker.

The names are imported at first use: settings and progress need no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicebank.cloning.closest import BaseMatch
    from voicebank.cloning.progress import CloneProgress
    from voicebank.cloning.run import clone
    from voicebank.cloning.settings import CloneSettings

__all__ = ["BaseMatch", "CloneProgress", "CloneSettings", "clone"]

_LAZY = {
    "BaseMatch": "closest",
    "CloneProgress": "progress",
    "CloneSettings": "settings",
    "clone": "run",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'voicebank.cloning' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value
