"""Incremental decoding of Text2Mel: a frame costs the same however long the sentence is.

Each causal layer keeps the last ``(kernel - 1) * dilation`` normalised inputs in a ring, so that one frame is one
matrix product a layer. The weights are packed for :mod:`voicebank.dctts.step`. Fed with its own output, the full
forward pass of :class:`voicebank.dctts.text2mel.Text2Mel` gives the same frames (to 1e-4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np

from voicebank.dctts import shapes, step
from voicebank.dctts.inference import Text2MelInference
from voicebank.dctts.shapes import Layer
from voicebank.dctts.threads import in_threads
from voicebank.interfaces import Floats

# Forced monotonic attention (paper, section 4.2): a frame may look one symbol back and three ahead of the last.
BACK, AHEAD = 1, 3
# Attention must rest on the end symbol for so many frames. Training clips end in a quarter second of silence.
REST = 3


@dataclass(frozen=True)
class Decoded:
    """What was decoded for one sentence."""

    mel: Floats
    """Coarse mel ``(frames, n_mels)``, 0..1."""
    attention: Floats
    """``(frames, symbols)``."""
    ended: bool
    """False if the sentence ran past its longest plausible length."""


def decode(
    network: Text2MelInference,
    sentences: Sequence[Sequence[int]],
    longest: Sequence[int],
    *,
    monotonic: bool = True,
    seed: int = 0,
) -> list[Decoded]:
    """Speak sentences, as many at a time as there are threads (:mod:`voicebank.dctts.threads`), the longest first.

    Args:
        network: Text2Mel.
        sentences: symbol indices of each sentence, the end symbol last.
        longest: frames after which a sentence counts as a runaway.
        monotonic: force attention forward; without it the result is exactly that of the full forward pass.
        seed: of the noise that a flow starts from. It depends on the seed and the sentence alone.

    Returns:
        One result a sentence, in the order given. Each is what the sentence alone would give, bit for bit.
    """
    started = [Decoding(network, s, n, monotonic=monotonic, seed=seed) for s, n in zip(sentences, longest, strict=True)]
    in_threads(Decoding.advance, sorted(started, key=lambda one: -len(one.symbols)))
    return [one.result() for one in started]


class Decoding:
    """One sentence that is being spoken, a few frames at a time.

    Args:
        network, longest, monotonic, seed: as for :func:`decode`.
        symbols: the sentence's symbol indices, the end symbol last.
    """

    def __init__(
        self,
        network: Text2MelInference,
        symbols: Sequence[int],
        longest: int,
        *,
        monotonic: bool = True,
        seed: int = 0,
    ) -> None:
        self.symbols = symbols
        self.longest = longest
        self._ahead = AHEAD if monotonic else -1
        self._network = _packed(network)
        keys, values = network.encode_text(symbols)
        self._keys = np.ascontiguousarray(keys / np.float32(math.sqrt(network.config.channels)))
        self._values = np.ascontiguousarray(values)
        self._rings = np.zeros(self._network.ring_size, np.float32)
        self._state = np.zeros(step.FIELDS, np.int64)
        # A sentence takes half its longest plausible length or less: the rest is never touched, so never in memory.
        self._mel = np.zeros((longest, network.n_mels), np.float32)
        self._attention = np.zeros((longest, len(symbols)), np.float32)
        self._random = np.random.default_rng([seed, *symbols])
        self._noise = np.zeros((0, network.n_mels), np.float32)

    def advance(self, frames: int | None = None) -> None:
        """Speak so many frames more, fewer where the sentence ends or runs away; all the rest without a number."""
        until = self.longest if frames is None else min(self.frames + frames, self.longest)
        network = self._network
        if len(network.flow):
            self._draw(until, network.noise)
        step.advance(
            network.encoder,
            network.decoder,
            network.flow,
            network.times,
            network.mean,
            network.deviation,
            self._noise,
            network.weights,
            network.scale,
            network.biases,
            self._rings,
            network.width,
            self._keys,
            self._values,
            BACK,
            self._ahead,
            REST,
            self._state,
            self._mel,
            self._attention,
            until,
        )

    def _draw(self, frames: int, deviation: float) -> None:
        """Noise for so many frames in all: the same numbers, however many are drawn at a time."""
        missing = frames - len(self._noise)
        if missing > 0:
            drawn = self._random.standard_normal((missing, self._mel.shape[1]), np.float32) * np.float32(deviation)
            self._noise = np.concatenate([self._noise, drawn])

    @property
    def frames(self) -> int:
        """Frames spoken so far."""
        return int(self._state[0])

    @property
    def mel(self) -> Floats:
        """Coarse mel ``(frames, n_mels)`` so far; a view."""
        return self._mel[: self.frames]

    @property
    def attention(self) -> Floats:
        """``(frames, symbols)`` so far; a view."""
        return self._attention[: self.frames]

    @property
    def ended(self) -> bool:
        """Attention has come to rest on the end symbol."""
        return bool(self._state[3])

    @property
    def done(self) -> bool:
        """It has ended, or has run past its longest plausible length."""
        return self.ended or self.frames >= self.longest

    def result(self) -> Decoded:
        """What was spoken so far."""
        return Decoded(self.mel.copy(), self.attention.copy(), self.ended)


class _Packed:
    """The weights of both causal stacks and the flow, as :func:`voicebank.dctts.step.advance` reads them."""

    def __init__(self, network: Text2MelInference) -> None:
        self.ring_size = self._weights = self._biases = 0
        matrices: list[Floats] = []
        biases: list[Floats] = []
        config, n_mels, weights = network.config, network.n_mels, network.weights
        encoder = _named("audio_encoder", shapes.audio_encoder(config, n_mels))
        decoder = _named("audio_decoder", shapes.audio_decoder(config, n_mels))
        flow = {f"flow.{name}": layer for name, layer in shapes.flow_of(config, n_mels).items()}
        self.noise = config.flow_noise
        self.times = np.zeros((0, 0), np.float32)
        self.mean, self.deviation = np.zeros(n_mels, np.float32), np.ones(n_mels, np.float32)
        if flow:
            decoder.popitem()  # the flow takes the place of the last layer
            self.times = network.flow_times()
            self.mean, self.deviation = weights["flow.mean"][0], weights["flow.deviation"][0]
        self.encoder, self.decoder, self.flow = (
            self._table(layers, network, matrices, biases) for layers in (encoder, decoder, flow)
        )
        sizes = np.concatenate([self.encoder, self.decoder, self.flow])[:, step.PADDED : step.OUTPUTS + 1]
        self.width = int(sizes.max())
        flat = np.concatenate([m.ravel() for m in matrices])
        self.biases = np.concatenate(biases)
        halves = flat.astype(np.float16)
        # Weights that float16 does not hold as they are, as in training, are read as float32.
        exact = bool(np.array_equal(halves, flat))
        self.weights = halves.view(np.int16) if exact else flat
        self.scale = np.float32(step.HALF_SCALE if exact else 1)

    def _table(
        self,
        layers: Mapping[str, Layer],
        network: Text2MelInference,
        matrices: list[Floats],
        biases: list[Floats],
    ) -> np.ndarray:
        """The table of layers; their weights are appended to the lists."""
        rows = []
        for name, layer in layers.items():
            padded = -(-layer.inputs // step.UNROLL) * step.UNROLL
            # (outputs, taps * inputs) to one (padded inputs, outputs) matrix a tap, the oldest first.
            taps = network.weights[f"{name}.weight"].reshape(layer.outputs, layer.kernel, layer.inputs)
            matrix = np.zeros((layer.kernel, padded, layer.outputs), np.float32)
            matrix[:, : layer.inputs] = taps.transpose(1, 2, 0)
            slots = layer.reach + 1 if layer.kernel > 1 else 0
            row = [0] * step.COLUMNS
            row[step.WEIGHTS], row[step.BIAS], row[step.RING] = self._weights, self._biases, self.ring_size
            row[step.INPUTS], row[step.PADDED], row[step.OUTPUTS] = layer.inputs, padded, layer.outputs
            row[step.KERNEL], row[step.DILATION], row[step.SLOTS] = layer.kernel, layer.dilation, slots
            row[step.NORM], row[step.HIGHWAY], row[step.RELU] = layer.norm, layer.kind == "highway", layer.relu
            rows.append(row)
            matrices.append(matrix)
            biases.append(network.weights[f"{name}.bias"][0])
            self._weights += matrix.size
            self._biases += layer.outputs
            self.ring_size += slots * padded
        return np.array(rows, np.int64).reshape(-1, step.COLUMNS)


def _named(name: str, layers: Sequence[Layer]) -> dict[str, Layer]:
    return {f"{name}.{i}": layer for i, layer in enumerate(layers)}


_cache: WeakKeyDictionary[Text2MelInference, _Packed] = WeakKeyDictionary()


def _packed(network: Text2MelInference) -> _Packed:
    """The packed weights of a network, packed once."""
    if network not in _cache:
        _cache[network] = _Packed(network)
    return _cache[network]
