"""``voicebank say``: text, or a whole book, to sound."""

from __future__ import annotations

import contextlib
import itertools
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from voicebank.errors import BadData, BadText

if TYPE_CHECKING:
    from voicebank.audio import Audio
    from voicebank.bank import Voice

DEFAULT_VOICE = "us-male"
DEFAULT_OUTPUT = Path("voicebank.wav")
PIPE = Path("-")
_PICTURES = (".png", ".svg", ".pdf")
# A book without blank lines is still cut, at the first line that ends a sentence after so many characters.
_CHUNK = 8000
# Sentences of a page, that the cores share.
_BATCH = 32


def say(
    text: Annotated[str | None, typer.Argument(help="What to say; without it and -f, standard input.")] = None,
    voice: Annotated[
        str, typer.Option("--voice", "-v", help="A voice of `voicebank voices`, or a voice folder.")
    ] = DEFAULT_VOICE,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the text from a file.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Sound file to write: .wav, .ogg, .flac or .mp3; - is standard output, as WAV."
        ),
    ] = None,
    frontend: Annotated[str | None, typer.Option(help="Reads the text: a frontend of `voicebank plugins`.")] = None,
    vocoder: Annotated[str | None, typer.Option(help="Makes the sound: a vocoder of `voicebank plugins`.")] = None,
    speed: Annotated[float, typer.Option(help="1.1 is a tenth faster.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, help="Another number gives another rendering of the same text.")] = 0,
    lexicon: Annotated[Path | None, typer.Option(help="File of `word IPA` lines: your pronunciations.")] = None,
    attention: Annotated[Path | None, typer.Option(help="Write a picture of the alignment, as .png.")] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="With -o -: no WAV header, only samples (16 bit, mono, little-endian).")
    ] = False,
) -> None:
    """Say a text: play it, or write it to a sound file.

    A file or standard input may be a whole book: it is spoken as it is read. `-o -` passes sound on as it is made,
    within a sentence too: `voicebank say -f book.txt -o - | aplay`.
    """
    import voicebank

    if text is not None and file is not None:
        raise BadText("give either a text or -f FILE, not both")
    if text is None and file is None and sys.stdin.isatty():
        raise BadText("there is nothing to say: give a text, or -f FILE, or pipe text in")
    # Wrong suffixes should show before the voice is loaded and the book is spoken.
    piped = output == PIPE
    if raw and not piped:
        raise BadData("--raw is for standard output: add -o -")
    if piped and sys.stdout.isatty():
        raise BadData("standard output is a terminal, which shows no sound: pipe it on, for instance to aplay")
    if output is not None and not piped:
        from voicebank.audio import format_of

        format_of(output)
    if attention is not None and attention.suffix.lower() not in _PICTURES:
        raise BadData(f"cannot draw {attention}: use one of {', '.join(_PICTURES)}")

    options: dict[str, Any] = {"frontend": frontend, "vocoder": vocoder, "speed": speed, "seed": seed}
    # A pipe gets sound as it is made, a player whole sentences, and for a file the cores share out a page.
    pace: dict[str, Any] = {} if piped else {"batch": 1 if output is None else _BATCH}
    deliver = partial(_deliver, output=output, raw=raw)
    if lexicon is not None:
        from voicebank.text.lexicon import Lexicon

        options["lexicon"] = Lexicon.read(lexicon)
    speaker = voicebank.load(voice)
    started = time.perf_counter()

    with contextlib.nullcontext(sys.stdin.buffer) if file is None else _opened(file) as stream:
        if attention is not None:
            whole = "".join(paragraph for paragraph, _ in paragraphs(stream)) if text is None else text
            written = deliver(_with_pictures(speaker, whole, options, attention))
        elif text is not None:
            written = deliver(speaker.stream(text, **options, **pace))
        else:
            size = file.stat().st_size if file is not None else None
            written = _speak_book(speaker, stream, size, options | pace, deliver)
    if written is not None:
        path, seconds = written
        typer.echo(f"{path}: {seconds:.1f} s of speech, made in {time.perf_counter() - started:.1f} s")


def _speak_book(
    speaker: Voice,
    stream: BinaryIO,
    size: int | None,
    options: dict[str, Any],
    deliver: Callable[[Iterable[Audio]], tuple[Path, float] | None],
) -> tuple[Path, float] | None:
    """Speak a stream of text in constant memory, with a progress bar on a terminal."""
    from voicebank.cli.progress import Bar

    done, seconds = 0, 0.0
    with Bar(lines=False) as bar:

        def read() -> Iterator[str]:
            nonlocal done
            for paragraph, length in paragraphs(stream):
                yield paragraph
                done += length

        def spoken() -> Iterator[Audio]:
            nonlocal seconds
            for audio in speaker.stream(read(), **options):
                yield audio
                seconds += audio.duration
                bar.step("speaking", done // 1000, size // 1000 + 1 if size else 0, {"minutes": seconds / 60})

        return deliver(spoken())


def paragraphs(stream: BinaryIO) -> Iterator[tuple[str, int]]:
    """A UTF-8 text in pieces that end with a paragraph, read as they are asked for.

    Joined, the pieces are the text. Each comes with the number of bytes it took.

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
            yield "".join(lines), length
            lines, length, characters = [], 0, 0
    if lines:
        yield "".join(lines), length


def _deliver(parts: Iterable[Audio], output: Path | None, raw: bool) -> tuple[Path, float] | None:
    """Write the sound, pass it on, or play it sentence by sentence; returns the file that was written, its seconds."""
    parts = iter(parts)
    first = next(parts)
    if output == PIPE:
        from voicebank.cli.pipe import PipeWriter

        pipe = PipeWriter(sys.stdout.buffer, first.sample_rate, raw=raw)
        for part in itertools.chain([first], parts):
            pipe.write(part)
        return None
    if output is None:
        if first.play():
            for part in parts:
                part.play()
            return None
        typer.echo(f"No player found that works, so writing {DEFAULT_OUTPUT}.", err=True)
        output = DEFAULT_OUTPUT
    from voicebank.audio import AudioWriter

    with AudioWriter(output, first.sample_rate) as writer:
        for part in itertools.chain([first], parts):
            writer.write(part)
    return output, writer.seconds


def _with_pictures(speaker: Voice, text: str, options: dict[str, Any], picture: Path) -> Iterator[Audio]:
    """The speech of a text, whose alignment is drawn: one picture a sentence, numbered from the second on."""
    from voicebank.training.plots import attention

    speech = speaker.say_detailed(text, **options)
    yield speech.audio
    for number, spoken in enumerate(speech.sentences, 1):
        path = picture if number == 1 else picture.with_stem(f"{picture.stem}-{number}")
        try:
            attention(path, spoken.attention, spoken.sentence.text)
        except OSError as error:
            raise BadData(f"cannot write {path}: {error.strerror or error}") from error


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise BadText(f"cannot read {file}: {error.strerror or error}") from error
