"""Networks from files that are not trusted: measured first, then filled."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch.overrides import TorchFunctionMode

from voicebank.config import VoiceConfig
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadVoice
from voicebank.synthesis.folder import SCALE, check_file, is_storable, restored
from voicebank.synthesis.folder import SSRN as SSRN_FILE
from voicebank.synthesis.folder import TEXT2MEL as TEXT2MEL_FILE

# Weights of one network: twice the paper's sizes. Float32 in memory, so a quarter of a gigabyte.
MAX_WEIGHTS = 60_000_000
MAX_HEADER_BYTES = 1_000_000
# How weights are stored; safetensors has more types, none of them of use here. I8 goes with scales.
TYPES = ("F16", "F32", "I8")

Network = TypeVar("Network", bound=torch.nn.Module)


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
