"""Magnitudes between SSRN and the vocoder: their scale, and their tempo."""

from __future__ import annotations

import numpy as np

from voicebank.config import AudioConfig
from voicebank.interfaces import Floats


def denormalise_magnitude(magnitude: Floats, config: AudioConfig) -> Floats:
    """The inverse of :func:`voicebank.signal.spectrogram.normalise_magnitude`, up to its clamp."""
    # A square is a tenth of the work of any other power.
    squared = config.magnitude_power == 0.5
    linear: Floats = np.square(magnitude) if squared else magnitude ** np.float32(1 / config.magnitude_power)
    linear = linear * np.float32(config.magnitude_top)
    return linear


class Tempo:
    """Tempo without pitch: frames that come in blocks, closer together or apart, each with its spectrum.

    They are resampled in time by linear interpolation.

    Args:
        speed: frames of the input for one of the output.
    """

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._held: Floats | None = None
        self._first = 0  # of the held frames
        self._made = 0

    def push(self, magnitude: Floats, last: bool = False) -> Floats:
        """The output's frames that are certain now.

        Args:
            magnitude: ``(bins, frames)``: the next frames.
            last: there will be no more.

        Returns:
            ``(bins, frames)``. Frame i of all of the output stands at ``i * speed`` of the input, up to its end.
        """
        if self.speed == 1:
            return magnitude
        held = magnitude if self._held is None else np.concatenate([self._held, magnitude], 1)
        newest = self._first + held.shape[1] - 1
        # One frame more may round to either side: only what certainly lies before the newest frame is made now.
        count = int(newest / self.speed) + 2
        places = np.arange(self._made, max(count, self._made), dtype=np.float64) * self.speed
        places = places[places <= newest] if last else places[places < newest]
        below = np.minimum(places.astype(np.int64), newest)
        share = (places - below).astype(np.float32)
        left = held[:, below - self._first]
        right = held[:, np.minimum(below + 1, newest) - self._first]
        self._made += len(places)
        drop = min(int(self._made * self.speed), newest) - self._first
        self._held, self._first = held[:, drop:], self._first + drop
        between: Floats = left + share * (right - left)
        return between
