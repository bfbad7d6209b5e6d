"""The packages that only scoring needs."""

from __future__ import annotations

import importlib
from typing import Any

from voicebank.errors import PluginError


def require(module: str) -> Any:
    """Import a module of the extra ``evaluate``.

    Raises:
        PluginError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise PluginError(
            f"scoring needs the package {package} ({error}): pip install 'voicebank[evaluate]'"
        ) from error
