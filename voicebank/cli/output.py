"""The sound that `voicebank say` puts out: played, written to a file, or passed on."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from voicebank.audio import Audio
from voicebank.errors import BadData, explained

if TYPE_CHECKING:
    from voicebank.synthesis.speech import Chunk
    from voicebank.synthesis.timing import SpokenWord

DEFAULT_OUTPUT = Path("voicebank.wav")
PIPE = Path("-")
PICTURES = (".png", ".svg", ".pdf")
BATCH = 32  # sentences of a page, or lines with a file each, that the cores share


@dataclass
class Target:
    """Where the sound goes, and what else is written of it."""

    output: Path | None
    folder: Path | None
    format: str
    sample_rate: int | None
    subtitles: Path | None
    attention: Path | None
    comment: str = ""
    """For the tags of the file."""
    _cues: list[SpokenWord] = field(default_factory=list)

    def check(self, raw: bool) -> None:
        """Refuse what cannot be written, before the voice is loaded and the book is spoken."""
        from voicebank.audio.encoding import FORMATS, STREAM_FORMATS, format_of

        piped = self.output == PIPE
        if raw and not piped:
            raise BadData("--raw is for standard output: add -o -")
        if piped and sys.stdout.isatty():
            raise BadData("standard output is a terminal, which shows no sound: pipe it on, for instance to aplay")
        if self.folder is not None and (self.output, self.subtitles, self.attention) != (None, None, None):
            raise BadData("--output-dir writes a file for each line: leave out -o, --subtitles and --attention")
        known = STREAM_FORMATS if piped else FORMATS
        if self.format not in known:
            raise BadData(f"unknown --format {self.format!r}: use one of {', '.join(known)}")
        if self.output is not None and not piped:
            format_of(self.output)
        if self.attention is not None and self.attention.suffix.lower() not in PICTURES:
            raise BadData(f"cannot draw {self.attention}: use one of {', '.join(PICTURES)}")
        if self.subtitles is not None:
            from voicebank.synthesis.timing import check_subtitles

            check_subtitles(self.subtitles)
        for path in (self.attention, self.subtitles):
            if path is not None and not path.parent.is_dir():
                raise BadData(f"cannot write {path}: the folder {path.parent} does not exist")

    @property
    def pace(self) -> dict[str, Any]:
        """A pipe gets sound as it is made, a player whole sentences, and for a file the cores share out a page."""
        return {} if self.output == PIPE else {"batch": 1 if self.output is None else BATCH}

    def watched(self, chunks: Iterable[Chunk]) -> Iterator[Audio]:
        """The sound of chunks at the rate that is wanted; subtitles and pictures are written when all is spoken."""
        from voicebank.audio import resample_stream

        passed = self._written_down(chunks)
        yield from passed if self.sample_rate is None else resample_stream(passed, self.sample_rate)
        if self.subtitles is not None:
            from voicebank.files import atomic
            from voicebank.synthesis.timing import subtitles

            with explained(f"cannot write {self.subtitles}"):
                atomic(self.subtitles, subtitles(self._cues, self.subtitles.suffix))

    def _written_down(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        from voicebank.synthesis.timing import cues

        seconds, number = 0.0, 0
        for chunk in chunks:
            seconds += chunk.duration
            if chunk.spoken is not None:
                number += 1
                if self.subtitles is not None:
                    self._cues += cues([(seconds - chunk.spoken.audio.duration, chunk.spoken)])
                if self.attention is not None:
                    self._draw(chunk, number)
            yield chunk

    def _draw(self, chunk: Chunk, number: int) -> None:
        """Draw the alignment: one picture a sentence, numbered from the second on."""
        from voicebank.training.plots import attention

        assert self.attention is not None and chunk.spoken is not None
        path = self.attention if number == 1 else self.attention.with_stem(f"{self.attention.stem}-{number}")
        with explained(f"cannot write {path}"):
            attention(path, chunk.spoken.attention, chunk.spoken.sentence.text)

    def deliver(self, parts: Iterable[Audio]) -> tuple[Path, float] | None:
        """Write the sound, pass it on, or play it sentence by sentence; returns the file and its seconds."""
        from voicebank.audio import AudioWriter, encode_stream

        parts = iter(parts)
        if self.output == PIPE:
            _pass_on(encode_stream(parts, self.format))
            return None
        first = next(parts)
        output = self.output
        if output is None:
            if first.play():
                for part in parts:
                    part.play()
                return None
            typer.echo(f"No player found that works, so writing {DEFAULT_OUTPUT}.", err=True)
            output = DEFAULT_OUTPUT
        with AudioWriter(output, first.sample_rate, self.comment) as writer:
            for part in itertools.chain([first], parts):
                writer.write(part)
        return output, writer.seconds


def _pass_on(blocks: Iterable[bytes]) -> None:
    """Write to standard output, each block at once."""
    try:
        for block in blocks:
            sys.stdout.buffer.write(block)
            sys.stdout.buffer.flush()
    except BrokenPipeError:  # the reader closed the pipe, which ends every program in it
        raise
    except OSError as error:
        # What is still buffered would fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise BadData(f"cannot write to standard output: {error.strerror or error}") from error
