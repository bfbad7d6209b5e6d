"""Weights of a byte each: whole numbers, with a scale for each output channel.

A quantised weight is one that float16 holds, too: scales have so few digits that their multiples are exact. So the
networks know nothing of it, and whether a matrix is written as int8 is seen from its numbers alone.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import torch

# What is added to the name of a matrix for that of its scales.
SCALE = ".scale"
LARGEST = 127
# The smallest number of float16, of which all its numbers are multiples.
_UNIT = 2.0**-24
# A scale has so many binary digits, a whole number seven: together those of float16.
_DIGITS = 4

Network = TypeVar("Network", bound=torch.nn.Module)


@torch.no_grad()
def quantise(network: Network) -> Network:
    """A copy whose matrices are whole multiples, at most 127, of a scale for each row. Those that are so stay."""
    rounded = copy.deepcopy(network)
    for name, weight in rounded.state_dict().items():
        half = weight.cpu().half()
        if _is_matrix(name, weight) and not (torch.equal(half.float(), weight.cpu().float()) and _whole(half)):
            scale = _scales(weight)
            weight.copy_((weight / scale).round().clamp(-LARGEST, LARGEST) * scale)
    return rounded


def stored(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors as a file holds them: float16, or int8 and float32 scales where the numbers are the same."""
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        half = tensor.detach().cpu().to(torch.float16).contiguous()
        found = _whole(half) if _is_matrix(name, half) else None
        if found is None:
            tensors[name] = half
        else:
            tensors[name], tensors[name + SCALE] = found
    return tensors


def restored(whole: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """The float32 matrix ``(rows, columns)`` of int8 numbers and scales ``(rows,)``, as float16 holds it."""
    return (whole.float() * scale[:, None].float()).half().float()


def _is_matrix(name: str, tensor: torch.Tensor) -> bool:
    return name.endswith(".weight") and tensor.dim() == 2


def _scales(weight: torch.Tensor) -> torch.Tensor:
    """Scales ``(rows, 1)`` of few digits, rounded up, so that the largest number of a row is at most 127 of them."""
    needed = weight.float().abs().amax(1, keepdim=True).clamp_min(_UNIT) / LARGEST
    digit = torch.exp2(torch.floor(torch.log2(needed)) - (_DIGITS - 1)).clamp_min(_UNIT)
    return torch.ceil(needed / digit) * digit


def _whole(half: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """int8 numbers and float32 scales that give exactly these numbers, or None."""
    units = (half.numpy().astype(np.float64) / _UNIT).astype(np.int64)
    divisor = np.maximum(np.gcd.reduce(units, axis=1), 1)
    whole = units // divisor[:, None]
    if np.abs(whole).max(initial=0) > LARGEST:
        return None
    scale = (divisor * _UNIT).astype(np.float32)
    return torch.from_numpy(whole.astype(np.int8)), torch.from_numpy(scale)
