"""Mono sound: one class that is read, joined, written and played."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from voicebank.audio.encoding import MP3_RATES, Samples, StrPath, reason
from voicebank.audio.writing import AudioWriter, encode
from voicebank.errors import BadAudio

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
        """Read a sound file, mixed down to mono: what libsndfile knows (wav, flac, ogg, opus, mp3, aiff...), and where
        PyAV is installed, m4a, mp4, aac and webm.

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
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            if (other := _read_by_ffmpeg(path)) is not None:
                return other if sample_rate is None else other.resample(sample_rate)
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

    def __add__(self, other: Audio) -> Audio:
        """This sound, then the other."""
        return Audio.join([self, other]) if isinstance(other, Audio) else NotImplemented

    def resample(self, sample_rate: int) -> Audio:
        """The same sound at another rate (itself when the rate is the same)."""
        if sample_rate == self.sample_rate:
            return self
        import soxr

        return Audio(soxr.resample(self.samples, self.sample_rate, sample_rate), sample_rate)

    def save(self, path: StrPath, comment: str = "") -> Path:
        """Write to a file whose suffix names the format, with a line of text in its tags.

        Known are .wav and .flac (16 bit), .ogg (Opus, or Vorbis at rates that Opus lacks), .opus, .mp3, and .m4a and
        .aac (AAC, through PyAV). The file
        appears under its name when it is complete, and not at all on an error.

        Raises:
            BadAudio: unknown suffix, a rate the format lacks, or the file cannot be written (full disk, no
                such folder, no permission).
        """
        with AudioWriter(path, self.sample_rate, comment) as writer:
            writer.write(self)
        return Path(path)

    def to_bytes(self, format: str = "wav") -> bytes:
        """The sound as a file in memory; ``format`` is one of ``voicebank.audio.FORMATS``.

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


def resample_stream(parts: Iterable[Audio], sample_rate: int) -> Iterator[Audio]:
    """Sound that comes in parts of one rate, at another rate, without seams."""
    import soxr

    stream: Any = None
    for part in parts:
        if part.sample_rate == sample_rate:
            yield part
            continue
        stream = stream or soxr.ResampleStream(part.sample_rate, sample_rate, 1, dtype="float32")
        yield Audio(stream.resample_chunk(part.samples), sample_rate)
    if stream is not None:
        yield Audio(stream.resample_chunk(np.zeros(0, np.float32), last=True), sample_rate)


# How files begin that FFmpeg reads here, and as what: it never guesses, so never reads a playlist, which names others.
_CONTAINERS = (
    (4, b"ftyp", "mov"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (0, b"fLaC", "flac"),
    (0, b"\xff\xf1", "aac"),
    (0, b"\xff\xf9", "aac"),
)


def _read_by_ffmpeg(path: StrPath | BinaryIO) -> Audio | None:
    """The sound of a file that libsndfile does not know; None if it is of no known kind, or PyAV is not installed."""
    try:
        import av
    except ModuleNotFoundError:
        return None
    try:
        with open(path, "rb") if isinstance(path, (str, os.PathLike)) else nullcontext(path) as file:
            file.seek(0)
            head = file.read(16)
            file.seek(0)
            kind = next((kind for at, mark, kind in _CONTAINERS if head[at : at + len(mark)] == mark), None)
            if kind is None:
                return None
            with av.open(file, format=kind) as container:
                rate = container.streams.audio[0].rate
                resampler = av.AudioResampler("flt", "mono", rate)
                frames = [f for frame in container.decode(audio=0) for f in resampler.resample(frame)]
                frames += resampler.resample(None)
    except (OSError, ValueError, IndexError):  # of FFmpeg, too
        return None
    return Audio(np.concatenate([frame.to_ndarray()[0] for frame in frames]), rate) if frames else None
