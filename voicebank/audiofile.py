"""Writing sound files: which formats, and how one appears under its name only when it is complete."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from voicebank.errors import BadAudio

if TYPE_CHECKING:
    from voicebank.audio import Audio

# Rates that the codec has; files of other rates are refused rather than silently resampled.
_OPUS_RATES = {8000, 12000, 16000, 24000, 48000}
MP3_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000}
_FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
FORMATS = tuple(_FORMATS)

StrPath = str | os.PathLike[str]
Samples = npt.NDArray[np.float32]

# libsndfile's Ogg encoders keep a whole block on the stack: a long clip in one call overflows it.
_BLOCK = 1 << 15


class AudioWriter:
    """Writes sound to a file piece by piece, in constant memory, for speech too long to keep.

    A context manager. The sound goes to a temporary file in the same folder, which takes the final name when
    the block ends well and is removed when it ends with an exception of any kind.

    Raises:
        BadAudio: as :meth:`Audio.save`.
    """

    def __init__(self, path: StrPath, sample_rate: int) -> None:
        self.path = Path(path)
        self.sample_rate = sample_rate
        self.format = format_of(path)
        self.seconds = 0.0
        _check_rate(self.format, sample_rate)

    def __enter__(self) -> AudioWriter:
        # A hidden name of its own, so that two writers of one file cannot mix; mode 666 less the umask, which
        # tempfile's 600 would not be.
        self._temporary = self.path.parent / f".{self.path.name}.{os.getpid()}-{id(self):x}.part"
        if self.path.is_dir():
            raise BadAudio(f"cannot write {self.path}: it is a folder")
        with self._explained():
            self._sink = _Sink(open(self._temporary, "xb", buffering=0))  # noqa: SIM115
        try:
            with self._explained():
                self._file = _encoder(self._sink, self.format, self.sample_rate)
        except BaseException:
            self._discard()
            raise
        return self

    def write(self, audio: Audio) -> None:
        """Append sound, which must have the writer's rate."""
        if audio.sample_rate != self.sample_rate:
            raise BadAudio(f"cannot add sound of {audio.sample_rate} Hz to a file of {self.sample_rate} Hz")
        with self._explained():
            _write(self._file, self._sink, audio.samples)
        self.seconds += audio.duration

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                return
            with self._explained():
                self._file.close()  # writes what the encoder still holds
                self._sink.check()
                os.fsync(self._sink.file.fileno())
                self._sink.file.close()
                os.replace(self._temporary, self.path)
        finally:
            self._discard()

    def _discard(self) -> None:
        with contextlib.suppress(Exception):
            if hasattr(self, "_file"):
                self._file.close()
        with contextlib.suppress(OSError):
            self._sink.file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink()

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except BadAudio:
            raise
        except (OSError, RuntimeError) as error:
            missing = isinstance(error, FileNotFoundError) and not self.path.parent.exists()
            why = f"the folder {self.path.parent} does not exist" if missing else reason(error)
            raise BadAudio(f"cannot write {self.path}: {why}") from error


def encode(samples: Samples, sample_rate: int, format: str) -> bytes:
    """Samples (float32, shape ``(n,)``) as a file in memory.

    Raises:
        BadAudio: unknown format, or a rate that it lacks.
    """
    memory = io.BytesIO()
    sink = _Sink(memory)
    with _encoder(sink, format, sample_rate) as file:
        _write(file, sink, samples)
    return memory.getvalue()


def format_of(path: StrPath) -> str:
    """The format that a file's suffix names.

    Raises:
        BadAudio: it names none; the message lists the known ones.
    """
    suffix = Path(path).suffix.lower().lstrip(".")
    _check_format(suffix, f"cannot tell the format of {os.fspath(path)!r}")
    return suffix


class _Sink:
    """A file for libsndfile that remembers the first error: libsndfile passes on no reason for a failure."""

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


def _encoder(sink: _Sink, format: str, sample_rate: int) -> Any:
    import soundfile

    _check_rate(format, sample_rate)
    container, subtype = _FORMATS[format]
    if subtype == "OPUS" and sample_rate not in _OPUS_RATES:
        subtype = "VORBIS"
    return soundfile.SoundFile(sink, "w", sample_rate, 1, subtype, format=container)


def _write(file: Any, sink: _Sink, samples: Samples) -> None:
    if not np.isfinite(samples).all():
        raise BadAudio("cannot write sound with values that are not finite numbers")
    for start in range(0, len(samples), _BLOCK):
        try:
            file.write(np.clip(samples[start : start + _BLOCK], -1, 1))
        except (AssertionError, RuntimeError):  # what soundfile makes of a write that fell short
            sink.check()
            raise
        sink.check()


def _check_format(format: str, problem: str) -> None:
    if format not in _FORMATS:
        raise BadAudio(f"{problem}: use one of {', '.join('.' + known for known in FORMATS)}")


def _check_rate(format: str, sample_rate: int) -> None:
    _check_format(format, f"unknown audio format {format!r}")
    if format == "mp3" and sample_rate not in MP3_RATES:
        raise BadAudio(f"mp3 cannot hold {sample_rate} Hz: use .wav, .flac or .ogg")


def reason(error: BaseException) -> str:
    """Why a file could not be read or written, in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    # soundfile says "Error opening 'name': Format not recognised."; the name is in our message already
    return " ".join(str(error).rsplit(": ", 1)[-1].split()).rstrip(".") or type(error).__name__
