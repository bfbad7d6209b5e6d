"""Speaking rows in blocks, on this machine or on Ray: each block exactly once, whatever is killed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from voicebank.audio import FORMATS
from voicebank.bank import load
from voicebank.bulk.output import PARTS, Layout, Spoken, Summary, audio_folder, join_manifest, part, write_block
from voicebank.bulk.rows import BrokenRow, Row, read_rows
from voicebank.bulk.workers import Call, Work, begun, carry_out
from voicebank.data.progress import Progress
from voicebank.dctts.threads import set_threads
from voicebank.errors import BadData, VoicebankError
from voicebank.files import atomic, remove_torn

if TYPE_CHECKING:
    from voicebank.bank import Voice

# Rows in a block: the unit that is done or not. A kill costs the blocks that were being spoken.
BLOCK = 64
# Texts that are spoken together, the longest first.
TOGETHER = 16
Sound = tuple[Spoken, bytes | None]
"""A line of the manifest, and the file that it is about."""


class Job(NamedTuple):
    """What every worker needs to know."""

    folder: str
    voice: str
    layout: Layout
    format: str


def batch(
    source: str | Path | Iterable[Mapping[str, Any]],
    out: str | Path,
    *,
    voice: str = "us-male",
    layout: Layout = "files",
    format: str = "flac",
    workers: int | None = None,
    ray: str | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Speak the rows of a table into a folder.

    Stopped or killed at any moment, the same call goes on: a block of rows whose part of the manifest is there is never
    spoken again, and every other is. The bytes of the output are the same for any number of workers, except for
    ``ogg``, whose streams have random numbers.

    Args:
        source: see :func:`voicebank.bulk.rows.read_rows`.
        out: the folder: sounds, ``manifest.jsonl`` with a line for each row, and ``job.json``.
        voice: for rows that name none.
        layout: ``files`` (with ``metadata.csv``, as an ``AudioFolder`` of `datasets` has it), ``webdataset`` (tar
            shards) or ``parquet``.
        format: ``flac``, ``wav``, ``mp3`` or ``ogg``.
        workers: processes, or Ray actors; a core each. All cores of the machine or cluster if left out.
        ray: address of a Ray cluster, ``auto`` or ``local``; this machine's processes if left out. ``out`` must be a
            folder that every node sees.
        progress: callbacks, with rows as steps.

    Raises:
        BadData: the source cannot be read, ``out`` holds another job, or workers keep dying.
        UnknownName: there is no such voice.
    """
    if format not in FORMATS:
        raise BadData(f"unknown audio format {format!r}: use one of {', '.join(FORMATS)}")
    folder = Path(out)
    load(voice)  # before anything is written: a misspelt name is no reason to fail a million rows
    job = Job(str(folder.resolve()), voice, layout, format)
    return run_job(source, job, partial(speak_block, job), workers=workers, ray=ray, progress=progress)


def run_job(
    source: str | Path | Iterable[Mapping[str, Any]],
    job: Job,
    work: Work,
    *,
    workers: int | None = None,
    ray: str | None = None,
    progress: Progress | None = None,
) -> Summary:
    """What :func:`batch` does, with other work than speaking, which must end as :func:`speak_block` does."""
    folder, progress = Path(job.folder), progress or Progress()
    blocks = _plan(source, folder, job)
    sizes = [block.count("\n") for block in blocks]
    waiting = {number: block for number, block in enumerate(blocks) if not part(folder, number).exists()}
    total = sum(sizes)
    done = total - sum(sizes[number] for number in waiting)
    progress.step("speaking", done, total)

    def is_done(number: int) -> bool:
        return part(folder, number).exists()

    for number in carry_out(work, waiting, workers=workers, ray=ray, is_done=is_done):
        done += sizes[number]
        progress.step("speaking", done, total)
    remove_torn(folder)  # of workers that were killed in this call and replaced
    summary = join_manifest(folder, (part(folder, n).read_text(encoding="utf-8") for n in range(len(blocks))))
    if job.layout == "files":
        audio_folder(folder, summary.manifest)
    return summary


