"""``voicebank dataset``: make a dataset from recordings, and look for what is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SHOWN = 20  # findings on the terminal; the report has all

dataset = typer.Typer(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Make a dataset from recordings, and look for what is wrong with one.",
)

TranscriberOption = Annotated[
    str, typer.Option(help="Listens: a transcriber of `voicebank plugins`; `none` leaves listening out.")
]


@dataset.command()
def make(
    source: Annotated[
        str,
        typer.Argument(
            help="A recording or video; a folder of clips with .txt or .lab, in LJSpeech layout or a Hugging Face "
            "AudioFolder; untranscribed sound; the address of a video."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the dataset; an interrupted one goes on.")],
    captions: Annotated[
        Path | None, typer.Option(help="Of the recording: VTT, SRT, ASS or json3. Found by name if left out.")
    ] = None,
    transcriber: TranscriberOption = "whisper",
    language: Annotated[str, typer.Option(help="en-us or en-gb.")] = "en-us",
    clean: Annotated[
        bool, typer.Option("--clean", help="Take noise and echo out of the clips that have much of them.")
    ] = False,
) -> None:
    """Make a dataset: cut in pauses, checked against what is heard, levelled, with report.html."""
    from voicebank.cli.terminal import Bar
    from voicebank.data.make import make as make_dataset
    from voicebank.data.sources import fetch, is_address

    place = Path(source)
    with Bar() as progress:
        if is_address(source):
            place, fetched = fetch(source, out.with_name(out.name + "-video"), language[:2], progress)
            captions = captions or fetched
        report = make_dataset(
            place,
            out,
            captions=captions,
            transcriber=_name(transcriber),
            language=language,
            clean=clean,
            progress=progress,
        )
    for finding in report.general:
        typer.echo(f"voicebank: {finding}", err=True)
    typer.echo(f"{out}: {report.summary()}; {out / 'report.html'} lets you hear them")


@dataset.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Any folder that `voicebank dataset make` takes.")],
    fix: Annotated[
        Path | None,
        typer.Option(help="New folder for the clips without serious faults, trimmed and levelled."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write the findings as a page, such as report.html.")] = None,
    transcriber: TranscriberOption = "whisper",
    language: Annotated[str, typer.Option(help="en-us or en-gb.")] = "en-us",
) -> None:
    """List what is wrong with a dataset, and what to do; status 1 if anything serious is found."""
    from voicebank.cli.terminal import Bar
    from voicebank.data.make import check as check_dataset
    from voicebank.data.make import make as make_dataset
    from voicebank.data.make import written
    from voicebank.data.report import page
    from voicebank.files import atomic

    name = _name(transcriber)
    with Bar() as progress:
        if fix is not None:
            checked = make_dataset(folder, fix, transcriber=name, language=language, progress=progress)
        else:
            checked = check_dataset(folder, transcriber=name, progress=progress)
    if report is not None:
        with written(report):
            atomic(report, page(checked, fix or folder))
    findings = sorted(checked.findings, key=lambda f: not f.serious)
    for finding in findings[:SHOWN] if report or fix else findings:
        typer.echo(("" if finding.serious else "perhaps: ") + str(finding))
    if len(findings) > SHOWN and (report or fix):
        typer.echo(f"... and {len(findings) - SHOWN} more")
    for note in checked.notes:
        typer.echo(note)
    typer.echo(f"{fix or folder}: {checked.summary()}")
    if fix is None and any(finding.serious for finding in findings):
        raise typer.Exit(1)


def _name(transcriber: str) -> str | None:
    return None if transcriber == "none" else transcriber
