"""Servers for tests: in this process, and as a process of their own that can be killed."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn

from voicebank.servers.limits import BACKLOG, Connection
from voicebank.servers.openai import create_app
from voicebank.servers.requests import Settings


@contextlib.contextmanager
def http(**settings: Any) -> Iterator[str]:
    """A server in this process; its address."""
    app = create_app(Settings(**{"voices": ("us-male",), **settings}))
    config = uvicorn.Config(app, port=0, log_level="warning", http=Connection, backlog=BACKLOG)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


@contextlib.contextmanager
def process(log: Path, *options: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """``voicebank serve`` with the voice us-male; its address, once it answers."""
    port = free_port()
    command = [sys.executable, "-m", "voicebank", "serve", "--voice", "us-male", "--port", str(port), *options]
    address = f"http://127.0.0.1:{port}"
    with open(log, "ab") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        for _ in range(1200):
            assert server.poll() is None, log.read_text()
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/health", timeout=5).read()
                break
            time.sleep(0.1)
        yield address, server
    finally:
        server.terminate()
        server.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def children(pid: int) -> set[int]:
    """The processes that a process has started (Linux)."""
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
