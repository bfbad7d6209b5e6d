"""Waveform to mel and magnitude spectrogram, both normalised to 0..1, and back to linear magnitude; tempo."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F

from voicebank.config import AudioConfig


@lru_cache(maxsize=4)
def hann_window(n_fft: int) -> torch.Tensor:
    """The analysis window ``(n_fft,)``."""
    return torch.hann_window(n_fft)


@lru_cache(maxsize=4)
def _mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> torch.Tensor:
    import librosa  # of the extra `clone`: speaking needs no mel filters

    # norm=None: with the usual area normalisation the high bands, and with them the fricatives, sink below the floor.
    return torch.from_numpy(librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, norm=None))


def level(samples: np.ndarray, config: AudioConfig) -> np.ndarray:
    """Bring a clip to the configured root mean square level, short of clipping. Silence stays as it is."""
    rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if samples.size else 0.0
    if rms < 1e-6:
        return samples
    gain = 10 ** (config.level_db / 20) / rms
    return (samples * min(gain, 0.99 / float(np.abs(samples).max()))).astype(np.float32)


def linear_magnitude(samples: torch.Tensor, config: AudioConfig, *, center: bool = True) -> torch.Tensor:
    """Linear magnitude ``(..., bins, frames)`` of samples ``(..., length)``.

    With ``center`` frame i is centred on sample ``i * hop`` and the signal is padded with silence.
    """
    if center:
        samples = F.pad(samples, (config.n_fft // 2, config.n_fft // 2))
    shape = samples.shape[:-1]
    spectrum = torch.stft(
        samples.reshape(-1, samples.shape[-1]),
        config.n_fft,
        config.hop,
        window=hann_window(config.n_fft).to(samples.device),
        center=False,
        return_complex=True,
    )
    return spectrum.abs().reshape(*shape, *spectrum.shape[1:])


def normalise_magnitude(linear: torch.Tensor, config: AudioConfig) -> torch.Tensor:
    """Linear magnitude to 0..1 by the power law of the paper's section 4.1."""
    return (linear / config.magnitude_top).clamp(0, 1) ** config.magnitude_power


def denormalise_magnitude(magnitude: torch.Tensor, config: AudioConfig) -> torch.Tensor:
    """The inverse of :func:`normalise_magnitude`, up to its clamp."""
    return magnitude ** (1 / config.magnitude_power) * config.magnitude_top


def normalised_mel(linear: torch.Tensor, config: AudioConfig) -> torch.Tensor:
    """Linear magnitude ``(..., bins, frames)`` to the normalised mel ``(..., n_mels, frames)``, still full rate."""
    filters = _mel_filters(config.sample_rate, config.n_fft, config.n_mels).to(linear.device)
    decibels = 20 * torch.log10((filters @ linear).clamp(min=1e-7))
    return ((decibels - config.mel_top_db) / config.mel_range_db + 1).clamp(0, 1)


class Tempo:
    """Tempo without pitch: frames that come in blocks, closer together or apart, each with its spectrum.

    They are resampled in time by linear interpolation.

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
