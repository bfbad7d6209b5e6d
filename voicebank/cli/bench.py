"""``voicebank bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def bench(
    voice: Annotated[
        list[str] | None, typer.Option("--voice", "-v", help="A voice, again for each [default: the bundled ones]")
    ] = None,
    train: Annotated[bool, typer.Option("--train", help="Measure training steps instead of speech.")] = False,
    dctts: Annotated[
        Path | None, typer.Option(help="A checkout of github.com/tugstugi/pytorch-dc-tts, to measure beside.")
    ] = None,
    alone: Annotated[bool, typer.Option("--alone", help="Leave out Piper and espeak-ng.")] = False,
    sentences: Annotated[Path | None, typer.Option(help="One sentence a line: the page, instead of ours.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Cores to use [default: all]")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Processes for each measurement.")] = 3,
    book: Annotated[float, typer.Option(min=0, help="Minutes of speech for which memory is watched.")] = 10,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the tables, as .md and .json.")] = Path("bench"),
) -> None:
    """Measure how fast voices speak, beside Piper and espeak-ng, or how fast networks train.

    Close other programs first: it measures the clock.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from voicebank.bench import bench, bench_training, report, texts

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("measuring", total=None)

        def show(text: str, done: int, total: int) -> None:
            bar.update(task, description=text, completed=done, total=total)

        common: dict[str, Any] = {"threads": threads, "rounds": rounds, "progress": show}
        if train:
            result = bench_training(dctts, **common)
        else:
            page = texts.read_page(sentences) if sentences is not None else None
            result = bench(voice, others=not alone, checkout=dctts, page=page, book_minutes=book, **common)
    paths = report.save(result, out, "training" if train else "speech")
    typer.echo(report.markdown(result))
    typer.echo(f"written to {' and '.join(map(str, paths))}")
