"""The command line: it parses, calls the public API and reports. Heavy modules load inside the commands."""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer
from typer.core import TyperGroup

from voicebank import __version__
from voicebank.errors import BadText, VoicebankError

if TYPE_CHECKING:
    from voicebank.audio import Audio

DEFAULT_VOICE = "us-male"
DEFAULT_OUTPUT = Path("voicebank.wav")
# A book without blank lines is still cut, at the first line that ends a sentence after so many characters.
_CHUNK = 8000


class _Group(TyperGroup):
    """Turns the library's errors, which are the user's business and not bugs, into one line and status 2."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except VoicebankError as error:
            typer.echo(f"voicebank: {error}", err=True)
            raise typer.Exit(2) from error


app = typer.Typer(
    name="voicebank",
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Voices that speak English text, and turn into yours.",
)


def main() -> None:
    """The console script."""
    app(prog_name="voicebank")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"voicebank {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


@app.command()
def say(
    text: Annotated[
        str | None, typer.Argument(help="What to say; without it and -f, standard input.")
    ] = None,
    voice: Annotated[
        str, typer.Option("--voice", "-v", help="A bundled voice, a folder, or a repository of the Hub.")
    ] = DEFAULT_VOICE,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the text from a file.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Sound file to write: .wav, .ogg, .flac or .mp3.")
    ] = None,
    frontend: Annotated[
        str | None, typer.Option(help="Reads the text: a frontend of `voicebank plugins`.")
    ] = None,
    vocoder: Annotated[
        str | None, typer.Option(help="Makes the sound: a vocoder of `voicebank plugins`.")
    ] = None,
    speed: Annotated[float, typer.Option(help="1.1 is a tenth faster.")] = 1.0,
    lexicon: Annotated[
        Path | None, typer.Option(help="File of `word IPA` lines: your pronunciations.")
    ] = None,
    attention: Annotated[Path | None, typer.Option(help="Write a picture of the alignment, as .png.")] = None,
) -> None:
    """Say a text: play it, or write it to a sound file.

    A file or standard input may be a whole book: it is spoken as it is read.
    """
    import voicebank

    if text is not None and file is not None:
        raise BadText("give either a text or -f FILE, not both")
    if text is None and file is None and sys.stdin.isatty():
        raise BadText("there is nothing to say: give a text, or -f FILE, or pipe text in")
    if output is not None:
        from voicebank.audiofile import format_of

        format_of(output)  # a wrong suffix should show before the voice is loaded

    options: dict[str, Any] = {"frontend": frontend, "vocoder": vocoder, "speed": speed}
    if lexicon is not None:
        from voicebank.text.lexicon import Lexicon

        options["lexicon"] = Lexicon.read(lexicon)
    speaker = voicebank.load(voice)
    started = time.perf_counter()

    if text is not None:
        written = _deliver(speaker.stream(text, **options), output)
    elif file is not None:
        with _opened(file) as stream:
            written = _speak_book(speaker, stream, file.stat().st_size, options, output)
    else:
        written = _speak_book(speaker, sys.stdin.buffer, None, options, output)
    if written is not None:
        path, seconds = written
        typer.echo(f"{path}: {seconds:.1f} s of speech, made in {time.perf_counter() - started:.1f} s")


@app.command()
def plugins() -> None:
    """List the plugins: what they are, where they come from, whether they load."""
    from voicebank.plugins import known

    _table(
        ("kind", "name", "package", "version", "loads"),
        [(p.kind, p.name, p.package, p.version, p.error or "yes") for p in known()],
    )


def _speak_book(
    speaker: Any, stream: BinaryIO, size: int | None, options: dict[str, Any], output: Path | None
) -> tuple[Path, float] | None:
    """Speak a stream of text in constant memory, with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("speaking", total=size)

        def read() -> Iterator[str]:
            done = 0
            for paragraph, length in paragraphs(stream):
                yield paragraph
                done += length
                progress.update(task, completed=done)

        def spoken() -> Iterator[Audio]:
            seconds = 0.0
            for audio in speaker.stream(read(), **options):
                yield audio
                seconds += audio.duration
                progress.update(task, description=f"spoken {int(seconds) // 60}:{int(seconds) % 60:02}")

        return _deliver(spoken(), output)


def paragraphs(stream: BinaryIO) -> Iterator[tuple[str, int]]:
    """Paragraphs of a UTF-8 text, read as they are asked for, each with the number of bytes it took.

    Raises:
        BadText: the text is not UTF-8.
    """
    lines: list[str] = []
    length = characters = 0
    encoding = "utf-8-sig"  # a byte order mark may stand before the first line
    for raw in stream:
        try:
            line = raw.decode(encoding)
        except UnicodeDecodeError as error:
            raise BadText("the text is not UTF-8: convert it, for instance with iconv") from error
        encoding = "utf-8"
        length += len(raw)
        characters += len(line)
        lines.append(line)
        full = characters > _CHUNK and line.rstrip("\"')”’ \r\n").endswith((".", "!", "?"))
        if full or not line.strip():
            if paragraph := "".join(lines).strip():
                yield paragraph, length
                length = 0
            lines, characters = [], 0
    if paragraph := "".join(lines).strip():
        yield paragraph, length


def _deliver(parts: Iterable[Audio], output: Path | None) -> tuple[Path, float] | None:
    """Write the sound, or play it sentence by sentence; returns what was written and its seconds."""
    from voicebank.audiofile import AudioWriter

    parts = iter(parts)
    first = next(parts)
    if output is None:
        if first.play():
            for part in parts:
                part.play()
            return None
        typer.echo(f"No player found that works, so writing {DEFAULT_OUTPUT}.", err=True)
        output = DEFAULT_OUTPUT
    with AudioWriter(output, first.sample_rate) as writer:
        for part in itertools.chain([first], parts):
            writer.write(part)
    return output, writer.seconds


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise BadText(f"cannot read {file}: {error.strerror or error}") from error


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print columns; where the output is no terminal, on one long line each, for grep and awk."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    table = Table(*header, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(cell.replace("[", r"\[") for cell in row))
    console.print(table)
