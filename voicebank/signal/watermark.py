"""The built-in watermark: a faint pattern over time and frequency in the magnitudes, before the vocoder.

Time is cut into slots and frequency into bands. In each cell, slot by band, the level rises and then falls by about
one decibel, or falls and then rises: the cell's sign, a pseudo-random bit of the key times a bit of the payload's
codeword. The pattern begins anew after :data:`PERIOD` seconds, so a cut only shifts it. Speech itself changes more
slowly in time and more smoothly in frequency than the pattern does, which is why a high-pass filter in both
directions uncovers it (:mod:`voicebank.signal.detection`).

Spread spectrum in the log-magnitude domain, after Cox, Kilian, Leighton, Shamoon, "Secure spread spectrum
watermarking for multimedia", IEEE TIP 6(12), 1997.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from voicebank.audio import Audio
from voicebank.config import AudioConfig
from voicebank.errors import PluginError
from voicebank.plugins import Detection, Floats, StreamingVocoder, Vocoder, VocoderStream

STEP = 256 / 24000  # s, the grid on which the pattern is defined
SLOT = 9  # steps of a cell
SLOTS = 32
PERIOD = SLOTS * SLOT * STEP  # s
# Hz. From what a telephone passes up to what speech at 16 kHz holds; the bands grow with frequency, as those of
# hearing do, and less: what is below 4 kHz must carry the mark alone after a telephone.
LOWEST, HIGHEST = 350.0, 7000.0
BANDS = 40
_NARROWEST = 110.0
# Root mean square level change in dB.
STRENGTH = 1.5
BITS = 16
# The payload is two bytes, each a codeword of the first-order Reed-Muller code of this length: its 128 codewords are
# orthogonal, the other 128 their negatives, and a fast Hadamard transform finds the most likely one.
CHIPS = 128


def bands() -> Floats:
    """Centre frequencies in Hz, ``(BANDS,)``."""
    steps = np.linspace(_NARROWEST, 2 * (HIGHEST - LOWEST) / (BANDS - 1) - _NARROWEST, BANDS - 1)
    return np.concatenate([[LOWEST], LOWEST + np.cumsum(steps)]).astype(np.float32)


def band_filters(n_fft: int, sample_rate: int, scale: float = 1.0) -> Floats:
    """Triangles around the bands, ``(n_fft // 2 + 1, BANDS)``; ``scale`` multiplies their frequencies."""
    centres = bands() * scale
    edges = np.concatenate([[2 * centres[0] - centres[1]], centres, [2 * centres[-1] - centres[-2]]])
    bins = np.arange(n_fft // 2 + 1)[:, None] * (sample_rate / n_fft)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.asarray(np.clip(np.minimum(rising, falling), 0, 1), np.float32)


def cell_shape() -> Floats:
    """How the level in a cell goes over time: up and down, ``(2 * SLOT - 1,)`` steps around the slot's middle."""
    steps = np.arange(1 - SLOT, SLOT) * 2 / SLOT

    def bump(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.where(np.abs(distance) < 1, 0.5 + 0.5 * np.cos(np.pi * distance), 0)

    return np.asarray(bump(steps + 0.5) - bump(steps - 0.5), np.float32)


@lru_cache(maxsize=8)
def key_signs(key: str) -> tuple[Floats, npt.NDArray[np.int64]]:
    """The pattern of a key: signs ``(SLOTS, BANDS)``, and which of ``2 * CHIPS`` chips each cell carries.

    Each chip has one cell in each group of eight neighbouring bands, so that none is lost with the high ones.
    """
    random = hashlib.shake_256(f"voicebank watermark 1 {key}".encode()).digest(SLOTS * BANDS * 9)
    signs = 1 - 2 * (np.frombuffer(random, np.uint8, SLOTS * BANDS).astype(np.float32) % 2)
    order = np.frombuffer(random, "<u8", SLOTS * BANDS, offset=SLOTS * BANDS)
    chips = order.reshape(-1, 2 * CHIPS).argsort(axis=1, kind="stable").ravel()  # by group of bands
    return signs.reshape(SLOTS, BANDS), chips.reshape(BANDS, SLOTS).T.copy()


@lru_cache(maxsize=1)
def codewords() -> Floats:
    """The Hadamard matrix ``(CHIPS, CHIPS)``: 128 codewords of a byte, whose negatives are the others."""
    rows = np.ones((1, 1), np.float32)
    while len(rows) < CHIPS:
        rows = np.block([[rows, rows], [rows, -rows]])
    return rows


def codeword(payload: int) -> Floats:
    """The chips of a payload, ``(2 * CHIPS,)``, each 1 or -1."""
    if not 0 <= payload < 1 << BITS:
        raise ValueError(f"a payload has {BITS} bits, not {payload}")
    rows = codewords()
    return np.concatenate([rows[byte % CHIPS] * (1 - 2 * (byte // CHIPS)) for byte in divmod(payload, 256)])


@lru_cache(maxsize=16)
def _gains(key: str, payload: int, strength: float, n_fft: int, sample_rate: int) -> Floats:
    """What each step of the period multiplies the magnitudes with, ``(SLOTS * SLOT, bins)``."""
    signs, chips = key_signs(key)
    impulses = np.zeros((SLOTS * SLOT, BANDS), np.float32)
    impulses[::SLOT] = signs * codeword(payload)[chips]
    shape = cell_shape()
    levels = np.sum([np.roll(impulses, i + 1 - SLOT, axis=0) * value for i, value in enumerate(shape)], axis=0)
    levels *= strength / np.sqrt(np.mean(np.square(levels)))
    decibels = levels @ band_filters(n_fft, sample_rate).T
    return np.asarray(10 ** (decibels / 20), np.float32)


def marked_magnitude(magnitude: Floats, gains: Floats, config: AudioConfig, first: int = 0) -> Floats:
    """Linear magnitudes times the gains of their time.

    Args:
        magnitude: ``(..., bins, frames)``.
        gains: of one period, ``(steps, bins)``.
        config: says how far apart frames are.
        first: number of the first frame.
    """
    frames = np.arange(first, first + magnitude.shape[-1])
    steps = np.rint(frames * (config.hop / config.sample_rate / STEP)).astype(np.int64) % len(gains)
    marked: Floats = magnitude * gains[steps].T
    return marked


class SpectralMark:
    """The watermark ``pattern``: no network, no download, nearly no computing, and any vocoder.

    Args:
        key: what the pattern's signs are drawn from. Detection needs the same key; the default one is public.
        strength: root mean square level change in dB. The default is not audible and survives what
            docs/provenance.md lists.
    """

    name = "pattern"
    bits = BITS

    def __init__(self, key: str = "", strength: float = STRENGTH) -> None:
        if not 0 < strength <= 6:
            raise PluginError(f"the watermark's strength is {strength:g} dB: use more than 0 and at most 6")
        self.key, self.strength = key, strength

    def marked(self, vocoder: Vocoder, payload: int) -> Vocoder:
        """A vocoder that marks the magnitudes it is given; each call, and each stream, begins the pattern anew."""
        marking = partial(self._gains, payload)
        if isinstance(vocoder, StreamingVocoder):
            return _MarkedStreamingVocoder(vocoder, marking)
        return _MarkedVocoder(vocoder, marking)

    def detect(self, audio: Audio) -> Detection:
        """Search sound of any rate and length for the pattern; see :func:`voicebank.signal.detection.detect`."""
        from voicebank.signal.detection import detect

        return detect(audio, self.key)

    def _gains(self, payload: int, config: AudioConfig) -> Floats:
        return _gains(self.key, payload, self.strength, config.n_fft, config.sample_rate)


class _MarkedVocoder:
    """A vocoder for magnitudes that are marked first.

    Args:
        vocoder: gets the marked magnitudes.
        gains: of one period, ``(steps, bins)``, for a configuration.
    """

    def __init__(self, vocoder: Vocoder, gains: Callable[[AudioConfig], Floats]) -> None:
        self._vocoder, self._gains = vocoder, gains
        self.name: str = getattr(vocoder, "name", None) or type(vocoder).__name__

    def __call__(self, magnitude: Floats, config: AudioConfig) -> Floats:
        return self._vocoder(marked_magnitude(magnitude, self._gains(config), config), config)


class _MarkedStreamingVocoder(_MarkedVocoder):
    """The same of a vocoder that streams."""

    _vocoder: StreamingVocoder

    def stream(self, config: AudioConfig) -> VocoderStream:
        return _MarkedStream(self._vocoder.stream(config), self._gains(config), config)


class _MarkedStream:
    """One sentence whose magnitudes are marked on the way to a vocoder's stream."""

    def __init__(self, stream: VocoderStream, gains: Floats, config: AudioConfig) -> None:
        self._stream, self._gains, self._config = stream, gains, config
        self._frames = 0

    def push(self, magnitude: Floats, last: bool = False) -> Floats:
        marked = marked_magnitude(magnitude, self._gains, self._config, self._frames)
        self._frames += magnitude.shape[1]
        return self._stream.push(marked, last)
