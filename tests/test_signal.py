"""Waveform to spectrogram and back, on a real clip."""

from pathlib import Path

import numpy as np
import pytest
import torch

from voicebank.audio import Audio
from voicebank.config import AudioConfig
from voicebank.errors import BadData
from voicebank.signal.griffin_lim import GriffinLim, sharpened
from voicebank.signal.spectrogram import (
    denormalise_magnitude,
    level,
    linear_magnitude,
    normalise_magnitude,
    normalised_mel,
)
from voicebank.training.features import prepare_samples

CONFIG = AudioConfig()
CLIP = sorted((Path(__file__).parent / "data" / "clips" / "us-male" / "wavs").iterdir())[0]


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    return prepare_samples(Audio.read(CLIP, CONFIG.sample_rate).samples, CONFIG)


def test_shapes_and_range(samples: np.ndarray) -> None:
    linear = linear_magnitude(torch.from_numpy(samples), CONFIG)
    assert linear.shape == (513, len(samples) // 256 + 1)
    for normalised in (normalise_magnitude(linear, CONFIG), normalised_mel(linear, CONFIG)):
        assert float(normalised.min()) >= 0 and float(normalised.max()) <= 1
    assert normalised_mel(linear, CONFIG).shape == (80, linear.shape[1])


def test_magnitude_survives_normalisation(samples: np.ndarray) -> None:
    linear = linear_magnitude(torch.from_numpy(samples), CONFIG)
    again = denormalise_magnitude(normalise_magnitude(linear, CONFIG), CONFIG)
    assert torch.allclose(again, linear.clamp(max=CONFIG.magnitude_top), rtol=1e-3, atol=1e-4)


def test_level_is_the_same_however_loud_the_clip(samples: np.ndarray) -> None:
    assert np.allclose(level(samples * 0.05, CONFIG), level(samples, CONFIG), atol=1e-4)
    assert np.abs(level(samples * 20, CONFIG)).max() <= 0.99
    silence = np.zeros(1000, np.float32)
    assert np.array_equal(level(silence, CONFIG), silence)
    with pytest.raises(BadData, match="silent"):
        prepare_samples(silence, CONFIG)


def test_griffin_lim_finds_the_magnitude_again(samples: np.ndarray) -> None:
    linear = linear_magnitude(torch.from_numpy(samples), CONFIG)[None]
    made = GriffinLim(8, sharpening=1.0)(linear, CONFIG)
    assert made.shape == (1, (linear.shape[-1] - 1) * CONFIG.hop)
    rebuilt = linear_magnitude(made, CONFIG)
    convergence = float((rebuilt - linear).norm() / linear.norm())
    few = linear_magnitude(GriffinLim(0, sharpening=1.0)(linear, CONFIG), CONFIG)
    first = float((few - linear).norm() / linear.norm())
    assert convergence < 0.7 * first and first < 0.25
    assert torch.equal(made, GriffinLim(8, sharpening=1.0)(linear, CONFIG))


def test_sharpening_deepens_the_valleys_and_keeps_the_envelope(samples: np.ndarray) -> None:
    linear = linear_magnitude(torch.from_numpy(samples), CONFIG).T
    assert torch.allclose(sharpened(linear, 1.0, CONFIG), linear, atol=1e-5)
    sharp = sharpened(linear, 1.5, CONFIG)

    def bands(magnitude: torch.Tensor) -> torch.Tensor:
        power = magnitude[:, 1:].square()
        return power.reshape(len(power), -1, 32).sum(-1)

    decibels = 10 * (bands(sharp) / bands(linear)).log10()[bands(linear) > 1]
    assert decibels.abs().median() < 1 and decibels.mean().abs() < 0.5
    # Between harmonics there is less: the geometric mean falls while the power stays.
    assert (sharp.clamp(min=1e-3).log().mean() < linear.clamp(min=1e-3).log().mean()) and sharp.min() > 0
    assert float(sharpened(torch.zeros(3, CONFIG.bins), 1.5, CONFIG).max()) < 1e-4
