"""``voicebank train``: options of the training loop, and its progress on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer


def train(
    network: Annotated[Literal["text2mel", "ssrn"], typer.Argument(help="Which of the two networks.")],
    folders: Annotated[
        list[Path],
        typer.Argument(help="LJSpeech-layout folders, one a speaker; folders of one name are one speaker."),
    ],
    run: Annotated[
        Path,
        typer.Option(help="Run folder: checkpoints, metrics, pictures. An interrupted run goes on from it."),
    ],
    preset: Annotated[str, typer.Option(help="Sizes of the network: base, paper...")] = "base",
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of the whole run.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop after so long; the same command goes on later.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Clips a step.")] = None,
    rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    decay: Annotated[
        float | None, typer.Option(help="Share of the steps, at the end, in which the rate falls to a hundredth.")
    ] = None,
    phones: Annotated[
        float | None, typer.Option(min=0, max=1, help="Share of the clips shown in phones; 1: in phones alone.")
    ] = None,
    held_back: Annotated[
        int | None, typer.Option(min=0, help="Clips of each speaker to validate on, never trained on.")
    ] = None,
    validate_every: Annotated[int | None, typer.Option(min=1, help="Steps between validations.")] = None,
    patience: Annotated[
        int | None, typer.Option(min=0, help="Stop after so many validations without improvement; 0 never.")
    ] = None,
    checkpoint_seconds: Annotated[
        float | None, typer.Option(min=0, help="Seconds between checkpoints: what a kill can cost.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option(help="Run folder, weights or folder of voices to start from, not random weights.")
    ] = None,
    speaker: Annotated[
        str | None, typer.Option(help="Speaker of --start to continue with, where it has several.")
    ] = None,
    predicted_by: Annotated[
        Path | None, typer.Option(help="Text2Mel run whose predictions SSRN is trained on in every other step.")
    ] = None,
    letters: Annotated[
        Path | None,
        typer.Option(
            help="Sentences, one a line: the voices of --start say them from phones, Text2Mel learns to read them."
        ),
    ] = None,
    flow: Annotated[
        int | None,
        typer.Option(min=8, help="Channels of a flow that samples Text2Mel's frames, where --start has none yet."),
    ] = None,
    own_frames: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Share of its past, at most, that Text2Mel hears as it says it itself."),
    ] = None,
    adversarial: Annotated[
        bool | None, typer.Option("--adversarial", help="Judge SSRN's magnitudes by a discriminator, too.")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Of each folder in turn, or once for all (en-us, en-gb).")
    ] = None,
    frontend: Annotated[
        str,
        typer.Option(help="Gives the phones of the mixed representation; `graphemes` trains on letters alone."),
    ] = "phonemizer",
    cache: Annotated[Path | None, typer.Option(help="Where the features are kept; beside the run if left out.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or auto.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32, bfloat16 or auto.")] = None,
    compile: Annotated[bool | None, typer.Option("--compile", help="Use torch.compile.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of all random numbers.")] = None,
) -> None:
    """Train one network on recordings with their texts, or go on with a run that was interrupted."""
    from pydantic import ValidationError

    from voicebank.cli.progress import Bar
    from voicebank.config import first_error
    from voicebank.errors import BadData
    from voicebank.training import run as training
    from voicebank.training.trainer import TrainerConfig

    # What is left out keeps the library's default, which is written in one place only.
    settings = _given(
        steps=steps,
        minutes=minutes,
        rate=rate,
        decay=decay,
        validate_every=validate_every,
        patience=patience,
        checkpoint_seconds=checkpoint_seconds,
        device=device,
        precision=precision,
        compile=compile,
        threads=threads,
        seed=seed,
    )
    try:
        config = TrainerConfig(**settings)
    except ValidationError as error:
        raise BadData(f"option --{first_error(error)}") from error
    with Bar() as bar:
        try:
            trainer = training.train(
                network,
                folders,
                run,
                preset=preset,
                config=config,
                languages=language or (),
                frontend=None if frontend == "graphemes" else frontend,
                start=start,
                speaker=speaker,
                predicted_by=predicted_by,
                letters=letters,
                flow=flow,
                cache=cache,
                progress=bar,
                **_given(
                    batch_size=batch_size,
                    held_back=held_back,
                    phones=phones,
                    own_frames=own_frames,
                    adversarial=adversarial,
                ),
            )
        except KeyboardInterrupt:
            if bar.stage == network:
                bar.note(f"Stopped at step {bar.done}: the same command goes on from there.")
            raise
    typer.echo(f"{run}: {trainer.step} steps, best at step {trainer.best_step}")


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
