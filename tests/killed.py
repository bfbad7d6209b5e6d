"""A program that does something and is killed, again and again, each time a moment later than before.

``python killed.py dataset SOURCE OUT`` makes a dataset, ``python killed.py clone BASE DATASET OUT`` clones a voice in
a few steps; it prints how often it was killed before that was done. A moment is a write that is made to last: a flush
to the disk, or a rename to a final name.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

FEW = {"text2mel_steps": 2, "ssrn_steps": 1, "batch_size": 2, "validate_every": 1, "checkpoint_seconds": 0.0}
FEW |= {"rehearsal_sentences": 8}


def fatal(moment: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Wraps functions so that this process dies, as by ``kill -9``, before the given call of any of them."""
    left = moment

    def wrap(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **options)

        return called

    return wrap


def work(kind: str, *places: str) -> Callable[[], object]:
    """What is done. All that it imports is imported by now, since a child that is killed would do it in vain."""
    if kind == "dataset":
        from voicebank.data.make import make

        source, out = map(Path, places)
        return lambda: make(source, out)
    import librosa.effects  # noqa: F401 - at its first use else
    import matplotlib.backends.backend_agg  # noqa: F401

    import voicebank
    from voicebank.cloning.run import clone

    base, folder, out = places
    voice, dataset = voicebank.load(base), voicebank.Dataset.read(folder)
    return lambda: clone(voice, dataset, out, settings=FEW)


def main(arguments: list[str]) -> None:
    """Try until it is done."""
    task = work(*arguments)
    killed = 0
    while True:
        child = os.fork()
        if not child:
            wrap = fatal(killed + 1)
            os.replace, os.rename = wrap(os.replace), wrap(os.rename)
            if arguments[0] == "dataset":  # it keeps journals; a clone renames whatever it flushes
                os.fsync = wrap(os.fsync)
            task()
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, "it failed"
            print(killed)
            return
        assert os.WTERMSIG(status) == signal.SIGKILL, "it crashed"
        killed += 1


if __name__ == "__main__":
    main(sys.argv[1:])
