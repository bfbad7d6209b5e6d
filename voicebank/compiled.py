"""Loops compiled on first use (Numba) and kept for the next process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit


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
