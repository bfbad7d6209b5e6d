"""SSRN on a mel that is still being spoken: the magnitudes of what is certain, chunk by chunk."""

from __future__ import annotations

import math

import torch

from voicebank.dctts.layers import Conv
from voicebank.dctts.ssrn import SSRN


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
