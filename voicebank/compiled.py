"""Loops compiled on first use (Numba) and kept for the next process."""

from __future__ import annotations

from collections.abc import Callable
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
