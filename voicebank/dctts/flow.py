"""A rectified flow that samples the next mel frame (arXiv:2209.03003).

A network trained on L1 says the middle of all that might come next, which is a blur. The flow says one of them: it
moves a frame of noise along a straight line to a frame of speech, told by the decoder's last hidden layer which speech
(one small network for each frame, as in arXiv:2406.11838 and arXiv:2509.06926).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from voicebank.dctts.layers import Conv

# Cosines of the time that the network is given; the first of them is constant.
COSINES = 16


class FlowHead(nn.Module):
    """Velocity from noise to a mel frame, given a hidden state.

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
        rows = channels * (1 + 2 * blocks)
        self.condition = Conv(hidden, rows, speakers=speakers)
        self.times = nn.Sequential(
            nn.Linear(COSINES, channels, bias=False), nn.SiLU(), nn.Linear(channels, rows, bias=False)
        )
        self.enter = Conv(n_mels, channels, speakers=speakers, norm=False)
        self.layers = nn.ModuleList(Conv(channels, channels, speakers=speakers, norm=False) for _ in range(2 * blocks))
        self.leave = Conv(channels, n_mels, speakers=speakers)
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
        end = (mel - self._row(self.mean, speaker)) / self._row(self.deviation, speaker)
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

    @staticmethod
    def _row(table: torch.Tensor, speaker: torch.Tensor | None) -> torch.Tensor:
        return table[0] if speaker is None else table[speaker][:, None]
