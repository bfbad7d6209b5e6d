"""Encoders: samples into the bytes of a file, by libsndfile, and AAC by FFmpeg (PyAV)."""

from __future__ import annotations

import abc
import contextlib
import io
import os
import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from voicebank.errors import BadAudio

StrPath = str | os.PathLike[str]
Samples = npt.NDArray[np.float32]

# Rates that the codec has; sound of other rates is refused rather than silently resampled.
_OPUS_RATES = {8000, 12000, 16000, 24000, 48000}
MP3_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}
_RATES = {"opus": _OPUS_RATES, "mp3": MP3_RATES, "m4a": MP3_RATES, "aac": MP3_RATES}
# Container and codec: of libsndfile, or of FFmpeg.
_SNDFILE = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "opus": ("OGG", "OPUS"),
}
_LAME = "libmp3lame"
_FFMPEG = {"m4a": ("ipod", "aac"), "aac": ("adts", "aac")}
# libsndfile goes back to write how long these are into their header, and readers believe what stands there.
_FFMPEG_STREAMS = {"mp3": ("mp3", _LAME), "flac": ("flac", "flac"), "aac": ("adts", "aac")}
_BITS = 96_000  # a second
FORMATS = (*_SNDFILE, *_FFMPEG)
# m4a has its table of contents at the end; pcm is samples without a header: 16 bit, little-endian.
STREAM_FORMATS = ("wav", "pcm", "flac", "ogg", "mp3", "opus", "aac")
# How long a stream will be is not known when its header is written: players take the largest size for "to the end".
_UNKNOWN = 0xFFFFFFFF

# libsndfile's Ogg encoders keep a whole block on the stack: a long clip in one call overflows it.
_BLOCK = 1 << 15


def format_of(path: StrPath) -> str:
    """The format that a file's suffix names.

    Raises:
        BadAudio: it names none; the message lists the known ones.
    """
    suffix = Path(path).suffix.lower().lstrip(".")
    _check_format(suffix, f"cannot tell the format of {os.fspath(path)!r}")
    return suffix


def reason(error: BaseException) -> str:
    """Why a file could not be read or written, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # soundfile says "Error opening 'name': Format not recognised."; the name is in our message already
    return " ".join(str(error).rsplit(": ", 1)[-1].split()).rstrip(".") or type(error).__name__


class Sink:
    """A file for an encoder that remembers the first error: libsndfile passes on no reason for a failure."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.error: Exception | None = None

    def write(self, data: bytes) -> int:
        if self.error is None:
            try:
                rest = memoryview(data)
                while rest:  # a raw file may take less than it is given
                    rest = rest[self.file.write(rest) :]
                return len(data)
            except (OSError, ValueError) as error:
                self.error = error
        return 0

    def read(self, size: int = -1) -> bytes:
        return b""

    def seek(self, offset: int, whence: int = 0) -> int:
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        return self.file.tell()

    def flush(self) -> None:
        pass

    def check(self) -> None:
        if self.error is not None:
            raise self.error


class StreamSink(Sink):
    """Bytes that are passed on as they come: what an encoder goes back to write into a header is left out."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO())
        self._pending = bytearray()
        self._taken = self._at = 0

    def write(self, data: bytes) -> int:
        start = self._at - self._taken
        new = data[max(0, -start) :]
        self._pending[max(0, start) : max(0, start) + len(new)] = new
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, self._taken + len(self._pending))[whence]
        return self._at

    def tell(self) -> int:
        return self._at

    def take(self) -> bytes:
        """What has come since the last call."""
        data = bytes(self._pending)
        self._pending.clear()
        self._taken += len(data)
        return data


class Encoder(abc.ABC):
    """Writes samples into the file that it was made for.

    Encoders call back into Python for every write; what a signal's handler raises there (Ctrl-C) would be lost, and
    with it that the program was to stop. Only the main thread handles signals, so what it asks for is done in another.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._thread: ThreadPoolExecutor | None = None

    def write(self, samples: Samples) -> None:
        """Append samples, float32 ``(n,)``."""
        if not np.isfinite(samples).all():
            raise BadAudio("cannot write sound with values that are not finite numbers")
        for start in range(0, len(samples), _BLOCK):
            self._do(self._write, np.clip(samples[start : start + _BLOCK], -1, 1))

    def close(self) -> None:
        """Write what the codec still holds."""
        try:
            self._do(self._close)
        finally:
            if self._thread is not None:
                self._thread.shutdown()

    def _do(self, work: Callable[..., None], *arguments: Any) -> None:
        try:
            if threading.current_thread() is threading.main_thread():
                self._thread = self._thread or ThreadPoolExecutor(1)
                self._thread.submit(work, *arguments).result()
            else:
                work(*arguments)
        except (AssertionError, OSError, RuntimeError, ValueError):  # what is made of a write that fell short
            self._sink.check()
            raise
        self._sink.check()

    @abc.abstractmethod
    def _write(self, samples: Samples) -> None: ...

    @abc.abstractmethod
    def _close(self) -> None: ...


