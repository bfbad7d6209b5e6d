"""Starts measuring processes one after the other, on the same cores."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from voicebank.errors import BadData

_PACKAGES = ("voicebank", "torch", "numba", "numpy", "onnxruntime", "piper-tts", "espeakng-loader")
_TESTS = Path(__file__).parents[1]


class Measurements(contextlib.AbstractContextManager["Measurements"]):
    """Runs measuring processes on the first ``threads`` cores, and shows a progress bar on a terminal.

    Args:
        threads: cores that each process may use; all if left out.
        total: how many processes there will be.
    """

    def __init__(self, threads: int | None, total: int) -> None:
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        self.cores = list(cores)
        self.threads = min(threads or len(self.cores), len(self.cores))
        self.load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self.bar = Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
        self.task = self.bar.add_task("measuring", total=total)

    def __enter__(self) -> Measurements:
        self._keep_to(self.cores[: self.threads])
        self.bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.bar.stop()
        self._keep_to(self.cores)

    @staticmethod
    def _keep_to(cores: Sequence[int]) -> None:
        if hasattr(os, "sched_setaffinity"):  # inherited by every process started here: no library can use more
            os.sched_setaffinity(0, cores)

    def worker(self, task: dict[str, Any], text: str) -> dict[str, Any]:
        """The result of one process of :mod:`benchmarks.worker`."""
        with self._step(text):
            command = [sys.executable, "-m", "benchmarks.worker", json.dumps(task | {"threads": self.threads})]
            done = subprocess.run(command, capture_output=True, text=True, env=self._environment(), check=False)
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                raise BadData(f"measuring {task['engine']} failed: {reason}")
            result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
            return result

    def start(self, command: list[str], text: str) -> float:
        """Seconds from the start of a command to its first bytes of sound."""
        with self._step(text):
            began = time.perf_counter()
            with subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment(),
            ) as process:
                assert process.stdout is not None and process.stderr is not None
                sound = os.read(process.stdout.fileno(), 1)
                seconds = time.perf_counter() - began
                process.stdout.read()
                error = process.stderr.read().decode(errors="replace").strip().splitlines()
            if not sound:
                raise BadData(f"{command[0]} made no sound: {(error or ['no reason given'])[-1]}")
            return seconds

    @contextlib.contextmanager
    def _step(self, text: str) -> Iterator[None]:
        self.bar.update(self.task, description=text)
        yield
        self.bar.advance(self.task)

    def _environment(self) -> dict[str, str]:
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        path = os.pathsep.join(filter(None, (str(_TESTS), os.environ.get("PYTHONPATH"))))
        threads = dict.fromkeys(names, str(self.threads))
        return {**os.environ, **threads, "HF_HUB_OFFLINE": "1", "PYTHONPATH": path}


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    processor = platform.processor()
    with contextlib.suppress(OSError, StopIteration), open("/proc/cpuinfo") as info:
        processor = next(line.split(":", 1)[1].strip() for line in info if line.startswith("model name"))
    versions = {}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions[package] = version(package)
    return {
        "processor": processor,
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": versions,
    }
