"""``voicebank assemble`` and ``voicebank card``: from training runs to a voice folder with its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from voicebank.errors import BadData

SAMPLE = "This voice reads any English text, from the first word to the last."


def assemble(
    folder: Annotated[Path, typer.Argument(help="The voice folder to write; its name is the voice's.")],
    text2mel: Annotated[Path, typer.Option(help="Run folder of Text2Mel.")],
    ssrn: Annotated[Path, typer.Option(help="Run folder of SSRN, or a voice to take it from.")],
    speaker: Annotated[
        str | None, typer.Option(help="Speaker of a run of several; the voice's name if left out.")
    ] = None,
    accent: Annotated[str, typer.Option(help="US, British...")] = "",
    gender: Annotated[str, typer.Option(help="female, male...")] = "",
    language: Annotated[str, typer.Option(help="en-us or en-gb: what the phonemizer reads by default.")] = "en-us",
    origin: Annotated[str, typer.Option(help="What it was trained on, in one line.")] = "",
    consent: Annotated[str, typer.Option(help="Who agreed to this voice being made and used, in one line.")] = "",
    sharpening: Annotated[
        float, typer.Option(help="Of the built-in vocoder: 1 for an SSRN that a discriminator judged.")
    ] = 1.5,
    sample: Annotated[str, typer.Option(help="Sentence of sample.ogg.")] = SAMPLE,
) -> None:
    """Make a voice folder of the best weights of two runs."""
    from voicebank.hub.card import card
    from voicebank.training.runs import assemble as make

    voice = make(
        text2mel,
        ssrn,
        name=folder.name,
        speaker=speaker,
        accent=accent,
        gender=gender,
        language=language,
        origin=origin,
        consent=consent,
        sharpening=sharpening,
    )
    voice.save(folder, card=card(voice.config), sample=voice.say(sample))
    typer.echo(f"{folder}: {sum(p.stat().st_size for p in folder.iterdir()) / 1e6:.1f} MB")


def card(
    folder: Annotated[Path, typer.Argument(help="A voice folder.")],
    scores: Annotated[
        list[Path], typer.Argument(help="Files that `voicebank evaluate` wrote: scores.json, ssrn.json.")
    ],
) -> None:
    """Write what was measured into a voice's card."""
    from voicebank.hub.card import card as render
    from voicebank.hub.card import merge
    from voicebank.synthesis.folder import read_config

    found: dict[str, Any] = {}
    for path in scores:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadData(f"{path} is no file of `voicebank evaluate`: {error}") from error
        found["ssrn" if path.stem == "ssrn" else content.get("frontend") or "own"] = content
    config = read_config(folder)
    path = folder / "README.md"
    before = path.read_text(encoding="utf-8") if path.exists() else None
    fresh = render(config, found, sample=(folder / "sample.ogg").exists())
    path.write_text(merge(fresh, local=before), encoding="utf-8")
    typer.echo(f"{path}: {len(found)} evaluations")
