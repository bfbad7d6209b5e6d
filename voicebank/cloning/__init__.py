"""Cloning: a base voice is fine-tuned to a speaker.

The names are imported at first use, since not all of them need torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voicebank.cloning.closest import BaseMatch
    from voicebank.cloning.run import clone
    from voicebank.cloning.store import CloneSettings, CloneState, Description

__all__ = ["BaseMatch", "CloneSettings", "CloneState", "Description", "clone"]

_LAZY = {
    "BaseMatch": "closest",
    "CloneSettings": "store",
    "CloneState": "store",
    "Description": "store",
    "clone": "run",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'voicebank.cloning' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value
