"""Memory that does not seem to grow with every request."""

from __future__ import annotations

import contextlib
import ctypes

_ARENA_MAX = -8  # of mallopt(3)


def share_heaps() -> None:
    """Let all threads share two heaps of the GNU C library.

    By default each of the many threads that take turns in speaking gets a heap of its own, which keeps what its largest
    text took. Elsewhere than on Linux nothing is done.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):  # other libraries have no such call
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)
