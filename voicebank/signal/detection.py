"""Search for the built-in watermark in any sound, with false alarms at a rate that is computed.

The level of each band is high-pass filtered in time and frequency, divided by its local deviation and weighted by how
far it stands above the noise. What a cell of the pattern then correlates to is, without a mark, a number that has
nothing to do with the cell's sign. The sum of all cells times their signs, divided by the root of the sum of squares,
is therefore a Rademacher sum over the key: whatever the sound, it exceeds z with a probability of at most
Q(z) / (4 Q(√2)), where Q is the upper tail of the normal distribution (Bentkus, Dzindzalieta, "A tight Gaussian bound
for weighted sums of Rademacher random variables", Bernoulli 21(2), 2015). All places and payloads that are tried
multiply that. Half of the false alarms may come from unchanged speed, half from all other speeds together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from voicebank.audio import Audio
from voicebank.plugins import Detection, DetectionWindow, Floats
from voicebank.signal.watermark import (
    BANDS,
    BITS,
    CHIPS,
    SLOT,
    SLOTS,
    STEP,
    band_filters,
    cell_shape,
    codewords,
    key_signs,
)

RATE, N_FFT = 24000, 1024
HOP = round(STEP * RATE)
FRAMES = SLOTS * SLOT  # of a period
FALSE_ALARMS = 1e-5  # for each window
# Periods in a window. They are searched together and, for sentences shorter than that, the first alone. Windows begin
# a period apart.
WINDOW = 2
# Speech may have been made faster or slower, with its pitch or without. Between two of these the pattern loses little
# over a window.
SPEEDS = tuple(1 + i * 0.0075 for i in range(-8, 9))
# (speed, factor of frequencies)
STRETCHES = ((1.0, 1.0), *((s, f) for s in SPEEDS if s != 1 for f in (1.0, s)))
# Lengths, shifts and payloads of which the best is taken, for each stretch.
TRIALS = 2 * FRAMES << BITS
# One divided by the share of the false alarms that each stretch may make: unchanged speed, and each of the others.
SHARES = (2, *[2 * (len(STRETCHES) - 1)] * (len(STRETCHES) - 1))
THRESHOLD = -math.log10(FALSE_ALARMS)
_CHUNK = 30  # windows that are analysed together
_MARGIN = 2 * SLOT  # frames around a window that filters reach into


def tail_bound(correlation: float) -> float:
    """The largest probability that numbers with random signs, whose squares sum to 1, reach a sum above 0."""
    return math.erfc(correlation / math.sqrt(2)) / (4 * math.erfc(1))


def p_value(correlation: float, share: int = SHARES[0]) -> float:
    """The largest probability that a window without a mark reaches a correlation.

    Args:
        correlation: the sum of all cells times their signs, divided by the root of the sum of squares.
        share: of the stretch that was tried, see :data:`SHARES`.
    """
    return min(1.0, max(share * TRIALS * tail_bound(correlation), 1e-300))


class _Best(NamedTuple):
    """The best alignment of one window."""

    score: float
    """Minus the decimal logarithm of the p-value."""
    chips: Floats
    """``(2 * CHIPS,)``: what was found in place of the codeword."""


def detect(audio: Audio, key: str = "") -> Detection:
    """Search for the pattern of a key.

    Sound is looked at in windows of about six seconds, three seconds apart. A mark is found where a window's p-value
    is at most :data:`FALSE_ALARMS`. The payload is decoded from all these windows together. A score is minus the
    decimal logarithm of a p-value.
    """
    frames = -(-len(audio.samples) * RATE // (audio.sample_rate * HOP))
    windows, best = [], []
    for first, number, samples in _chunks(audio.resample(RATE).samples):
        for i, one in enumerate(_search(samples, number, key)):
            start = (first + i) * FRAMES
            payload = _payload(one.chips) if one.score >= THRESHOLD else None
            end = min(start + WINDOW * FRAMES, frames)
            windows.append(DetectionWindow(start * STEP, end * STEP, one.score, 10**-one.score, payload))
            best.append(one)
    score = max((window.score for window in windows), default=0.0)
    marked = [one.chips for one, window in zip(best, windows, strict=True) if window.payload is not None]
    payload = _payload(np.sum(marked, axis=0)) if marked else None
    p = min(1.0, len(windows) * 10**-score)
    return Detection("pattern", bool(marked), score, p, THRESHOLD, payload, windows)


def _chunks(samples: Floats) -> Iterator[tuple[int, int, Floats]]:
    """First window, number of windows, and samples that hold them with a margin on both sides."""
    step = FRAMES * HOP
    margin = (_MARGIN + N_FFT // HOP) * HOP
    count = max(1, -(-len(samples) // step) - WINDOW + 1)
    for first in range(0, count, _CHUNK):
        number = min(_CHUNK, count - first)
        # A slowed pattern is longer than the window of a true one.
        length = math.ceil((number - 1 + WINDOW / SPEEDS[0]) * step)
        start, end = first * step - margin, first * step + length + margin
        piece = samples[max(start, 0) : end]
        yield first, number, np.pad(piece, (max(-start, 0), max(0, end - max(start, 0) - len(piece))))


def _search(samples: Floats, number: int, key: str) -> list[_Best]:
    """The best alignment of each window of a chunk."""
    power = _power(samples)
    margin = _MARGIN + N_FFT // HOP - N_FFT // (2 * HOP)  # the first frame is centred half a window in
    best = [_Best(0.0, np.zeros(2 * CHIPS, np.float32))] * number
    features: dict[float, Floats] = {}
    for (speed, factor), share in zip(STRETCHES, SHARES, strict=True):
        # What is clearly there needs no further search; the bound counts all trials in any case.
        wanted = [i for i in range(number) if best[i].score < THRESHOLD]
        if not wanted:
            break
        if factor not in features:
            features = {f: value for f, value in features.items() if f == 1.0}
            features[factor] = _features(power, factor)
        found = _cells(features[factor], [margin + i * FRAMES for i in wanted], speed)
        for i, one in zip(wanted, found, strict=True):
            lengths = (one[0], one.sum(axis=0)) if one[1].any() else one[:1]
            alignments = best[i], *(_correlate(cells, key, share) for cells in lengths)
            best[i] = max(alignments, key=lambda alignment: alignment.score)
    return best


def _power(samples: Floats) -> Floats:
    """Power spectrum ``(frames, bins)``."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, N_FFT)[::HOP]
    window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
    spectrum = np.fft.rfft(frames * window, axis=1)
    return np.asarray(np.square(spectrum.real) + np.square(spectrum.imag), np.float32)


