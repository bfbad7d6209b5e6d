"""The built-in vocoder: Griffin-Lim from a good start, as a whole or in chunks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from voicebank.compiled import compiled
from voicebank.config import AudioConfig
from voicebank.plugins import Floats, StreamingVocoder, VocoderStream

# The spectral envelope is the power within this many Hz: more than a harmonic apart, less than a formant.
_ENVELOPE = 130.0
_SMALLEST = np.float32(1e-6)
# Width of the Gaussian that is nearest a Hann window of n samples: GAUSS * n ** 2 (Průša 2017, table 1).
GAUSS = 0.25645

Spectrum = npt.NDArray[np.complex64]

_PI = np.float32(np.pi)
_TURN = np.float32(2 * np.pi)
_HALF = np.float32(0.5)


class GriffinLim(StreamingVocoder):
    """Magnitude to waveform: phases from the magnitude's gradient, then alternating projections with momentum.

    From such a start one projection does what 32 do from random phases
    (:class:`Phases`; docs/speed.md has the measurements).

    Source: Perraudin, Balazs, Søndergaard, "A fast Griffin-Lim algorithm", WASPAA 2013.

    Args:
        iterations: projections; each costs one inverse and one forward transform, and makes a stream wait for
            three frames more.
        momentum: 0 gives the original algorithm, 0.99 the fast one.
        sharpening: exponent on what stands above or below the spectral envelope; above 1 it thins the smoothing that
            a network trained on L1 leaves between harmonics. The paper (section 4.1) raises the whole magnitude,
            which also moves formants and spectral tilt, and with them whose voice it is.
    """

    name = "griffin-lim"

    def __init__(self, iterations: int = 1, momentum: float = 0.99, sharpening: float = 1.5) -> None:
        self.iterations = iterations
        self.momentum = momentum
        self.sharpening = sharpening

    def __call__(self, magnitude: Floats, config: AudioConfig) -> Floats:
        """Samples ``(batch, (frames - 1) * hop)`` for linear magnitudes ``(batch, bins, frames)``."""
        return np.stack([self.stream(config).push(one, last=True) for one in magnitude])

    def stream(self, config: AudioConfig) -> GriffinLimStream:
        """Begin a sentence whose frames come block by block."""
        return GriffinLimStream(self, config)


class GriffinLimStream(VocoderStream):
    """Griffin-Lim on frames as they come.

    What is far from a sample does not reach it: each projection carries a frame's phase as far as its window, so a
    chunk is computed with that much around it, and its middle is what the whole would give.
    """

    def __init__(self, vocoder: GriffinLim, config: AudioConfig) -> None:
        self.vocoder, self.config = vocoder, config
        reach = -(-config.n_fft // (2 * config.hop))  # frames whose window covers a sample, on either side
        self.context = reach + vocoder.iterations * (2 * reach - 1)
        self.phases = Phases(config.n_fft, config.hop)
        self.magnitude = np.zeros((0, config.bins), np.float32)  # of frames still needed, from frame `first` on
        self.spectrum = np.zeros((0, config.bins), np.complex64)
        self.first = self.made = 0

    def push(self, magnitude: Floats, last: bool = False) -> Floats:
        """The samples ``(length,)`` that are certain once the next magnitudes ``(bins, frames)`` are there."""
        config = self.config
        sharp = sharpened(np.asarray(magnitude.T, np.float32), self.vocoder.sharpening, config)
        phase = self.phases.push(np.ascontiguousarray(np.log(sharp)), last)
        self.magnitude = np.concatenate([self.magnitude, sharp])
        begun = self.magnitude[len(self.spectrum) : len(self.spectrum) + len(phase)]
        self.spectrum = np.concatenate([self.spectrum, begun * (np.cos(phase) + np.complex64(1j) * np.sin(phase))])

        known = self.first + len(self.spectrum)
        ready = max(known - 1, 0) if last else known - self.context
        if ready <= self.made:
            return np.zeros(0, np.float32)
        samples = self._project(self.magnitude[: len(self.spectrum)], self.spectrum)
        samples = samples[(self.made - self.first) * config.hop : (ready - self.first) * config.hop]
        self.made = ready
        drop = max(self.made - self.context - self.first, 0)
        self.magnitude, self.spectrum = self.magnitude[drop:], self.spectrum[drop:]
        self.first += drop
        return samples

    def _project(self, magnitude: Floats, spectrum: Spectrum) -> Floats:
        """Samples ``((frames - 1) * hop,)`` of ``(frames, bins)``."""
        config, momentum = self.config, np.float32(self.vocoder.momentum)
        previous: Spectrum | None = None
        for _ in range(self.vocoder.iterations):
            rebuilt = _stft(_istft(spectrum, config.n_fft, config.hop), config.n_fft, config.hop)
            angles = rebuilt if previous is None else rebuilt - momentum / (1 + momentum) * previous
            previous = rebuilt
            spectrum = angles * (magnitude / np.maximum(np.abs(angles), np.float32(1e-12)))
        return _istft(spectrum, config.n_fft, config.hop)


@lru_cache(maxsize=4)
def _window(n_fft: int) -> Floats:
    """Hann, periodic."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)).astype(np.float32)


