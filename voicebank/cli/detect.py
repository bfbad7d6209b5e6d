"""``voicebank detect``: was this sound made here?"""

from __future__ import annotations

import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicebank.errors import BadAudio, BadData

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
    from voicebank import provenance
    from voicebank.cli.output import table

    rows: list[tuple[str, ...]] = []
    drawn: list[tuple[str, Detection]] = []
    for sound in sounds:
        for name, opened in _files(sound):
            with opened as path:
                try:
                    found = provenance.detect(path, watermark)
                except BadAudio as error:
                    if len(sounds) == 1 and not Path(sound).is_dir():
                        raise
                    rows.append((name, f"not read: {error}", "", "", "", "", ""))
                    continue
                signed, tags = provenance.credentials(path), provenance.tag(path)
            drawn.append((name, found))
            voice = "" if found.payload is None else provenance.voice_of(found.payload) or "unknown"
            payload = "" if found.payload is None else f"{found.payload:04x}"
            said = tags if signed is None else f"{signed.generator} {signed.voice}, signed by {signed.signer}"
            if signed is not None and not signed.valid:
                said += " (not valid: the file was changed)"
            verdict = "yes" if found.marked else "no"
            p_value = f"{found.p_value:.1g}"
            rows.append((name, verdict, voice, payload, f"{found.score:.1f}", p_value, _places(found), said))
    table(("sound", "marked", "voice", "payload", "score", "p-value", "seconds", "credentials"), rows)
    if picture is not None:
        _draw(picture, drawn)


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


def _draw(path: Path, found: Sequence[tuple[str, Detection]]) -> None:
    """One panel a sound: each window's score, and the threshold."""
    from matplotlib.figure import Figure

    from voicebank.cli.output import PICTURES

    if path.suffix.lower() not in PICTURES:
        raise BadData(f"cannot draw {path}: use one of {', '.join(PICTURES)}")

    figure = Figure(figsize=(9, 2.2 * len(found)), layout="constrained")
    for axes, (name, detection) in zip(figure.subplots(len(found), squeeze=False)[:, 0], found, strict=True):
        for window in detection.windows:
            colour = "#c8443c" if window.payload is not None else "#8a8f98"
            axes.plot([window.start, window.end], [window.score] * 2, color=colour, linewidth=3)
        axes.axhline(detection.threshold, color="black", linewidth=0.8, linestyle="--")
        axes.set(title=name, xlabel="s", ylabel="score", ylim=(0, None))
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise BadData(f"cannot write {path}: {error.strerror or error}") from error
