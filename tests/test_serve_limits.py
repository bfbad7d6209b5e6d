"""What a server withstands: idle connections, clients that take nothing, too little memory; and several processes."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import pytest

pytest.importorskip("uvicorn")
openai = pytest.importorskip("openai")

from servers import children, http, process  # noqa: E402

LONG = "The first snow of the winter fell on the quiet town. " * 60


def connected(address: str, *, buffer: int | None = None) -> socket.socket:
    where = urlparse(address)
    made = socket.socket()
    if buffer is not None:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    made.settimeout(60)
    made.connect((where.hostname, where.port))
    return made


def request_of(text: str, **fields: Any) -> bytes:
    body = json.dumps({"voice": "us-male", "input": text, "response_format": "pcm", **fields}).encode()
    head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


def speak(address: str, text: str = "One house.") -> bytes:
    client = openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0)
    data: bytes = client.audio.speech.create(model="m", voice="us-male", input=text, response_format="pcm").content
    return data


def active(address: str) -> int:
    number: int = json.load(urllib.request.urlopen(f"{address}/health", timeout=60))["active"]
    return number


def gone(connection: socket.socket) -> bool:
    """Whether the other side has closed a connection."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


def test_connections_that_send_nothing_make_room() -> None:
    with http(connections=10, patience=600) as address, contextlib.ExitStack() as stack:
        idle = [stack.enter_context(contextlib.closing(connected(address))) for _ in range(50)]
        assert len(speak(address)) > 10_000
        for _ in range(100):
            if sum(not gone(one) for one in idle) < 10:
                break
            time.sleep(0.05)
        assert sum(not gone(one) for one in idle) < 10  # one of ten was the client's


def test_where_all_connections_are_at_work_the_next_is_refused() -> None:
    with http(connections=1) as address, contextlib.closing(connected(address)) as first:
        first.sendall(request_of(LONG))
        assert first.recv(1)
        with contextlib.closing(connected(address)) as second:
            assert second.recv(100).startswith(b"HTTP/1.1 503 ")


@pytest.mark.parametrize("sent", [b"", b"POST /v1/audio/speech HTTP/1.1\r\nHost:", request_of("Hello.")[:-5]])
def test_a_request_that_does_not_come_is_not_waited_for(sent: bytes) -> None:
    with http(patience=0.5) as address, contextlib.closing(connected(address)) as client:
        client.sendall(sent)
        with contextlib.suppress(ConnectionError):
            assert client.recv(100) == b""


def test_a_client_that_takes_nothing_is_cut_off_and_slows_nobody() -> None:
    with http(patience=1, at_once=2) as address, contextlib.closing(connected(address, buffer=2048)) as slow:
        slow.sendall(request_of(LONG))
        read = []

        def a_byte_now_and_then() -> None:
            with contextlib.suppress(OSError):
                while data := slow.recv(1):
                    read.append(data)
                    time.sleep(0.3)

        reader = threading.Thread(target=a_byte_now_and_then, daemon=True)
        reader.start()
        assert len(speak(address)) > 10_000
        for _ in range(600):
            if not active(address):
                break
            time.sleep(0.1)
        assert not active(address) and len(read) < 1000


def test_beyond_the_memory_there_is_one_text_at_a_time() -> None:
    with http(memory=1) as address, contextlib.closing(connected(address)) as first:
        assert len(speak(address)) > 10_000
        first.sendall(request_of(LONG))
        assert first.recv(1)
        with pytest.raises(openai.RateLimitError, match="memory"):
            speak(address)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are counted as Linux lists them")
def test_several_processes_speak_and_count_together(tmp_path: Path) -> None:
    with process(tmp_path / "log", "--workers", "2") as (address, server):
        assert len(children(server.pid)) >= 2
        results: list[bytes] = []
        threads = [threading.Thread(target=lambda: results.append(speak(address))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 6 and len({len(data) for data in results}) == 1
        metrics = urllib.request.urlopen(f"{address}/metrics", timeout=60).read().decode()
        assert 'voicebank_requests_total{outcome="spoken",voice="us-male"} 6.0' in metrics
    assert "One house" not in (tmp_path / "log").read_text()
