"""In how many threads speech is computed: sentences side by side, each in one thread.

Products of matrices as small as these gain little from a second core, and threads that wait for each other lose time.
So wherever speaking has a process of its own (commands, servers, workers), NumPy's linear algebra (BLAS) is told to
compute in one thread. Sums are then in one order, too: a sentence has the same bytes on any number of cores.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from typing import TypeVar

# Read by NumPy's BLAS when it is loaded.
BLAS = "OPENBLAS_NUM_THREADS"

Item = TypeVar("Item")
Result = TypeVar("Result")

_of_this_thread = threading.local()


def set_threads(count: int) -> None:
    """Compute what the calling thread speaks in so many threads, from now on."""
    _of_this_thread.count = count


def threads() -> int:
    """Threads that speech is computed in: what was set, or ``OMP_NUM_THREADS``, or as many as there are cores."""
    return getattr(_of_this_thread, "count", None) or _default()


@lru_cache(maxsize=1)
def _default() -> int:
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    return int(wanted) if wanted.isdigit() and int(wanted) else cores()


def cores() -> int:
    """Cores that this process may use. Neither macOS nor Windows tells them from all there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The results of a function for all items, in their order."""
    every = list(items)
    count = min(threads(), len(every))
    if count <= 1:
        return [function(item) for item in every]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(function, every))


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Around the start of processes: variables that they have."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
