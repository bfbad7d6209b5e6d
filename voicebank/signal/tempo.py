"""Tempo without pitch: the frames move closer together, or apart, and each keeps its spectrum."""

from __future__ import annotations

import torch


class Tempo:
    """Frames that come in blocks, resampled in time by linear interpolation.

    Args:
        speed: frames of the input for one of the output.
    """

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._held: torch.Tensor | None = None
        self._first = 0  # of the held frames
        self._made = 0

    def push(self, magnitude: torch.Tensor, last: bool = False) -> torch.Tensor:
        """The output's frames that are certain now.

        Args:
            magnitude: ``(bins, frames)``: the next frames.
            last: there will be no more.

        Returns:
            ``(bins, frames)``. Frame i of all of the output stands at ``i * speed`` of the input, up to its end.
        """
        if self.speed == 1:
            return magnitude
        held = magnitude if self._held is None else torch.cat([self._held, magnitude], 1)
        newest = self._first + held.shape[1] - 1
        # One frame more may round to either side: only what certainly lies before the newest frame is made now.
        count = int(newest / self.speed) + 2
        places = torch.arange(self._made, max(count, self._made), dtype=torch.float64) * self.speed
        places = places[places <= newest] if last else places[places < newest]
        below = places.long().clamp(max=newest)
        share = (places - below).to(held.dtype).to(held.device)
        left = held[:, below - self._first]
        right = held[:, (below + 1).clamp(max=newest) - self._first]
        self._made += len(places)
        drop = min(int(self._made * self.speed), newest) - self._first
        self._held, self._first = held[:, drop:], self._first + drop
        return left + share * (right - left)
