"""The two building blocks of both networks: a normalised convolution and a highway block of one.

Sequences are ``(batch, time, channels)`` throughout. A convolution is one matrix product over the shifted copies
of its input: on a CPU that is as fast as a convolution kernel, and the incremental decoder can take its single
step with the very same weights.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn


class Conv(nn.Module):
    """Layer normalisation over channels, then a dilated convolution whose bias has one row a speaker.

    The bias table is how Text2Mel hears who is to speak: in every layer, at the cost of one vector. Keeping a
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


class Stack(nn.ModuleList):
    """Layers in order, with the paper's ReLU after those named in ``relu``. A mask follows every upsampling."""

    def __init__(self, layers: list[Conv], relu: tuple[int, ...] = ()) -> None:
        super().__init__(layers)
        self.relu = frozenset(relu)

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
