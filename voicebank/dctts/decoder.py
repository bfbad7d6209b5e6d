"""Incremental decoding of Text2Mel: a frame costs the same however long the sentence is.

Each causal layer keeps the last ``(kernel - 1) * dilation`` normalised inputs in a ring, so that one step is one
matrix product a layer. Fed with its own output, the full forward pass gives the same frames (to 1e-4).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from voicebank.dctts.layers import Conv, Highway, Stack
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


class Ring:
    """The last inputs of one causal layer and its single step."""

    def __init__(self, layer: Conv, batch: int) -> None:
        self.layer = layer
        self.size = layer.reach + 1
        self.past = layer.weight.new_zeros(self.size, batch, layer.inputs) if layer.kernel > 1 else None

    def step(self, x: torch.Tensor, t: int) -> torch.Tensor:
        """``(batch, inputs)`` of frame t to ``(batch, outputs)``."""
        layer = self.layer
        h = layer.normalise(x)
        if self.past is not None:
            self.past[t % self.size] = h
            taps = [self.past[(t - i * layer.dilation) % self.size] for i in range(layer.kernel - 1, 0, -1)]
            h = torch.cat([*taps, h], -1)
        h = F.linear(h, layer.weight, layer.bias[0])
        return layer.mix(x, h) if isinstance(layer, Highway) else h

    def keep(self, rows: torch.Tensor) -> None:
        """Keep only these rows of the batch."""
        if self.past is not None:
            self.past = self.past[:, rows]


class IncrementalStack:
    """A causal :class:`voicebank.dctts.layers.Stack`, frame by frame."""

    def __init__(self, stack: Stack, batch: int) -> None:
        self.rings = [Ring(layer, batch) for layer in stack]  # type: ignore[arg-type]
        self.relu = stack.relu

    def step(self, x: torch.Tensor, t: int) -> torch.Tensor:
        """``(batch, inputs)`` of frame t to ``(batch, outputs)``. Frames must come in order from 0."""
        for i, ring in enumerate(self.rings):
            x = ring.step(x, t)
            if i in self.relu:
                x = F.relu(x)
        return x

    def keep(self, rows: torch.Tensor) -> None:
        """Keep only these rows of the batch."""
        for ring in self.rings:
            ring.keep(rows)


@torch.inference_mode()
def decode(
    model: Text2Mel, sentences: Sequence[Sequence[int]], longest: Sequence[int], *, monotonic: bool = True
) -> list[Decoded]:
    """Speak sentences as one batch.

    Args:
        model: a Text2Mel with one speaker.
        sentences: symbol indices of each sentence, the end symbol last.
        longest: frames after which a sentence counts as a runaway.
        monotonic: force attention forward; without it the result is exactly that of the full forward pass.

    Returns:
        One result a sentence, in the order given.
    """
    device = model.embedding.weight.device
    lengths = torch.tensor([len(s) for s in sentences], device=device)
    symbols = torch.zeros(len(sentences), int(lengths.max()), dtype=torch.long, device=device)
    for i, sentence in enumerate(sentences):
        symbols[i, : len(sentence)] = torch.tensor(sentence, device=device)
    index = torch.arange(symbols.shape[1], device=device)
    mask = index < lengths[:, None]
    keys, values = model.encode_text(symbols, mask)
    keys = keys / math.sqrt(model.config.channels)

    encoder = IncrementalStack(model.audio_encoder, len(sentences))
    decoder = IncrementalStack(model.audio_decoder, len(sentences))
    rows = list(range(len(sentences)))
    frame = keys.new_zeros(len(sentences), model.n_mels)
    position = torch.zeros(len(sentences), dtype=torch.long, device=device)
    rested = torch.zeros_like(position)
    frames: list[list[torch.Tensor]] = [[] for _ in sentences]
    attentions: list[list[torch.Tensor]] = [[] for _ in sentences]
    ended = [False] * len(sentences)
    t = 0
    while rows:
        query = encoder.step(frame, t)
        scores = torch.einsum("bd,bnd->bn", query, keys).masked_fill(~mask, -torch.inf)
        if monotonic:
            near = (index >= position[:, None] - BACK) & (index <= position[:, None] + AHEAD)
            scores = scores.masked_fill(~near, -torch.inf)
        attention = scores.softmax(-1)
        position = attention.argmax(-1)
        context = torch.einsum("bn,bnd->bd", attention, values)
        frame = torch.sigmoid(decoder.step(torch.cat([context, query], -1), t))
        t += 1
        rested = torch.where(position == lengths - 1, rested + 1, 0)
        for i, row in enumerate(rows):
            frames[row].append(frame[i])
            attentions[row].append(attention[i])
        done = [int(rest) >= REST or t >= longest[row] for rest, row in zip(rested.tolist(), rows, strict=True)]
        if any(done):
            for i, row in enumerate(rows):
                ended[row] = int(rested[i]) >= REST
            rows = [row for row, d in zip(rows, done, strict=True) if not d]
            left = torch.tensor([i for i, d in enumerate(done) if not d], dtype=torch.long, device=device)
            frame, position, rested = frame[left], position[left], rested[left]
            keys, values, mask, lengths = keys[left], values[left], mask[left], lengths[left]
            encoder.keep(left)
            decoder.keep(left)
    return [
        Decoded(torch.stack(frames[i]), torch.stack(attentions[i])[:, : len(sentence)], ended[i])
        for i, sentence in enumerate(sentences)
    ]
