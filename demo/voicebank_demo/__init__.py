"""The web demo of voicebank: it calls the library's public API and draws what comes back."""

import contextlib
import ctypes
import os

# A sentence is computed in one thread, as `voicebank serve` does; before NumPy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
_ARENA_MAX = -8  # of mallopt(3)

# By default each of the many threads that take turns in speaking gets a heap of its own, which keeps what its largest
# text took. Two heaps of the GNU C library for all are enough; other libraries have no such call. Here, because it
# helps only before Gradio and torch start their threads.
with contextlib.suppress(OSError, AttributeError, TypeError):
    ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)
