"""In how many threads speech is computed: sentences side by side, each in one thread.

Products of matrices as small as these gain little from a second core, and threads that wait for each other lose time.
So the threads of NumPy's own linear algebra (BLAS) rest meanwhile. Sums are then in one order, too: a sentence has the
same bytes on any number of cores.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

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
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The results of a function for all items, in their order."""
    every = list(items)
    count = min(threads(), len(every))
    if count <= 1:
        return [function(item) for item in every]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(function, every))


class _OneBlasThread:
    """A context in which BLAS computes in one thread. Several threads may be in it at a time; the last ends it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limits: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limits = _controller().limit(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limits.restore_original_limits()


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


one_blas_thread = _OneBlasThread()
