"""Work on what was uploaded, beside a server, in processes that begin at once."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Mapping
from functools import lru_cache
from multiprocessing import connection
from pathlib import Path
from typing import Any

from voicebank.dctts.threads import environment

# Threads of PyTorch (OpenMP) wait for each other at every layer, by default in a loop that holds a core. The server
# needs it, too.
PATIENT = {"OMP_WAIT_POLICY": "passive"}
# What a voice takes is imported once, in the process that all others are forked from: else each would begin with
# seconds of computing.
IMPORTS = "voicebank.cloning.ready"


class Background:
    """A process that works in a folder. It gives way to the server, ends with it, and reads nothing of its input.

    Args:
        module: the name of one with a function ``main``, which takes the folder and returns the process's status.
        folder: what it works on.
        log: a file for what it writes; appended to.
    """

    def __init__(self, module: str, folder: Path, log: Path) -> None:
        context = _context()
        given = module, folder, log, {**PATIENT, **os.environ}
        self._process = context.Process(target=_work, args=given, daemon=True)
        self._failed = False
        # The first one waits for what is imported, and whoever asks for it does not.
        self._start = threading.Thread(target=self._begin, args=(log,), daemon=True)
        self._start.start()

    def _begin(self, log: Path) -> None:
        try:
            self._process.start()
        except (OSError, EOFError) as error:
            self._failed = True
            log.write_text(f"no process could be started: {error}\n", encoding="utf-8")

    def poll(self) -> int | None:
        """Its status, below 0 where a signal ended it; None while it works."""
        status: int | None = 1 if self._failed else self._process.exitcode
        return status

    def kill(self) -> None:
        """End it at once, whatever it does."""
        self._start.join()
        if not self._failed:
            self._process.kill()

    def wait(self) -> None:
        """Wait for its end."""
        self._start.join()
        if not self._failed:
            self._process.join()


@lru_cache(maxsize=1)
def _context() -> Any:
    if sys.platform != "linux":  # a system's own libraries may break in a fork
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver  # not every system has it

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([IMPORTS])
    with environment({**PATIENT, **os.environ}):
        forkserver.ensure_running()
    return context


def _work(module: str, folder: Path, log: Path, variables: Mapping[str, str]) -> None:
    os.environ.update(variables)  # the process that this one was forked from has those of the first
    if hasattr(os, "setsid"):
        os.setsid()  # Ctrl-C is for the server
        os.nice(5)
    with open(log, "ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    end_with_parent()
    sys.exit(importlib.import_module(module).main(folder))


def end_with_parent() -> None:
    """End this process with the one that started it, however that ends: nobody waits for a result any more."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
