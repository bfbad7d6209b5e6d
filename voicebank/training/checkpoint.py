"""Checkpoints that survive ``kill -9`` at any moment: written beside the old one, then renamed over it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from voicebank.errors import BadData
from voicebank.files import replacing


def save(path: Path, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
    """Write tensors and a JSON state as one safetensors file, atomically."""
    found = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    with replacing(path) as partial:
        save_file(found, partial, metadata={"state": json.dumps(state)})


def load(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what :func:`save` wrote.

    Raises:
        BadData: the file is missing, truncated or no checkpoint.
    """
    try:
        with safe_open(path, "pt") as file:
            state = json.loads((file.metadata() or {})["state"])
            return {key: file.get_tensor(key) for key in file.keys()}, state  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise BadData(f"{path} is no checkpoint of voicebank: {error}") from error


def is_finite(path: Path) -> bool:
    """Whether all weights of a checkpoint are numbers.

    Raises:
        BadData: see :func:`load`.
    """
    tensors, _ = load(path)
    return all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values())


def prefixed(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Put ``prefix.`` before every name."""
    return {f"{prefix}.{k}": v for k, v in tensors.items()}


def unprefixed(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose names start with ``prefix.``, without it."""
    return {k[len(prefix) + 1 :]: v for k, v in tensors.items() if k.startswith(prefix + ".")}
