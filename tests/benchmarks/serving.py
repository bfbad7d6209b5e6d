"""``voicebank serve`` under load, and Piper's HTTP server beside it."""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

SENTENCES = (
    "The first snow of the winter fell on the quiet town.",
    "Nobody was awake to see it.",
    "A lighthouse keeper is seldom in a hurry.",
    "Every evening he climbs one hundred and ninety-nine steps, lights the lamp, and looks out over the water.",
)


@dataclass
class Load:
    """What the clients saw."""

    first: list[float] = field(default_factory=list)  # seconds to the first byte of sound
    speech: float = 0.0
    errors: list[str] = field(default_factory=list)


def serving(
    clients: Annotated[int, typer.Option(help="Clients at once.")] = 32,
    seconds: Annotated[float, typer.Option(help="How long they ask.")] = 120,
    piper: Annotated[Path | None, typer.Option(help="A voice of Piper, .onnx, to measure its server, too.")] = None,
) -> None:
    """First sound of one client, then many clients at once: errors, first sound, speech a second, memory."""
    ours = [sys.executable, "-m", "voicebank", "serve", "--voice", "us-male", "--port"]
    _measure("voicebank", ours, "/v1/audio/speech", {"voice": "us-male", "response_format": "wav"}, clients, seconds)
    if piper is not None:
        theirs = [sys.executable, "-m", "piper.http_server", "-m", str(piper), "--port"]
        _measure("piper", theirs, "/", {}, clients, seconds)


def _measure(name: str, command: list[str], path: str, body: dict[str, str], clients: int, seconds: float) -> None:
    text = "text" if name == "piper" else "input"
    with _server(command) as (port, process):
        bodies = [json.dumps({**body, text: sentence}).encode() for sentence in SENTENCES]
        address = f"http://127.0.0.1:{port}{path}"
        expected = [_ask(address, body)[1] for body in bodies]  # warm
        alone = Load()
        for _ in range(5):
            _client(address, bodies, expected, alone, 0)
        before = _megabytes(process.pid)
        load = Load()
        until = time.monotonic() + seconds
        threads = [
            threading.Thread(target=_client, args=(address, bodies, expected, load, until)) for _ in range(clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        p95 = statistics.quantiles(load.first, n=20)[-1] if len(load.first) > 1 else float("nan")
        print(
            f"{name}: first sound alone {1000 * statistics.median(alone.first):.0f} ms; {clients} clients: "
            f"{len(load.first)} texts, {len(load.errors)} errors, first sound p95 {p95:.2f} s, "
            f"{load.speech / seconds:.1f} s of speech a second, memory {before:.0f} to {_megabytes(process.pid):.0f} MB"
        )
        for error in sorted(set(load.errors))[:5]:
            print(f"  {error}")


def _client(address: str, bodies: list[bytes], expected: list[int], load: Load, until: float) -> None:
    """Ask for all sentences in turn, at least once; sound of another length than alone is a mix-up."""
    while True:
        for body, size in zip(bodies, expected, strict=True):
            try:
                first, got = _ask(address, body)
            except OSError as error:
                load.errors.append(f"{type(error).__name__}: {error}")
                continue
            load.first.append(first)
            load.speech += got / 48000
            if abs(got - size) > 0.02 * size:
                load.errors.append(f"{got} bytes in place of {size}")
        if time.monotonic() >= until:
            return


def _ask(address: str, body: bytes) -> tuple[float, int]:
    """Seconds to the first sound, and bytes of it all."""
    began = time.monotonic()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        answer.read(100)  # more than a header
        first = time.monotonic() - began
        return first, 100 + len(answer.read())


@contextlib.contextmanager
def _server(command: list[str]) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(600):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.2)
            yield port, process
        finally:
            process.terminate()


def _megabytes(pid: int) -> float:
    """Resident memory of a process (Linux)."""
    with contextlib.suppress(OSError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * 4096 / 1e6
    return float("nan")
