"""``python -m benchmarks``: every table of the documentation, a command each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks import bulk, cloning
from benchmarks.before import before
from benchmarks.captions import captions
from benchmarks.demo import demo, page
from benchmarks.readings import readings
from benchmarks.recordings import recordings
from benchmarks.serving import serving
from benchmarks.sound import sound
from benchmarks.speed import speed, start, training
from benchmarks.watermark import watermark
from benchmarks.wordtimes import wordtimes
from voicebank.errors import VoicebankError

NOTHING: list[str] = []
app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="Measure the library."
)
COMMANDS = (
    speed,
    start,
    training,
    before,
    captions,
    recordings,
    demo,
    page,
    readings,
    serving,
    sound,
    watermark,
    wordtimes,
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(bulk.app, name="bulk")
app.add_typer(cloning.app, name="cloning")


@app.command()
def pictures(out: Path, only: Annotated[list[str], typer.Option(help="A state, such as speak.")] = NOTHING) -> None:
    """Draw every tab of the demo into a folder, with a real browser."""
    from benchmarks.pictures import draw  # it needs selenium

    draw(out, only)


@app.command()
def illustrations(out: Path) -> None:
    """Make the sounds and the pictures of the documentation's first page and of its explanation."""
    from benchmarks.pictures import illustrate

    illustrate(out)


if __name__ == "__main__":
    try:
        app(prog_name="python -m benchmarks")
    except VoicebankError as error:
        raise SystemExit(f"benchmarks: {error}") from error
