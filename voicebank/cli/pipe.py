"""Sound on standard output, as it is made."""

from __future__ import annotations

import struct
from typing import BinaryIO

import numpy as np

from voicebank.audio import Audio

# How long a stream will be is not known when its header is written: players take the largest size for "to the end".
_UNKNOWN = 0xFFFFFFFF


class PipeWriter:
    """Writes 16 bit mono, little-endian.

    Args:
        stream: where to, for instance standard output.
        sample_rate: of all that will be written.
        raw: leave out the WAV header.
    """

    def __init__(self, stream: BinaryIO, sample_rate: int, *, raw: bool = False) -> None:
        self.stream = stream
        if not raw:
            format = struct.pack("<HHIIHH", 1, 1, sample_rate, 2 * sample_rate, 2, 16)
            stream.write(b"RIFF" + struct.pack("<I", _UNKNOWN) + b"WAVE")
            stream.write(b"fmt " + struct.pack("<I", len(format)) + format)
            stream.write(b"data" + struct.pack("<I", _UNKNOWN))

    def write(self, audio: Audio) -> None:
        """Pass sound on at once."""
        samples = np.round(np.clip(audio.samples, -1, 1) * 32767).astype("<i2")
        self.stream.write(samples.tobytes())
        self.stream.flush()
