"""Datasets: clips and what is said in them; lists of sentences."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile as sf

from voicebank.errors import BadData, VoicebankWarning

if TYPE_CHECKING:
    from voicebank.data.progress import Progress
    from voicebank.data.report import Report
    from voicebank.plugins import Transcriber

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
Sentences = str | os.PathLike[str] | Sequence[str] | Mapping[str, str]
"""A text file (a sentence a line, or ``id|text`` lines), a list of sentences, or id to text."""


@dataclass(frozen=True)
class Clip:
    """One recording of one speaker with its transcript."""

    id: str
    path: Path
    text: str


@dataclass(frozen=True)
class Dataset:
    """The clips of one speaker."""

    name: str
    clips: list[Clip]
    language: str = "en-us"
    report: Report | None = field(default=None, repr=False, compare=False)
    """What was found when it was made, of kept and rejected clips; None for one that was only read."""

    @staticmethod
    def read(folder: str | Path, language: str = "en-us", *, strict: bool = False) -> Dataset:
        """Read a folder in LJSpeech layout: ``metadata.csv`` (``id|text`` or ``id|text|normalised``) and ``wavs/``.

        Lines without a transcript, clips that are missing, unreadable or of zero length, and recordings without a line
        are left out, with a VoicebankWarning that counts every fault of a kind and names the first.

        Raises:
            BadData: the folder or its metadata is missing or empty, all is left out, or with ``strict`` anything is.
        """
        folder = Path(folder)
        metadata = folder / "metadata.csv"
        if not metadata.is_file():
            raise BadData(f"{folder} is no dataset: there is no metadata.csv in it")
        files = {p.stem: p for p in sorted((folder / "wavs").glob("*")) if p.suffix.lower() in SUFFIXES}
        clips: list[Clip] = []
        faults: dict[str, list[str]] = {}
        for number, line in enumerate(metadata.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip():
                continue
            fields = line.split("|")
            clip_id, text = fields[0].strip(), fields[-1].strip() if len(fields) > 1 else ""
            if not text:
                faults.setdefault("lines without a transcript", []).append(f"line {number}")
            elif clip_id not in files:
                faults.setdefault("clips named in metadata.csv that are not in wavs/", []).append(clip_id)
            else:
                path = files.pop(clip_id)
                fault = _unreadable(path)
                if fault:
                    faults.setdefault(f"clips that are {fault}", []).append(clip_id)
                else:
                    clips.append(Clip(clip_id, path, text))
        if files:
            faults.setdefault("clips without a line in metadata.csv", []).extend(sorted(files))
        if faults:
            listed = "; ".join(f"{len(ids)} {kind}, first: {ids[0]}" for kind, ids in faults.items())
            if strict or not clips:
                missing = "" if clips else " holds no clip that can be used"
                raise BadData(f"{folder}{missing}: {listed}. Mend these, or take them out of the folder")
            warnings.warn(f"{folder}: left out are {listed}", VoicebankWarning, stacklevel=2)
        if not clips:
            raise BadData(f"{metadata} is empty: a dataset needs at least one line")
        return Dataset(folder.name, clips, language)

    @staticmethod
    def make(
        source: str | Path,
        out: str | Path,
        *,
        captions: str | Path | None = None,
        transcriber: str | Transcriber | None = "whisper",
        language: str = "en-us",
        clean: bool = False,
        progress: Progress | None = None,
    ) -> Dataset:
        """Make a dataset of what there is, and open it.

        Args:
            source: a recording or video of any length; a folder of clips in LJSpeech layout, with ``.txt`` or
                ``.lab`` beside them, or as a Hugging Face AudioFolder; sound without transcripts.
            out: folder to make, in LJSpeech layout with ``report.html``. An interrupted making goes on there.
            captions: of the recording (VTT, SRT, ASS, json3). Captions of the same name are found without.
            transcriber: a plugin's name or the transcriber itself. None leaves clips with
                transcripts unchecked.
            clean: take noise and some of the room out of the clips that have much of them (``voicebank[clean]``).
            progress: callbacks.

        Returns:
            The dataset; ``report`` has all findings.

        Raises:
            BadData: nothing usable is found, the captions do not fit, or the folder cannot be written.
            UnknownName, PluginError: the transcriber is not installed or does not load.
        """
        from voicebank.data.make import make

        beside = Path(captions) if captions is not None else None
        report = make(
            Path(source),
            Path(out),
            captions=beside,
            transcriber=transcriber,
            language=language,
            clean=clean,
            progress=progress,
        )
        return replace(Dataset.read(out, language), report=report)

    @staticmethod
    def check(
        folder: str | Path,
        *,
        transcriber: str | Transcriber | None = "whisper",
        progress: Progress | None = None,
    ) -> Report:
        """What is wrong with a folder of clips that :meth:`make` takes: ``.findings`` of the whole and of clips.

        Raises:
            BadData: there are no clips in it.
            UnknownName, PluginError: the transcriber is not installed or does not load.
        """
        from voicebank.data.make import check

        return check(Path(folder), transcriber=transcriber, progress=progress)


def _unreadable(path: Path) -> str | None:
    try:
        return None if sf.info(path).frames > 0 else "of zero length"
    except (sf.LibsndfileError, RuntimeError):
        return "of zero length" if path.stat().st_size == 0 else "not readable as audio"


def read_sentences(sentences: Sentences) -> dict[str, str]:
    """Sentences by id. Where they have none, the id is their number.

    Raises:
        BadData: the file cannot be read, an id comes twice, or a sentence or the whole list is empty.
    """
    if isinstance(sentences, Mapping):
        pairs = [(str(key), text) for key, text in sentences.items()]
    elif isinstance(sentences, (str, os.PathLike)):
        pairs = _read_lines(Path(sentences))
    else:
        pairs = _numbered(list(sentences))
    if not pairs:
        raise BadData("there is no sentence to score: the list is empty")
    result: dict[str, str] = {}
    for key, text in pairs:
        if key in result:
            raise BadData(f"the sentence id {key!r} comes twice: give each its own")
        if not any(c.isalnum() for c in text):
            raise BadData(f"sentence {key!r} has no words: {text!r}")
        result[key] = text.strip()
    return result


def audio_files(folder: Path) -> list[Path]:
    """The clips of a folder, or of its subfolder ``wavs`` when it has none itself, ordered as people count.

    Raises:
        BadData: there is no such folder, or no clip in it.
    """
    for place in (folder, folder / "wavs"):
        if place.is_dir():
            visible = [path for path in place.iterdir() if not path.name.startswith(".")]
            if clips := [path for path in visible if path.suffix.lower() in SUFFIXES]:
                return sorted(clips, key=_counting)
    raise BadData(f"{folder} holds no clips: give a folder with {', '.join(SUFFIXES)} files")


def match_clips(folder: Path, sentences: Sentences | None) -> tuple[dict[str, tuple[Path, str]], int]:
    """Clips with their texts by id, and the number of sentences that have no clip.

    Clips are found by id (their name without the suffix). Where the sentences have no ids of their own, the
    clips are taken in the order of their names and there must be one for each sentence.

    Raises:
        BadData: a clip has no text, or the counts differ.
    """
    files = {path.stem: path for path in audio_files(folder)}
    if sentences is None:
        sentences = folder / "metadata.csv"
        if not sentences.is_file():
            raise BadData(f"{folder} has no metadata.csv: say which sentences its clips hold")
    texts = read_sentences(sentences)
    unknown = [name for name in files if name not in texts]
    if not unknown:
        return {name: (path, texts[name]) for name, path in files.items()}, len(texts) - len(files)
    if len(unknown) < len(files) or not all(key.isdigit() for key in texts):
        raise BadData(f"{len(unknown)} clips of {folder} have no sentence, first: {unknown[0]}")
    if len(files) != len(texts):
        raise BadData(f"{folder} has {len(files)} clips for {len(texts)} sentences: write the sentences as `id|text`")
    return {n: (p, text) for (n, p), text in zip(files.items(), texts.values(), strict=True)}, 0


def _read_lines(path: Path) -> list[tuple[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadData(f"cannot read the sentences in {path}: {reason}") from error
    lines = [line for line in lines if line.strip()]
    if lines and all("|" in line for line in lines):
        # The last column of LJSpeech metadata is the normalised text, which is what was read.
        return [(line.split("|")[0].strip(), line.split("|")[-1]) for line in lines]
    return _numbered(lines)


def _numbered(lines: Sequence[str]) -> list[tuple[str, str]]:
    width = max(3, len(str(len(lines))))
    return [(f"{i:0{width}}", line) for i, line in enumerate(lines, 1)]


def _counting(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts clip 2 before clip 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.stem)]
