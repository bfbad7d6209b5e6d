"""Loops compiled on first use (Numba) and kept for the next process."""

from __future__ import annotations

import contextlib
import importlib
import tempfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import event


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator: ``numba.njit`` that lets other threads run, kept beside the source or in the user's cache folder.

    Where neither can be written, each process compiles anew.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return njit(cache=True, nogil=True, **options)(function)
        except RuntimeError:  # "cannot cache function": no folder to keep it in
            return njit(nogil=True, **options)(function)

    return decorate


@lru_cache
def librosa(module: str) -> Any:
    """A module of librosa, such as ``core.pitch``, its loops compiled by one process at a time.

    They are compiled when they are imported. Where several processes do so at once, the first time on a machine, what
    Numba keeps is mixed up, and every process that uses it later ends with a segmentation fault.
    """
    from filelock import FileLock

    beside = Path(str(importlib.import_module("librosa").__file__)).parent / "__pycache__"  # where Numba keeps them
    with contextlib.ExitStack() as stack:
        try:
            beside.mkdir(exist_ok=True)
            stack.enter_context(FileLock(beside / "voicebank.lock"))
        except OSError:  # it cannot be written: Numba keeps them in the user's cache folder
            stack.enter_context(FileLock(Path(tempfile.gettempdir()) / "voicebank-librosa.lock"))
        return importlib.import_module(f"librosa.{module}")


def on_compiling(start: Callable[[], object], end: Callable[[], object]) -> Callable[[], None]:
    """Call functions before and after loops are compiled; what was kept is not compiled again.

    Returns:
        A function after whose call the two are called no more.
    """

    class Listener(event.Listener):
        def on_start(self, event: Any) -> None:
            start()

        def on_end(self, event: Any) -> None:
            end()

    listener = Listener()
    event.register("numba:compile", listener)  # type: ignore[no-untyped-call]

    def stop() -> None:
        event.unregister("numba:compile", listener)  # type: ignore[no-untyped-call]
        end()

    return stop
