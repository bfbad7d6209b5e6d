"""``voicebank evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicebank.errors import BadData


def evaluate(
    voice: Annotated[
        str, typer.Argument(help="A voice as for `say`, or a folder of clips that any other system made.")
    ],
    sentences: Annotated[
        Path | None,
        typer.Option(
            help="One sentence a line, or `id|text` lines. A folder may have a metadata.csv instead."
        ),
    ] = None,
    frontend: Annotated[str | None, typer.Option(help="The voice's own if left out.")] = None,
    vocoder: Annotated[str | None, typer.Option(help="The voice's own if left out.")] = None,
    reference: Annotated[
        list[Path] | None,
        typer.Option(
            help="Folder of clips of a speaker to compare with, again for each; its name is theirs."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for scores.json and scores.md [default: scores/NAME]"),
    ] = None,
    save_audio: Annotated[
        bool, typer.Option("--save-audio", help="Keep what was said, beside the scores.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Clips scored at a time.")] = None,
    transcriber: Annotated[
        str | None, typer.Option(help="Listens: a transcriber of `voicebank plugins`.")
    ] = None,
) -> None:
    """Score a voice: how well it is understood, how it sounds, whose voice it is, how fast it is."""
    from voicebank import evaluation
    from voicebank.evaluation.listening import TRANSCRIBER
    from voicebank.evaluation.report import markdown_table, summary_lines

    transcriber = transcriber or TRANSCRIBER
    references = {path.resolve().name: path for path in reference or []}
    if len(references) < len(reference or []):
        raise BadData("two references have the same folder name: rename one, the name is the speaker's")
    folder = Path(voice)
    name = folder.resolve().name if folder.is_dir() else voice.replace("/", "--")
    out = out or Path("scores") / (f"{name}-{frontend}" if frontend else name)
    if folder.is_dir() and not (folder / "config.json").exists():
        scores = evaluation.evaluate_folder(
            folder, sentences, references=references, out=out, workers=workers, transcriber=transcriber
        )
    else:
        import voicebank

        if sentences is None:
            raise BadData("say what to speak: --sentences FILE")
        scores = evaluation.evaluate_voice(
            voicebank.load(voice),
            sentences,
            frontend=frontend,
            vocoder=vocoder,
            references=references,
            out=out,
            save_audio=save_audio,
            workers=workers,
            transcriber=transcriber,
        )
    typer.echo(markdown_table(("measure", "value"), summary_lines(scores)))
    typer.echo(f"{out / 'scores.json'}, {out / 'scores.md'}")
