"""Memory that a training, or listening to clips, frees and soon needs again."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Parameters of mallopt(3), in malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGE = 1 << 29  # bytes; more than any tensor here
_MOST = 32 << 20  # what glibc itself raises its threshold to, as larger and larger blocks are freed


@contextmanager
def kept() -> Iterator[None]:
    """While it lasts, memory that is freed stays with the process; what is free at its end goes back to the system.

    By default the C library (glibc) gives large blocks back at once, and each step of a training asks for them again.
    The system fills them with zeros, page by page: a seventh of a training's computing on a CPU, a twentieth of an
    evaluation's. With another C library nothing changes.
    """
    library = ctypes.CDLL(None) if sys.platform == "linux" else None
    if not (hasattr(library, "mallopt") and hasattr(library, "malloc_trim")):
        yield
        return
    assert library is not None

    def reuse(most: int) -> None:
        library.mallopt(_MMAP_THRESHOLD, most)
        library.mallopt(_TRIM_THRESHOLD, 2 * most)

    reuse(_LARGE)
    try:
        yield
    finally:
        reuse(_MOST)
        library.malloc_trim(0)
