"""Processes that work on an upload beside a server."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from waiting import wait

from voicebank import uploads

WORK = """
import os, sys, time
def main(folder):
    print("it begins")
    (folder / "seen").write_text(f"{os.getpid()} {os.environ['MINE']} {'torch' in sys.modules}")
    while not (folder / "go").exists():
        time.sleep(0.02)
    return 7
"""
SERVER = """
import sys, time
from pathlib import Path
from voicebank import uploads
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    sys.path.insert(0, sys.argv[1])
    kept = uploads.Background("worker", folder, folder / "log")
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "worker.py").write_text(WORK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("MINE", "of today")
    return tmp_path


def pid(folder: Path) -> int:
    wait(lambda: (folder / "seen").is_file() and (folder / "seen").read_text())
    return int((folder / "seen").read_text().split()[0])


def test_it_has_the_environment_of_today_and_a_status(folder: Path) -> None:
    for _ in range(2):
        (folder / "seen").unlink(missing_ok=True)
        (folder / "go").unlink(missing_ok=True)
        job = uploads.Background("worker", folder, folder / "log")
        number = pid(folder)
        assert (folder / "seen").read_text() == f"{number} of today {sys.platform == 'linux'}"
        assert job.poll() is None
        (folder / "go").touch()
        job.wait()
        assert job.poll() == 7
    assert (folder / "log").read_text() == "it begins\n" * 2


def test_it_can_be_ended_at_once(folder: Path) -> None:
    job = uploads.Background("worker", folder, folder / "log")
    pid(folder)
    job.kill()
    job.wait()
    assert job.poll() == -signal.SIGKILL


def test_it_ends_with_a_server_that_was_killed(folder: Path) -> None:
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(folder)])
    try:
        number = pid(folder)
        assert psutil.pid_exists(number)
    finally:
        server.kill()
        server.wait()
    wait(lambda: not psutil.pid_exists(number))
