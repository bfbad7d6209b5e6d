"""Speaking rows in blocks, on this machine or on Ray: each block exactly once, whatever is killed."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from voicebank.audio import FORMATS, Audio
from voicebank.bank import load
from voicebank.bulk.output import PARTS, Layout, Spoken, join_manifest, part, write_block
from voicebank.bulk.rows import BrokenRow, Row, read_rows
from voicebank.errors import BadData, VoicebankError, needs_extra
from voicebank.files import atomic, remove_torn

if TYPE_CHECKING:
    from voicebank.bank import Voice

# Rows in a block: the unit that is done or not. A kill costs the blocks that were being spoken.
BLOCK = 64
# Texts that are spoken together, the longest first.
TOGETHER = 16
# Times that workers may die (killed for memory, say) before a job is given up.
DEATHS = 5


class Job(NamedTuple):
    """What every worker needs to know."""

    folder: str
    voice: str
    layout: Layout
    format: str


class Summary(NamedTuple):
    """What a job did."""

    manifest: Path
    rows: int
    spoken: int
    failed: int
    seconds: float
    """Of speech."""


Progress = Callable[[int, int], None]


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
        workers: processes, or Ray actors; a core each. All cores if left out.
        ray: address of a Ray cluster, ``auto`` or ``local``; this machine's processes if left out. ``out`` must then be
            a folder that every node sees.
        progress: called with the rows that are done and all rows.

    Raises:
        BadData: the source cannot be read, ``out`` holds another job, or workers keep dying.
        UnknownName: there is no such voice.
    """
    if format not in FORMATS:
        raise BadData(f"unknown audio format {format!r}: use one of {', '.join(FORMATS)}")
    folder = Path(out)
    load(voice)  # before anything is written: a misspelt name is no reason to fail a million rows
    job = Job(str(folder.resolve()), voice, layout, format)
    blocks = _plan(source, folder, job)
    sizes = [len(block) for block in blocks]
    waiting = [number for number in range(len(blocks)) if not part(folder, number).exists()]
    done = sum(sizes) - sum(sizes[number] for number in waiting)
    report = progress or (lambda done, total: None)
    report(done, sum(sizes))
    tasks = ((number, blocks[number]) for number in waiting)
    run = _on_ray if ray else _on_cores
    for number in run(job, dict(tasks), workers or os.cpu_count() or 1, ray):
        done += sizes[number]
        report(done, sum(sizes))
    manifest = join_manifest(folder, len(blocks), layout)
    return _summary(manifest)


def _plan(source: str | Path | Iterable[Mapping[str, Any]], folder: Path, job: Job) -> list[list[Row | BrokenRow]]:
    """The blocks of rows, which must be those of an earlier call into the same folder."""
    rows = iter(read_rows(source))
    blocks = list(iter(lambda: list(islice(rows, BLOCK)), []))
    if not blocks:
        raise BadData(f"{source} holds no row")
    digest = hashlib.sha256(json.dumps([job.voice, job.layout, job.format]).encode())
    for block in blocks:
        for row in block:
            digest.update(row.model_dump_json().encode())
    note, wanted = folder / "job.json", json.dumps({"digest": digest.hexdigest(), "rows": sum(map(len, blocks))})
    if note.exists():
        if note.read_text(encoding="utf-8") != wanted:
            raise BadData(f"{folder} holds another job: give the same rows, voice and format, or name a new folder")
        remove_torn(folder)
    elif folder.exists() and any(folder.iterdir()):
        raise BadData(f"{folder} is there and holds something else: name a new folder")
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    atomic(note, wanted)
    return blocks


def _summary(manifest: Path) -> Summary:
    rows = spoken = 0
    seconds = 0.0
    with manifest.open(encoding="utf-8") as lines:
        for raw in lines:
            line = json.loads(raw)
            rows += 1
            spoken += line["error"] is None
            seconds += line["seconds"]
    return Summary(manifest, rows, spoken, rows - spoken, seconds)


# Workers


