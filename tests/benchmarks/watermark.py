"""How much the watermark survives, how often it is found where it is not, and what it costs: docs/provenance.md."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import voicebank
from benchmarks.attacks import attacks
from voicebank.audio import Audio
from voicebank.bank import Voice
from voicebank.data.dataset import SUFFIXES, read_sentences
from voicebank.evaluation.listening import Recogniser, compare
from voicebank.evaluation.measures import naturalness, quality
from voicebank.plugins import Transcriber

TOGETHER = 20  # clips of other speech that are searched as one sound
OTHERS = "others"


def watermark(
    sentences: Annotated[Path, typer.Argument(help="One sentence a line, or `id|text` lines.")],
    out: Annotated[Path, typer.Argument(help="Folder for what was measured: the same command goes on there.")],
    voice: Annotated[
        list[str] | None, typer.Option("--voice", "-v", help="A voice, again for each; `none` for no voice.")
    ] = None,
    count: Annotated[int, typer.Option(help="Sentences of each voice.")] = 100,
    others: Annotated[
        list[Path] | None, typer.Option(help="Folder of speech that was not made here, again for each.")
    ] = None,
    minutes: Annotated[float, typer.Option(help="So much of all these together.")] = 30.0,
    scores: Annotated[
        bool, typer.Option(help="Also word errors, DistillMOS, DNSMOS, with the mark and without.")
    ] = False,
    cost: Annotated[bool, typer.Option(help="Only the computing with the mark and without: wants idle cores.")] = False,
    stop_after: Annotated[float, typer.Option(help="Minutes after which to stop, to be called again.")] = float("inf"),
) -> None:
    """Mark sentences, do to them what happens to sound, and search for the mark. Each sentence is a file of its own.

    At the end, everything that the folder holds is shown as a table.
    """
    texts = dict(list(read_sentences(sentences).items())[:count])
    names = [name for name in voice or [info.name for info in voicebank.voices()] if name != "none"]
    until = time.monotonic() + stop_after * 60
    out.mkdir(parents=True, exist_ok=True)
    if cost:
        _keep(out / "cost.jsonl", _costs(names, texts), until)
    else:
        for name in names:
            _measure(out, name, texts, scores, until)
        if others:
            path = out / f"{OTHERS}.jsonl"
            _keep(path, _searched(others, minutes, _ids(path)), until)
    _show(out, Console(width=110))


def _measure(out: Path, name: str, texts: Mapping[str, str], scores: bool, until: float) -> None:
    """Add to what the folder holds of a voice."""
    speaker = voicebank.load(name)
    for measure in (_found, _scored) if scores else (_found,):
        path = out / f"{speaker.name}{measure.__name__.replace('_', '.')}.jsonl"
        known = _ids(path)
        _keep(path, (measure(speaker, key, text) for key, text in texts.items() if key not in known), until)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _ids(path: Path) -> set[str]:
    return {row["id"] for row in _rows(path)}


def _keep(path: Path, rows: Iterable[Mapping[str, Any]], until: float) -> None:
    """Append rows as they come, until it is time to stop."""
    todo = iter(rows)
    while time.monotonic() < until and (row := next(todo, None)) is not None:
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")


def _found(speaker: Voice, key: str, text: str) -> dict[str, Any]:
    """What is found in one sentence after each attack: score, whether it counts, whether the payload is right."""
    marked = speaker.say(text)
    found = {title: voicebank.detect(attack(marked)) for title, attack in attacks().items()}
    row = {title: [each.score, each.marked, each.payload == speaker.payload] for title, each in found.items()}
    return {"id": key, "seconds": marked.duration, "threshold": found["nothing"].threshold, "found": row}


def _scored(speaker: Voice, key: str, text: str) -> dict[str, Any]:
    """Word errors and opinion scores of one sentence without the mark and with it."""
    pair = [speaker.say(text, watermark=mark) for mark in (False, True)]
    heard = [compare(text, _transcriber().transcribe(audio).text) for audio in pair]
    return {
        "id": key,
        "words": heard[0].words,
        "word_errors": [each.word_errors for each in heard],
        "distillmos": [naturalness(audio) for audio in pair],
        "dnsmos": [found.overall if (found := quality(audio)) else None for audio in pair],
    }


@lru_cache(maxsize=1)
def _transcriber() -> Transcriber:
    return Recogniser(workers=1).transcriber


def _searched(folders: Iterable[Path], minutes: float, known: set[str]) -> Iterator[dict[str, Any]]:
    """What is found in speech that was not made here, clip after clip as one sound, of each folder the same length."""
    folders = list(folders)
    for folder in folders:
        seconds = 0.0
        clips = sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES)
        for first in range(0, len(clips), TOGETHER):
            if seconds > minutes * 60 / len(folders):
                break
            audio = Audio.join(Audio.read(clip, 24000) for clip in clips[first : first + TOGETHER])
            seconds += audio.duration
            if (name := f"{folder.name}/{clips[first].stem}") not in known:
                windows = [(window.score, window.payload is not None) for window in voicebank.detect(audio).windows]
                yield {"id": name, "seconds": audio.duration, "windows": windows}


def _costs(names: Iterable[str], texts: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Seconds of computing for all sentences without the mark and with it, in turns."""
    for name in names:
        speaker = voicebank.load(name)
        speaker.say(list(texts.values())[:2])  # compiles, and computes the payload
        for turn in range(3):
            took = []
            for mark in (False, True):
                started = time.process_time()
                speaker.say(list(texts.values()), watermark=mark)
                took.append(time.process_time() - started)
            yield {"id": f"{name} {turn}", "seconds": took}


