"""The networks as they speak: NumPy, without gradients, one sentence at a time.

The modules of :mod:`voicebank.dctts.text2mel` and :mod:`voicebank.dctts.ssrn` are what is trained. Here the same layers
(:mod:`voicebank.dctts.shapes`) compute with the same weights, to 1e-5 of them. So whoever speaks needs no PyTorch. The
frame by frame part of Text2Mel is in :mod:`voicebank.dctts.decoder`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from voicebank.config import SSRNConfig, Text2MelConfig
from voicebank.dctts import shapes
from voicebank.dctts.shapes import Layer
from voicebank.interfaces import Floats
from voicebank.text.symbols import LETTERS

Weights = Mapping[str, Floats]
"""Tensors by their names, which are those of the modules' ``state_dict``."""

_EPSILON = np.float32(1e-5)  # of layer normalisation, as PyTorch has it


class Text2MelInference:
    """What :mod:`voicebank.dctts.decoder` needs of a Text2Mel.

    Args:
        config: sizes.
        n_mels: mel bands.
        weights: as the files of a voice hold them; of several speakers the first is used. They must not change.
    """

    def __init__(self, config: Text2MelConfig, n_mels: int, weights: Weights) -> None:
        self.config, self.n_mels, self.weights = config, n_mels, weights

    def encode_text(self, symbols: Sequence[int]) -> tuple[Floats, Floats]:
        """Keys and values, each ``(symbols, d)``, of symbol indices (arXiv:1710.08969, section 3.2)."""
        config = self.config
        letters = bool(config.letters_channels) and any(LETTERS[0] <= symbol <= LETTERS[1] for symbol in symbols)
        name = "letters_" if letters else ""
        embedded = self.weights[f"{name}embedding.weight"][list(symbols)]
        layers = shapes.text_encoder(config, letters=letters)
        encoded = _stack(embedded, layers, self.weights, f"{name or 'text_'}encoder")
        return encoded[:, : config.channels], encoded[:, config.channels :]

    def flow_times(self) -> Floats:
        """What the time of each Euler step adds to the condition of the flow, ``(steps, channels)``."""
        steps = np.arange(self.config.flow_steps, dtype=np.float32) / np.float32(self.config.flow_steps)
        angles = np.float32(np.pi) * steps[:, None] * np.arange(shapes.COSINES, dtype=np.float32)
        hidden = np.cos(angles) @ self.weights["flow.times.0.weight"].T
        hidden *= _sigmoid(hidden)  # SiLU
        times: Floats = hidden @ self.weights["flow.times.2.weight"].T
        return times


class SSRNInference:
    """SSRN: the coarse mel to the full-rate magnitude (arXiv:1710.08969, section 3.3).

    Args:
        config: sizes.
        n_mels, bins: of the mel and of the magnitude.
        reduction: frames of the magnitude for one of the mel.
        weights: as the files of a voice hold them. They must not change.
    """

    def __init__(self, config: SSRNConfig, n_mels: int, bins: int, reduction: int, weights: Weights) -> None:
        self.config, self.bins, self.reduction, self.weights = config, bins, reduction, weights
        self._stacks = shapes.ssrn(config, n_mels, bins, reduction)

    def magnitude(self, mel: Floats) -> Floats:
        """Normalised magnitude ``(reduction * frames, bins)`` of a coarse mel ``(frames, n_mels)``."""
        x = mel
        for name, layers in self._stacks.items():
            x = _stack(x, layers, self.weights, name)
        return _sigmoid(x)

    @property
    def reach(self) -> int:
        """Coarse frames, on either side, that a magnitude depends on."""
        frames, rate = 0.0, 1
        for layers in self._stacks.values():
            rate *= 2 if layers[0].kind == "upsample" else 1
            frames += sum(layer.reach / 2 for layer in layers) / rate
        return math.ceil(frames)


class MagnitudeStream:
    """The magnitudes of a mel that comes in blocks, each block computed with as much around it as reaches it."""

    def __init__(self, ssrn: SSRNInference) -> None:
        self.ssrn = ssrn
        self.reach = ssrn.reach
        self._mel: Floats | None = None  # frames that are still needed, from `_first` on
        self._first = self._made = 0

    def push(self, mel: Floats, last: bool = False) -> Floats:
        """The magnitudes that are certain now.

        Args:
            mel: ``(frames, n_mels)``: the next coarse frames.
            last: there will be no more.

        Returns:
            ``(frames, bins)``, normalised. All together are those of ``ssrn.magnitude`` of the whole mel.
        """
        mel = mel if self._mel is None else np.concatenate([self._mel, mel])
        end = self._first + len(mel)
        ready = end if last else end - self.reach
        if ready <= self._made:
            self._mel = mel
            return np.zeros((0, self.ssrn.bins), np.float32)
        rate = self.ssrn.reduction
        magnitude = self.ssrn.magnitude(mel)[(self._made - self._first) * rate : (ready - self._first) * rate]
        self._made = ready
        drop = max(ready - self.reach - self._first, 0)
        self._mel, self._first = mel[drop:], self._first + drop
        return magnitude


def _stack(x: Floats, layers: Sequence[Layer], weights: Weights, name: str) -> Floats:
    """Frames ``(time, channels)`` through layers that see past and future."""
    for i, layer in enumerate(layers):
        y = _convolved(x, layer, weights[f"{name}.{i}.weight"])
        y += weights[f"{name}.{i}.bias"][0]
        if layer.kind == "highway":
            y = x + _sigmoid(y[:, : layer.inputs]) * (y[:, layer.inputs :] - x)
        elif layer.kind == "upsample":
            y = y.reshape(2 * len(x), layer.inputs)
        elif layer.relu:
            np.maximum(y, 0, out=y)
        x = y
    return x


def _convolved(x: Floats, layer: Layer, weight: Floats) -> Floats:
    """As :class:`voicebank.dctts.layers.Conv`, without the bias."""
    h = _normalised(x) if layer.norm else x
    if layer.kernel > 1:
        time, before = len(h), layer.reach // 2
        padded = np.zeros((time + layer.reach, h.shape[1]), np.float32)
        padded[before : before + time] = h
        h = np.concatenate([padded[i * layer.dilation : i * layer.dilation + time] for i in range(layer.kernel)], 1)
    y: Floats = h @ weight.T
    return y


def _normalised(x: Floats) -> Floats:
    """Layer normalisation over channels."""
    x = x - x.mean(1, keepdims=True)
    variance = np.einsum("tc,tc->t", x, x) / np.float32(x.shape[1])
    x *= (1 / np.sqrt(variance + _EPSILON))[:, None]
    return x


def _sigmoid(x: Floats) -> Floats:
    with np.errstate(over="ignore"):  # e**-x may be infinite: the result is 0
        y = np.exp(-x)
    y += 1
    return np.reciprocal(y, out=y)
