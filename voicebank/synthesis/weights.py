"""Networks from files that are not trusted: measured first, then filled."""

from __future__ import annotations

import copy
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
from voicebank.synthesis.folder import MAX_HEADER_BYTES, check_weights
from voicebank.synthesis.folder import SSRN as SSRN_FILE
from voicebank.synthesis.folder import TEXT2MEL as TEXT2MEL_FILE

# Weights of one network: twice the paper's sizes. Float32 in memory, so a quarter of a gigabyte.
MAX_WEIGHTS = 60_000_000

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
    """Fill a network from a safetensors file, after its header was checked against the network.

    Raises:
        BadVoice: the file is missing, truncated, or its tensors are not those of the network, or not finite.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    check_weights(path, shapes)
    state = {}
    try:
        with safe_open(path, "pt") as file:
            for name in shapes:
                state[name] = file.get_tensor(name).float()
    except (SafetensorError, OSError) as error:
        raise BadVoice(f"{path} is truncated or no safetensors file: fetch the voice again ({error})") from error
    for name, tensor in state.items():
        if not bool(torch.isfinite(tensor).all()):
            raise BadVoice(f"{path} is damaged: tensor {name} holds numbers that are not finite")
    network.load_state_dict(state, assign=True)


def as_stored(network: Network) -> Network:
    """The network with weights that float16 holds, as files do: a voice sounds the same before and after.

    One that is so already is returned as it is, any other is copied, since it may still be in training.
    """
    with torch.no_grad():
        if all(torch.equal(p, p.half().to(p.dtype)) for p in network.parameters()):
            return network
        rounded = copy.deepcopy(network)
        for p in rounded.parameters():
            p.copy_(p.half())
    return rounded