def _features(power: Floats, factor: float) -> Floats:
    """How the level of each band differs from its surroundings, in local deviations, ``(frames, BANDS)``.

    Args:
        power: ``(frames, bins)``.
        factor: of the bands' frequencies.
    """
    energy = power @ band_filters(N_FFT, RATE, factor)
    if not energy.any():
        return energy
    level = 10 * np.log10(energy + 1e-6 * energy.max() + 1e-12)
    # What speech itself is: slow in time, smooth in frequency.
    level -= _smooth(level, 15)
    level -= _filtered(level.T, np.array([0.125, 0.375, 0, 0.375, 0.125])).T
    deviation = np.sqrt(_filtered(_smooth(np.square(level), 15).T, np.full(5, 0.2)).T)
    loudness = energy.sum(axis=1)
    noise = np.percentile(energy[loudness > 1e-8 * loudness.max()], 10, axis=0)  # digital silence has none
    weight = np.clip(1 - noise / (_smooth(energy, 5) + 1e-12), 0, 1)
    return np.asarray(np.clip(level / (deviation + 0.3), -2, 2) * weight, np.float32)


def _smooth(values: Floats, frames: int) -> Floats:
    window = np.hanning(frames + 2)[1:-1]
    return _filtered(values, window / window.sum())


def _filtered(values: Floats, weights: npt.NDArray[np.float64]) -> Floats:
    """Correlation along the first axis with an odd number of weights; the ends go on as they are."""
    reach = len(weights) // 2
    padded = np.concatenate([values[:1].repeat(reach, 0), values, values[-1:].repeat(reach, 0)])
    result = np.zeros_like(values)
    for i, weight in enumerate(weights.astype(values.dtype)):
        result += weight * padded[i : i + len(values)]
    return result


