"""``voicebank batch``: many texts to many sound files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def batch(
    source: Annotated[
        str, typer.Argument(help="Table (.jsonl, .csv, .parquet), folder of .txt files, or Hugging Face dataset.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for sounds and manifest.")],
    voice: Annotated[str, typer.Option("--voice", "-v", help="For rows that name none.")] = "us-male",
    layout: Annotated[Literal["files", "webdataset", "parquet"], typer.Option(help="How sounds are stored.")] = "files",
    format: Annotated[str, typer.Option(help="flac, wav, mp3 or ogg.")] = "flac",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes or Ray actors [default: a core each]")] = None,
    ray: Annotated[str | None, typer.Option(help="Address of a Ray cluster, auto, or local.")] = None,
) -> None:
    """Speak every row of a table. Give the same command again and it goes on where it was stopped."""
    from voicebank.bulk.run import batch as run
    from voicebank.cli.terminal import Bar, summarise

    with Bar() as bar:
        done = run(source, out, voice=voice, layout=layout, format=format, workers=workers, ray=ray, progress=bar)
    summarise(done, "rows", "speech")
