"""``voicebank say``: text, or a whole book, to sound."""

from __future__ import annotations

import contextlib
import gc
import itertools
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from voicebank.errors import BadText, VoicebankError, VoicebankWarning, explained

if TYPE_CHECKING:
    from voicebank.audio import Audio
    from voicebank.cli.output import Target
    from voicebank.synthesis.speech import Chunk
    from voicebank.synthesis.synthesizer import Synthesizer

DEFAULT_VOICE = "us-male"
# A book without blank lines is still cut, at the first line that ends a sentence after so many characters.
_CHUNK = 8000


def say(
    text: Annotated[str | None, typer.Argument(help="What to say; without it and -f, standard input.")] = None,
    voice: Annotated[
        str,
        typer.Option(
            "--voice", "-v", envvar="VOICEBANK_VOICE", help="A voice of `voicebank voices`, or a voice folder."
        ),
    ] = DEFAULT_VOICE,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the text from a file.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Sound file to write: .wav, .ogg, .opus, .flac, .mp3, .m4a or .aac; - is standard output.",
        ),
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option("--output-dir", "-d", help="Write a file for each line: 0001.wav, 0002.wav..."),
    ] = None,
    format: Annotated[
        str, typer.Option(help="Format of -o - and of --output-dir: wav, ogg, opus, flac, mp3 or aac.")
    ] = "wav",
    sample_rate: Annotated[int | None, typer.Option(min=8000, help="Hz of the sound; the voice's if left out.")] = None,
    subtitles: Annotated[Path | None, typer.Option(help="Write subtitles, too: .srt or .vtt.")] = None,
    frontend: Annotated[str | None, typer.Option(help="Reads the text: a frontend of `voicebank plugins`.")] = None,
    vocoder: Annotated[str | None, typer.Option(help="Makes the sound: a vocoder of `voicebank plugins`.")] = None,
    speed: Annotated[float, typer.Option(help="1.1 is a tenth faster.")] = 1.0,
    volume: Annotated[float, typer.Option(help="Factor of the amplitude, 0 to 4.")] = 1.0,
    sentence_silence: Annotated[
        float | None, typer.Option(help="Seconds of silence between sentences; 0.12 if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another number gives another rendering of the same text.")] = 0,
    lexicon: Annotated[Path | None, typer.Option(help="File of `word IPA` lines: your pronunciations.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Stop at a sentence that cannot be spoken, in place of leaving it out.")
    ] = False,
    watermark: Annotated[
        str, typer.Option(help="Marks the sound as synthetic: a watermark of `voicebank plugins`, or none.")
    ] = "pattern",
    attention: Annotated[Path | None, typer.Option(help="Write a picture of the alignment, as .png.")] = None,
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Print how the text is read, a line a sentence, and do not speak.")
    ] = False,
    raw: Annotated[
        bool, typer.Option("--raw", help="With -o -: no WAV header, only samples (16 bit, mono, little-endian).")
    ] = False,
) -> None:
    """Say a text: play it, or write it to a sound file.

    A file or standard input may be a whole book: it is spoken as it is read. `-o -` passes sound on as it is made,
    within a sentence too: `voicebank say -f book.txt -o - | aplay`.
    """
    if text is not None and file is not None:
        raise BadText("give either a text or -f FILE, not both")
    if text is None and file is None and sys.stdin.isatty():
        raise BadText("there is nothing to say: give a text, or -f FILE, or pipe text in")
    _collect_seldom()
    from voicebank.cli.output import Target

    target = Target(output, output_dir, "pcm" if raw else format, sample_rate, subtitles, attention)
    target.check(raw)

    from voicebank.provenance import comment

    options: dict[str, Any] = {
        "frontend": frontend,
        "vocoder": vocoder,
        "speed": speed,
        "volume": volume,
        "sentence_silence": sentence_silence,
        "seed": seed,
        "strict": strict,
        "watermark": watermark != "none" and watermark,
    }
    if lexicon is not None:
        from voicebank.text.lexicon import Lexicon

        options["lexicon"] = Lexicon.read(lexicon)
    started = time.perf_counter()
    with _compiling(), _ended_by_sigterm(), _opened(file) as stream:
        speaker = _loaded(voice)
        if watermark != "none":
            target.comment = comment(speaker)
        if show_text:
            _show_text(speaker, [text] if text is not None else (part for part, _ in paragraphs(stream)), options)
            return
        written: tuple[Path, float] | None
        if output_dir is not None:
            written = _each_line(speaker, text, stream, output_dir, target, options)
        elif text is not None:
            written = target.deliver(target.watched(speaker.stream(text, **options, **target.pace)))
        else:
            size = file.stat().st_size if file is not None else None
            written = _speak_book(speaker, stream, size, options | target.pace, target)
    if written is not None:
        path, seconds = written
        _signed(path, speaker, options)
        typer.echo(f"{path}: {seconds:.1f} s of speech, made in {time.perf_counter() - started:.1f} s")


