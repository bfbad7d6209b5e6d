"""What is to be spoken: rows of a JSONL, CSV or Parquet file, of a folder of texts, or of a Hugging Face dataset."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from voicebank.config import first_error
from voicebank.errors import BadData, needs_extra

COLUMNS = ("id", "text", "voice", "speed", "lexicon")
# Ids become file names.
ID = re.compile(r"[\w][\w.-]{0,199}")


class Row(BaseModel):
    """One text to be spoken."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: str
    text: str
    voice: str | None = None
    """Name, folder or repository; the voice of the whole job if left out."""
    speed: float = Field(1.0, ge=0.5, le=2.0)
    lexicon: dict[str, str] | None = None
    """Words to IPA, beside the voice's own."""


class BrokenRow(BaseModel):
    """A row that cannot be spoken as it stands."""

    id: str
    error: str


def read_rows(source: str | Path | Iterable[Mapping[str, Any]]) -> Iterator[Row | BrokenRow]:
    """The rows of a job, one after the other, in the order in which they stand.

    A row without an id is called by its number. A row that breaks a rule becomes a :class:`BrokenRow`, so that one bad
    line among a million costs nothing but itself.

    Args:
        source: a file ``.jsonl``, ``.csv`` or ``.parquet``; a folder of ``.txt`` files, each a row; a folder that
            ``datasets.Dataset.save_to_disk`` wrote; the name of a dataset on the Hugging Face Hub, whose split
            ``train`` is taken; or the rows themselves. Columns: ``id``, ``text`` and optionally ``voice``, ``speed``
            and ``lexicon`` (a table of word to IPA, or the same as JSON).

    Raises:
        BadData: there is no such source, or it has no column ``text``.
    """
    names: set[str] = set()
    for number, raw in enumerate(records(source)):
        row = _row(raw, number)
        if row.id in names:
            yield BrokenRow(id=f"{row.id}~{number}", error=f"the id {row.id!r} stands in an earlier row")
            continue
        names.add(row.id)
        yield row


def _row(raw: Mapping[str, Any] | str, number: int) -> Row | BrokenRow:
    name = f"{number:08d}"
    if isinstance(raw, str):
        return BrokenRow(id=name, error=raw)
    fields = {key: raw[key] for key in COLUMNS if raw.get(key) not in (None, "")}
    name = str(fields.setdefault("id", name))
    if not ID.fullmatch(name):
        return BrokenRow(id=f"{number:08d}", error=f"the id {name[:60]!r} is no file name of letters, digits, . _ -")
    if isinstance(fields.get("lexicon"), str):
        try:
            fields["lexicon"] = json.loads(fields["lexicon"])
        except ValueError:
            return BrokenRow(id=name, error="the lexicon is no JSON table of word to IPA")
    try:
        return Row.model_validate({"text": "", **fields})
    except ValidationError as error:
        return BrokenRow(id=name, error=first_error(error))


def records(
    source: str | Path | Iterable[Mapping[str, Any]], needed: str = "text"
) -> Iterator[Mapping[str, Any] | str]:
    """The rows of a table as they stand in it, see :func:`read_rows`; a text for one that is no row.

    Raises:
        BadData: there is no such table, or it has no column ``needed``.
    """
    if not isinstance(source, (str, Path)):
        yield from source
        return
    path = Path(source)
    if path.is_dir():
        yield from _folder(path)
    elif not path.exists() and "/" in str(source) and not path.suffix:
        yield from _hub(str(source))
    else:
        readers: dict[str, Callable[[Path], Iterator[Mapping[str, Any] | str]]]
        readers = {".jsonl": _jsonl, ".csv": partial(_csv, needed), ".parquet": partial(_parquet, needed)}
        if path.suffix.lower() not in readers:
            raise BadData(f"{source} is no table: name a .jsonl, .csv or .parquet file, a folder or a dataset")
        try:
            yield from readers[path.suffix.lower()](path)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise BadData(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error


def _folder(path: Path) -> Iterator[Mapping[str, Any]]:
    if (path / "dataset_info.json").is_file():
        with needs_extra("batch"):
            from datasets import load_from_disk
        yield from load_from_disk(str(path))
        return
    texts = sorted(path.glob("*.txt"))
    if not texts:
        raise BadData(f"{path} holds no .txt file and is no saved dataset")
    for text in texts:
        yield {"id": text.stem, "text": text.read_text(encoding="utf-8", errors="replace")}


def _hub(name: str) -> Iterator[Mapping[str, Any]]:
    with needs_extra("batch"):
        from datasets import load_dataset
    try:
        rows = load_dataset(name, split="train", streaming=True)
    except Exception as error:  # the client raises whatever its many backends raise
        raise BadData(
            f"{name} is neither a file here nor a dataset on the Hub: {str(error).splitlines()[0]}"
        ) from error
    yield from rows


def _jsonl(path: Path) -> Iterator[Mapping[str, Any] | str]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            yield row if isinstance(row, dict) else f"line {number} is no JSON table"


def _csv(needed: str, path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        _has(needed, path, rows.fieldnames or [])
        yield from rows


def _parquet(needed: str, path: Path) -> Iterator[Mapping[str, Any]]:
    with needs_extra("batch"):
        from pyarrow import parquet
    table = parquet.ParquetFile(path)
    _has(needed, path, table.schema_arrow.names)
    # Others, sound among them, may be large.
    columns = [name for name in COLUMNS if name in table.schema_arrow.names] if needed == "text" else None
    for part in table.iter_batches(columns=columns):
        yield from part.to_pylist()


def _has(needed: str, path: Path, columns: Iterable[str]) -> None:
    if needed not in set(columns):
        raise BadData(f"{path} has no column {needed}: it has {', '.join(columns) or 'none'}")