def _stft(samples: Floats, n_fft: int, hop: int) -> Spectrum:
    """Frames ``(frames, bins)`` centred on every hop of samples ``(length,)``, with silence around them."""
    padded = np.pad(samples, n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop] * _window(n_fft)
    return np.fft.rfft(frames).astype(np.complex64, copy=False)


def _istft(spectrum: Spectrum, n_fft: int, hop: int) -> Floats:
    """Samples ``((frames - 1) * hop,)`` whose frames are nearest to those given, in the least squares sense.

    Source: Griffin, Lim, "Signal estimation from modified short-time Fourier transform", IEEE TASSP 32(2), 1984.
    """
    window = _window(n_fft)
    frames = np.fft.irfft(spectrum, n_fft).astype(np.float32, copy=False) * window
    length, begin = (len(frames) - 1) * hop, n_fft // 2
    return _overlapped(frames, hop)[begin : begin + length] / _overlap(n_fft, hop, len(frames))[begin : begin + length]


@lru_cache(maxsize=8)
def _overlap(n_fft: int, hop: int, frames: int) -> Floats:
    """The sum of the squared windows of so many frames: each projection, and each chunk of a size, divides by it."""
    return _overlapped(np.broadcast_to(np.square(_window(n_fft)), (frames, n_fft)), hop)


def _overlapped(frames: Floats, hop: int) -> Floats:
    """The sum of frames ``(frames, n)``, each a hop later than the one before."""
    count, n = frames.shape
    pieces = -(-n // hop)
    padded = np.pad(frames, ((0, 0), (0, pieces * hop - n))).reshape(count, pieces, hop)
    total = np.zeros((count + pieces - 1, hop), np.float32)
    for i in range(pieces):
        total[i : i + count] += padded[:, i]
    return total.reshape(-1)


def sharpened(magnitude: Floats, exponent: float, config: AudioConfig) -> Floats:
    """Positive magnitudes ``(frames, bins)`` with deeper valleys between harmonics, and the envelope as it was."""
    magnitude = np.maximum(magnitude, _SMALLEST)
    if exponent == 1:
        return magnitude
    envelope = _envelope(magnitude, config)
    sharp: Floats = magnitude * (magnitude / envelope) ** np.float32(exponent - 1)
    sharp *= envelope / _envelope(sharp, config)
    np.maximum(sharp, _SMALLEST, out=sharp)
    return sharp


def _envelope(magnitude: Floats, config: AudioConfig) -> Floats:
    """Root mean square along frequency in a Hann window, ``(frames, bins)``."""
    reach = max(1, round(_ENVELOPE * config.n_fft / config.sample_rate))
    window = np.hanning(2 * reach + 3)[1:-1].astype(np.float32)
    window /= window.sum()
    power = np.pad(np.square(magnitude), ((0, 0), (reach, reach)), mode="reflect")
    bins = magnitude.shape[1]
    total = np.zeros_like(magnitude)
    for i, share in enumerate(window):
        total += share * power[:, i : i + bins]
    return np.sqrt(total)


class Phases:
    """A phase for frames that come in blocks, from their magnitudes alone. It needs one frame of the future.

    The phase of a Gabor transform follows from its magnitude: the gradient of one is that of the logarithm of the
    other, turned. Source: Průša, Balazs, Søndergaard, "A noniterative method for reconstruction of phase from STFT
    magnitude", IEEE/ACM TASLP 25(5), 2017; and for frames as they come, Průša, Rajmic, "Toward high-quality real-time
    signal reconstruction from STFT magnitude", DAFx 2017. Theirs integrates along a heap of all bins, the loudest
    first. Here each frame is cut at its valleys into hills; a hill's summit takes its phase from the frame before, the
    slopes take theirs from the summit. That is a heap's order but for onsets, needs no heap, and measures as well.

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