def _loaded(name: str) -> Synthesizer:
    """A voice. One that lies here unsigned is loaded without the Hub's client, a tenth of a second to import."""
    from voicebank.synthesis import bundled, folder, synthesizer

    here = bundled.local(name)
    if here is not None and not (here / folder.SIGNATURE).exists():
        return synthesizer.Synthesizer.from_folder(here)
    import voicebank

    return voicebank.load(name)


def _show_text(speaker: Synthesizer, text: Iterable[str], options: dict[str, Any]) -> None:
    from voicebank.text.pipeline import readable

    sentences = speaker.sentences(text, frontend=options["frontend"], lexicon=options.get("lexicon"))
    for line in readable(sentences):
        typer.echo(line)


def _speak_book(
    speaker: Synthesizer, stream: BinaryIO, size: int | None, options: dict[str, Any], target: Target
) -> tuple[Path, float] | None:
    """Speak a stream of text in constant memory, with a progress bar on a terminal."""
    from voicebank.cli.terminal import Bar

    done, seconds = 0, 0.0
    with Bar(lines=False) as bar:

        def read() -> Iterator[str]:
            nonlocal done
            for paragraph, length in paragraphs(stream):
                yield paragraph
                done += length

        def spoken() -> Iterator[Chunk]:
            nonlocal seconds
            for chunk in speaker.stream(read(), **options):
                yield chunk
                seconds += chunk.duration
                bar.step("speaking", done // 1000, size // 1000 + 1 if size else 0, {"minutes": seconds / 60})

        return target.deliver(target.watched(spoken()))


def _each_line(
    speaker: Synthesizer, text: str | None, stream: BinaryIO, folder: Path, target: Target, options: dict[str, Any]
) -> tuple[Path, float]:
    """A file for each line, named by its number. A line that cannot be spoken is left out with a warning."""
    read = (paragraph for paragraph, _ in paragraphs(stream)) if text is None else [text]
    lines = itertools.chain.from_iterable(part.splitlines() for part in read)
    numbered = ((number, line) for number, line in enumerate(lines, 1) if line.strip())
    from voicebank.cli.output import BATCH

    seconds = 0.0
    with explained(f"cannot write to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    while page := list(itertools.islice(numbered, BATCH)):
        for number, audio in _spoken_lines(speaker, page, options):
            if target.sample_rate is not None:
                audio = audio.resample(target.sample_rate)
            _signed(audio.save(folder / f"{number:04}.{target.format}", target.comment), speaker, options)
            seconds += audio.duration
    return folder, seconds


def _signed(path: Path, speaker: Synthesizer, options: dict[str, Any]) -> None:
    """Content credentials for what is marked, where its format has them."""
    if options["watermark"] and path.is_file():
        from voicebank.provenance import sign

        try:
            sign(path, speaker)
        except VoicebankError as error:  # the sound is there, and marked
            warnings.warn(str(error), VoicebankWarning, stacklevel=2)


def _spoken_lines(
    speaker: Synthesizer, page: list[tuple[int, str]], options: dict[str, Any]
) -> Iterator[tuple[int, Audio]]:
    try:
        yield from zip((number for number, _ in page), speaker.say([line for _, line in page], **options), strict=True)
    except VoicebankError as error:
        if options["strict"]:
            raise
        if len(page) > 1:
            for one in page:
                yield from _spoken_lines(speaker, [one], options)
        else:
            typer.echo(f"voicebank: line {page[0][0]} is left out: {error}", err=True)


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


def _opened(file: Path | None) -> contextlib.AbstractContextManager[BinaryIO]:
    if file is None:
        return contextlib.nullcontext(sys.stdin.buffer)
    with explained(f"cannot read {file}", BadText):
        return file.open("rb")


def _collect_seldom() -> None:
    """Look for garbage after every 100,000 new objects, not every 700.

    What is imported makes half a million of them, and all stay: looking through them took a fifth of the start.
    """
    gc.set_threshold(max(gc.get_threshold()[0], 100_000))


@contextlib.contextmanager
def _compiling() -> Iterator[None]:
    """On a terminal, say so when loops are compiled, which takes a while and happens once on a machine."""
    from rich.console import Console

    from voicebank.compiled import on_compiling

    console = Console(stderr=True)
    status = console.status("Compiling loops for this machine: some seconds, once")
    stop: Callable[[], None] = on_compiling(status.start, status.stop) if console.is_terminal else lambda: None
    try:
        yield
    finally:
        stop()


@contextlib.contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends the command as an exception does, so that no half-written file is left."""

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, end)
    except ValueError:  # not in the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
