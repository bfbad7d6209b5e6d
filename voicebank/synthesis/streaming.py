"""A sentence's sound while it is still being spoken.

Frames are released as Text2Mel makes them, before it is known whether the sentence will end well. So that a
runaway is not heard, the release waits where attention stays on one symbol for longer than speech does, and goes on
when attention does. Where a sentence runs away for good, what follows that place is spoken anew, in pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, repeat

import numpy as np

from voicebank.config import AudioConfig
from voicebank.dctts.decoder import Decoded, Decoding
from voicebank.dctts.inference import MagnitudeStream, SSRNInference
from voicebank.errors import BadVoice
from voicebank.plugins import Floats, StreamingVocoder
from voicebank.signal.magnitudes import Tempo, denormalise_magnitude

# Coarse frames that are decoded for each chunk: few for the first, so that it comes soon; then more and more, since
# every chunk has SSRN look once more at the frames around it.
BLOCKS = (12, 12, 24, 48)
LARGEST_BLOCK = 64
# Seconds on one symbol after which attention may have lost its way. Pauses at commas take half of that.
STALL_SECONDS = 1.0


def sound(
    blocks: Iterable[tuple[Floats, bool]],
    ssrn: SSRNInference,
    audio: AudioConfig,
    vocoder: StreamingVocoder,
    speed: float,
) -> Iterator[tuple[Floats, bool]]:
    """Mel in, sound out: SSRN, tempo and vocoder, each with as much around a chunk as reaches it.

    Args:
        blocks: coarse mel ``(frames, n_mels)``, and whether it is the last.
        ssrn, audio: of the voice.
        vocoder: as the options of the speech name it.
        speed: 1.1 is a tenth faster.

    Yields:
        Samples ``(length,)`` as soon as they are certain, and whether they are the last.
    """
    magnitudes, tempo, voiced = MagnitudeStream(ssrn), Tempo(speed), vocoder.stream(audio)
    for mel, last in blocks:
        magnitude = check_magnitude(magnitudes.push(mel, last))
        samples = voiced.push(tempo.push(denormalise_magnitude(magnitude.T, audio), last), last)
        if len(samples) or last:
            yield np.clip(samples, -1, 1), last


def check_magnitude(magnitude: Floats) -> Floats:
    """Magnitudes that the networks have made, as they are.

    Raises:
        BadVoice: they are no numbers.
    """
    if not np.isfinite(magnitude).all():
        raise BadVoice("the voice makes no sound, its weights are damaged: fetch it again")
    return magnitude


class Watched:
    """A sentence being decoded, whose frames are released while attention gets on.

    Args:
        decoding: just begun.
        rate: coarse frames a second.
    """

    def __init__(self, decoding: Decoding, rate: float) -> None:
        self._decoding = decoding
        self._stall = round(STALL_SECONDS * rate)
        self._furthest = np.zeros(0, np.int64)  # symbol that attention had reached, for each frame
        self._released = 0  # frames

    def blocks(self) -> Iterator[tuple[Floats, bool]]:
        """Mel ``(frames, n_mels)`` as it is made, and whether it is the last."""
        decoding = self._decoding
        for size in chain(BLOCKS, repeat(LARGEST_BLOCK)):
            before = decoding.frames
            decoding.advance(size)
            new = decoding.attention[before:].argmax(1)
            self._furthest = np.maximum.accumulate(np.concatenate([self._furthest, new]))
            moved = int(np.searchsorted(self._furthest, self._furthest[-1])) + 1
            end = decoding.frames
            if not decoding.ended and (decoding.done or end - moved > self._stall):
                end = max(self._released, moved)
            start, self._released = self._released, end
            yield decoding.mel[start:end].copy(), decoding.done
            if decoding.done:
                return

    def result(self) -> Decoded:
        """The frames that were released so far, with their attention."""
        whole = self._decoding.result()
        return Decoded(whole.mel[: self._released], whole.attention[: self._released], whole.ended)

    def rest(self, symbols: str) -> str:
        """What is still to be said of the sentence's symbols after all blocks: nothing, if it ended well.

        From the word on in which attention lost its way.
        """
        reached = int(self._furthest[-1])
        if self._decoding.ended or not any(c.isalpha() for c in symbols[reached + 1 :]):
            return ""
        return symbols[symbols.rfind(" ", 0, reached + 1) + 1 :]


def halves(symbols: str) -> list[str]:
    """Cut at the space nearest the middle; a string of one word stays whole."""
    spaces = [i for i, c in enumerate(symbols) if c == " "]
    if not spaces:
        return [symbols]
    cut = min(spaces, key=lambda i: abs(i - len(symbols) / 2))
    first = symbols[:cut].rstrip()
    return [first if first[-1:] in ".,!?;:" else first + ",", symbols[cut:].strip()]


def concatenated(parts: list[Decoded]) -> Decoded:
    """Several pieces of one sentence as one: mel after mel, the symbols of one piece after those of the other."""
    frames, symbols = (np.cumsum([0, *(one.attention.shape[axis] for one in parts)]) for axis in (0, 1))
    attention = np.zeros((frames[-1], symbols[-1]), np.float32)
    for i, one in enumerate(parts):
        attention[frames[i] : frames[i + 1], symbols[i] : symbols[i + 1]] = one.attention
    return Decoded(np.concatenate([one.mel for one in parts]), attention, True)
