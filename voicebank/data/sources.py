"""What people have: folders of clips in several layouts, long recordings with captions, videos on the network."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from voicebank.data import captions, media
from voicebank.data.progress import Progress
from voicebank.data.report import Finding
from voicebank.errors import BadData, PluginError

TEXTS = (".txt", ".lab")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
COLUMNS = ("transcription", "text", "sentence", "transcript", "caption", "normalized_text")


@dataclass(frozen=True)
class Source:
    """One file of sound, with its transcript or captions if it has any."""

    id: str
    path: Path
    text: str | None = None
    captions: Path | None = None


def find(place: Path, given: Path | None = None, without: Path | None = None) -> tuple[list[Source], list[Finding]]:
    """The recordings of a file or folder, and what is wrong with the list of them.

    ``given`` are captions of the one recording; what lies in the folder ``without`` is passed over.

    Known are: a sound or video file; a folder in LJSpeech layout (``metadata.csv`` of ``id|text`` lines and
    ``wavs/``); a Hugging Face AudioFolder (``metadata.csv`` or ``metadata.jsonl`` with ``file_name``); a
    folder of sound files, each with a ``.txt`` or ``.lab``, with captions, or with nothing beside it.

    Raises:
        BadData: there is no such place, or nothing in it that could hold sound.
    """
    if not place.exists():
        raise BadData(f"there is no file or folder {place}")
    if given is not None and not given.is_file():
        raise BadData(f"cannot read captions {given}: there is no such file")
    findings: list[Finding] = []
    if place.is_file() and place.suffix.lower() in ARCHIVES:
        raise BadData(f"{place} is an archive: unpack it, and name the folder that comes out")
    if place.is_file():
        sources = [Source(_name(place.stem), place, captions=given or _captions_of(place))]
        if sources[0].captions is None:
            sources = [replace(sources[0], text=_text_beside(place, findings))]
    elif given is not None:
        raise BadData(f"--captions belong to one recording, and {place} is a folder: name the recording")
    elif (place / "metadata.jsonl").is_file():
        sources = list(_audio_folder(place, _json_lines(place / "metadata.jsonl"), findings))
    elif (place / "metadata.csv").is_file():
        sources = list(_metadata(place, findings))
    else:
        sources = list(_files(place, findings, without))
    if not sources:
        first = f" ({findings[0].reason})" if findings else ""
        raise BadData(f"there is no recording in {place}{first}: it needs sound files such as .wav, .mp3 or .mp4")
    return _unique(sources), findings


def _metadata(folder: Path, findings: list[Finding]) -> Iterator[Source]:
    text = _text(folder / "metadata.csv")
    header = next((line for line in text.splitlines() if line.strip()), "")
    if "file_name" in next(csv.reader([header]), []):
        yield from _audio_folder(folder, list(csv.DictReader(text.splitlines())), findings)
        return
    sounds = {path.stem: path for path in _sounds(folder / "wavs")}
    seen: set[str] = set()
    for number, line in enumerate(text.splitlines(), 1):
        name, _, rest = line.partition("|")
        name, spoken = name.strip().removesuffix(".wav"), rest.split("|")[-1].strip()
        spoken = spoken or rest.split("|")[0].strip()
        if not line.strip():
            continue
        if name not in sounds:
            findings.append(Finding.of("missing", name, "there is no sound file of this name in wavs/"))
        elif name in seen:
            findings.append(Finding.of("duplicate", name, f"named again in line {number} of metadata.csv"))
        elif not spoken:
            findings.append(Finding.of("missing", name, f"line {number} of metadata.csv has no transcript"))
        else:
            yield Source(name, sounds[name], spoken)
        seen.add(name)
    unnamed = sorted(set(sounds) - seen)
    findings += [Finding.of("missing", name, "metadata.csv has no line for this sound file") for name in unnamed]


def _audio_folder(folder: Path, entries: list[dict[str, str]], findings: list[Finding]) -> Iterator[Source]:
    for number, entry in enumerate(entries, 1):
        name = str(entry.get("file_name") or "").strip()
        text = next((str(entry[column]).strip() for column in COLUMNS if entry.get(column)), None)
        path = folder / name
        if not name:
            findings.append(Finding.of("missing", f"entry {number}", "it has no file_name"))
        elif not Path(os.path.normpath(path)).is_relative_to(os.path.normpath(folder)) or not path.is_file():
            findings.append(Finding.of("missing", name, "the file is not in the folder"))
        else:
            yield Source(_name(str(Path(name).with_suffix(""))), path, text)


def _files(folder: Path, findings: list[Finding], without: Path | None) -> Iterator[Source]:
    inside = None if without is None else without.resolve()
    for path in _sounds(folder):
        if inside is not None and inside in path.resolve().parents:
            continue  # a dataset that is made in the folder of its recordings
        beside = _captions_of(path)
        text = None if beside else _text_beside(path, findings)
        yield Source(_name(str(path.relative_to(folder).with_suffix(""))), path, text, beside)


def _sounds(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in media.SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _text_beside(path: Path, findings: list[Finding]) -> str | None:
    for suffix in TEXTS:
        beside = path.with_suffix(suffix)
        if beside.is_file() and _leads_away(beside):
            findings.append(Finding.of("missing", path.name, f"{beside.name} leads to another folder: copy it here"))
        elif beside.is_file():
            text = " ".join(_text(beside).split())
            if text:
                return text
            findings.append(Finding.of("missing", path.name, f"{beside.name} is empty"))
    return None


def _captions_of(path: Path) -> Path | None:
    """Captions named as the recording, perhaps with a language between: ``talk.vtt``, ``talk.en.vtt``."""
    for suffix in captions.SUFFIXES:
        if suffix == ".json":  # too common a name for other things
            continue
        for beside in (path.with_suffix(suffix), *sorted(path.parent.glob(f"{_literal(path.stem)}.*{suffix}"))):
            if beside.is_file() and not _leads_away(beside):
                return beside
    return None


def _leads_away(path: Path) -> bool:
    """Whether a file is a link out of its folder: data from elsewhere must not read the files of this machine."""
    return path.is_symlink() and path.resolve().parent != path.parent.resolve()


def _literal(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _json_lines(path: Path) -> list[dict[str, str]]:
    entries = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        if line.strip():
            entries.append(_json_line(path, number, line))
    return entries


def _json_line(path: Path, number: int, line: str) -> dict[str, str]:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise BadData(f"{path} line {number} is not JSON: {error}") from error
    if not isinstance(entry, dict):
        raise BadData(f"{path} line {number} is not a JSON object with file_name")
    return entry


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return path.read_text(encoding="cp1252", errors="replace")


def _name(text: str) -> str:
    """A name that is safe as a file's and in ``id|text`` lines."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.") or "clip"


