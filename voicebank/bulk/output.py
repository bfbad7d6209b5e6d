"""Where bulk speech goes: sound files, WebDataset shards or Parquet, a part for each block of rows."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel

from voicebank.errors import needs_extra
from voicebank.files import atomic, replacing

Layout = Literal["files", "webdataset", "parquet"]
PARTS = "parts"


class Spoken(BaseModel):
    """A line of the manifest."""

    id: str
    text: str = ""
    file: str | None = None
    """Path in the output folder; for shards, of the shard that holds ``<id>.<format>``."""
    seconds: float = 0.0
    voice: str = ""
    digest: str = ""
    """Of the voice's weights and config: which voice it really was."""
    misread: str = ""
    """Characters that cannot be spoken and were left out."""
    private_use: bool = False
    """Whether the voice is a clone without its speaker's consent, so that the sound is not for others."""
    error: str | None = None
    """Why it was not spoken."""


class Summary(NamedTuple):
    """What came of a job."""

    manifest: Path
    rows: int
    done: int
    failed: int
    seconds: float
    """Of speech; for clones, of computing."""


def write_block(
    folder: Path, number: int, layout: Layout, format: str, spoken: list[tuple[Spoken, bytes | None]]
) -> None:
    """Write the sounds of a block of rows, then its part of the manifest.

    The part comes last and appears whole: a block counts as done if its part is there. Nothing depends on the time,
    the machine or the process that writes.
    """
    stem = f"part-{number:06d}"
    sounds = [(line, sound) for line, sound in spoken if sound is not None]
    if layout == "files":
        place = folder / "audio" / f"{number:06d}"
        place.mkdir(parents=True, exist_ok=True)
        for line, content in sounds:
            line.file = f"audio/{number:06d}/{line.id}.{format}"
            _replace(folder / line.file, content)
    elif sounds:
        suffix = "tar" if layout == "webdataset" else "parquet"
        for line, _ in sounds:
            line.file = f"{stem}.{suffix}"
        content = _tar(sounds, format) if layout == "webdataset" else _parquet(sounds, format)
        _replace(folder / f"{stem}.{suffix}", content)
    (folder / PARTS).mkdir(exist_ok=True)
    atomic(part(folder, number), "".join(line.model_dump_json() + "\n" for line, _ in spoken))


def part(folder: Path, number: int) -> Path:
    """The part of the manifest for a block."""
    return folder / PARTS / f"part-{number:06d}.jsonl"


def join_manifest(folder: Path, parts: Iterable[str]) -> Summary:
    """``manifest.jsonl`` of all parts, JSON lines, in order; and what it holds."""
    path = folder / "manifest.jsonl"
    rows = failed = 0
    seconds = 0.0
    with replacing(path) as partial, partial.open("w", encoding="utf-8") as file:
        for text in parts:
            file.write(text)
            for line in map(json.loads, text.splitlines()):
                rows += 1
                failed += line["error"] is not None
                seconds += line["seconds"]
    return Summary(path, rows, rows - failed, failed, seconds)


def audio_folder(folder: Path, manifest: Path) -> None:
    """``metadata.csv``, with which a folder of sound files is an ``AudioFolder`` of `datasets`."""
    with (
        replacing(folder / "metadata.csv") as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
        manifest.open(encoding="utf-8") as lines,
    ):
        rows = csv.writer(file)
        rows.writerow(["file_name", "id", "text", "voice"])
        for line in map(json.loads, lines):
            if line["file"]:
                rows.writerow([line["file"], line["id"], line["text"], line["voice"]])


def _replace(path: Path, content: bytes) -> None:
    with replacing(path) as partial:
        partial.write_bytes(content)


def _tar(sounds: list[tuple[Spoken, bytes]], format: str) -> bytes:
    """A WebDataset shard: ``<id>.<format>`` and ``<id>.json`` one after the other, without times and owners."""
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for line, content in sounds:
            about = line.model_dump_json(exclude={"error"}).encode()
            # A dot in a WebDataset key ends it.
            key = line.id.replace(".", "_")
            for suffix, data in ((format, content), ("json", about)):
                info = tarfile.TarInfo(f"{key}.{suffix}")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    return memory.getvalue()


def _parquet(sounds: list[tuple[Spoken, bytes]], format: str) -> bytes:
    """A Parquet file whose column ``audio`` the `datasets` library reads as sound."""
    with needs_extra("batch"):
        import pyarrow
        from pyarrow import parquet
    audio = [{"bytes": content, "path": f"{line.id}.{format}"} for line, content in sounds]
    columns = {name: [getattr(line, name) for line, _ in sounds] for name in ("id", "text", "voice", "seconds")}
    features = {name: {"dtype": "string", "_type": "Value"} for name in ("id", "text", "voice")}
    features |= {"seconds": {"dtype": "float64", "_type": "Value"}, "audio": {"_type": "Audio"}}
    table = pyarrow.table({**columns, "audio": audio})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    memory = io.BytesIO()
    parquet.write_table(table, memory, compression="none")
    return memory.getvalue()
