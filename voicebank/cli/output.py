"""What commands put out: progress and tables on the terminal, and sound. Apart from them because it loads rich."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Table
from rich.text import Text

from voicebank.audio import Audio
from voicebank.data.progress import NO_METRICS, Progress, Scalars
from voicebank.errors import BadData, explained

if TYPE_CHECKING:
    from voicebank.bulk.output import Summary
    from voicebank.synthesis.speech import Chunk
    from voicebank.synthesis.timing import SpokenWord

SHOWN = {"loss": ".4f", "minutes": ".1f"}  # metrics that a bar has room for
EVERY = 30.0  # seconds between two lines where there is no terminal
DEFAULT_OUTPUT = Path("voicebank.wav")
PIPE = Path("-")
PICTURES = (".png", ".svg", ".pdf")
BATCH = 32  # sentences of a page, or lines with a file each, that the cores share


class Bar(Progress):
    """The stage with its loss and the time left on stderr: a bar on a terminal, elsewhere a line every half minute.

    Validations, previews and notes are lines that stay.

    Args:
        lines: whether to print lines where there is no terminal.
    """

    def __init__(self, lines: bool = True) -> None:
        self.console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
        )
        self.bar = RichProgress(*columns, console=self.console, disable=not self.console.is_terminal, transient=True)
        self.lines = lines and not self.console.is_terminal
        self.tasks: dict[str, TaskID] = {}
        self.began: dict[str, tuple[float, int]] = {}
        self.stage, self.done, self.printed = "", 0, time.monotonic()

    def __enter__(self) -> Bar:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def step(
        self, stage: str, done: int, total: int, metrics: Scalars = NO_METRICS, seconds_left: float | None = None
    ) -> None:
        """Move the bar of a stage, which is added when it is new; finished bars go."""
        now = time.monotonic()
        if stage not in self.tasks:
            self.tasks[stage] = self.bar.add_task(stage, total=total or None, left="")
            self.began[stage] = (now, done)
        self.stage, self.done = stage, done
        since, first = self.began[stage]
        if seconds_left is None and total > done > first:
            seconds_left = (now - since) / (done - first) * (total - done)
        left = "" if seconds_left is None else time_left(seconds_left)
        text = ", ".join([stage, *(f"{key} {metrics[key]:{form}}" for key, form in SHOWN.items() if key in metrics)])
        self.bar.update(self.tasks[stage], completed=done, total=total or None, description=text, left=left)
        if 0 < total <= done:
            self.bar.remove_task(self.tasks.pop(stage))
        elif self.lines and now - self.printed >= EVERY:
            self.printed = now
            self.note(f"{text}, {done} of {total}{', ' + left if left else ''}")

    def validated(self, stage: str, step: int, metrics: Scalars, best: bool) -> None:
        """Print the scores of a validation."""
        values = ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())
        self.note(f"{stage}, step {step}: {values or 'no clips held back'}{' (best)' if best else ''}")

    def preview(self, stage: str, step: int, audio: Audio, attention: Path | None) -> None:
        """Print where a preview can be heard."""
        if attention is not None:
            self.note(f"{stage}, step {step}: hear {attention.with_suffix('.ogg')}")

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)


def summarise(done: Summary, what: str, minutes: str) -> None:
    """Print what came of many rows: where their manifest is, and how many failed."""
    typer.echo(f"{done.manifest}: {done.done} of {done.rows} {what}, {done.seconds / 60:.1f} minutes of {minutes}")
    if done.failed:
        typer.echo(f"{done.failed} {what} failed: the manifest has the reason of each", err=True)


def time_left(seconds: float) -> str:
    """``about 12 min left``, in words that do not flicker."""
    if seconds < 60:
        return f"about {max(1, round(seconds / 10)) * 10} s left"
    minutes = round(seconds / 60)
    return f"about {minutes} min left" if minutes < 90 else f"about {seconds / 3600:.1f} h left"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns; where the output is no terminal, on one long line each, for grep and awk."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    table = Table(*header, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


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
