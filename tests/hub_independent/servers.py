"""Hubs that nobody here wrote: a mirror that is started here, and any that runs elsewhere."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hub_server import Hub

# Where `pip install olah` put its command; in an environment of its own, since it pins other versions.
OLAH = os.environ.get("OLAH", "olah-cli")


def has_olah() -> bool:
    """Whether the mirror can be started."""
    return shutil.which(OLAH) is not None


@contextmanager
def olah(upstream: Hub, folder: Path) -> Iterator[str]:
    """The endpoint of a mirror (PyPI ``olah``) of another Hub, whose cache and log are in ``folder``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        here = f"127.0.0.1:{free.getsockname()[1]}"
    command = [OLAH, "--host", "127.0.0.1", "--port", here.split(":")[1]]
    for name, netloc, lfs in (
        ("hf", upstream.endpoint.split("//")[1], upstream.cdn.split("//")[1]),
        ("mirror", here, here),
    ):
        command += [f"--{name}-scheme", "http", f"--{name}-netloc", netloc, f"--{name}-lfs-netloc", lfs]
    command += ["--repos-path", str(folder / "repos"), "--log-path", str(folder / "logs")]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "output", "wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=folder, env=env)
    try:
        _wait(f"http://{here}/", process)
        yield f"http://{here}"
    finally:
        process.terminate()
        process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the mirror has ended: see its output"
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"nobody answers at {url}")
