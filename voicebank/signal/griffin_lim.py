"""The built-in vocoder: Griffin-Lim from a good start, as a whole or in chunks."""

from __future__ import annotations

import torch

from voicebank.config import AudioConfig
from voicebank.plugins import StreamingVocoder, VocoderStream
from voicebank.signal.spectrogram import _window

# The spectral envelope is the power within this many Hz: more than a harmonic apart, less than a formant.
_ENVELOPE = 130.0
_SMALLEST = 1e-6


class GriffinLim(StreamingVocoder):
    """Magnitude to waveform: phases from the magnitude's gradient, then alternating projections with momentum.

    From such a start one projection does what 32 do from random phases
    (:class:`voicebank.signal.phase.Phases`; docs/speed.md has the measurements).

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

    def __call__(self, magnitude: torch.Tensor, config: AudioConfig) -> torch.Tensor:
        """Samples ``(batch, (frames - 1) * hop)`` for linear magnitudes ``(batch, bins, frames)``."""
        return torch.stack([self.stream(config).push(one, last=True) for one in magnitude])

    def stream(self, config: AudioConfig) -> GriffinLimStream:
        """Begin a sentence whose frames come block by block."""
        return GriffinLimStream(self, config)


class GriffinLimStream(VocoderStream):
    """Griffin-Lim on frames as they come.

    What is far from a sample does not reach it: each projection carries a frame's phase as far as its window, so a
    chunk is computed with that much around it, and its middle is what the whole would give.
    """

    def __init__(self, vocoder: GriffinLim, config: AudioConfig) -> None:
        # Here and not above: numba is for those who speak.
        from voicebank.signal.phase import Phases

        self.vocoder, self.config = vocoder, config
        reach = -(-config.n_fft // (2 * config.hop))  # frames whose window covers a sample, on either side
        self.context = reach + vocoder.iterations * (2 * reach - 1)
        self.phases = Phases(config.n_fft, config.hop)
        self.magnitude = torch.zeros(0, config.bins)  # of frames that are still needed, from frame `first` on
        self.spectrum = torch.zeros(0, config.bins, dtype=torch.complex64)
        self.first = self.made = 0

    @torch.inference_mode()
    def push(self, magnitude: torch.Tensor, last: bool = False) -> torch.Tensor:
        """The samples ``(length,)`` that are certain once the next magnitudes ``(bins, frames)`` are there."""
        config = self.config
        sharp = sharpened(magnitude.T.float().cpu(), self.vocoder.sharpening, config)
        phase = torch.from_numpy(self.phases.push(sharp.log().contiguous().numpy(), last))
        self.magnitude = torch.cat([self.magnitude, sharp])
        begun = torch.polar(self.magnitude[len(self.spectrum) : len(self.spectrum) + len(phase)], phase)
        self.spectrum = torch.cat([self.spectrum, begun])

        known = self.first + len(self.spectrum)
        ready = max(known - 1, 0) if last else known - self.context
        if ready <= self.made:
            return torch.zeros(0)
        samples = self._project(self.magnitude[: len(self.spectrum)], self.spectrum)
        samples = samples[(self.made - self.first) * config.hop : (ready - self.first) * config.hop].clone()
        self.made = ready
        drop = max(self.made - self.context - self.first, 0)
        self.magnitude, self.spectrum = self.magnitude[drop:], self.spectrum[drop:]
        self.first += drop
        return samples

    def _project(self, magnitude: torch.Tensor, spectrum: torch.Tensor) -> torch.Tensor:
        """Samples ``((frames - 1) * hop,)`` of ``(frames, bins)``."""
        config, momentum = self.config, self.vocoder.momentum
        window = _window(config.n_fft)
        length = (len(magnitude) - 1) * config.hop
        previous: torch.Tensor | None = None
        for _ in range(self.vocoder.iterations):
            samples = torch.istft(spectrum.T, config.n_fft, config.hop, window=window, length=length)
            rebuilt = torch.stft(
                samples, config.n_fft, config.hop, window=window, pad_mode="constant", return_complex=True
            ).T
            angles = rebuilt if previous is None else rebuilt - momentum / (1 + momentum) * previous
            previous = rebuilt
            spectrum = angles * (magnitude / angles.abs().clamp(min=1e-12))
        return torch.istft(spectrum.T, config.n_fft, config.hop, window=window, length=length)


def sharpened(magnitude: torch.Tensor, exponent: float, config: AudioConfig) -> torch.Tensor:
    """Positive magnitudes ``(frames, bins)`` with deeper valleys between harmonics, and the envelope as it was."""
    magnitude = magnitude.clamp(min=_SMALLEST)
    if exponent == 1:
        return magnitude
    envelope = _envelope(magnitude, config)
    sharp = magnitude * (magnitude / envelope) ** (exponent - 1)
    return (sharp * (envelope / _envelope(sharp, config))).clamp(min=_SMALLEST)


def _envelope(magnitude: torch.Tensor, config: AudioConfig) -> torch.Tensor:
    """Root mean square along frequency in a Hann window, ``(frames, bins)``."""
    reach = max(1, round(_ENVELOPE * config.n_fft / config.sample_rate))
    window = torch.hann_window(2 * reach + 3, periodic=False)[1:-1]
    power = torch.nn.functional.pad(magnitude.square()[:, None], (reach, reach), mode="reflect")
    return torch.nn.functional.conv1d(power, (window / window.sum())[None, None])[:, 0].sqrt()
