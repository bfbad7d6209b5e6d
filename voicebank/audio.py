"""Sound: one class that is read, joined, written and played."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from voicebank.errors import BadAudio

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


# The first of these that is installed and can reach a sound device plays.
_PLAYERS = (
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"),
    ("pw-play",),
    ("paplay",),
    ("aplay", "-q"),
    ("afplay",),
    ("play", "-q"),
)


@dataclass(eq=False)
class Audio:
    """Mono sound.

    Attributes:
        samples: float32 array of shape ``(n,)``, in -1..1. Other float or list input is converted.
        sample_rate: samples per second.

    Raises:
        BadAudio: the samples have more than one dimension, or the rate is not positive.
    """

    samples: Samples
    sample_rate: int

    def __post_init__(self) -> None:
        self.samples = np.ascontiguousarray(self.samples, dtype=np.float32)
        if self.samples.ndim != 1:
            raise BadAudio(f"samples must be one-dimensional (mono), not of shape {self.samples.shape}")
        self.sample_rate = int(self.sample_rate)
        if self.sample_rate <= 0:
            raise BadAudio(f"the sample rate must be positive, not {self.sample_rate}")

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

    def __repr__(self) -> str:
        return f"Audio({self.duration:.2f} s, {self.sample_rate} Hz)"

    @classmethod
    def read(cls, path: StrPath | BinaryIO, sample_rate: int | None = None) -> Audio:
        """Read any file that libsndfile knows (wav, flac, ogg, opus, mp3, aiff...), mixed down to mono.

        Args:
            path: a file name, or an open binary file.
            sample_rate: resample to this rate; None keeps the file's own.

        Raises:
            BadAudio: there is no such file, or it does not hold sound.
        """
        import soundfile

        name = "the file" if hasattr(path, "read") else os.fspath(path)
        try:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except (OSError, RuntimeError, TypeError) as error:
            if isinstance(path, (str, os.PathLike)):
                if not os.path.exists(path):
                    raise BadAudio(f"cannot read {name}: there is no such file") from error
                if os.path.isdir(path):
                    raise BadAudio(f"cannot read {name}: it is a folder") from error
            raise BadAudio(f"cannot read {name}: {reason(error)}") from error
        audio = cls(samples.mean(axis=1), rate)
        return audio if sample_rate is None else audio.resample(sample_rate)

    @classmethod
    def silence(cls, seconds: float, sample_rate: int) -> Audio:
        """Silence of a length in seconds."""
        return cls(np.zeros(max(0, round(seconds * sample_rate)), np.float32), sample_rate)

    @classmethod
    def join(cls, parts: Iterable[Audio]) -> Audio:
        """The parts one after another.

        Raises:
            BadAudio: there is none, or their rates differ.
        """
        parts = list(parts)
        rates = {part.sample_rate for part in parts}
        if not rates:
            raise BadAudio("cannot join no sound at all")
        if len(rates) > 1:
            raise BadAudio(f"cannot join sound of {' and '.join(map(str, sorted(rates)))} Hz: resample first")
        return cls(np.concatenate([part.samples for part in parts]), rates.pop())

    def resample(self, sample_rate: int) -> Audio:
        """The same sound at another rate (itself when the rate is the same)."""
        if sample_rate == self.sample_rate:
            return self
        import soxr

        return Audio(soxr.resample(self.samples, self.sample_rate, sample_rate), sample_rate)

    def save(self, path: StrPath) -> Path:
        """Write to a file whose suffix names the format.

        Known are .wav and .flac (16 bit), .ogg (Opus, or Vorbis at rates that Opus lacks) and .mp3. The file
        appears under its name when it is complete, and not at all on an error.

        Raises:
            BadAudio: unknown suffix, a rate the format lacks, or the file cannot be written (full disk, no
                such folder, no permission).
        """
        with AudioWriter(path, self.sample_rate) as writer:
            writer.write(self)
        return Path(path)

    def to_bytes(self, format: str = "wav") -> bytes:
        """The sound as a file in memory; ``format`` is wav, flac, ogg or mp3.

        Raises:
            BadAudio: unknown format, or a rate that it lacks.
        """
        return encode(self.samples, self.sample_rate, format)

    def play(self) -> bool:
        """Play through the speakers and wait for the end. False when no player was found that could."""
        with tempfile.TemporaryDirectory(prefix="voicebank-") as folder:
            path = self.save(Path(folder) / "audio.wav")
            if sys.platform == "win32":
                import winsound

                winsound.PlaySound(str(path), winsound.SND_FILENAME)
                return True
            for program, *options in _PLAYERS:
                if not shutil.which(program):
                    continue
                command = [program, *options, str(path)]
                done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
                if done.returncode == 0:
                    return True
        return False

    def _repr_html_(self) -> str:
        """A player, for notebooks."""
        format = "mp3" if self.sample_rate in MP3_RATES else "wav"
        data = base64.b64encode(self.to_bytes(format)).decode("ascii")
        mime = {"mp3": "audio/mpeg", "wav": "audio/wav"}[format]
        return f'<audio controls preload="auto" src="data:{mime};base64,{data}"></audio>'
