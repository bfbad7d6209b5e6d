"""What strangers upload: looked at before anything opens it, bounded, and put into a folder of its own."""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from voicebank.audio import Audio
from voicebank.data import media
from voicebank.data.background import Background as Background
from voicebank.errors import BadAudio, BadData

CAPTIONS = (".vtt", ".srt", ".ass", ".ssa", ".json3")
TEXTS = (".txt", ".lab", ".csv", ".jsonl")
LARGEST_TEXT = 5_000_000  # bytes of one file of transcripts or captions
# How files of sound begin. Playlists and the like, which would make FFmpeg open other files, begin otherwise.
_SIGNATURES: tuple[tuple[int, bytes], ...] = (
    (0, b"RIFF"),
    (0, b"RF64"),
    (0, b"fLaC"),
    (0, b"OggS"),
    (0, b"ID3"),
    (0, b"FORM"),
    (0, b"caff"),
    (0, b"\x1a\x45\xdf\xa3"),  # Matroska, WebM
    (0, b"\x30\x26\xb2\x75"),  # ASF: .wma
    (0, b"#!AMR"),
    (4, b"ftyp"),  # MP4, M4A, MOV
    (4, b"moov"),
    (4, b"mdat"),
    (4, b"wide"),
)


@dataclass(frozen=True)
class Bounds:
    """What is taken at the most."""

    zip_entries: float = 5000
    """Files in a zip."""
    zip_megabytes: float = 2000
    """What a zip may expand to."""
    minutes: float = 240
    """Sound, all recordings together."""


def check_sound(path: Path, name: str) -> None:
    """See that a file is one of sound by its first bytes, whatever it is called.

    Raises:
        BadAudio: it is not.
    """
    with open(path, "rb") as file:
        head = file.read(16)
    raw = len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0  # MP3 and AAC without a header
    if not raw and not any(head[at : at + len(mark)] == mark for at, mark in _SIGNATURES):
        raise BadAudio(f"{shown(name)} is not a sound file: use wav, flac, ogg, mp3, m4a, mp4 or webm")


def read_clip(path: Path, name: str, longest: float) -> Audio:
    """A short recording in memory.

    Raises:
        BadAudio: it is no sound, damaged, or too long.
    """
    if not path.is_file():
        raise BadAudio("the clip has gone since it was uploaded: choose it again")
    check_sound(path, name)
    with _named(path, name):
        seconds = media.length(path, longest)
        if seconds > longest:
            raise BadAudio(f"{shown(name)} is longer than {longest:g} seconds: cut out a part of it")
        sound = media.read(path)
    return sound.piece(0, sound.duration)


def take(
    files: Sequence[Path], names: Sequence[str], folder: Path, bounds: Bounds | None = None
) -> tuple[Path, Path | None]:
    """Move uploaded files into a new folder.

    Args:
        files: where they are now; names: as the visitor calls them.
        folder: made here; what fails leaves nothing behind.
        bounds: those of the class if left out.

    Returns:
        The folder, or the one recording in it, and its captions if there are some.

    Raises:
        BadData: nothing of use, too much of it, or something that is no sound.
    """
    if not files:
        raise BadData("choose the files first")
    if not all(path.is_file() for path in files):
        raise BadData("the files have gone since they were uploaded: choose them again")
    folder.mkdir(parents=True)
    bounds = bounds or Bounds()
    try:
        for path, name in zip(files, names, strict=True):
            if PurePosixPath(name.lower()).suffix == ".zip" or zipfile.is_zipfile(path):
                unzip(path, folder, bounds)
            else:
                _place(path, name, folder)
        return _sorted_out(folder, bounds)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def unzip(path: Path, folder: Path, bounds: Bounds) -> None:
    """Unpack a zip's sound and transcripts: no links, nothing outside the folder, nothing that grows without end.

    Raises:
        BadData: it is no zip, is encrypted, or has too many or too large entries.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [entry for entry in archive.infolist() if not entry.is_dir()]
            if len(entries) > bounds.zip_entries:
                raise BadData(f"the zip has {len(entries)} files, and {bounds.zip_entries:g} is the most")
            left = int(bounds.zip_megabytes * 1e6)
            for entry in entries:
                target = _inside(entry.filename)
                if target is None:
                    continue
                place = folder / target
                place.parent.mkdir(parents=True, exist_ok=True)
                # The sizes in a zip's directory are what its maker wrote there: count what really comes out.
                with archive.open(entry) as source, open(place, "xb") as sink:
                    while block := source.read(min(1 << 20, left + 1)):
                        left -= len(block)
                        if left < 0:
                            raise BadData(f"the zip unpacks to more than {bounds.zip_megabytes:g} MB")
                        sink.write(block)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        if isinstance(error, FileExistsError):
            raise BadData("the zip has two files of one name") from error
        reason = "it is encrypted" if "encrypted" in str(error) else "it is damaged, or not a zip"
        raise BadData(f"the zip cannot be unpacked: {reason}") from error


def shown(name: str) -> str:
    """A visitor's file name, fit for a message."""
    clean = "".join(c if c.isprintable() else "?" for c in PurePosixPath(name.replace("\\", "/")).name)
    return repr(clean if len(clean) <= 60 else clean[:57] + "...")


