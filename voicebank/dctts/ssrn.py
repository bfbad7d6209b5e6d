"""SSRN: the coarse mel to the full-rate magnitude (spectrogram super-resolution, arXiv:1710.08969, section 3.3)."""

from __future__ import annotations

import math

import torch
from torch import nn

from voicebank.config import SSRNConfig
from voicebank.dctts.layers import Conv, Highway, Stack, Upsample


class SSRN(nn.Module):
    """Every layer sees past and future; two upsamplings make four frames of one.

    ``paper`` sizes follow appendix A; normalisation as in :class:`voicebank.dctts.text2mel.Text2Mel`.
    """

    def __init__(self, config: SSRNConfig, n_mels: int = 80, bins: int = 513, reduction: int = 4) -> None:
        super().__init__()
        self.config = config
        self.reduction = reduction
        c, top = config.channels, config.top_channels
        stages = reduction.bit_length() - 1
        if 2**stages != reduction:
            raise ValueError(f"the reduction must be a power of two, not {reduction}")
        self.stages = nn.ModuleList([Stack([Conv(n_mels, c, norm=False), Highway(c, 3, 1), Highway(c, 3, 3)])])
        for _ in range(stages):
            self.stages.append(Stack([Upsample(c), Highway(c, 3, 1), Highway(c, 3, 3)]))
        self.top = Stack(
            [
                Conv(c, top),
                Highway(top, 3, 1),
                Highway(top, 3, 1),
                Conv(top, bins),
                Conv(bins, bins),
                Conv(bins, bins),
                Conv(bins, bins),
            ],
            relu=(4, 5),
        )

    def forward(self, mel: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Logits of the magnitude ``(batch, reduction * frames, bins)`` for a coarse mel ``(batch, frames, n_mels)``.

        ``mask`` ``(batch, frames)`` is false on padding.
        """
        valid = None if mask is None else mask[..., None].to(mel.dtype)
        x = mel
        for i, stage in enumerate(self.stages):
            x = stage(x, None, valid)
            if i and valid is not None:
                valid = valid.repeat_interleave(2, 1)
        return self.top(x, None, valid)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def magnitude(self, mel: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Normalised magnitude ``(batch, reduction * frames, bins)``."""
        return torch.sigmoid(self(mel, mask))


def reach(ssrn: SSRN) -> int:
    """Coarse frames, on either side, that a magnitude depends on."""
    frames, rate = 0.0, 1
    for i, stage in enumerate([*ssrn.stages, ssrn.top]):
        if 0 < i < len(ssrn.stages):
            rate *= 2
        frames += sum(layer.reach / 2 for layer in stage if isinstance(layer, Conv)) / rate
    return math.ceil(frames)


class MagnitudeStream:
    """The magnitudes of a mel that comes in blocks, each block computed with as much around it as reaches it.

    Args:
        ssrn: in evaluation mode.
    """

    def __init__(self, ssrn: SSRN) -> None:
        self.ssrn = ssrn
        self.reach = reach(ssrn)
        self.bins: int = ssrn.top[-1].outputs  # type: ignore[assignment]
        self._mel: torch.Tensor | None = None  # frames that are still needed, from `_first` on
        self._first = self._made = 0

    def push(self, mel: torch.Tensor, last: bool = False) -> torch.Tensor:
        """The magnitudes that are certain now.

        Args:
            mel: ``(frames, n_mels)``: the next coarse frames.
            last: there will be no more.

        Returns:
            ``(frames, bins)``, normalised. All together are those of ``ssrn.magnitude`` of the whole mel.
        """
        mel = mel if self._mel is None else torch.cat([self._mel, mel])
        end = self._first + len(mel)
        ready = end if last else end - self.reach
        if ready <= self._made:
            self._mel = mel
            return mel.new_zeros(0, self.bins)
        rate = self.ssrn.reduction
        magnitude = self.ssrn.magnitude(mel[None])[0]
        magnitude = magnitude[(self._made - self._first) * rate : (ready - self._first) * rate]
        self._made = ready
        drop = max(ready - self.reach - self._first, 0)
        self._mel, self._first = mel[drop:], self._first + drop
        return magnitude
