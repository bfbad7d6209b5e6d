"""A program that makes a dataset and is killed, again and again, each time a moment later than before.

``python dataset_killed.py SOURCE OUT`` prints how often it was killed before the dataset was made. A moment is a
write that is made to last: a flush to the disk, or a rename to a final name.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from voicebank.data.make import make


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


def main(source: Path, out: Path) -> None:
    """Try until it is made."""
    killed = 0
    while True:
        child = os.fork()
        if not child:
            wrap = fatal(killed + 1)
            os.fsync, os.replace = wrap(os.fsync), wrap(os.replace)
            make(source, out)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFEXITED(status):
            assert os.WEXITSTATUS(status) == 0, "it failed"
            print(killed)
            return
        assert os.WTERMSIG(status) == signal.SIGKILL, "it crashed"
        killed += 1


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
