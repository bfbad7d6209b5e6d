"""Weights from files that are not trusted: measured first, then read."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open

from voicebank.config import VoiceConfig
from voicebank.dctts.inference import Weights
from voicebank.dctts.shapes import Shapes, ssrn_shapes, text2mel_shapes
from voicebank.errors import BadVoice
from voicebank.interfaces import Floats
from voicebank.synthesis.folder import SCALE, SSRN, TEXT2MEL, check_file, is_exact, is_storable, restored

if TYPE_CHECKING:
    from torch.nn import Module

    AnyModule = TypeVar("AnyModule", bound=Module)

# Weights of one network: twice the paper's sizes. Float32 in memory, so a quarter of a gigabyte.
MAX_WEIGHTS = 60_000_000
MAX_HEADER_BYTES = 1_000_000
# How weights are stored; safetensors has more types, none of them of use here. I8 goes with scales.
TYPES = ("F16", "F32", "I8")


def shapes_of(config: VoiceConfig) -> dict[str, Shapes]:
    """Name and shape of every tensor of both networks, by the name of their file. Nothing is allocated.

    Raises:
        BadVoice: they are larger than any voice has reason to be.
    """
    audio = config.audio
    networks = {
        TEXT2MEL: text2mel_shapes(config.text2mel, audio.n_mels),
        SSRN: ssrn_shapes(config.ssrn, audio.n_mels, audio.bins, audio.reduction),
    }
    for name, shapes in networks.items():
        if (weights := _count(shapes)) > MAX_WEIGHTS:
            raise BadVoice(
                f"config.json of {config.name} is not valid: {Path(name).stem} asks for {weights / 1e6:.0f} million "
                f"weights, more than {MAX_WEIGHTS / 1e6:.0f}"
            )
    return networks


def _count(shapes: Shapes) -> int:
    return sum(math.prod(shape) for shape in shapes.values())


def largest_files(config: VoiceConfig) -> Mapping[str, int]:
    """The most bytes that the weight files of a config can have: float32 and a header.

    Raises:
        BadVoice: as :func:`shapes_of`.
    """
    return {name: 8 + MAX_HEADER_BYTES + 4 * _count(shapes) for name, shapes in shapes_of(config).items()}


class Stored(dict[str, Floats]):
    """Weights that float16 holds as they are."""


def load_weights(path: Path, shapes: Shapes) -> Stored:
    """The float32 tensors of a safetensors file, once its header was compared with what is expected.

    Raises:
        BadVoice: the file is missing, truncated, holds other tensors than these, or numbers that are not finite.
    """
    _check_header_length(path)
    try:
        with safe_open(path, "np") as file:
            _check_tensors(path, file, shapes)
            weights = Stored((name, _tensor(file, name)) for name in shapes)
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())[:120]
        raise BadVoice(f"{path} is truncated or no safetensors file: fetch the voice again ({reason})") from error
    for name, tensor in weights.items():
        if not is_storable(tensor):
            raise BadVoice(f"{path} is damaged: tensor {name} holds numbers that float16 does not")
    return weights


def _tensor(file: Any, name: str) -> Floats:
    """A tensor, rounded to what float16 holds."""
    tensor = file.get_tensor(name)
    if tensor.dtype == np.float16:
        return np.asarray(tensor, np.float32)
    if tensor.dtype != np.int8:
        return _rounded(tensor)
    scale = file.get_tensor(name + SCALE)
    matrix = restored(tensor, scale)
    return matrix if is_exact(scale) else _rounded(matrix)


def _check_header_length(path: Path) -> None:
    """Bound what the parser of safetensors reads: by itself it accepts a header of 100 MB."""
    size = check_file(path)
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(MAX_HEADER_BYTES, size - 8):
        raise BadVoice(f"{path} is truncated or no safetensors file: its header has no plausible length")


def _check_tensors(path: Path, file: Any, shapes: Shapes) -> None:
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
        if (there := tuple(stored.get_shape())) != shape:
            raise BadVoice(f"{path} does not fit config.json: tensor {name} has shape {list(there)}, not {list(shape)}")


def copied(module: Module) -> dict[str, Floats]:
    """The weights of a module of PyTorch, which may go on being trained."""
    return {name: np.array(tensor.detach().float().cpu().numpy()) for name, tensor in module.state_dict().items()}


def as_stored(weights: Weights) -> Stored:
    """Weights rounded to what float16 holds, as files do: a voice sounds the same before it is saved and after."""
    return weights if isinstance(weights, Stored) else Stored((name, _rounded(t)) for name, t in weights.items())


def _rounded(tensor: Floats) -> Floats:
    with np.errstate(over="ignore"):  # what float16 does not hold is found when it is saved
        half = tensor.astype(np.float16)
    return tensor if np.array_equal(half, tensor) else half.astype(np.float32)


def module_of(module: AnyModule, weights: Weights) -> AnyModule:
    """A module of PyTorch with these weights, in evaluation mode. It shares their memory."""
    import torch

    module.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in weights.items()}, assign=True)
    return module.eval()


def digest(config: VoiceConfig, *networks: Weights) -> int:
    """16 bits that tell a voice from others, the same before it is saved and after.

    Fields of the config that have their defaults do not count: a later version may have more of them.
    """
    total = hashlib.sha256(config.model_dump_json(exclude_defaults=True).encode())
    for weights in networks:
        for name, tensor in sorted(weights.items()):
            total.update(name.encode())
            total.update(np.ascontiguousarray(tensor, np.float16).data)
    return int.from_bytes(total.digest()[:2], "big")
