"""The building blocks of both networks: a normalised convolution, a highway block of one, and the flow head.

Sequences are ``(batch, time, channels)`` throughout. A convolution is one matrix product over the shifted copies
of its input: on a CPU that is as fast as a convolution kernel, and what speaks (:mod:`voicebank.dctts.inference`, and
the single steps of :mod:`voicebank.dctts.decoder`) reads the very same weights. Which layers there are is said in
:mod:`voicebank.dctts.shapes`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from voicebank.dctts import shapes
from voicebank.dctts.shapes import COSINES, Layer

_Network = TypeVar("_Network", bound=nn.Module)


def unfilled(kind: Callable[..., _Network], *sizes: Any) -> _Network:
    """A network without memory for its weights, to which those that there are can be assigned.

    To draw random ones first would take longer than all else that it needs.
    """
    with torch.device("meta"), _Undrawn():
        return kind(*sizes)


class _Undrawn(TorchFunctionMode):
    """Leaves tensors as they are that would be initialised.

    Where they have no memory PyTorch would load its compiler for that, which takes seconds.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", "") == torch.nn.init.__name__:
            return kwargs.get("tensor", *args[:1])
        return func(*args, **kwargs)


class Conv(nn.Module):
    """Layer normalisation over channels, then a dilated convolution whose bias has one row a speaker.

    The bias table is how Text2Mel knows the speaker: in every layer, at the cost of one vector. Keeping a
    single row folds a speaker into the weights, so a shipped voice needs no speaker input.

    Args:
        inputs, outputs: channels.
        kernel: taps.
        dilation: frames between taps.
        causal: see only the past and the present.
        speakers: rows of the bias table.
        norm: normalise the input (layer normalisation, arXiv:1607.06450, without its affine part, which the
            weights of the convolution can express).
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        dilation: int = 1,
        *,
        causal: bool = False,
        speakers: int = 1,
        norm: bool = True,
    ) -> None:
        super().__init__()
        self.inputs, self.outputs = inputs, outputs
        self.kernel, self.dilation, self.causal, self.norm = kernel, dilation, causal, norm
        self.weight = nn.Parameter(torch.empty(outputs, kernel * inputs))
        nn.init.normal_(self.weight, std=1 / math.sqrt(kernel * inputs))
        self.bias = nn.Parameter(torch.zeros(speakers, outputs))

    @property
    def reach(self) -> int:
        """Frames between the first tap and the last."""
        return (self.kernel - 1) * self.dilation

    def normalise(self, x: torch.Tensor) -> torch.Tensor:
        """The input as the taps see it."""
        return F.layer_norm(x, (self.inputs,)) if self.norm else x

    def forward(
        self, x: torch.Tensor, speaker: torch.Tensor | None = None, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Convolve ``(batch, time, inputs)`` into ``(batch, time, outputs)``.

        Args:
            x: the sequence.
            speaker: ``(batch,)`` rows of the bias table; the first row if left out.
            mask: ``(batch, time, 1)``, 0 where the sequence is padding: the result is then that of the sequence
                alone, however much padding a batch needs.
        """
        h = self.normalise(x)
        if mask is not None:
            h = h * mask
        if self.kernel > 1:
            time = h.shape[1]
            before = self.reach if self.causal else self.reach // 2
            h = F.pad(h, (0, 0, before, self.reach - before))
            h = torch.cat([h[:, i * self.dilation : i * self.dilation + time] for i in range(self.kernel)], -1)
        if speaker is None:
            return F.linear(h, self.weight, self.bias[0])
        return F.linear(h, self.weight) + self.bias[speaker][:, None]


