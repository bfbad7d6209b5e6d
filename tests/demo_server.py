"""Starts the demo for tests, as a visitor's machine would: a process of its own on a free port."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

APP = Path(__file__).parent.parent / "demo" / "app.py"


@dataclass
class Server:
    """A running demo: its address, its files, its log."""

    url: str
    temporary: Path
    log_file: Path
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> list[str]:
        """What it wrote so far, without the lines of its start."""
        start = ("* ", "🔨", "To create")
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line for line in lines if line.strip() and not line.startswith(start)]

    @property
    def visitors(self) -> list[Path]:
        """The folders of those who are or were here."""
        return sorted(self.temporary.glob("voicebank-demo-*/visitors/*"))

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The job at work stands still meanwhile, so that there is time to look at its page (Linux)."""
        # They are forked from a process that the server starts.
        workers = [one for child in psutil.Process(self.process.pid).children() for one in child.children()]
        try:
            for worker in workers:
                worker.suspend()
            yield
        finally:
            for worker in workers:
                with contextlib.suppress(psutil.NoSuchProcess):
                    worker.resume()

    def megabytes(self) -> float:
        """Memory of the process that is resident now (Linux)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1000


@contextlib.contextmanager
def serving(folder: Path, others: Mapping[str, str] | None = None, **settings: object) -> Iterator[Server]:
    """The demo with other bounds, by their names in its settings, and other environment variables."""
    temporary = folder / "tmp"
    temporary.mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "TMPDIR": str(temporary),
        "HF_HUB_OFFLINE": "1",
        "NO_PROXY": "127.0.0.1,localhost",
        **{f"VOICEBANK_DEMO_{name}": str(value) for name, value in settings.items()},
        **(others or {}),
    }
    log = folder / "log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(APP), "--port", str(port)], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    server = Server(f"http://127.0.0.1:{port}", temporary, log, process)
    try:
        _wait(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(server: Server) -> None:
    until = time.monotonic() + 300
    while time.monotonic() < until:
        assert server.process.poll() is None, server.log_file.read_text()
        with contextlib.suppress(OSError):
            urllib.request.urlopen(server.url + "/gradio_api/info", timeout=5).read()
            return
        time.sleep(0.2)
    raise AssertionError("the demo did not start: " + server.log_file.read_text())
