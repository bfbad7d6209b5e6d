"""Incremental decoding of Text2Mel: a frame costs the same however long the sentence is.

Each causal layer keeps the last ``(kernel - 1) * dilation`` normalised inputs in a ring, so that one frame is one
matrix product a layer. The modules of :mod:`voicebank.dctts.text2mel` stay the source of truth: their weights are
packed for :mod:`voicebank.dctts.step`, and fed with its own output, the full forward pass gives the same frames
(to 1e-4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from voicebank.dctts.layers import Conv, Highway
from voicebank.dctts.text2mel import Text2Mel

# Forced monotonic attention (paper, section 4.2): a frame may look one symbol back and three ahead of the last.
BACK, AHEAD = 1, 3
# Attention must rest on the end symbol for so many frames. Training clips end in a quarter second of silence.
REST = 3


@dataclass(frozen=True)
class Decoded:
    """What was decoded for one sentence."""

    mel: torch.Tensor
    """Coarse mel ``(frames, n_mels)``, 0..1."""
    attention: torch.Tensor
    """``(frames, symbols)``."""
    ended: bool
    """False if the sentence ran past its longest plausible length."""


def decode(
    model: Text2Mel,
    sentences: Sequence[Sequence[int]],
    longest: Sequence[int],
    *,
    monotonic: bool = True,
    seed: int = 0,
) -> list[Decoded]:
    """Speak sentences, as many at a time as torch may use threads, the longest first.

    Args:
        model: a Text2Mel with one speaker.
        sentences: symbol indices of each sentence, the end symbol last.
        longest: frames after which a sentence counts as a runaway.
        monotonic: force attention forward; without it the result is exactly that of the full forward pass.
        seed: of the noise that a flow starts from. It depends on the seed and the sentence alone.

    Returns:
        One result a sentence, in the order given. Each is what the sentence alone would give, bit for bit.
    """
    started = [Decoding(model, s, n, monotonic=monotonic, seed=seed) for s, n in zip(sentences, longest, strict=True)]
    threads = min(torch.get_num_threads(), len(started))
    if threads > 1:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(Decoding.advance, sorted(started, key=lambda one: -len(one.symbols))))
    else:
        for one in started:
            one.advance()
    return [one.result() for one in started]


class Decoding:
    """One sentence that is being spoken, a few frames at a time.

    Args:
        model, longest, monotonic, seed: as for :func:`decode`.
        symbols: the sentence's symbol indices, the end symbol last.
    """

    def __init__(
        self, model: Text2Mel, symbols: Sequence[int], longest: int, *, monotonic: bool = True, seed: int = 0
    ) -> None:
        from voicebank.dctts import step

        self.symbols = symbols
        self.longest = longest
        self.device = model.embedding.weight.device
        self._ahead = AHEAD if monotonic else -1
        self._network = _packed(model)
        with torch.inference_mode():
            indices = torch.tensor([list(symbols)], device=self.device)
            keys, values = model.encode_text(indices, torch.ones_like(indices, dtype=torch.bool))
            keys = keys / math.sqrt(model.config.channels)
        self._keys, self._values = (np.ascontiguousarray(a[0].float().cpu().numpy()) for a in (keys, values))
        self._rings = np.zeros(self._network.ring_size, np.float32)
        self._state = np.zeros(step.FIELDS, np.int64)
        # A sentence takes half its longest plausible length or less: the rest is never touched, so never in memory.
        self._mel = np.zeros((longest, model.n_mels), np.float32)
        self._attention = np.zeros((longest, len(symbols)), np.float32)
        self._random = np.random.default_rng([seed, *symbols])
        self._noise = np.zeros((0, model.n_mels), np.float32)

    def advance(self, frames: int | None = None) -> None:
        """Speak so many frames more, fewer where the sentence ends or runs away; all the rest without a number."""
        from voicebank.dctts import step

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
    def mel(self) -> np.ndarray:
        """Coarse mel ``(frames, n_mels)`` so far; a view."""
        return self._mel[: self.frames]

    @property
    def attention(self) -> np.ndarray:
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
        mel, attention = (torch.from_numpy(a.copy()) for a in (self.mel, self.attention))
        return Decoded(mel.to(self.device), attention.to(self.device), self.ended)


class _Packed:
    """The weights of both causal stacks and the flow, as :func:`voicebank.dctts.step.advance` reads them."""

    def __init__(self, model: Text2Mel) -> None:
        from voicebank.dctts import step

        self.ring_size = self._weights = self._biases = 0
        matrices: list[np.ndarray] = []
        biases: list[np.ndarray] = []
        stacks = model.audio_encoder, model.audio_decoder
        layers = [[(layer, i in stack.relu) for i, layer in enumerate(stack)] for stack in stacks]
        sampled: list[tuple[nn.Module, bool]] = []
        config, n_mels = model.config, model.n_mels
        self.noise = config.flow_noise
        self.times = np.zeros((0, 0), np.float32)
        self.mean, self.deviation = np.zeros(n_mels, np.float32), np.ones(n_mels, np.float32)
        flow = model.flow
        if flow is not None:
            layers[1].pop()  # the flow takes its place
            sampled = [(layer, False) for layer in (flow.condition, flow.enter, *flow.layers, flow.leave)]
            with torch.no_grad():
                steps = torch.arange(config.flow_steps, device=flow.mean.device) / config.flow_steps
                self.times = flow.at(steps).float().cpu().numpy()
            self.mean, self.deviation = (t[0].float().cpu().numpy() for t in (flow.mean, flow.deviation))
        self.encoder, self.decoder, self.flow = (self._table(part, matrices, biases) for part in (*layers, sampled))
        sizes = np.concatenate([self.encoder, self.decoder, self.flow])[:, step.PADDED : step.OUTPUTS + 1]
        self.width = int(sizes.max())
        weights = np.concatenate([m.ravel() for m in matrices])
        self.biases = np.concatenate(biases)
        halves = weights.astype(np.float16)
        # Weights that float16 does not hold as they are, as in training, are read as float32.
        exact = bool(np.array_equal(halves, weights))
        self.weights = halves.view(np.int16) if exact else weights
        self.scale = np.float32(step.HALF_SCALE if exact else 1)

    def _table(
        self, layers: Sequence[tuple[nn.Module, bool]], matrices: list[np.ndarray], biases: list[np.ndarray]
    ) -> np.ndarray:
        """The table of layers, each with whether a ReLU follows; their weights are appended to the lists."""
        from voicebank.dctts import step

        rows = []
        for layer, relu in layers:
            assert isinstance(layer, Conv)
            padded = -(-layer.inputs // step.UNROLL) * step.UNROLL
            # (outputs, taps * inputs) to one (padded inputs, outputs) matrix a tap, the oldest first.
            taps = layer.weight.detach().float().cpu().numpy().reshape(layer.outputs, layer.kernel, layer.inputs)
            matrix = np.zeros((layer.kernel, padded, layer.outputs), np.float32)
            matrix[:, : layer.inputs] = taps.transpose(1, 2, 0)
            slots = layer.reach + 1 if layer.kernel > 1 else 0
            row = [0] * step.COLUMNS
            row[step.WEIGHTS], row[step.BIAS], row[step.RING] = self._weights, self._biases, self.ring_size
            row[step.INPUTS], row[step.PADDED], row[step.OUTPUTS] = layer.inputs, padded, layer.outputs
            row[step.KERNEL], row[step.DILATION], row[step.SLOTS] = layer.kernel, layer.dilation, slots
            row[step.NORM], row[step.HIGHWAY] = layer.norm, isinstance(layer, Highway)
            row[step.RELU] = relu
            rows.append(row)
            matrices.append(matrix)
            biases.append(layer.bias[0].detach().float().cpu().numpy())
            self._weights += matrix.size
            self._biases += layer.outputs
            self.ring_size += slots * padded
        return np.array(rows, np.int64).reshape(-1, step.COLUMNS)


_cache: WeakKeyDictionary[Text2Mel, tuple[Any, _Packed]] = WeakKeyDictionary()


def _packed(model: Text2Mel) -> _Packed:
    """The packed weights of a model, kept until they change."""
    parameters: list[torch.Tensor] = [*model.audio_encoder.parameters(), *model.audio_decoder.parameters()]
    if model.flow is not None:
        parameters += [*model.flow.parameters(), *model.flow.buffers()]
    # An optimiser's step and load_state_dict raise a parameter's version.
    now = [(p.data_ptr(), 0 if p.is_inference() else p._version) for p in parameters]
    known = _cache.get(model)
    if known is None or known[0] != now:
        known = _cache[model] = (now, _Packed(model))
    return known[1]
