"""Starts the measuring processes, one after the other, round after round, and takes the medians."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from voicebank.bench import texts
from voicebank.bench.engines import check, command
from voicebank.errors import BadData

# Told what is measured next, how many measurements are done, and of how many.
Progress = Callable[[str, int, int], None]
_PACKAGES = ("voicebank", "torch", "numba", "numpy", "onnxruntime", "piper-tts", "espeakng-loader")


def bench(
    voices: Sequence[str] | None = None,
    *,
    others: bool = True,
    checkout: Path | None = None,
    page: Sequence[str] | None = None,
    threads: int | None = None,
    rounds: int = 3,
    book_minutes: float = 10,
    patience: float = 3,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure the speed of voices beside Piper and espeak-ng, and write nothing.

    Args:
        voices: names as for :func:`voicebank.load`; the bundled ones if left out.
        others: measure Piper and espeak-ng too.
        checkout: of pytorch-dc-tts, to measure its synthesis loop with random weights.
        page: sentences to speak as a batch, instead of a page of ours.
        threads: cores that each process may use; all if left out.
        rounds: how often each process is started.
        book_minutes: minutes of speech, for which memory is watched.
        patience: seconds for which each process repeats a measurement; at least twice.
        progress: called before each measurement.

    Returns:
        What :func:`voicebank.bench.report.markdown` shows: medians, and under ``raw`` every number measured.

    Raises:
        PluginError: Piper or espeak-ng is not installed.
        BadData: the checkout is none, or a measuring process failed.
    """
    if not voices:
        from voicebank.bank import voices as bundled

        voices = [info.name for info in bundled()]
    engines = [f"voicebank:{name}" for name in voices]
    if others:
        engines += ["piper:", "espeak-ng:"]
    if checkout is not None:
        engines += [f"dctts-small:{checkout}", f"dctts:{checkout}"]
    for name in engines:
        check(name)
    with _Measurements(threads, progress, rounds * 2 * len(engines) + 2) as measure:
        raw: dict[str, Any] = {name: [] for name in engines}
        starts: dict[str, list[float]] = {name: [] for name in engines}
        for _ in range(rounds):
            for name in engines:
                task = {"engine": name, "what": "speech", "page": page, "patience": patience}
                raw[name].append(measure.worker(task, f"{name} speaks"))
            for name in engines:
                spoken = command(name, texts.LONG)
                if spoken is not None:
                    starts[name].append(measure.start(spoken, f"{name} starts"))
        first = engines[0]
        book = measure.worker({"engine": first, "what": "book", "minutes": book_minutes}, f"{first} reads a book")
        task = {"engine": first, "what": "linear", "patience": patience}
        growth = measure.worker(task, f"{first} speaks for a minute")
    return {
        "machine": machine(),
        "threads": measure.threads,
        "rounds": rounds,
        "load": measure.load,
        "engines": {name: _medians(raw[name], starts[name]) for name in engines},
        "book": {"voice": first, "minutes": book_minutes, **book},
        "growth": {"voice": first, **{k: median(v) for k, v in growth.items() if isinstance(v, list) and v}},
        "raw": {"speech": raw, "cold_start": starts},
    }


def bench_training(
    checkout: Path | None = None,
    *,
    threads: int | None = None,
    rounds: int = 3,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure training steps of both networks at the paper's sizes, beside those of a checkout of pytorch-dc-tts.

    Arguments, result and errors as for :func:`bench`.
    """
    trainers = [("voicebank", "float32"), ("voicebank", "auto")]
    if checkout is not None:
        check(f"dctts:{checkout}")
        trainers.append((f"dctts:{checkout}", "float32"))
    networks = ("text2mel", "ssrn")
    raw: dict[str, list[float]] = {}
    with _Measurements(threads, progress, rounds * len(trainers) * len(networks)) as measure:
        for _ in range(rounds):
            for network in networks:
                for engine, precision in trainers:
                    task = {"engine": engine, "what": network, "precision": precision}
                    key = f"{engine.partition(':')[0]} {precision} {network}"
                    raw.setdefault(key, []).extend(measure.worker(task, f"{key}")["steps"])
    return {
        "machine": machine(),
        "threads": measure.threads,
        "rounds": rounds,
        "load": measure.load,
        "training": {key: {"seconds_per_step": median(values)} for key, values in raw.items()},
        "raw": raw,
    }


class _Measurements(contextlib.AbstractContextManager["_Measurements"]):
    """Runs measuring processes on the first ``threads`` cores."""

    def __init__(self, threads: int | None, progress: Progress | None, total: int) -> None:
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        self.cores = list(cores)
        self.threads = min(threads or len(self.cores), len(self.cores))
        self.load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        self.progress, self.done, self.total = progress, 0, total

    def __enter__(self) -> _Measurements:
        self._keep_to(self.cores[: self.threads])
        return self

    def __exit__(self, *error: object) -> None:
        self._keep_to(self.cores)

    @staticmethod
    def _keep_to(cores: Sequence[int]) -> None:
        if hasattr(os, "sched_setaffinity"):  # inherited by every process started here: no library can use more
            os.sched_setaffinity(0, cores)

    def worker(self, task: dict[str, Any], text: str) -> dict[str, Any]:
        """The result of one measuring process."""
        with self._step(text):
            command = [sys.executable, "-m", "voicebank.bench.worker", json.dumps(task | {"threads": self.threads})]
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
        if self.progress is not None:
            self.progress(text, self.done, self.total)
        yield
        self.done += 1

    def _environment(self) -> dict[str, str]:
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        return {**os.environ, **dict.fromkeys(names, str(self.threads)), "HF_HUB_OFFLINE": "1"}


def _medians(rounds: Sequence[dict[str, Any]], starts: Sequence[float]) -> dict[str, float]:
    result = {
        "speech_seconds": median(row["speech"] for round in rounds for row in round["sentence"]),
        "load_seconds": median(round["load"] for round in rounds),
        "first_sound_seconds": median(seconds for round in rounds for seconds in round["first_sound"]),
        "peak_mb": median(round["peak_mb"] for round in rounds),
    }
    for what in ("sentence", "page"):
        rows = [row for round in rounds for row in round.get(what, [])]
        if rows:
            result |= {what: median(row["wall"] for row in rows), f"{what}_cpu": median(row["cpu"] for row in rows)}
    if starts:
        result["cold_start_seconds"] = median(starts)
    return result


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