def _inside(name: str) -> PurePosixPath | None:
    """A safe place for an entry of a zip; None for what is of no use here."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or name.startswith("/") or any(part in ("..", "/") or ":" in part or "\0" in part for part in parts):
        raise BadData(f"the zip has a file that would be put outside its folder: {shown(name)}")
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return None if hidden or not _useful(parts[-1]) else PurePosixPath(*(_safe(part) for part in parts))


def _useful(name: str) -> bool:
    return PurePosixPath(name.lower()).suffix in (*media.SUFFIXES, *CAPTIONS, *TEXTS)


def _safe(name: str) -> str:
    # Spaces and letters of any script stay, so that metadata.csv still names its files.
    return re.sub(r"[\x00-\x1f/\\:*?\"<>|]", "-", name)[:120] or "file"


def _place(path: Path, name: str, folder: Path) -> None:
    name = PurePosixPath(name.replace("\\", "/")).name
    if not _useful(name) or name.startswith("."):
        raise BadData(
            f"{shown(name)} is of no use here: give sound, .txt or .lab transcripts, captions, or a zip of them"
        )
    target = folder / _safe(name)
    if target.exists():
        raise BadData(f"there are two files named {shown(name)}")
    shutil.copyfile(path, target)


def _sorted_out(folder: Path, bounds: Bounds) -> tuple[Path, Path | None]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    sounds = [path for path in files if path.suffix.lower() in media.SUFFIXES]
    captions = [path for path in files if path.suffix.lower() in CAPTIONS]
    if not sounds:
        raise BadData("there is no sound in what you gave: add recordings such as .wav or .mp3")
    for path in files:
        if path in sounds:
            check_sound(path, path.name)
        elif path.stat().st_size > LARGEST_TEXT:
            raise BadData(f"{shown(path.name)} is too large for a file of text")
    left = bounds.minutes * 60
    for path in sounds:
        with _named(path, path.name):
            left -= media.length(path, left)
        if left < 0:
            raise BadData(f"that is more than {bounds.minutes:g} minutes of sound, the most that is taken here")
    place = _root(folder, files)
    if len(sounds) == 1 and len(captions) == 1:
        return sounds[0], captions[0]
    if captions and len(sounds) == 1:
        raise BadData("give one file of captions for the recording")
    if (place / "metadata.csv").is_file():
        _into_wavs(place)
    return (sounds[0], None) if len(files) == 1 else (place, None)


def _into_wavs(place: Path) -> None:
    """Clips that were chosen together with their metadata.csv, as LJSpeech has them: in a folder ``wavs``."""
    with open(place / "metadata.csv", encoding="utf-8", errors="replace") as file:
        if "file_name" in file.readline() or (place / "wavs").exists():
            return
    (place / "wavs").mkdir()
    for path in list(place.iterdir()):
        if path.suffix.lower() in media.SUFFIXES:
            path.rename(place / "wavs" / path.name)


def _root(folder: Path, files: list[Path]) -> Path:
    """Where the files really are: zips often hold one folder with everything in it."""
    metadata = [path for path in files if path.name in ("metadata.csv", "metadata.jsonl")]
    if len(metadata) == 1:
        return metadata[0].parent
    return Path(os.path.commonpath([path.parent for path in files])) if files else folder


@contextmanager
def _named(path: Path, name: str) -> Iterator[None]:
    """The library's messages name the file as it lies here; the visitor knows it by another name."""
    try:
        yield
    except BadAudio as error:
        raise BadAudio(str(error).replace(str(path), shown(name))) from error