def _on_cores(job: Job, blocks: dict[int, list[Row | BrokenRow]], workers: int, address: str | None) -> Iterator[int]:
    """Speak blocks in processes of this machine; numbers of those that are done, in any order."""
    waiting = dict(blocks)
    # Spawned: a forked child cannot use torch once its parent has.
    context = multiprocessing.get_context("spawn")
    for _ in range(DEATHS):
        if not waiting:
            return
        try:
            with ProcessPoolExecutor(min(workers, len(waiting)), mp_context=context) as pool:
                started = {pool.submit(speak_block, job, n, block): n for n, block in waiting.items()}
                try:
                    for future in as_completed(started):
                        number = future.result()
                        del waiting[number]
                        yield number
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
            return
        except BrokenProcessPool:
            for number in [n for n in waiting if part(Path(job.folder), n).exists()]:
                del waiting[number]
                yield number
    raise BadData(f"workers died {DEATHS} times, perhaps for want of memory: use fewer, the same command goes on")


def _on_ray(job: Job, blocks: dict[int, list[Row | BrokenRow]], workers: int, address: str | None) -> Iterator[int]:
    """Speak blocks with Ray Data, an actor a core; Ray gives the blocks of a lost actor or node to others."""
    with needs_extra("ray"):
        import ray
    if not ray.is_initialized():
        ray.init(address=None if address == "local" else address, log_to_driver=False)
    items = [{"block": n, "rows": json.dumps([row.model_dump() for row in block])} for n, block in blocks.items()]
    if not items:
        return
    ray.data.DataContext.get_current().enable_progress_bars = False
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=workers)
    rows = ray.data.from_items(items, override_num_blocks=len(items))
    actor: Any = _Actor  # Ray makes the instances, where its annotation wants a function
    for row in rows.map(actor, fn_constructor_args=(job,), compute=pool, num_cpus=1).iter_rows():
        yield int(row["block"])


class _Actor:
    """A worker of Ray Data; its voices stay loaded."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        rows = [(Row if "text" in raw else BrokenRow).model_validate(raw) for raw in json.loads(item["rows"])]
        return {"block": speak_block(self.job, int(item["block"]), rows)}


def speak_block(job: Job, number: int, rows: list[Row | BrokenRow]) -> int:
    """Speak the rows of a block and write them; the block's number."""
    import torch

    torch.set_num_threads(1)  # a worker a core; and sums in one order, so that the bytes are the same everywhere
    folder = Path(job.folder)
    if not part(folder, number).exists():
        spoken: dict[str, tuple[Spoken, Audio | None]] = {}
        for row in rows:
            if isinstance(row, BrokenRow):
                spoken[row.id] = Spoken(id=row.id, error=row.error), None
        good = [row for row in rows if isinstance(row, Row)]
        for group in _groups(good, job.voice):
            spoken |= _speak(group, group[0].voice or job.voice)
        write_block(folder, number, job.layout, job.format, [spoken[row.id] for row in rows])
    return number


def _groups(rows: list[Row], voice: str) -> Iterator[list[Row]]:
    """Rows that can be spoken together, the longest first: they end at about the same time."""
    alike: dict[str, list[Row]] = {}
    for row in rows:
        alike.setdefault(json.dumps([row.voice or voice, row.speed, row.lexicon]), []).append(row)
    for every in alike.values():
        every.sort(key=lambda row: (-len(row.text), row.id))
        for first in range(0, len(every), TOGETHER):
            yield every[first : first + TOGETHER]


def _speak(rows: list[Row], name: str) -> dict[str, tuple[Spoken, Audio | None]]:
    try:
        voice, digest = _voice(name)
        speeches = voice.say_detailed([row.text for row in rows], speed=rows[0].speed, lexicon=rows[0].lexicon)
    except VoicebankError as error:
        if len(rows) > 1:  # one of them is to blame: the others are spoken
            return {key: value for row in rows for key, value in _speak([row], name).items()}
        (row,) = rows
        return {row.id: (Spoken(id=row.id, text=row.text, voice=name, error=str(error)), None)}
    done: dict[str, tuple[Spoken, Audio | None]] = {}
    for row, speech in zip(rows, speeches, strict=True):
        misread = "".join(dict.fromkeys("".join(one.sentence.dropped for one in speech.sentences)))
        seconds = round(speech.audio.duration, 3)
        line = Spoken(id=row.id, text=row.text, seconds=seconds, voice=name, digest=digest, misread=misread)
        done[row.id] = line, speech.audio
    return done


@lru_cache(maxsize=8)
def _voice(name: str) -> tuple[Voice, str]:
    from voicebank.cloning.store import weights_digest

    voice = load(name)
    return voice, weights_digest(voice)
