"""Measures of recorded sound: level, noise, pauses, passband, reverberation, clicks, where speech begins and ends."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

HOP = 0.01  # seconds between levels
WINDOW = 3  # levels that are averaged, so that a single wave of a deep voice is no pause
BLOCK, AROUND = 10.0, 10.0  # seconds over which noise and speech are separated, and on both sides of them
DEEPEST = 60.0  # dB below the speech: noise further down counts as silence
BAND = 250.0  # Hz, the width of a band when the bandwidth is measured
BAND_ABOVE_NOISE, BAND_BELOW_TOP = 12.0, 65.0  # dB by which a band that carries speech stands out, and lies lower
LOWEST, LOWEST_BELOW_TOP = (60.0, 230.0), 15.0  # Hz where every voice has its pitch; 4 dB below the loudest at most
FALL, SMOOTH = 6, 5  # levels in a row that fall, for an estimate of the reverberation, and that are averaged first
CLICK, ALONE = 5, 14  # half levels that a click lasts at most, and that are quiet on both sides of it
SILENT = -65.0  # dB of full scale: speech that is not louder than this is no speech


class Silence(NamedTuple):
    """A pause, in seconds."""

    start: float
    end: float

    @property
    def length(self) -> float:
        """In seconds."""
        return self.end - self.start


class Measures(NamedTuple):
    """Of one clip: levels in dB of full scale, lengths in seconds."""

    level: float
    """Root mean square of the parts with speech."""
    noise: float
    """Level of the quietest tenth."""
    speech: float
    """Seconds that are not silent."""
    pause: float
    """The longest silence between two parts with speech."""
    span: Silence
    """From where the speech begins to where it ends."""

    @property
    def ratio(self) -> float:
        """Decibels from the noise to the speech, 60 at most."""
        return min(DEEPEST, self.level - self.noise)


def levels(samples: np.ndarray, rate: int) -> np.ndarray:
    """Level in dB of full scale every :data:`HOP` seconds. Samples int16 or float ``(n,)``, perhaps on disk."""
    hop = round(rate * HOP)
    count = len(samples) // hop
    power = np.empty(count, np.float64)
    scale = 32768.0 if samples.dtype.kind == "i" else 1.0
    block = 60_000  # ten minutes at a time
    for first in range(0, count, block):
        last = min(count, first + block)
        part = np.asarray(samples[first * hop : last * hop], np.float32).reshape(-1, hop) / scale
        power[first:last] = np.mean(np.square(part - part.mean(1, keepdims=True)), axis=1)
    if count >= WINDOW:
        power = np.convolve(power, np.full(WINDOW, 1 / WINDOW), "same")
    return 10 * np.log10(power + 1e-12)


def silences(decibels: np.ndarray, shortest: float = 0.12) -> list[Silence]:
    """Pauses of at least so many seconds, at both ends and between words.

    The threshold lies above the noise of the surrounding half minute, by a third of its distance to the speech.
    """
    quiet = np.zeros(len(decibels), bool)
    block, around = round(BLOCK / HOP), round(AROUND / HOP)
    for first in range(0, len(decibels), block):
        near = decibels[max(0, first - around) : first + block + around]
        part = slice(first, first + block)
        quiet[part] = decibels[part] < _threshold(near)
    return [Silence(first * HOP, last * HOP) for first, last in _runs(quiet) if (last - first) * HOP >= shortest - 1e-9]


def measure(samples: np.ndarray, rate: int) -> Measures:
    """Measures of one clip of float samples ``(n,)``. ``speech`` is 0 where there is none."""
    decibels = levels(samples, rate)
    if not len(decibels) or decibels.max() < SILENT:
        return Measures(-120.0, -120.0, 0.0, len(decibels) * HOP, Silence(0.0, 0.0))
    # In a quiet recording the speech itself goes down to where nothing would be counted as speech.
    loud = decibels >= max(_threshold(decibels), min(SILENT, float(decibels.max()) - 35))
    loud_runs = [run for run in _runs(loud) if run[1] - run[0] >= 3] or [(0, len(loud))]
    first, last = loud_runs[0][0], loud_runs[-1][1]
    pauses = [after[0] - before[1] for before, after in zip(loud_runs, loud_runs[1:], strict=False)]
    level = 10 * np.log10(np.mean(10 ** (decibels[loud] / 10)))
    noise = max(float(np.percentile(decibels, 5)), -120.0)
    span = Silence(first * HOP, last * HOP)
    return Measures(float(level), noise, float(loud.sum()) * HOP, max(pauses, default=0) * HOP, span)


def passband(samples: np.ndarray, rate: int) -> tuple[float, float]:
    """Frequencies in Hz between which a recording carries speech, whatever its rate says: 0 and rate / 2 if all.

    Below half the rate it was recorded, a telephone or a strong compression leave nothing: a band carries speech where
    its loud frames stand out both from its quiet ones and from what the loudest band has left of rounding. A telephone
    also leaves nothing of the lowest band, where every voice is loud.

    Args:
        samples: float ``(n,)``; some tens of seconds are enough.
        rate: in Hz.
    """
    size = 1024
    count = len(samples) // size
    if not count:
        return 0.0, rate / 2
    frames = np.asarray(samples[: count * size], np.float32).reshape(count, size) * np.hanning(size)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1)))
    width = max(1, round(BAND * size / rate))
    bands = power[:, : power.shape[1] // width * width].reshape(count, -1, width).mean(2)
    decibels = 10 * np.log10(bands + 1e-12)
    loud, quiet = np.percentile(decibels, 95, axis=0), np.percentile(decibels, 10, axis=0)
    carried = (loud > quiet + BAND_ABOVE_NOISE) & (loud > loud.max() - BAND_BELOW_TOP)
    top = int(np.flatnonzero(carried)[-1]) + 1 if carried.any() else len(carried)
    lowest = power[:, round(LOWEST[0] * size / rate) : round(LOWEST[1] * size / rate)].mean(1)
    cut = 10 * np.log10(np.percentile(lowest, 95) + 1e-12) < loud.max() - LOWEST_BELOW_TOP
    low = BAND if cut else 0.0
    return low, rate / 2 if top >= len(carried) - 1 else top * width * rate / size


def reverberation(samples: np.ndarray, rate: int) -> float | None:
    """Seconds in which sound decays by 60 dB, estimated from how speech falls silent; None if it does too seldom.

    Speech may fall as slowly as it likes, but never faster than the room lets it: the fastest falls tell. Source, in
    principle: Ratnam et al., "Blind estimation of reverberation time", J. Acoust. Soc. Am. 114(5), 2003.
    """
    decibels = levels(samples, rate)
    if len(decibels) < 50:
        return None
    decibels = np.convolve(decibels, np.full(SMOOTH, 1 / SMOOTH), "valid")
    top = float(np.percentile(decibels, 95))
    slopes = []
    for first, last in _runs(np.diff(decibels) < 0):
        if last - first >= FALL and decibels[first] > top - 15 and decibels[first] - decibels[last] > 15:
            # The middle of a fall: its begin is still speech, its end already noise.
            low, high = first + (last - first) // 4, last - (last - first) // 4
            slopes.append((decibels[low] - decibels[high]) / ((high - low) * HOP))
    return 60 / float(np.percentile(slopes, 75)) if len(slopes) >= 2 else None


def clicks(samples: np.ndarray, rate: int) -> int:
    """How many short, lonely bursts there are in the pauses: keys, a mouse, a door."""
    hop = round(rate * HOP / 2)
    peaks = np.abs(samples[: len(samples) // hop * hop].reshape(-1, hop)).max(1) if len(samples) >= hop else np.zeros(0)
    if not len(peaks) or not peaks.any():
        return 0
    decibels = 20 * np.log10(peaks + 1e-6)
    loud = decibels > max(_threshold(decibels), float(np.percentile(decibels, 95)) - 30)
    runs = [(-30, -30), *_runs(loud), (len(loud) + 30, len(loud) + 30)]
    return sum(
        run[1] - run[0] <= CLICK and run[0] - before[1] >= ALONE and after[0] - run[1] >= ALONE
        for before, run, after in zip(runs, runs[1:], runs[2:], strict=False)
    )


def envelope(samples: np.ndarray, rate: int, size: int = 64) -> list[int]:
    """A fingerprint of a clip's loudness over time, 0..255: alike for copies, whatever their level or format."""
    decibels = np.maximum(levels(samples, rate), -70.0)
    if len(decibels) < size:
        return []
    edges = np.linspace(0, len(decibels), size + 1).astype(int)
    means = np.array([decibels[a:b].mean() for a, b in zip(edges, edges[1:], strict=False)])
    means -= means.max()
    return [int(v) for v in np.clip(255 + means * 4, 0, 255)]


def _threshold(decibels: np.ndarray) -> float:
    floor, top = (float(v) for v in np.percentile(decibels, (10, 95)))
    floor = max(floor, top - DEEPEST)
    return floor + max(4.0, 0.3 * (top - floor))


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """First index and the index after the last of every stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
