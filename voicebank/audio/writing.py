"""Sound into files and streams, whole or piece by piece."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from voicebank.audio.encoding import (
    Samples,
    Sink,
    StreamSink,
    StrPath,
    check_rate,
    encoder,
    format_of,
    reason,
    stream_encoder,
)
from voicebank.errors import BadAudio
from voicebank.files import replacing

if TYPE_CHECKING:
    from voicebank.audio.sound import Audio


class AudioWriter:
    """Writes sound to a file piece by piece, in constant memory, for speech too long to keep.

    A context manager. The sound goes to a temporary file in the same folder, which takes the final name when
    the block ends well and is removed when it ends with an exception of any kind. Where the name is a link, the
    file that it points to is replaced.

    Args:
        path: its suffix names the format.
        sample_rate: of all sound that is written.
        comment: a line of text for the file's tags; raw AAC has none.

    Raises:
        BadAudio: as :meth:`Audio.save`.
    """

    def __init__(self, path: StrPath, sample_rate: int, comment: str = "") -> None:
        self.path = Path(path)
        self.sample_rate = sample_rate
        self.comment = comment
        self.format = format_of(path)
        self.seconds = 0.0
        check_rate(self.format, sample_rate)

    def __enter__(self) -> AudioWriter:
        if self.path.is_dir():
            raise BadAudio(f"cannot write {self.path}: it is a folder")
        with contextlib.ExitStack() as stack, self._explained():
            partial = stack.enter_context(replacing(Path(os.path.realpath(self.path))))
            self._sink = Sink(stack.enter_context(open(partial, "xb", buffering=0)))
            self._encoder = encoder(self._sink, self.format, self.sample_rate, self.comment)
            stack.push(self._close)
            self._stack = stack.pop_all()
        return self

    def write(self, audio: Audio) -> None:
        """Append sound, which must have the writer's rate."""
        if audio.sample_rate != self.sample_rate:
            raise BadAudio(f"cannot add sound of {audio.sample_rate} Hz to a file of {self.sample_rate} Hz")
        with self._explained():
            self._encoder.write(audio.samples)
        self.seconds += audio.duration

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._explained():
            self._stack.__exit__(kind, error, trace)

    def _close(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._encoder.close()  # writes what it still holds
            return
        with contextlib.suppress(Exception):
            self._encoder.close()

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
    target = encoder(Sink(memory), format, sample_rate)
    target.write(samples)
    target.close()
    return memory.getvalue()


def encode_stream(parts: Iterable[Audio], format: str) -> Iterator[bytes]:
    """Encode sound while it is made, as a :class:`StreamEncoder` does.

    Args:
        parts: of one rate.
        format: one of :data:`STREAM_FORMATS`.

    Raises:
        BadAudio: unknown format, or a rate that it lacks.
    """
    streamed: StreamEncoder | None = None
    for part in parts:
        streamed = streamed or StreamEncoder(format, part.sample_rate)
        if data := streamed.push(part):
            yield data
    if streamed is not None and (data := streamed.finish()):
        yield data


class StreamEncoder:
    """Encodes sound while it is made: the bytes of each part as soon as the codec gives them.

    Args:
        format: one of :data:`STREAM_FORMATS`.
        sample_rate: of all parts.

    Raises:
        BadAudio: unknown format, or a rate that it lacks.
    """

    def __init__(self, format: str, sample_rate: int) -> None:
        self._sink = StreamSink()
        self._encoder = stream_encoder(self._sink, format, sample_rate)

    def push(self, audio: Audio) -> bytes:
        """The bytes that are certain with this sound; perhaps none."""
        self._encoder.write(audio.samples)
        return self._sink.take()

    def finish(self) -> bytes:
        """The last bytes."""
        self._encoder.close()
        return self._sink.take()
