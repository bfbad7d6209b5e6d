"""How fast voices speak, beside other systems, and how fast networks train."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

import voicebank
from benchmarks import Voices, report, texts
from benchmarks.engines import check, command
from benchmarks.processes import Measurements, machine
from voicebank.errors import BadData

ROOT = Path(__file__).parents[2]
OUT = ROOT / "build" / "benchmarks"
Threads = Annotated[int | None, typer.Option(min=1, help="Cores to use [default: all]")]
Rounds = Annotated[int, typer.Option(min=1, help="Processes for each measurement.")]
Out = Annotated[
    Path, typer.Option("--out", "-o", help="Folder for the tables, as .md and .json.", show_default="build/benchmarks")
]
Checkout = Annotated[
    Path | None, typer.Option("--dctts", help="A checkout of github.com/tugstugi/pytorch-dc-tts, to measure beside.")
]


def speed(
    voice: Voices = None,
    dctts: Checkout = None,
    alone: Annotated[bool, typer.Option("--alone", help="Leave out Piper and espeak-ng.")] = False,
    sentences: Annotated[Path | None, typer.Option(help="One sentence a line: the page, instead of ours.")] = None,
    threads: Threads = None,
    rounds: Rounds = 3,
    book: Annotated[float, typer.Option(min=0, help="Minutes of speech for which memory is watched.")] = 10,
    patience: Annotated[float, typer.Option(min=0, help="Seconds for which each process repeats a measurement.")] = 3,
    out: Out = OUT,
) -> None:
    """Measure how fast voices speak, beside Piper and espeak-ng. Close other programs first: it measures the clock."""
    page = texts.read_page(sentences) if sentences is not None else None
    result = measure_speech(
        voice,
        others=not alone,
        checkout=dctts,
        page=page,
        threads=threads,
        rounds=rounds,
        book_minutes=book,
        patience=patience,
    )
    report.save(result, out, "speech")


def training(dctts: Checkout = None, threads: Threads = None, rounds: Rounds = 3, out: Out = OUT) -> None:
    """Measure training steps of both networks at the paper's sizes. Close other programs first."""
    report.save(measure_training(dctts, threads=threads, rounds=rounds), out, "training")


def start(rounds: Rounds = 5) -> None:
    """Measure the way from wheels to the first sound, and how soon commands answer. Close other programs first.

    Wheels of voicebank, of its phonemizer and of all that they need are there before the clock starts.
    """
    check("piper:")
    with tempfile.TemporaryDirectory() as folder, Measurements(None, 3 * rounds + 1) as measure:
        if (measure.load or 0) > report.BUSY:
            print(f"The machine is busy (load {measure.load:.1f}): measure again.")
        voicebank, installed, sound = _from_wheels(Path(folder), measure)
        print(f"installed after {installed:.1f} s, first sound after {installed + sound:.1f} s (bar 60)")
        helped = [measure.start([voicebank, "--help"], "--help") for _ in range(rounds)]
        print(f"--help: {_spread(helped)} (bar 0.3)")
        say = [voicebank, "say", texts.LONG, "-o", "-", "--raw"]
        ours = [measure.start(say, "say starts") for _ in range(rounds)]
        piper = [measure.start(command("piper:", texts.LONG) or [], "Piper starts") for _ in range(rounds)]
        print(f"say, warm, to its first byte: {_spread(ours)} (bar {1.2 * median(piper):.2f}: Piper's and 20 %)")
        print(f"Piper, to its first byte: {_spread(piper)}")


def _from_wheels(folder: Path, measure: Measurements) -> tuple[str, float, float]:
    """The command of a new environment, the seconds until it was there, and those until it spoke its first sentence."""
    wheels = folder / "wheels"
    for package in (ROOT, ROOT / "plugins" / "phonemizer"):
        _run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", wheels, package)
    pip = [sys.executable, "-m", "pip", "-q", "wheel", "-c", ROOT / "constraints.txt", "-w", wheels]
    _run(*pip, *wheels.glob("voicebank*.whl"))
    began = time.perf_counter()
    venv.create(folder / "venv", with_pip=True)
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    _run(programs / "pip", "-q", "install", "--no-index", "--find-links", wheels, *wheels.glob("voicebank*.whl"))
    installed = time.perf_counter() - began
    say = [str(programs / "voicebank"), "say", "Hello there.", "-o", "-", "--raw"]
    return say[0], installed, measure.start(say, "first sound")  # loops are kept in the environment: none is there yet


def _run(*command: object) -> None:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise BadData(f"{command[0]} failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")


def _spread(seconds: Sequence[float]) -> str:
    return f"{median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def measure_speech(
    voices: Sequence[str] | None = None,
    *,
    others: bool = True,
    checkout: Path | None = None,
    page: Sequence[str] | None = None,
    threads: int | None = None,
    rounds: int = 3,
    book_minutes: float = 10,
    patience: float = 3,
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

    Returns:
        What :func:`benchmarks.report.markdown` shows: medians, and under ``raw`` every number measured.

    Raises:
        PluginError: Piper or espeak-ng is not installed.
        BadData: the checkout is none, or a measuring process failed.
    """
    engines = [f"voicebank:{name}" for name in voices or [info.name for info in voicebank.voices()]]
    if others:
        engines += ["piper:", "espeak-ng:"]
    if checkout is not None:
        engines += [f"dctts-small:{checkout}", f"dctts:{checkout}"]
    for name in engines:
        check(name)
    with Measurements(threads, rounds * 2 * len(engines) + 2) as measure:
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


def measure_training(checkout: Path | None = None, *, threads: int | None = None, rounds: int = 3) -> dict[str, Any]:
    """Measure training steps of both networks at the paper's sizes, beside those of a checkout of pytorch-dc-tts.

    Arguments, result and errors as for :func:`measure_speech`.
    """
    trainers = [("voicebank", "float32"), ("voicebank", "auto")]
    if checkout is not None:
        check(f"dctts:{checkout}")
        trainers.append((f"dctts:{checkout}", "float32"))
    networks = ("text2mel", "ssrn")
    raw: dict[str, list[float]] = {}
    with Measurements(threads, rounds * len(trainers) * len(networks)) as measure:
        for _ in range(rounds):
            for network in networks:
                for engine, precision in trainers:
                    task = {"engine": engine, "what": network, "precision": precision}
                    key = f"{engine.partition(':')[0]} {precision} {network}"
                    raw.setdefault(key, []).extend(measure.worker(task, key)["steps"])
    return {
        "machine": machine(),
        "threads": measure.threads,
        "rounds": rounds,
        "load": measure.load,
        "training": {key: {"seconds_per_step": median(values)} for key, values in raw.items()},
        "raw": raw,
    }


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
