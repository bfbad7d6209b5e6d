"""``voicebank detect``: was this sound made here?"""

from __future__ import annotations

import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicebank.errors import BadAudio, BadData, explained

if TYPE_CHECKING:
    from voicebank.plugins import Detection

_SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".mp4", ".aac", ".aiff", ".webm"}
_LARGEST = 500_000_000  # bytes that are fetched from an address


def detect(
    sounds: Annotated[list[str], typer.Argument(help="Sound files, folders of them, or addresses (https://...).")],
    watermark: Annotated[str | None, typer.Option(help="What is searched for; see `voicebank plugins`.")] = None,
    picture: Annotated[Path | None, typer.Option(help="Draw the score along time, as .png, .svg or .pdf.")] = None,
) -> None:
    """Say whether a voice of voicebank made a sound: by the mark in it, and by the credentials of its file."""
    from voicebank.cli.output import PICTURES
    from voicebank.cli.terminal import Bar, table

    if picture is not None and picture.suffix.lower() not in PICTURES:
        raise BadData(f"cannot draw {picture}: use one of {', '.join(PICTURES)}")
    files = [file for sound in sounds for file in _files(sound)]
    alone = len(sounds) == 1 and not Path(sounds[0]).is_dir()
    with Bar() as bar:
        searched = [_searched(*file, watermark, alone) for file in bar.track("searching", files, len(files))]
    rows = [row for row, _ in searched]
    table(("sound", "marked", "voice", "payload", "score", "p-value", "seconds", "credentials"), rows)
    drawn = {row[0]: found for row, found in searched if found is not None}
    if picture is not None and drawn:
        _draw(picture, drawn)


def _searched(
    name: str, opened: AbstractContextManager[Path], watermark: str | None, alone: bool
) -> tuple[tuple[str, ...], Detection | None]:
    """A sound as a row of the table. One of several that cannot be read has a row, too."""
    from voicebank import provenance

    try:
        with opened as path:
            found = provenance.detect(path, watermark)
            return _row(name, found, path), found
    except BadAudio as error:
        if alone:
            raise
        return (name, f"not read: {error}", "", "", "", "", "", ""), None


def _row(name: str, found: Detection, path: Path) -> tuple[str, ...]:
    """What was found in a sound, and what its file says of itself."""
    from voicebank import provenance

    signed, said = provenance.credentials(path), provenance.tag(path)
    if signed is not None:
        said = f"{signed.generator} {signed.voice}, signed by {signed.signer}"
        said += "" if signed.valid else " (not valid: the file was changed)"
    voice = "" if found.payload is None else provenance.voice_of(found.payload) or "unknown"
    payload = "" if found.payload is None else f"{found.payload:04x}"
    verdict = "yes" if found.marked else "no"
    return name, verdict, voice, payload, f"{found.score:.1f}", f"{found.p_value:.1g}", _places(found), said


def _files(sound: str) -> Iterator[tuple[str, AbstractContextManager[Path]]]:
    """The files that an argument means, each with its name."""
    if sound.startswith(("https://", "http://")):
        yield sound, _fetched(sound)
        return
    path = Path(sound)
    if not path.is_dir():
        yield sound, nullcontext(path)
        return
    files = sorted(each for each in path.rglob("*") if each.suffix.lower() in _SUFFIXES and each.is_file())
    if not files:
        raise BadData(f"{path} holds no sound files")
    for file in files:
        yield str(file), nullcontext(file)


@contextmanager
def _fetched(address: str) -> Iterator[Path]:
    """A temporary file with what an address holds."""
    suffix = Path(address.split("?")[0]).suffix[:6]
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:
                while block := answer.read(1 << 20):
                    file.write(block)
                    if file.tell() > _LARGEST:
                        raise BadAudio(f"{address} is larger than {_LARGEST // 1_000_000} MB: download a part of it")
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise BadAudio(f"cannot fetch {address}: {getattr(error, 'reason', error)}") from error
        file.flush()
        yield Path(file.name)


def _places(found: Detection) -> str:
    """Where the mark is, in seconds."""
    places: list[list[float]] = []
    for window in found.windows:
        if window.payload is None:
            continue
        if places and window.start <= places[-1][1]:
            places[-1][1] = window.end
        else:
            places.append([window.start, window.end])
    return ", ".join(f"{start:.0f}-{end:.0f}" for start, end in places[:8]) + (", ..." if len(places) > 8 else "")


def _draw(path: Path, found: Mapping[str, Detection]) -> None:
    from voicebank.provenance import plot_detections

    with explained(f"cannot write {path}"):
        plot_detections(found).savefig(path, dpi=120)
