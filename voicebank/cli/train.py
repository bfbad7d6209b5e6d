"""``voicebank train``, ``assemble``, ``mix`` and ``card``: from recordings, or two voices, to a folder and its card."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict, get_args, get_type_hints, is_typeddict

import typer

from voicebank.errors import BadData

SAMPLE = "This voice reads any English text, from the first word to the last."


class LoopOptions(TypedDict, total=False):
    """Settings of the training loop, :class:`voicebank.training.trainer.TrainerConfig`."""

    steps: Annotated[int, typer.Option(min=1, help="Steps of the whole run.")]
    minutes: Annotated[float, typer.Option(help="Stop after so long; the same command goes on later.")]
    rate: Annotated[float, typer.Option(help="Peak learning rate.")]
    decay: Annotated[
        float, typer.Option(help="Share of the steps, at the end, in which the rate falls to a hundredth.")
    ]
    validate_every: Annotated[int, typer.Option(min=1, help="Steps between validations.")]
    patience: Annotated[int, typer.Option(min=0, help="Stop after so many validations without improvement; 0 never.")]
    checkpoint_seconds: Annotated[float, typer.Option(min=0, help="Seconds between checkpoints: what a kill can cost.")]
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")]
    precision: Annotated[str, typer.Option(help="float32, bfloat16 or auto.")]
    compile: Annotated[bool, typer.Option("--compile", help="Use torch.compile.")]
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")]
    seed: Annotated[int, typer.Option(help="Of all random numbers.")]


class TaskOptions(TypedDict, total=False):
    """What is trained on what, arguments of :func:`voicebank.training.run.train`."""

    preset: Annotated[str, typer.Option(help="Sizes of the network: base, the default, or paper.")]
    start: Annotated[
        Path, typer.Option(help="Run folder, weights or folder of voices to start from, not random weights.")
    ]
    speaker: Annotated[str, typer.Option(help="Speaker of --start to continue with, where it has several.")]
    batch_size: Annotated[int, typer.Option(min=1, help="Clips a step; of each worker.")]
    held_back: Annotated[int, typer.Option(min=0, help="Clips of each speaker to validate on, never trained on.")]
    phones: Annotated[float, typer.Option(min=0, max=1, help="Share of the clips shown in phones; 1: in phones alone.")]
    letters: Annotated[
        Path,
        typer.Option(
            help="Sentences, one a line: the voices of --start say them from phones, Text2Mel learns to read them."
        ),
    ]
    letters_layers: Annotated[
        int, typer.Option(min=4, help="Layers of what reads letters, where the voices of --start have none so deep.")
    ]
    flow: Annotated[
        int,
        typer.Option(
            min=8, help="Channels of a flow that samples Text2Mel's frames, where --start has none of this size."
        ),
    ]
    own_frames: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of its past, at most, that is Text2Mel's own output."),
    ]
    predicted_by: Annotated[
        Path, typer.Option(help="Text2Mel run whose predictions SSRN is trained on in every other step.")
    ]
    adversarial: Annotated[
        bool,
        typer.Option(
            "--adversarial", help="Judge what the network makes by a discriminator, too; Text2Mel needs a flow."
        ),
    ]
    languages: Annotated[
        list[str], typer.Option("--language", help="Of each folder in turn, or once for all (en-us, en-gb).")
    ]
    cache: Annotated[Path, typer.Option(help="Where the features are kept; beside the run if left out.")]


def option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """A command with one option for every key of its parameters that are typed dictionaries.

    Keys are declared as parameters of a command are, ``Annotated[int, typer.Option(help="...")]``. What is left out on
    the command line is not in the dictionary, so that its default stands in one place: the code that is called.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: get_type_hints(hint, include_extras=True) for name, hint in hints.items() if is_typeddict(hint)}

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name, keys in groups.items():
            given[name] = {key: value for key in keys if (value := given.pop(key)) not in (None, [])}
        command(**given)

    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in groups:
            parameters += [_option(key, hint) for key, hint in groups[parameter.name].items()]
        else:
            kind = inspect.Parameter.KEYWORD_ONLY
            parameters.append(parameter.replace(annotation=hints[parameter.name], kind=kind))
    vars(run)["__signature__"] = inspect.Signature(parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _option(name: str, hint: Any) -> inspect.Parameter:
    kind, option = get_args(hint)
    annotation = Annotated[kind | None, option]  # type: ignore[valid-type]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


@option_groups
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
    task: TaskOptions,
    loop: LoopOptions,
    ray: Annotated[str | None, typer.Option(help="Address of a Ray cluster, auto, or local.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that train together on --ray.")] = 1,
    frontend: Annotated[
        str,
        typer.Option(help="Gives the phones of the mixed representation; `graphemes` trains on letters alone."),
    ] = "phonemizer",
) -> None:
    """Train one network on recordings with their texts, or go on with a run that was interrupted."""
    from pydantic import ValidationError

    from voicebank.cli.terminal import Bar
    from voicebank.config import first_error
    from voicebank.training import run as training
    from voicebank.training.cluster import Trained, train_on_ray
    from voicebank.training.trainer import TrainerConfig

    try:
        config = TrainerConfig(**loop)
    except ValidationError as error:
        raise BadData(f"option --{first_error(error)}") from error
    if workers > 1 and ray is None:
        raise BadData("several workers train on a Ray cluster: add --ray with its address, or --ray local")
    phones = None if frontend == "graphemes" else frontend
    with Bar() as bar:
        given: dict[str, Any] = {"config": config, "frontend": phones, "progress": bar, **task}
        try:
            if ray is None:
                trainer = training.train(network, folders, run, **given)
                trained = Trained(trainer.step, trainer.best_step)
            else:
                trained = train_on_ray(network, folders, run, address=ray, workers=workers, **given)
        except KeyboardInterrupt:
            if bar.stage == network:
                bar.note(f"Stopped at step {bar.done}: the same command goes on from there.")
            raise
    typer.echo(f"{run}: {trained.step} steps, best at step {trained.best_step}")


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