def _plan(source: str | Path | Iterable[Mapping[str, Any]], folder: Path, job: Job) -> list[str]:
    """The blocks of rows, JSON lines, which must be those of an earlier call into the same folder.

    They are kept as text, a tenth of what they are as objects: a job may have millions.
    """
    digest = hashlib.sha256(json.dumps([job.voice, job.layout, job.format]).encode())
    rows = (row.model_dump_json(exclude_defaults=True) + "\n" for row in read_rows(source))
    blocks = []
    while block := "".join(islice(rows, BLOCK)):
        digest.update(block.encode())
        blocks.append(block)
    if not blocks:
        raise BadData(f"{source} holds no row")
    count = sum(block.count("\n") for block in blocks)
    note, wanted = folder / "job.json", json.dumps({"digest": digest.hexdigest(), "rows": count})
    if note.exists():
        if note.read_text(encoding="utf-8") != wanted:
            raise BadData(f"{folder} holds another job: give the same rows, voice and format, or name a new folder")
        remove_torn(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise BadData(f"{folder} is there and holds something else: name a new folder")
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    atomic(note, wanted)
    return blocks


def rows_of(content: str) -> list[Row | BrokenRow]:
    """The rows of a block."""
    lines = [json.loads(line) for line in content.split("\n") if line]
    return [(Row if "text" in line else BrokenRow).model_validate(line) for line in lines]


def speak_block(job: Job, number: int, content: str) -> None:
    """Speak the rows of a block and write them, unless that was done."""
    folder = Path(job.folder)
    if part(folder, number).exists():
        return
    rows = rows_of(content)
    spoken: dict[str, Sound] = {}
    for row in rows:
        if isinstance(row, BrokenRow):
            spoken[row.id] = Spoken(id=row.id, error=row.error), None
    good = [row for row in rows if isinstance(row, Row)]
    with begun(part(folder, number)) as call:
        for group in _groups(good, job.voice):
            spoken |= _speak(call, group, group[0].voice or job.voice, job.format)
        write_block(folder, number, job.layout, job.format, [spoken[row.id] for row in rows])


def _groups(rows: list[Row], voice: str) -> Iterator[list[Row]]:
    """Rows that can be spoken together, the longest first: they end at about the same time."""
    alike: dict[str, list[Row]] = {}
    for row in rows:
        alike.setdefault(json.dumps([row.voice or voice, row.speed, row.lexicon]), []).append(row)
    for every in alike.values():
        every.sort(key=lambda row: (-len(row.text), row.id))
        for first in range(0, len(every), TOGETHER):
            yield every[first : first + TOGETHER]


def _speak(call: Call, rows: list[Row], name: str, format: str) -> dict[str, Sound]:
    try:
        sounds: list[Sound] = call(_sounds, rows, name, format)
    except VoicebankError as error:
        if len(rows) > 1:  # one of them is to blame: the others are spoken
            return {key: sound for row in rows for key, sound in _speak(call, [row], name, format).items()}
        (row,) = rows
        sounds = [(Spoken(id=row.id, text=row.text, voice=name, error=str(error)), None)]
    return {line.id: (line, sound) for line, sound in sounds}


def _sounds(rows: list[Row], name: str, format: str) -> list[Sound]:
    """Rows spoken together, in their order."""
    set_threads(1)  # a worker a core
    voice, digest = _voice(name)
    speeches = voice.say_detailed([row.text for row in rows], speed=rows[0].speed, lexicon=rows[0].lexicon)
    sounds: list[Sound] = []
    for row, speech in zip(rows, speeches, strict=True):
        line = Spoken(
            id=row.id,
            text=row.text,
            seconds=round(speech.audio.duration, 3),
            voice=name,
            digest=digest,
            misread="".join(dict.fromkeys("".join(one.sentence.dropped for one in speech.sentences))),
            private_use=voice.config.private_use,
        )
        sounds.append((line, speech.audio.to_bytes(format)))
    return sounds


@lru_cache(maxsize=8)
def _voice(name: str) -> tuple[Voice, str]:
    from voicebank.cloning.store import weights_digest

    voice = load(name)
    return voice, weights_digest(voice)
