"""Networks from files that are not trusted, measured first, then filled; and weights of a byte each.

A quantised weight is a whole number times the scale of its output channel. float16 holds it, too: scales have so few
digits that their multiples are exact. So the networks know nothing of it, and whether a matrix is written as int8 is
seen from its numbers alone.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch.overrides import TorchFunctionMode

from voicebank.config import VoiceConfig
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadVoice
from voicebank.synthesis.folder import SSRN as SSRN_FILE
from voicebank.synthesis.folder import TEXT2MEL as TEXT2MEL_FILE
from voicebank.synthesis.folder import check_file, is_storable

# Weights of one network: twice the paper's sizes. Float32 in memory, so a quarter of a gigabyte.
MAX_WEIGHTS = 60_000_000
MAX_HEADER_BYTES = 1_000_000
# How weights are stored; safetensors has more types, none of them of use here. I8 goes with scales.
TYPES = ("F16", "F32", "I8")

Network = TypeVar("Network", bound=torch.nn.Module)
# What is added to the name of a matrix for that of its scales.
SCALE = ".scale"
LARGEST = 127
# The smallest number of float16, of which all its numbers are multiples.
_UNIT = 2.0**-24
# A scale has so many binary digits, a whole number seven: together those of float16.
_DIGITS = 4


class _WithoutStorage(TorchFunctionMode):
    """New tensors are one number seen from many places, and are left as they are.

    The meta device would do the same, at the price of importing torch's compiler: two seconds at every start.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in (torch.empty, torch.zeros, torch.ones):
            return torch.zeros((), dtype=kwargs.get("dtype")).expand(torch.Size(*args) if len(args) == 1 else args)
        if func.__name__.endswith("_") and not func.__name__.endswith("__"):  # in place: normal_, fill_, kaiming_...
            return kwargs.get("tensor", args[0] if args else None)
        return func(*args, **kwargs)


def build(config: VoiceConfig) -> tuple[Text2Mel, SSRN]:
    """The networks of a voice, without storage: nothing is allocated, whatever sizes the config names.

    Raises:
        BadVoice: they are larger than any voice has reason to be.
    """
    audio = config.audio
    with _WithoutStorage():
        text2mel = Text2Mel(config.text2mel, audio.n_mels)
        ssrn = SSRN(config.ssrn, audio.n_mels, audio.bins, audio.reduction)
    for name, network in (("text2mel", text2mel), ("ssrn", ssrn)):
        weights = sum(p.numel() for p in network.parameters())
        if weights > MAX_WEIGHTS:
            raise BadVoice(
                f"config.json of {config.name} is not valid: {name} asks for {weights / 1e6:.0f} million weights, "
                f"more than {MAX_WEIGHTS / 1e6:.0f}"
            )
    return text2mel, ssrn


def largest_files(config: VoiceConfig) -> Mapping[str, int]:
    """The most bytes that the weight files of a config can have: float32 and a header.

    Raises:
        BadVoice: as :func:`build`.
    """
    names = (TEXT2MEL_FILE, SSRN_FILE)
    return {
        name: 8 + MAX_HEADER_BYTES + 4 * sum(p.numel() for p in network.parameters())
        for name, network in zip(names, build(config), strict=True)
    }


def load_network(network: torch.nn.Module, path: Path) -> None:
    """Fill a network from a safetensors file, once its header was compared with the network.

    Raises:
        BadVoice: the file is missing, truncated, holds other tensors than the network has, or numbers that are not
            finite.
    """
    shapes = {name: list(tensor.shape) for name, tensor in network.state_dict().items()}
    _check_header_length(path)
    try:
        with safe_open(path, "pt") as file:
            _check_tensors(path, file, shapes)
            scales = {name for name in file.keys() if name.endswith(SCALE)}  # noqa: SIM118
            state = {
                name: restored(file.get_tensor(name), file.get_tensor(name + SCALE))
                if name + SCALE in scales
                else file.get_tensor(name).float()
                for name in shapes
            }
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        raise BadVoice(f"{path} is truncated or no safetensors file: fetch the voice again ({reason})") from error
    for name, tensor in state.items():
        if not is_storable(tensor):
            raise BadVoice(f"{path} is damaged: tensor {name} holds numbers that float16 does not")
    network.load_state_dict(state, assign=True)


def _check_header_length(path: Path) -> None:
    """Bound what the parser of safetensors reads: by itself it accepts a header of 100 MB."""
    size = check_file(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
        raise BadVoice(f"{path} is truncated or no safetensors file: its header has no plausible length")


def _check_tensors(path: Path, file: Any, shapes: Mapping[str, list[int]]) -> None:
    """Compare names, types and shapes with the network's. That the tensors fill the file was checked on opening."""
    types = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    shapes = {**shapes, **{name + SCALE: shapes[name][:1] for name in shapes if types.get(name) == "I8"}}
    names = set(types)
    if odd := sorted(names ^ set(shapes)):
        what = "unknown" if odd[0] in names else "missing"
        raise BadVoice(f"{path} does not fit config.json: tensor {odd[0][:80]!r} is {what}")
    for name, shape in shapes.items():
        stored = file.get_slice(name)
        if types[name] not in TYPES or (types[name] == "I8" and len(shape) != 2):
            raise BadVoice(f"{path} does not fit config.json: tensor {name} is of type {types[name]}, not F16")
        if stored.get_shape() != shape:
            raise BadVoice(
                f"{path} does not fit config.json: tensor {name} has shape {stored.get_shape()}, not {shape}"
            )


def as_stored(network: Network) -> Network:
    """The network with weights that float16 holds, as files do: a voice sounds the same before and after.

    One that is so already is returned as it is, any other is copied, since it may still be in training.
    """
    with torch.no_grad():
        if all(torch.equal(t, t.half().to(t.dtype)) for t in network.state_dict().values()):
            return network
        rounded = copy.deepcopy(network)
        for t in rounded.state_dict().values():
            t.copy_(t.half())
    return rounded


def digest(config: VoiceConfig, *networks: torch.nn.Module) -> int:
    """16 bits that tell a voice from others, the same before it is saved and after.

    Fields of the config that have their defaults do not count: a later version may have more of them.
    """
    total = hashlib.sha256(config.model_dump_json(exclude_defaults=True).encode())
    for network in networks:
        for name, tensor in sorted(network.state_dict().items()):
            total.update(name.encode())
            total.update(tensor.detach().cpu().half().contiguous().numpy().data)
    return int.from_bytes(total.digest()[:2], "big")


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
