"""What is scored: lists of sentences and folders of clips."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from voicebank.data.dataset import SUFFIXES
from voicebank.errors import BadData

Sentences = str | os.PathLike[str] | Sequence[str] | Mapping[str, str]
"""A text file (a sentence a line, or ``id|text`` lines), a list of sentences, or id to text."""


def read_sentences(sentences: Sentences) -> dict[str, str]:
    """Sentences by id. Where they have none, the id is their number.

    Raises:
        BadData: the file cannot be read, an id comes twice, or a sentence or the whole list is empty.
    """
    if isinstance(sentences, Mapping):
        found = [(str(key), text) for key, text in sentences.items()]
    elif isinstance(sentences, (str, os.PathLike)):
        found = _read_lines(Path(sentences))
    else:
        found = _numbered(list(sentences))
    if not found:
        raise BadData("there is no sentence to score: the list is empty")
    result: dict[str, str] = {}
    for key, text in found:
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
            found = [path for path in visible if path.suffix.lower() in SUFFIXES]
            if found:
                return sorted(found, key=_counting)
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
