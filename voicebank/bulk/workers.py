"""Who does a job's blocks: processes of this machine, or the actors of a Ray cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from voicebank.errors import BadData, needs_extra
from voicebank.training.distributed import connect

# Times that workers of this machine may die (killed for memory, say) before a job is given up. Ray tries without end: a
# node is unreachable for some time before it is known to be lost, and each try in that time would count.
DEATHS = 5
Work = Callable[[int, str], None]
"""Does a block, of which it gets the number and the content. It is pickled, done again after a death, and leaves its
result in a file."""


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
        ray: address of a Ray cluster, see :func:`voicebank.training.distributed.connect`; this machine if left out.
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
    waiting = dict(blocks)
    # Spawned: a forked child cannot use torch once its parent has.
    context = multiprocessing.get_context("spawn")
    for _ in range(DEATHS):
        if not waiting:
            return
        try:
            with ProcessPoolExecutor(min(workers, len(waiting)), mp_context=context) as pool:
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
            return
        except BrokenProcessPool:
            for number in [n for n in waiting if is_done(n)]:
                del waiting[number]
                yield number
    raise BadData(f"workers died {DEATHS} times, perhaps for want of memory: use fewer, the same command goes on")


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