def _show(out: Path, console: Console) -> None:
    rows = [row for path in sorted(out.glob("*.found.jsonl")) for row in _rows(path)]
    if rows:
        _show_found(out, rows, console)
    scored = [row for path in sorted(out.glob("*.scored.jsonl")) for row in _rows(path)]
    if scored:
        _show_scored(scored, console)
    windows = [window for row in _rows(out / f"{OTHERS}.jsonl") for window in row["windows"]]
    if windows:
        length = sum(row["seconds"] for row in _rows(out / f"{OTHERS}.jsonl")) / 60
        alarms, best = sum(alarm for _, alarm in windows), max(score for score, _ in windows)
        console.print(
            f"{length:.1f} minutes of other speech: {alarms} false alarms in {len(windows)} windows, best {best:.2f}"
        )
    if costs := _rows(out / "cost.jsonl"):
        plain, marked = np.sum([row["seconds"] for row in costs], axis=0)
        console.print(f"computing: {plain:.1f} s without the mark, {marked:.1f} s with it: {marked / plain - 1:+.1%}")


def _show_found(out: Path, rows: list[dict[str, Any]], console: Console) -> None:
    counts = {path.name.split(".")[0]: len(_rows(path)) for path in sorted(out.glob("*.found.jsonl"))}
    said = ", ".join(f"{number} of {name}" for name, number in counts.items())
    seconds = np.mean([row["seconds"] for row in rows])
    console.print(f"sentences: {said}; {seconds:.1f} s on average; threshold {rows[0]['threshold']:.2f}")
    table = Table("after", "found", "payload right", "score, mean", "score, least", box=None)
    for title in rows[0]["found"]:
        scores, found, right = np.array([row["found"][title] for row in rows], float).T
        table.add_row(
            title, f"{found.mean():.1%}", f"{right.mean():.1%}", f"{scores.mean():.1f}", f"{scores.min():.1f}"
        )
    console.print(table)


def _show_scored(rows: list[dict[str, Any]], console: Console) -> None:
    """Means with the mark less those without, and their standard errors."""
    console.print(f"{len(rows)} sentences with the mark, less those without:")
    for name in ("distillmos", "dnsmos"):
        gains = [marked - plain for plain, marked in (row[name] for row in rows)]
        console.print(f"{name}: {np.mean(gains):+.3f} (standard error {np.std(gains) / len(gains) ** 0.5:.3f})")
    gains = [row["word_errors"][1] - row["word_errors"][0] for row in rows]
    words = sum(row["words"] for row in rows)
    error = np.std(gains) * len(gains) ** 0.5 / words
    plain, marked = np.sum([row["word_errors"] for row in rows], axis=0) / words
    console.print(f"word error rate: {plain:.2%} to {marked:.2%} (standard error of the difference {error:.2%})")