def mix(
    first: Annotated[str, typer.Argument(help="A voice: a name, a folder or owner/name on the Hub.")],
    second: Annotated[str, typer.Argument(help="Another one of the same training, or a clone of such a one.")],
    share: Annotated[float, typer.Argument(help="How much of the second voice, from 0 to 1.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The voice folder to write; its name is the voice's.")],
    sample: Annotated[str, typer.Option(help="Sentence of sample.ogg.")] = SAMPLE,
) -> None:
    """Make a new voice that is between two."""
    import voicebank
    from voicebank.hub.card import card

    voice = voicebank.mix(first, second, share, name=out.resolve().name)
    voice.save(out, card=card(voice.config), sample=voice.say(sample))
    typer.echo(f'voicebank say "It works." --voice {out}')


def card(
    folder: Annotated[Path, typer.Argument(help="A voice folder.")],
    scores: Annotated[
        list[Path], typer.Argument(help="Files that `voicebank evaluate` wrote: scores.json, ssrn.json.")
    ],
) -> None:
    """Write what was measured into a voice's card."""
    from voicebank.files import atomic
    from voicebank.hub.card import card as render
    from voicebank.hub.merge import refresh
    from voicebank.synthesis.folder import read_config

    results: dict[str, Any] = {}
    for path in scores:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadData(f"{path} is no file of `voicebank evaluate`: {error}") from error
        results["ssrn" if path.stem == "ssrn" else content.get("frontend") or "own"] = content
    config = read_config(folder)
    path = folder / "README.md"
    sample = (folder / "sample.ogg").exists()
    if path.exists():
        text = refresh(path.read_text(encoding="utf-8"), config, results, sample=sample)
    else:
        text = render(config, results, sample=sample)
    atomic(path, text)
    typer.echo(f"{path}: {len(results)} evaluations")
