"""Waveform to spectrogram and back, on a real clip."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from voicebank.audio import Audio
from voicebank.config import AudioConfig
from voicebank.errors import BadData
from voicebank.signal.griffin_lim import GriffinLim, sharpened
from voicebank.signal.magnitudes import denormalise_magnitude
from voicebank.signal.spectrogram import level, linear_magnitude, normalise_magnitude, normalised_mel
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
    for config in (CONFIG, AudioConfig(magnitude_power=0.6)):
        again = denormalise_magnitude(normalise_magnitude(linear, config).numpy(), config)
        assert np.allclose(again, linear.clamp(max=config.magnitude_top), rtol=1e-3, atol=1e-4)


def test_level_is_the_same_however_loud_the_clip(samples: np.ndarray) -> None:
    assert np.allclose(level(samples * 0.05, CONFIG), level(samples, CONFIG), atol=1e-4)
    assert np.abs(level(samples * 20, CONFIG)).max() <= 0.99
    silence = np.zeros(1000, np.float32)
    assert np.array_equal(level(silence, CONFIG), silence)
    with pytest.raises(BadData, match="silent"):
        prepare_samples(silence, CONFIG)


def test_griffin_lim_finds_the_magnitude_again(samples: np.ndarray) -> None:
    linear = linear_magnitude(torch.from_numpy(samples), CONFIG)[None]
    made = GriffinLim(8, sharpening=1.0)(linear.numpy(), CONFIG)
    assert made.shape == (1, (linear.shape[-1] - 1) * CONFIG.hop)
    rebuilt = linear_magnitude(torch.from_numpy(made), CONFIG)
    convergence = float((rebuilt - linear).norm() / linear.norm())
    few = linear_magnitude(torch.from_numpy(GriffinLim(0, sharpening=1.0)(linear.numpy(), CONFIG)), CONFIG)
    first = float((few - linear).norm() / linear.norm())
    assert convergence < 0.7 * first and first < 0.25
    assert np.array_equal(made, GriffinLim(8, sharpening=1.0)(linear.numpy(), CONFIG))


def test_sharpening_deepens_the_valleys_and_keeps_the_envelope(samples: np.ndarray) -> None:
    linear = linear_magnitude(torch.from_numpy(samples), CONFIG).T.numpy()
    assert np.allclose(sharpened(linear, 1.0, CONFIG), linear, atol=1e-5)
    sharp = sharpened(linear, 1.5, CONFIG)

    def bands(magnitude: np.ndarray) -> np.ndarray:
        power = np.square(magnitude[:, 1:])
        return power.reshape(len(power), -1, 32).sum(-1)

    decibels = 10 * np.log10(bands(sharp) / bands(linear))[bands(linear) > 1]
    assert np.median(np.abs(decibels)) < 1 and abs(decibels.mean()) < 0.5
    # Between harmonics there is less: the geometric mean falls while the power stays.
    assert np.log(np.maximum(sharp, 1e-3)).mean() < np.log(np.maximum(linear, 1e-3)).mean() and sharp.min() > 0
    assert float(sharpened(np.zeros((3, CONFIG.bins), np.float32), 1.5, CONFIG).max()) < 1e-4


@pytest.mark.long
def test_processes_that_compile_librosa_at_once_do_not_break_it_for_all_that_follow(tmp_path: Path) -> None:
    code = "import numpy as np; from voicebank.compiled import librosa; x = np.sin(np.arange(48000, dtype='f') / 20); "
    code += "librosa('core.pitch').yin(x, fmin=65, fmax=400, sr=16000, frame_length=1024)"
    # Compiled without optimisation: it is not the speed of its loops that is tested.
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_OPT": "0"}
    command = [sys.executable, "-c", code]
    first = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait() for process in first] == [0, 0]
    assert subprocess.run(command, env=environment).returncode == 0
    assert any(tmp_path.rglob("guf-pitch*.nbi"))