class _Pcm(Encoder):
    def _write(self, samples: Samples) -> None:
        self._sink.write(np.round(samples * 32767).astype("<i2").tobytes())

    def _close(self) -> None:
        pass


class _Sndfile(Encoder):
    def __init__(self, sink: Sink, format: str, sample_rate: int, comment: str = "") -> None:
        super().__init__(sink)
        container, subtype = _SNDFILE[format]
        if format == "ogg" and sample_rate not in _OPUS_RATES:
            subtype = "VORBIS"
        try:
            self._do(self._open, container, subtype, sample_rate, comment)
        except BaseException:
            with contextlib.suppress(Exception):
                self.close()  # before the file under it is
            raise

    def _open(self, container: str, subtype: str, sample_rate: int, comment: str) -> None:
        import soundfile

        self._file = soundfile.SoundFile(self._sink, "w", sample_rate, 1, subtype, format=container)
        if comment:
            self._file.comment = comment

    def _write(self, samples: Samples) -> None:
        self._file.write(samples)

    def _close(self) -> None:
        self._file.close()


class _Ffmpeg(Encoder):
    def __init__(self, sink: Sink, container: str, codec: str, sample_rate: int, comment: str = "") -> None:
        super().__init__(sink)
        try:
            import av
        except ModuleNotFoundError as error:
            raise BadAudio(f"{codec} needs the package av: pip install av, or use .ogg") from error
        self._frame = av.AudioFrame
        self._rate, self._written = sample_rate, 0
        self._container = av.open(sink, "w", format=container, options={"write_xing": "0"} if codec == _LAME else {})
        if comment:
            self._container.metadata["comment"] = comment
        stream: Any = self._container.add_stream(codec, rate=sample_rate, layout="mono")
        if codec != "flac":
            stream.bit_rate = _BITS
        self._stream = stream

    def _write(self, samples: Samples) -> None:
        frame = self._frame.from_ndarray(samples[None], format="fltp", layout="mono")
        # With a time, the file says how many samples the codec puts before the first.
        frame.sample_rate, frame.time_base, frame.pts = self._rate, Fraction(1, self._rate), self._written
        self._written += len(samples)
        self._container.mux(self._stream.encode(frame))

    def _close(self) -> None:
        self._container.mux(self._stream.encode(None))
        self._container.close()


def encoder(sink: Sink, format: str, sample_rate: int, comment: str = "") -> Encoder:
    """An encoder for a file that can be written at any place.

    Raises:
        BadAudio: unknown format, or a rate that it lacks.
    """
    check_rate(format, sample_rate)
    if format in _FFMPEG:
        return _Ffmpeg(sink, *_FFMPEG[format], sample_rate, comment)
    return _Sndfile(sink, format, sample_rate, comment)


def stream_encoder(sink: Sink, format: str, sample_rate: int) -> Encoder:
    """An encoder whose bytes are passed on as they come; one of :data:`STREAM_FORMATS`.

    Raises:
        BadAudio: unknown format, or a rate that it lacks.
    """
    if format not in STREAM_FORMATS:
        raise BadAudio(f"cannot stream {format!r}: use one of {', '.join(STREAM_FORMATS)}")
    if format in ("wav", "pcm"):
        sink.write(wav_header(sample_rate) if format == "wav" else b"")
        return _Pcm(sink)
    check_rate(format, sample_rate)
    if format in _FFMPEG_STREAMS:
        return _Ffmpeg(sink, *_FFMPEG_STREAMS[format], sample_rate)
    return _Sndfile(sink, format, sample_rate)


def wav_header(sample_rate: int) -> bytes:
    """The header of a mono WAV file of 16 bit whose length is not known yet."""
    format = struct.pack("<HHIIHH", 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    size = struct.pack("<I", _UNKNOWN)
    return b"RIFF" + size + b"WAVE" + b"fmt " + struct.pack("<I", len(format)) + format + b"data" + size


def _check_format(format: str, problem: str) -> None:
    if format not in FORMATS:
        raise BadAudio(f"{problem}: use one of {', '.join('.' + known for known in FORMATS)}")


def check_rate(format: str, sample_rate: int) -> None:
    """Refuse a rate that a format cannot hold.

    Raises:
        BadAudio: it cannot, or the format is unknown.
    """
    _check_format(format, f"unknown audio format {format!r}")
    if sample_rate not in _RATES.get(format, {sample_rate}):
        raise BadAudio(f"{format} cannot hold {sample_rate} Hz: use .wav, .flac or .ogg")
