"""A program on a terminal of its own, as a person has it: what it shows there, and keys that are pressed."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

CTRL_C = "\x03"
PATIENCE = 240.0  # seconds for what is waited for


class Terminal:
    """Runs a command on a terminal of 100 columns; a context manager that ends it."""

    def __init__(self, command: Sequence[str], **options: Any) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))

        def own() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            # Where the tests run in the background, Ctrl-C is ignored, and so it would be here.
            signal.signal(signal.SIGINT, signal.SIG_DFL)

        options = {"start_new_session": True, "preexec_fn": own, **options}
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, **options)
        os.close(slave)
        self.shown = ""

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def until(self, pattern: str) -> str:
        """Wait until it has shown this; all that it has shown so far."""
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.shown):
            assert self._read(deadline), f"it ended without {pattern!r}: {self.shown}"
        return self.shown

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def end(self) -> int:
        """Wait until it ends; its status."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self.process.wait(PATIENCE)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more in {PATIENCE} s: {self.shown}"
        try:
            data = os.read(self.master, 65536)
        except OSError:  # what Linux says when nobody has the other end any more
            return False
        self.shown += data.decode(errors="replace")
        return bool(data)