def _unique(sources: list[Source]) -> list[Source]:
    taken: dict[str, int] = {}
    unique = []
    for source in sources:
        name = _name(source.id)
        taken[name] = taken.get(name, 0) + 1
        unique.append(replace(source, id=name if taken[name] == 1 else f"{name}-{taken[name]}"))
    return unique


def is_address(place: str) -> bool:
    """Whether a place is on the network."""
    return place.startswith(("http://", "https://"))


def fetch(
    address: str, folder: Path, language: str = "en", progress: Progress | None = None
) -> tuple[Path, Path | None]:
    """Download the sound of a video and its captions: those that people wrote if there are any.

    Files that are there already are not fetched again; a download that was interrupted goes on.

    Args:
        address: of any page that yt-dlp knows, or of the file itself.
        folder: for the files.
        language: of the captions.
        progress: callbacks; steps are bytes.

    Returns:
        The recording, and its captions if it has any.

    Raises:
        PluginError: yt-dlp is not installed.
        BadData: the video cannot be fetched.
    """
    try:
        from yt_dlp import YoutubeDL
    except ImportError as error:
        raise PluginError("fetching a video needs yt-dlp: pip install 'voicebank[video]'") from error

    def report(state: dict[str, Any]) -> None:
        total = state.get("total_bytes") or state.get("total_bytes_estimate")
        if progress and total:
            progress.step("fetching", int(state.get("downloaded_bytes") or 0), int(total))

    options = {
        "format": "bestaudio/best",
        "outtmpl": str(folder / "%(id)s.%(ext)s"),
        "writesubtitles": True,
        "writeautomaticsub": True,
        "subtitleslangs": [language, f"{language}-US", f"{language}-GB", f"{language}-orig"],
        "subtitlesformat": "json3/vtt/srt/best",
        "noplaylist": True,
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": _Silent(),
        "progress_hooks": [report],
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with YoutubeDL(options) as loader:
            info = loader.extract_info(address, download=True)
            path = Path(loader.prepare_filename(info))
    except Exception as error:  # yt-dlp raises whatever the site makes it raise
        reason = " ".join(str(error).split()).removeprefix("ERROR: ")[:200]
        raise BadData(f"cannot fetch {address}: {reason}") from error
    if not path.is_file():
        raise BadData(f"cannot fetch {address}: there is no video on the page")
    return path, _captions(info, options["subtitleslangs"])


class _Silent:
    """What yt-dlp would print: its errors are raised anyway."""

    def debug(self, message: str) -> None:
        pass

    info = warning = error = debug


def _captions(info: dict[str, Any], languages: Any) -> Path | None:
    """The best of the caption files that were written: of people before automatic, then in the order asked for."""
    by_people = info.get("subtitles") or {}
    written = info.get("requested_subtitles") or {}
    known = sorted(languages, key=lambda language: language not in by_people)
    paths = [Path(written[name]["filepath"]) for name in known if name in written and written[name].get("filepath")]
    return next((path for path in paths if path.is_file()), None)