class Highway(Conv):
    """Highway convolution: ``g * conv(x) + (1 - g) * x`` (paper, section 3.1; arXiv:1505.00387)."""

    def __init__(
        self, channels: int, kernel: int, dilation: int = 1, *, causal: bool = False, speakers: int = 1
    ) -> None:
        super().__init__(channels, 2 * channels, kernel, dilation, causal=causal, speakers=speakers)
        # Start by mostly carrying the input through, so that a gradient reaches the first of some twenty blocks.
        nn.init.constant_(self.bias[:, :channels], -1.0)

    @staticmethod
    def mix(x: torch.Tensor, h: torch.Tensor) -> torch.Tensor:
        """Gate the convolution's output ``h`` ``(..., 2 * channels)`` against its input ``x``."""
        gate, new = h.chunk(2, -1)
        return x + torch.sigmoid(gate) * (new - x)

    def forward(
        self, x: torch.Tensor, speaker: torch.Tensor | None = None, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """``(batch, time, channels)`` to the same shape."""
        return self.mix(x, super().forward(x, speaker, mask))


class Upsample(Conv):
    """Transposed convolution of kernel 2 and stride 2: each frame becomes two."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, 2 * channels)

    def forward(
        self, x: torch.Tensor, speaker: torch.Tensor | None = None, mask: torch.Tensor | None = None
    ) -> torch.Tensor:
        """``(batch, time, channels)`` to ``(batch, 2 * time, channels)``."""
        batch, time, channels = x.shape
        return super().forward(x, speaker, mask).reshape(batch, 2 * time, channels)


def module(layer: Layer, *, causal: bool = False, speakers: int = 1) -> Conv:
    """The module of a layer."""
    if layer.kind == "highway":
        return Highway(layer.inputs, layer.kernel, layer.dilation, causal=causal, speakers=speakers)
    if layer.kind == "upsample":
        return Upsample(layer.inputs)
    sizes = layer.inputs, layer.outputs, layer.kernel, layer.dilation
    return Conv(*sizes, causal=causal, speakers=speakers, norm=layer.norm)


class Stack(nn.ModuleList):
    """Layers in order, with the paper's ReLU after those that have one. A mask follows every upsampling."""

    def __init__(self, layers: Sequence[Layer], *, causal: bool = False, speakers: int = 1) -> None:
        super().__init__(module(layer, causal=causal, speakers=speakers) for layer in layers)
        self.relu = frozenset(i for i, layer in enumerate(layers) if layer.relu)

    def forward(
        self,
        x: torch.Tensor,
        speaker: torch.Tensor | None = None,
        mask: torch.Tensor | None = None,
        layers: slice = slice(None),
    ) -> torch.Tensor:
        """``(batch, time, inputs of the first)`` to ``(batch, time, outputs of the last)``, of some of the layers."""
        for i, layer in list(enumerate(self))[layers]:
            x = layer(x, speaker, mask)
            if i in self.relu:
                x = F.relu(x)
            if mask is not None and isinstance(layer, Upsample):
                mask = mask.repeat_interleave(2, 1)
        return x


class FlowHead(nn.Module):
    """A rectified flow that samples the next mel frame (arXiv:2209.03003), one small network for each frame.

    A network trained on L1 predicts the middle of all that might come next, which is a blur. The flow draws one of
    them: it moves a frame of noise along a straight line to a frame of speech. The decoder's last hidden layer is the
    condition (as in arXiv:2406.11838 and arXiv:2509.06926).

    A residual network whose normalised layers are scaled and shifted by the hidden state and by the time (adaptive
    layer normalisation, arXiv:2212.09748). Both enter as a sum, so a frame computes its share once, and that of the
    time is a constant for each Euler step.

    Args:
        hidden: channels of the hidden state.
        n_mels: mel bands.
        channels: of the residual network.
        blocks: residual blocks, of two layers each.
        speakers: rows of the bias tables.
    """

    mean: torch.Tensor
    """``(speakers, n_mels)``; the flow works on mels less this mean, over :attr:`deviation`."""
    deviation: torch.Tensor
    """``(speakers, n_mels)``."""

    def __init__(self, hidden: int, n_mels: int, channels: int, blocks: int, speakers: int = 1) -> None:
        super().__init__()
        self.channels, self.blocks = channels, blocks
        layers = shapes.flow(hidden, n_mels, channels, blocks)
        condition, enter, *between, leave = layers.values()
        self.condition = module(condition, speakers=speakers)
        self.times = nn.Sequential(
            nn.Linear(COSINES, channels, bias=False), nn.SiLU(), nn.Linear(channels, condition.outputs, bias=False)
        )
        self.enter = module(enter, speakers=speakers)
        self.layers = nn.ModuleList(module(layer, speakers=speakers) for layer in between)
        self.leave = module(leave, speakers=speakers)
        nn.init.zeros_(self.leave.weight)
        self.register_buffer("mean", torch.zeros(speakers, n_mels))
        self.register_buffer("deviation", torch.ones(speakers, n_mels))

    def at(self, time: torch.Tensor) -> torch.Tensor:
        """What a time in 0..1, of any shape, adds to the condition: ``(..., channels * (1 + 2 * blocks))``."""
        angles = math.pi * time[..., None] * torch.arange(COSINES, device=time.device)
        return self.times(angles.cos())  # type: ignore[no-any-return]

    def velocity(self, x: torch.Tensor, condition: torch.Tensor, speaker: torch.Tensor | None = None) -> torch.Tensor:
        """Where a standardised mel ``(batch, frames, n_mels)`` on its way moves, in the same shape.

        ``condition`` is the layer of that name on the hidden state, plus :meth:`at` of the time.
        """
        first, *pairs = torch.split(condition, self.channels, -1)
        y = self.enter(x, speaker) + first
        for i in range(self.blocks):
            scale, shift = pairs[2 * i : 2 * i + 2]
            h = F.layer_norm(y, (self.channels,)) * (1 + scale) + shift
            y = y + self.layers[2 * i + 1](F.silu(self.layers[2 * i](h, speaker)), speaker)
        return self.leave(y, speaker)  # type: ignore[no-any-return]

    def loss(
        self,
        hidden: torch.Tensor,
        mel: torch.Tensor,
        mask: torch.Tensor,
        speaker: torch.Tensor | None = None,
        draws: int = 1,
    ) -> torch.Tensor:
        """Mean square error of the velocity at random times, over the unmasked frames.

        Times are logit-normal (arXiv:2403.03206): the middle of the way is the hard part of it.

        Args:
            hidden: ``(batch, frames, hidden)``.
            mel: ``(batch, frames, n_mels)``.
            mask: ``(batch, frames)``, false on padding.
            speaker: ``(batch,)`` rows of the bias tables.
            draws: noises and times for each frame.
        """
        condition = self.condition(hidden, speaker)
        end = self.standardise(mel, speaker)
        losses = []
        for _ in range(draws):
            time = torch.randn(mel.shape[:2], device=mel.device).sigmoid()
            start = torch.randn_like(end)
            x = start + time[..., None] * (end - start)
            velocity = self.velocity(x, condition + self.at(time), speaker)
            losses.append((velocity.float() - (end - start)).square().mean(-1))
        return (torch.stack(losses).mean(0) * mask).sum() / mask.sum()

    def sample(
        self, hidden: torch.Tensor, noise: torch.Tensor, steps: int, speaker: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Mel ``(batch, frames, n_mels)``, 0..1, from noise of that shape, by ``steps`` Euler steps."""
        condition = self.condition(hidden, speaker)
        x = noise
        for step in range(steps):
            time = torch.full((1, 1), step / steps, device=x.device)
            x = x + self.velocity(x, condition + self.at(time), speaker).float() / steps
        return (x * self._row(self.deviation, speaker) + self._row(self.mean, speaker)).clamp(0, 1)

    def standardise(self, mel: torch.Tensor, speaker: torch.Tensor | None = None) -> torch.Tensor:
        """Mels ``(batch, frames, n_mels)`` of mean 0 and deviation 1, each band of each speaker."""
        return (mel - self._row(self.mean, speaker)) / self._row(self.deviation, speaker)

    @staticmethod
    def _row(table: torch.Tensor, speaker: torch.Tensor | None) -> torch.Tensor:
        return table[0] if speaker is None else table[speaker][:, None]
