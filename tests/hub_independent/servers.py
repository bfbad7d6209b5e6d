"""Hubs that nobody here wrote: the mirror olah and KohakuHub, started here."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from hub_server import Hub

# Where `pip install olah` put its command; in an environment of its own, since it pins other versions.
OLAH = os.environ.get("OLAH", "olah-cli")
# A checkout of KohakuHub, and the Python of an environment that has what it imports.
KOHAKUHUB = os.environ.get("KOHAKUHUB")
KOHAKUHUB_PYTHON = os.environ.get("KOHAKUHUB_PYTHON", "python")


def has_olah() -> bool:
    """Whether the mirror can be started."""
    return shutil.which(OLAH) is not None


@contextmanager
def olah(upstream: Hub, folder: Path) -> Iterator[str]:
    """The endpoint of a mirror (PyPI ``olah``) of another Hub, whose cache and log are in ``folder``."""
    here = f"127.0.0.1:{_free_port()}"
    command = [OLAH, "--host", "127.0.0.1", "--port", here.split(":")[1]]
    for name, netloc, lfs in (
        ("hf", upstream.endpoint.split("//")[1], upstream.cdn.split("//")[1]),
        ("mirror", here, here),
    ):
        command += [f"--{name}-scheme", "http", f"--{name}-netloc", netloc, f"--{name}-lfs-netloc", lfs]
    command += ["--repos-path", str(folder / "repos"), "--log-path", str(folder / "logs")]
    with _running(command, folder, f"http://{here}"):
        yield f"http://{here}"


@contextmanager
def kohakuhub(folder: Path) -> Iterator[tuple[str, str]]:
    """The endpoint of a new KohakuHub (see kohakuhub.py) and a token of its only user, ``me``."""
    port = _free_port()
    script = Path(__file__).with_name("kohakuhub.py")
    command = [KOHAKUHUB_PYTHON, str(script), str(KOHAKUHUB), str(folder), str(port)]
    endpoint = f"http://127.0.0.1:{port}"
    user = {"username": "me", "email": "me@example.com", "password": uuid.uuid4().hex}
    with _running(command, folder, endpoint), httpx.Client(base_url=endpoint) as client:
        client.post("/api/auth/register", json=user).raise_for_status()
        client.post("/api/auth/login", json=user).raise_for_status()
        made = client.post("/api/auth/tokens/create", json={"name": "tests"}).raise_for_status()
        yield endpoint, made.json()["token"]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def _running(command: list[str], folder: Path, url: str) -> Iterator[None]:
    """A server while it answers; what it prints is in the folder."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "output", "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder, env=env)
    try:
        _wait(url, process)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        assert process.poll() is None, "the server has ended: see its output"
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"nobody answers at {url}")
