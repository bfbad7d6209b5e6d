"""Who does a job's blocks: processes of this machine, or the actors of a Ray cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from voicebank.data.background import end_with_parent
from voicebank.dctts.threads import BLAS, environment
from voicebank.errors import BadData, needs_extra
from voicebank.training.ray_cluster import connect

# Times that workers of this machine may die (killed for memory, say) without any block done in between. Ray starts
# others without end: a node is unreachable for some time before it is known to be lost.
DEATHS = 5
# Times that a block is begun. One that kills its worker is done apart from the second time on, and what kills it is
# found; this is for deaths that have another cause.
TRIES = 20
Work = Callable[[int, str], None]
"""Does a block, of which it gets the number and the content. It is pickled, done again after a death, and leaves its
result in a file."""
Call = Callable[..., Any]
"""Calls a function with arguments, here or in a process of its own."""


def carry_out(
    work: Work,
    blocks: Mapping[int, str],
    *,
    workers: int | None,
    ray: str | None,
    is_done: Callable[[int], bool] = lambda number: False,
) -> Iterator[int]:
    """Do every block; the numbers of those that are done, in any order.

    Args:
        work: does a block.
        blocks: contents by number.
        workers: processes or actors, one a core; all cores of the machine or cluster if left out.
        ray: address of a Ray cluster, see :func:`voicebank.training.ray_cluster.connect`; this machine if left out.
        is_done: whether a block needs no second try, though its worker died.

    Raises:
        BadData: workers keep dying, or a result cannot be written.
    """
    if not blocks:
        return
    try:
        if ray is None:
            yield from _on_cores(work, blocks, workers or os.cpu_count() or 1, is_done)
        else:
            yield from _on_ray(work, blocks, workers, ray)
    except OSError as error:
        raise BadData(f"cannot write the result: {error.strerror or error}; the same command goes on") from error


def _on_cores(work: Work, blocks: Mapping[int, str], workers: int, is_done: Callable[[int], bool]) -> Iterator[int]:
    waiting, deaths = dict(blocks), 0
    while waiting and deaths < DEATHS:
        before = len(waiting)
        try:
            with _pool(min(workers, len(waiting))) as pool:
                started = {pool.submit(work, number, content): number for number, content in waiting.items()}
                try:
                    for future in as_completed(started):
                        future.result()
                        number = started.pop(future)
                        del waiting[number]
                        yield number
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        except BrokenProcessPool:
            for number in [n for n in waiting if is_done(n)]:
                del waiting[number]
                yield number
            deaths = 0 if len(waiting) < before else deaths + 1
    if waiting:
        raise BadData(f"workers died {DEATHS} times, perhaps for want of memory: use fewer, the same command goes on")


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    # Spawned: a forked child cannot use torch once its parent has.
    context = multiprocessing.get_context("spawn")
    # A worker whose parent was killed would wait for the next task for ever.
    with environment({BLAS: "1"}), ProcessPoolExecutor(workers, context, end_with_parent) as pool:
        yield pool


@contextmanager
def begun(result: Path) -> Iterator[Call]:
    """Around the doing of a block: how to call what may kill this process.

    It is called here the first time. If the block was begun before and did not come to its end, it is called apart,
    where it kills nothing but itself, and that raises :class:`voicebank.errors.BadData`.

    Args:
        result: the file that is there when the block is done. Until then one beside it has the times that the block
            was begun; :func:`voicebank.files.remove_torn` takes it for a torn one, so the next command begins anew.
    """
    mark = result.with_name(f".{result.stem}.begun.part")
    with mark.open("ab") as file:
        times = file.tell()
        file.write(b".")
    yield _here if not times else _apart if times < TRIES else _never
    mark.unlink(missing_ok=True)


def _here(function: Call, *given: Any) -> Any:
    return function(*given)


def _apart(function: Call, *given: Any) -> Any:
    with _pool(1) as pool:
        try:
            return pool.submit(function, *given).result()
        except BrokenProcessPool as error:
            raise BadData("the process that did this died each time, perhaps for want of memory") from error


def _never(function: Call, *given: Any) -> Any:
    raise BadData(f"it was begun {TRIES} times, and the process that did it died each time")


def _on_ray(work: Work, blocks: Mapping[int, str], workers: int | None, address: str) -> Iterator[int]:
    """With Ray Data, an actor a core; Ray gives the blocks of a lost actor or node to others."""
    connect(address)
    with needs_extra("ray"):
        import ray.data
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    cores = max(1, int(resources.get("CPU", 1)))
    most = min(workers or cores, len(blocks))
    items = [{"number": number, "content": content} for number, content in blocks.items()]
    rows = ray.data.from_items(items, override_num_blocks=len(items)).map(
        _Actor,  # type: ignore[arg-type]  # Ray makes the instances, where its annotation wants a function
        fn_constructor_args=(work,),
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=most, initial_size=min(most, cores)),
        num_cpus=1,
    )
    try:
        for row in rows.iter_rows():
            yield int(row["number"])
    except ray.exceptions.RayError as error:
        reason = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
        raise BadData(f"Ray gave up: {reason.strip()}; the same command goes on") from error


class _Actor:
    """A worker of Ray Data; what it has loaded stays loaded."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        self.work(int(item["number"]), str(item["content"]))
        return {"number": item["number"]}
