"""A phase for a magnitude spectrogram, in one pass and frame by frame.

The phase of a Gabor transform follows from its magnitude: the gradient of one is that of the logarithm of the
other, turned. Source: Průša, Balazs, Søndergaard, "A noniterative method for reconstruction of phase from STFT
magnitude", IEEE/ACM TASLP 25(5), 2017; and for frames as they come, Průša, Rajmic, "Toward high-quality real-time
signal reconstruction from STFT magnitude", DAFx 2017. Theirs integrates along a heap of all bins, the loudest first.
Here each frame is cut at its valleys into hills; a hill's summit takes its phase from the frame before, the slopes
take theirs from the summit. That is a heap's order but for onsets, needs no heap, and measures as well.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from voicebank.compiled import compiled

# Width of the Gaussian that is nearest a Hann window of n samples: GAUSS * n ** 2 (Průša 2017, table 1).
GAUSS = 0.25645

_PI = np.float32(np.pi)
_TURN = np.float32(2 * np.pi)
_HALF = np.float32(0.5)


class Phases:
    """The phase of frames that come in blocks. It needs one frame of the future.

    Args:
        n_fft, hop: samples of the Hann window, and between frames.
    """

    def __init__(self, n_fft: int, hop: int) -> None:
        bins = n_fft // 2 + 1
        self._time = np.float32(hop / (2 * GAUSS * n_fft))
        self._frequency = np.float32(GAUSS * n_fft / (2 * hop))
        # What a bin's own frequency advances in a hop.
        self._advance = (2 * np.pi * ((hop * np.arange(bins)) % n_fft) / n_fft).astype(np.float32)
        self._phase = np.zeros(bins, np.float32)
        self._slope = np.zeros(bins, np.float32)
        self._before = np.zeros((0, bins), np.float32)  # of the frames before: the last spoken, and one to speak
        self._count = 0

    def push(self, log: np.ndarray, last: bool = False) -> np.ndarray:
        """Phases of the frames that are now known together with their future.

        Args:
            log: ``(frames, bins)``, float32: natural logarithms of the next magnitudes.
            last: there will be no more.

        Returns:
            ``(frames, bins)``, in radians: one frame fewer at the first call, one more at the last.
        """
        known = np.concatenate([self._before, log])
        first = min(self._count, 1)  # one frame of the past stands before those to do
        end = len(known) if last else len(known) - 1
        if end <= first:
            self._before = known
            return np.zeros((0, known.shape[1]), np.float32)
        out = np.empty((end - first, known.shape[1]), np.float32)
        _integrate(known, first, end, self._time, self._frequency, self._advance, self._phase, self._slope, out)
        self._count += end - first
        self._before = known[end - 1 :].copy()
        return out


@compiled()
def _integrate(
    log: Any, first: int, end: int, time: Any, frequency: Any, advance: Any, phase: Any, slope: Any, out: Any
) -> None:
    """Frames ``first`` to ``end`` of ``log``; ``phase`` and ``slope`` of the frame before are replaced by the last."""
    bins = log.shape[1]
    across = np.empty(bins, np.float32)
    for n in range(first, end):
        here, before, after = log[n], log[max(n - 1, 0)], log[min(n + 1, log.shape[0] - 1)]
        new = out[n - first]
        for m in range(bins):
            # From one bin to the next. Half a turn, since frames are counted from the window's start, not its middle.
            across[m] = -frequency * (after[m] - before[m]) - _PI
        for m in range(bins):
            if (m > 0 and here[m] <= here[m - 1]) or (m < bins - 1 and here[m] < here[m + 1]):
                continue
            # A summit.
            rate = time * (here[min(m + 1, bins - 1)] - here[max(m - 1, 0)]) + advance[m]
            new[m] = phase[m] + _HALF * (slope[m] + rate) if n else _PI * np.float32(m % 2)
            i = m - 1
            while i >= 0 and here[i] < here[i + 1]:
                new[i] = new[i + 1] - _HALF * (across[i] + across[i + 1])
                i -= 1
            i = m + 1
            while i < bins and here[i] <= here[i - 1]:
                new[i] = new[i - 1] + _HALF * (across[i] + across[i - 1])
                i += 1
        for m in range(bins):
            new[m] -= _TURN * np.floor(new[m] / _TURN)
            phase[m] = new[m]
            slope[m] = time * (here[min(m + 1, bins - 1)] - here[max(m - 1, 0)]) + advance[m]
