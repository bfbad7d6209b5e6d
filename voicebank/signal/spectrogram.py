"""Waveform to mel and magnitude spectrogram, both normalised to 0..1: what the networks are trained on."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F

from voicebank.compiled import librosa
from voicebank.config import AudioConfig


@lru_cache(maxsize=4)
def hann_window(n_fft: int) -> torch.Tensor:
    """The analysis window ``(n_fft,)``."""
    return torch.hann_window(n_fft)


@lru_cache(maxsize=4)
def _mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> torch.Tensor:
    # norm=None: with the usual area normalisation the high bands, and with them the fricatives, sink below the floor.
    return torch.from_numpy(librosa("filters").mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, norm=None))


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


def normalised_mel(linear: torch.Tensor, config: AudioConfig) -> torch.Tensor:
    """Linear magnitude ``(..., bins, frames)`` to the normalised mel ``(..., n_mels, frames)``, still full rate."""
    filters = _mel_filters(config.sample_rate, config.n_fft, config.n_mels).to(linear.device)
    decibels = 20 * torch.log10((filters @ linear).clamp(min=1e-7))
    return ((decibels - config.mel_top_db) / config.mel_range_db + 1).clamp(0, 1)
