"""The built-in vocoder: Griffin-Lim with momentum."""

from __future__ import annotations

import torch

from voicebank.config import AudioConfig
from voicebank.signal.spectrogram import _window


class GriffinLim:
    """Magnitude to waveform by alternating projections with momentum.

    Source: Perraudin, Balazs, Søndergaard, "A fast Griffin-Lim algorithm", WASPAA 2013.

    Args:
        iterations: passes of the algorithm; each costs one inverse and one forward transform.
        momentum: 0 gives the original algorithm, 0.99 the fast one.
        sharpening: exponent on the magnitude before synthesis, as the paper raises its output (section 4.1);
            above 1 it thins the smoothing that a network trained on L1 leaves between harmonics.
    """

    name = "griffin-lim"

    def __init__(self, iterations: int = 32, momentum: float = 0.99, sharpening: float = 1.2) -> None:
        self.iterations = iterations
        self.momentum = momentum
        self.sharpening = sharpening

    @torch.inference_mode()
    def __call__(self, magnitude: torch.Tensor, config: AudioConfig) -> torch.Tensor:
        """Samples ``(batch, (frames - 1) * hop)`` for linear magnitudes ``(batch, bins, frames)``."""
        if self.sharpening != 1:
            # Relative to the loudest bin, so that the level stays where it is.
            top = magnitude.amax(dim=(1, 2), keepdim=True).clamp(min=1e-8)
            magnitude = (magnitude / top) ** self.sharpening * top
        window = _window(config.n_fft).to(magnitude.device)
        length = (magnitude.shape[-1] - 1) * config.hop
        # A fixed seed: the same text gives the same samples.
        generator = torch.Generator().manual_seed(0)
        phase = torch.rand(magnitude.shape, generator=generator).to(magnitude.device) * (2 * torch.pi)
        angles = torch.polar(torch.ones_like(phase), phase)
        previous = torch.zeros_like(angles)
        for _ in range(self.iterations):
            samples = torch.istft(magnitude * angles, config.n_fft, config.hop, window=window, length=length)
            rebuilt = torch.stft(
                samples, config.n_fft, config.hop, window=window, pad_mode="constant", return_complex=True
            )
            angles = rebuilt - (self.momentum / (1 + self.momentum)) * previous
            previous = rebuilt
            angles = angles / angles.abs().clamp(min=1e-12)
        return torch.istft(magnitude * angles, config.n_fft, config.hop, window=window, length=length)