def _cells(features: Floats, starts: list[int], speed: float) -> Floats:
    """What each cell of the pattern correlates to, for each window and shift within a slot.

    Args:
        features: ``(frames, BANDS)``.
        starts: frame at which each window begins.
        speed: of the sound; 1.05 has the pattern pass a twentieth faster.

    Returns:
        ``(windows, WINDOW, SLOTS, SLOT, BANDS)``.
    """
    steps = np.arange(-_MARGIN, WINDOW * FRAMES + _MARGIN) / speed
    places = np.asarray(starts)[:, None] + steps
    below = places.astype(np.int64).clip(0, len(features) - 2)
    share = (places - below)[..., None].clip(0, 1).astype(np.float32)
    pattern_time = features[below] + share * (features[below + 1] - features[below])
    first, count = _MARGIN + 1 - SLOT, WINDOW * FRAMES
    matched = np.zeros((len(starts), count, BANDS), np.float32)
    for i, weight in enumerate(cell_shape(), first):
        matched += weight * pattern_time[:, i : i + count]
    return matched.reshape(len(starts), WINDOW, SLOTS, SLOT, BANDS)


@lru_cache(maxsize=4)
def _layout(key: str) -> tuple[npt.NDArray[np.int64], Floats]:
    """Where the cells of each chip are after each shift, ``(SLOTS, cells, 2 * CHIPS)``, and signs without shifts."""
    signs, chips = key_signs(key)
    order = chips.ravel().argsort(kind="stable").reshape(2 * CHIPS, -1).T
    shifts = np.arange(SLOTS)[:, None, None] * BANDS
    return (order + shifts) % (SLOTS * BANDS), signs.ravel()[order]


def _correlate(cells: Floats, key: str, share: int) -> _Best:
    """The best shift of cells ``(SLOTS, SLOT, BANDS)`` of a stretch and what its chips hold."""
    places, signs = _layout(key)
    norm = np.sqrt(np.square(cells).sum(axis=(0, 2)))  # of each shift within a slot
    if not np.all(norm > 1e-6):
        return _Best(0.0, np.zeros(2 * CHIPS, np.float32))
    flat = (cells / norm[:, None]).transpose(0, 2, 1).reshape(-1, SLOT)
    chips = np.einsum("acps,cp->asp", flat[places], signs).reshape(-1, 2 * CHIPS)
    scores = np.abs(_transform(chips)).max(axis=2).sum(axis=1)
    shift = int(scores.argmax())
    return _Best(-math.log10(p_value(float(scores[shift]), share)), chips[shift])


def _transform(chips: Floats) -> Floats:
    """Correlation of chips ``(..., 2 * CHIPS)`` with the codewords of both bytes, ``(..., 2, CHIPS)``."""
    # One large product: NumPy multiplies a stack of small matrices one by one.
    return np.asarray(chips.reshape(-1, CHIPS) @ codewords()).reshape(*chips.shape[:-1], 2, CHIPS)


def _payload(chips: Floats) -> int:
    """The most likely payload of chips ``(2 * CHIPS,)``."""
    scores = _transform(chips)
    payload = 0
    for row in scores:
        codeword = int(np.abs(row).argmax())
        payload = payload * 256 + codeword + CHIPS * bool(row[codeword] < 0)
    return payload
