"""What was measured, as Markdown: a table, and each bar beside the figure that is to meet it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import typer

from voicebank.errors import BadData

BUSY = 0.5
"""A load of the machine over which figures are not to be trusted."""
BATCH = 16
"""Clips of a training step."""
_COLUMNS: list[tuple[str, Callable[[dict[str, Any]], str]]] = [
    ("a sentence", lambda row: _number(row.get("sentence"), 4)),
    ("(of all cores)", lambda row: _number(row.get("sentence_cpu"), 4)),
    ("a page", lambda row: _number(row.get("page"), 4)),
    ("(of all cores)", lambda row: _number(row.get("page_cpu"), 4)),
    ("first sound, s", lambda row: _number(row.get("first_sound_seconds"), 3)),
    ("cold start, s", lambda row: _number(row.get("cold_start_seconds"), 2)),
    ("peak MB", lambda row: _number(row.get("peak_mb"), 0)),
]


class Bar(NamedTuple):
    """A ratio that is to be at most, or at least, so much."""

    what: str
    value: float | None
    limit: float
    least: bool = False

    @property
    def met(self) -> bool | None:
        """None if it was not measured."""
        if self.value is None:
            return None
        return self.value >= self.limit if self.least else self.value <= self.limit


def bars(result: dict[str, Any]) -> list[Bar]:
    """The bars that the figures can be held to; of several voices, the worst counts."""
    if "training" in result:
        return _training_bars(result["training"])
    engines = result["engines"]
    ours = [row for name, row in engines.items() if name.startswith("voicebank:")]

    def ratio(key: str, other: str, theirs: str | None = None) -> float | None:
        row: dict[str, Any] = next((row for name, row in engines.items() if name.startswith(other)), {})
        base = row.get(theirs or key)
        values = [own[key] for own in ours if key in own]
        return max(values) / base if base and values else None

    slower = ratio("sentence", "dctts-small:")
    growth = result["growth"]
    peaks = result["book"]["peaks_mb"]
    return [
        Bar("a sentence, against Piper", ratio("sentence", "piper:"), 0.6),
        Bar("a page as a batch, against Piper sentence by sentence", ratio("page", "piper:"), 0.4),
        Bar("times faster than pytorch-dc-tts", 1 / slower if slower else None, 20, least=True),
        Bar("first sound, against Piper", ratio("first_sound_seconds", "piper:"), 0.15),
        Bar(
            "a frame in the 60th second, against the 6th",
            growth["second_60"] / growth["second_6"] if "second_60" in growth else None,
            1.1,
        ),
        Bar("peak MB, reading a book", peaks[-1] if peaks else None, 600),
        Bar("peak MB at its end, against its second minute", peaks[-1] / peaks[1] if len(peaks) > 2 else None, 1.05),
    ]


def _training_bars(training: dict[str, Any]) -> list[Bar]:
    found = []
    for network in ("text2mel", "ssrn"):
        theirs = training.get(f"dctts float32 {network}")
        for precision in ("float32", "auto"):
            own = training[f"voicebank {precision} {network}"]["seconds_per_step"]
            value = theirs["seconds_per_step"] / own if theirs else None
            found.append(Bar(f"{network} steps, {precision}, against pytorch-dc-tts", value, 1.5, least=True))
    return found


def markdown(result: dict[str, Any]) -> str:
    """A result of :func:`benchmarks.speed.measure_speech` or :func:`benchmarks.speed.measure_training`."""
    machine = result["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    lines = [
        f"{machine['processor']}, {result['threads']} of {machine['cores']} cores; Python {machine['python']}, "
        f"{packages}. Medians over {result['rounds']} processes each.",
        "",
    ]
    if (result["load"] or 0) > BUSY:
        lines += [f"**The machine was busy when this began (load {result['load']:.1f}): measure again.**", ""]
    if "training" in result:
        lines += ["| training | s a step | steps/s | clips/s |", "| --- | --- | --- | --- |"]
        for name, row in result["training"].items():
            seconds = row["seconds_per_step"]
            lines.append(f"| {name} | {seconds:.3f} | {1 / seconds:.2f} | {BATCH / seconds:.1f} |")
    else:
        lines += ["Seconds of computing for a second of speech:", ""]
        lines.append("| | " + " | ".join(name for name, _ in _COLUMNS) + " |")
        lines.append("| --- |" + " --- |" * len(_COLUMNS))
        for name, row in result["engines"].items():
            kind, _, argument = name.partition(":")
            shown = argument if kind == "voicebank" else kind
            lines.append(f"| {shown} | " + " | ".join(cell(row) for _, cell in _COLUMNS) + " |")
        book = result["book"]
        lines += ["", f"Peak memory of {book['voice']} after each minute of a book, in MB: "]
        lines[-1] += ", ".join(f"{peak:.0f}" for peak in book["peaks_mb"])
    lines += ["", "| bar | measured | at most, at least | met |", "| --- | --- | --- | --- |"]
    for bar in bars(result):
        met = {True: "yes", False: "**no**", None: "not measured"}[bar.met]
        limit = f"{'≥' if bar.least else '≤'} {bar.limit:g}"
        lines.append(f"| {bar.what} | {_number(bar.value, 3)} | {limit} | {met} |")
    return "\n".join(lines) + "\n"


def save(result: dict[str, Any], folder: Path, name: str) -> None:
    """Write ``NAME.json`` and ``NAME.md``, print the tables and where they lie.

    Raises:
        BadData: the folder cannot be written.
    """
    paths = [folder / f"{name}.json", folder / f"{name}.md"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths[0].write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        paths[1].write_text(markdown(result), encoding="utf-8")
    except OSError as error:
        raise BadData(f"cannot write to {folder}: {error.strerror or error}") from error
    typer.echo(markdown(result))
    typer.echo(f"written to {' and '.join(map(str, paths))}")


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
