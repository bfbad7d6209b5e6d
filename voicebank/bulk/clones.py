"""Cloning many speakers at once, each by a worker of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from voicebank.bank import closest, load
from voicebank.bulk.output import PARTS, Summary, join_manifest
from voicebank.bulk.rows import ID, records
from voicebank.bulk.workers import begun, carry_out
from voicebank.cloning.store import CloneSettings, CloneState
from voicebank.config import first_error
from voicebank.data.dataset import Dataset
from voicebank.data.progress import Progress
from voicebank.errors import BadData, VoicebankError
from voicebank.files import atomic, remove_torn


class Speaker(BaseModel):
    """Somebody whose voice is to be cloned."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    dataset: str
    """A folder, see :meth:`voicebank.data.dataset.Dataset.read`."""
    id: str = ""
    """Of the voice and its folder; the dataset's name if left out."""
    base: str | None = None
    """The voice to start from; that of the whole job if left out."""
    consent: str | None = None
    accent: str | None = None
    gender: str | None = None
    origin: str | None = None


class Cloned(BaseModel):
    """A line of the manifest."""

    id: str
    dataset: str
    folder: str | None = None
    """Of the voice, beside the manifest."""
    base: str = ""
    minutes: float = 0.0
    """Of speech that was learned from."""
    seconds: float = 0.0
    """Of computing."""
    scores: dict[str, float] = {}
    error: str | None = None
    """Why there is no voice, or not a finished one."""


class CloneJob(NamedTuple):
    """What every worker needs to know."""

    out: Path
    base: str | None
    settings: dict[str, Any]


def clone_batch(
    source: str | Path | Iterable[Mapping[str, Any]],
    out: str | Path,
    *,
    base: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    workers: int | None = None,
    ray: str | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Clone the voices of many speakers, each by a process or a Ray actor of its own.

    The same call goes on where it was stopped, and with those that failed. Each voice is what
    :meth:`voicebank.bank.Voice.clone` makes of its dataset.

    Args:
        source: a table (``.jsonl``, ``.csv``, ``.parquet``) or rows with the columns ``dataset`` and optionally ``id``,
            ``base``, ``consent``, ``accent``, ``gender`` and ``origin``; or a folder of datasets, which gives no
            consents.
        out: folder for the voices, with ``manifest.jsonl``.
        base: for speakers who have none in the table; the closest of the bundled voices if left out.
        settings: some of :class:`voicebank.cloning.store.CloneSettings`, for all. Without ``threads`` each takes one.
        workers: processes or actors, a core each; all cores of the machine or cluster if left out.
        ray: address of a Ray cluster, ``auto`` or ``local``; this machine if left out. Every node must then see the
            datasets and ``out`` under these names.
        progress: callbacks, with speakers as steps.

    Raises:
        BadData: the source cannot be read, a setting is out of range, or workers keep dying. What is wrong with one
            speaker's recordings stands in the manifest.
        UnknownName: there is no voice ``base``.
    """
    speakers = list(_speakers(source))
    if not speakers:
        raise BadData(f"{source} names no dataset")
    given = {"threads": 1, **(settings or {})}
    try:
        CloneSettings.for_minutes(1.0, **given)
    except ValidationError as error:
        raise BadData(f"setting {first_error(error)}") from error
    if base is not None:
        load(base)  # a misspelt name is no reason to fail all of them
    out = Path(out).resolve()
    (out / PARTS).mkdir(parents=True, exist_ok=True)
    remove_torn(out / PARTS)
    job = CloneJob(out, str(base) if base is not None else None, given)
    blocks = {n: speaker.model_dump_json() for n, speaker in enumerate(speakers) if isinstance(speaker, Speaker)}
    work = carry_out(partial(clone_speaker, job), blocks, workers=workers, ray=ray)
    for _ in (progress or Progress()).track("cloning", work, len(blocks)):
        pass
    return join_manifest(
        out,
        (
            one.model_dump_json() + "\n" if isinstance(one, Cloned) else _part(out, one.id).read_text(encoding="utf-8")
            for one in speakers
        ),
    )


def clone_speaker(job: CloneJob, number: int, content: str) -> None:
    """Clone one speaker, and write down what came of it."""
    speaker = Speaker.model_validate_json(content)
    path = _part(job.out, speaker.id)
    with begun(path) as call:
        try:
            line: Cloned = call(_clone, job, speaker)
        except VoicebankError as error:
            line = Cloned(id=speaker.id, dataset=speaker.dataset, error=str(error))
        atomic(path, line.model_dump_json() + "\n")


def _clone(job: CloneJob, speaker: Speaker) -> Cloned:
    import torch

    torch.set_num_threads(job.settings["threads"])
    data, folder = Dataset.read(speaker.dataset), job.out / speaker.id
    earlier, base = CloneState.of(folder), speaker.base or job.base
    if base is None and earlier and Path(earlier.base).is_dir():
        base = earlier.base  # the closest was found by an earlier call
    voice = load(base) if base else closest(data).voice
    about = speaker.model_dump(include={"consent", "accent", "gender", "origin"})
    voice.clone(data, folder, settings=job.settings, **about)
    state = CloneState.of(folder)
    if state is None or not state.finished:
        raise BadData("stopped before it was finished: the same command goes on")
    return Cloned(
        id=speaker.id,
        dataset=speaker.dataset,
        folder=speaker.id,
        base=state.parent,
        minutes=state.minutes,
        seconds=round(state.seconds, 1),
        scores=state.scores,
    )


def _part(out: Path, name: str) -> Path:
    return out / PARTS / f"{name}.json"


def _speakers(source: str | Path | Iterable[Mapping[str, Any]]) -> Iterator[Speaker | Cloned]:
    """Who is to be cloned, and what is wrong with rows that name nobody; ids are unique."""
    folder = Path(source) if isinstance(source, (str, Path)) else None
    rows: Iterable[Mapping[str, Any] | str]
    if folder is not None and folder.is_dir():
        rows = [{"dataset": str(path.parent)} for path in sorted(folder.glob("*/metadata.csv"))]
    else:
        rows = records(source, "dataset")
    names: set[str] = set()
    for number, row in enumerate(rows):
        line = Cloned(id=f"{number:08d}", dataset="")
        if isinstance(row, str):
            yield line.model_copy(update={"error": row})
            continue
        try:
            speaker = Speaker.model_validate({k: v for k, v in row.items() if v not in (None, "")})
        except ValidationError as error:
            yield line.model_copy(update={"error": first_error(error)})
            continue
        place = Path(speaker.dataset).resolve()
        speaker = speaker.model_copy(update={"dataset": str(place), "id": speaker.id or place.name})
        if not ID.fullmatch(speaker.id) or speaker.id == PARTS:
            why = f"the id {speaker.id[:60]!r} is no name of a folder of letters, digits, . _ -"
        elif speaker.id in names:
            why = f"the id {speaker.id!r} stands in an earlier row"
        else:
            names.add(speaker.id)
            yield speaker
            continue
        yield line.model_copy(update={"dataset": speaker.dataset, "error": why})
