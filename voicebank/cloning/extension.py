"""Bandwidth extension: what a telephone or an old recorder cut off is supplied by the base voice.

How loud the bands are that a recording lacks follows from those that it holds, much alike for everybody. A small
network learns that from the base's own speech; the base's SSRN and the vocoder make sound of it, which is put beside
the recording's own. So a clone learns from whole recordings, and nothing of its training differs. Source, in principle:
Jax, Vary, "On artificial bandwidth extension of telephone speech", Signal Processing 83(8), 2003.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from voicebank.compiled import librosa
from voicebank.config import AudioConfig
from voicebank.data.checks import NARROW
from voicebank.data.measure import passband
from voicebank.files import replacing_folder
from voicebank.interfaces import Floats
from voicebank.signal.griffin_lim import GriffinLim
from voicebank.signal.magnitudes import denormalise_magnitude
from voicebank.signal.spectrogram import level, linear_magnitude, normalised_mel
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.training.features import Features, opened, written

# Clips that tell which band all of them carry.
CLIPS = 40
# Hz in which no recorder cuts. Against these bands the others are judged.
MIDDLE = (700.0, 2000.0)
# A band that lies at most so many dB lower than in the base's speech is filtered, and brought back; one that lies lower
# still is lost.
FILTERED, LOST = 3.0, 20.0
# Where filters act: from so far below the highest band that is left, and up to so far above the lowest.
ROLL_OFF, ROLL_ON = 0.75, 2.0
# Louder frames than this share are speech, by which bands of two speakers are compared.
QUIET = 0.3
# The network: frames around the one that is guessed, units of a layer, steps, frames of a step, rate, and the deviation
# of the noise that it learns to ignore.
CONTEXT, WIDTH, STEPS, BATCH, RATE, NOISE = (-6, -4, -2, -1, 0, 1, 2, 4, 6), 384, 1000, 512, 2e-3, 0.15


class Band(NamedTuple):
    """What recordings carry, in Hz."""

    low: float
    high: float


def carried(features: Features, config: AudioConfig) -> Band | None:
    """The band that recordings carry; None if it is as wide as that of speech, or too narrow to guess the rest from."""
    clips = features.clips[:: -(-len(features.clips) // CLIPS)]
    lows, highs = zip(*(passband(features.clip_samples(clip), config.sample_rate) for clip in clips), strict=True)
    band = Band(float(np.median(lows)), float(np.percentile(highs, 75)))
    return band if (band.low or band.high < NARROW) and band.high > MIDDLE[1] else None


def extended(
    features: Features,
    band: Band,
    base: Synthesizer,
    speech: Features,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
) -> Features:
    """Features of the same clips with all of the spectrum; from the folder if they were computed before.

    Args:
        features: of narrow recordings of one speaker.
        band: that they carry.
        base: the voice whose SSRN makes the sound of the rest.
        speech: its own, see :func:`voicebank.training.spoken.speak`.
        folder: where the arrays are kept.
        progress: callback with what is done, and what is to be done in all.
    """
    if not folder.is_dir():
        total, report = STEPS + 2 * len(features.clips), progress or (lambda done, total: None)
        extension = Extension(features, band, base, speech, lambda step: report(step, total))
        with replacing_folder(folder) as partial, written(partial) as append:
            for i, clip in enumerate(features.clips):
                append(*extension(features.clip_samples(clip), features.clip_mel(clip)))
                report(STEPS + 2 * (i + 1), total)
    samples, mel = opened(folder, base.config.audio.n_mels)
    return dataclasses.replace(features, samples=samples, mel=mel)


class Extension:
    """Guesses what narrow recordings of one speaker lack.

    Args:
        features, band, base, speech: as for :func:`extended`.
        learned: callback with the steps of the network so far.
    """

    def __init__(
        self, features: Features, band: Band, base: Synthesizer, speech: Features, learned: Callable[[int], None]
    ) -> None:
        self.ssrn, self.config = base.networks.ssrn, base.config.audio
        config = self.config
        narrow, whole = np.asarray(features.mel, np.float32), np.asarray(speech.mel, np.float32)
        hertz = librosa("core.convert").mel_frequencies(config.n_mels + 2, fmin=0, fmax=config.sample_rate / 2)[1:-1]
        self.known, gain = _filter(narrow, whole, hertz, band, config)
        bins = np.arange(config.bins) * config.sample_rate / config.n_fft
        left = hertz[self.known]
        self.bins = (bins >= (left[0] if band.low else 0.0)) & (bins <= left[-1])
        self.gain, self.bin_gain = gain / config.mel_range_db, np.interp(bins[self.bins], hertz, gain)
        # Whoever speaks: bands are compared by how they stand to that speaker's own mean and deviation.
        self.scale = _scale(self._equalised(narrow))
        self.network = _taught(_inputs(whole, self.known, _scale(whole)), whole[:, ~self.known], learned)

    @torch.no_grad()
    def __call__(self, samples: Floats, mel: Floats) -> tuple[Floats, Floats]:
        """A clip with all of the spectrum.

        Args:
            samples: ``(length,)``.
            mel: its normalised mel ``(frames, n_mels)``.

        Returns:
            As many samples, and their mel.
        """
        config = self.config
        mel = self._equalised(mel)
        mel[:, ~self.known] = self.network(_inputs(mel, self.known, self.scale)).clamp(0, 1).numpy()
        coarse = np.ascontiguousarray(mel[:: config.reduction])
        magnitude = denormalise_magnitude(self.ssrn.magnitude(coarse), config)[: len(mel)].T
        spectrum = librosa("core.spectrum").stft(samples, n_fft=config.n_fft, hop_length=config.hop)[self.bins]
        spectrum *= 10 ** (self.bin_gain / 20)[:, None]
        magnitude[self.bins] = np.abs(spectrum)
        sound = GriffinLim(sharpening=1.25)(magnitude[None], config)[0]
        whole = librosa("core.spectrum").stft(sound, n_fft=config.n_fft, hop_length=config.hop)
        frames = min(whole.shape[1], spectrum.shape[1])
        whole[self.bins, :frames] = spectrum[:, :frames]
        sound = librosa("core.spectrum").istft(whole, n_fft=config.n_fft, hop_length=config.hop, length=len(samples))
        sound = level(sound.astype(np.float32), config)
        return sound, normalised_mel(linear_magnitude(torch.from_numpy(sound), config), config).numpy().T

    def _equalised(self, mel: Floats) -> Floats:
        """What a filter took from the bands that are left is given back; silence stays silent."""
        return np.where(mel > 0, mel + self.gain.astype(np.float32), 0).clip(0, 1)


def _filter(narrow: Floats, whole: Floats, hertz: Floats, band: Band, config: AudioConfig) -> tuple[np.ndarray, Floats]:
    """Which bands ``(n_mels,)`` recordings still hold, and by how many dB each is to be raised."""
    difference = (_scale(narrow)[0] - _scale(whole)[0]) * config.mel_range_db
    difference -= np.median(difference[(hertz > MIDDLE[0]) & (hertz < MIDDLE[1])])
    left = np.flatnonzero((difference > -LOST) & (hertz <= band.high))
    first = left[hertz[left] > band.low * ROLL_OFF][0] if band.low else 0
    known = np.zeros(len(hertz), bool)
    known[first : left[-1] + 1] = True
    near = hertz > hertz[left[-1]] * ROLL_OFF
    if band.low:
        near |= hertz < hertz[first] * ROLL_ON
    return known, np.where(known & near & (difference < -FILTERED), -difference, 0).astype(np.float32)


def _scale(mel: Floats) -> tuple[Floats, Floats]:
    """Mean and deviation ``(n_mels,)`` of each band while somebody speaks."""
    loudness = mel.mean(1)
    speech = mel[loudness >= np.quantile(loudness, QUIET)]
    return speech.mean(0), speech.std(0) + 1e-3


def _inputs(mel: Floats, known: np.ndarray, scale: tuple[Floats, Floats]) -> torch.Tensor:
    """What the network sees of each frame: the standardised bands that are known of it and of frames around it."""
    standard = ((mel - scale[0]) / scale[1])[:, known]
    at = np.arange(len(standard))
    return torch.from_numpy(np.concatenate([standard[(at + s).clip(0, len(standard) - 1)] for s in CONTEXT], 1))


def _taught(inputs: torch.Tensor, targets: Floats, learned: Callable[[int], None]) -> nn.Module:
    """A network that gives ``(frames, outputs)`` for ``(frames, inputs)``, taught on L1."""
    wanted = torch.from_numpy(targets)
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = (nn.Linear(inputs.shape[1], WIDTH), nn.GELU(), nn.Linear(WIDTH, WIDTH), nn.GELU())
        last = nn.Linear(WIDTH, wanted.shape[1])
    network = nn.Sequential(*layers, last)
    nn.init.zeros_(last.weight)
    last.bias.data.copy_(wanted.mean(0))
    optimiser = torch.optim.AdamW(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    for step in range(STEPS):
        drawn = torch.randint(len(inputs), (BATCH,), generator=generator)
        seen = inputs[drawn]
        seen = seen + NOISE * torch.randn(seen.shape, generator=generator)
        optimiser.zero_grad()
        (network(seen) - wanted[drawn]).abs().mean().backward()
        optimiser.step()
        schedule.step()
        learned(step + 1)
    return network.eval()
