"""``voicebank clone`` and ``voicebank closest``: a voice from a few minutes of recordings."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicebank.errors import BadData

if TYPE_CHECKING:
    from voicebank.bank import Voice
    from voicebank.cloning.closest import BaseMatch
    from voicebank.cloning.store import CloneState
    from voicebank.data.dataset import Clip, Dataset

AUDITIONED = 3  # sentences
ASK = (
    "Whose voice is it, and do they agree that it is cloned and used? One line, such as\n"
    '"Jane Doe, my own voice, for anything." Empty marks the voice as for private use.\n'
    "Consent"
)
PRIVATE = 'no consent given: the voice is marked as for private use; add --consent "who agreed, and to what"'
Compared = Annotated[
    list[str] | None, typer.Option("--voice", help="Compare with this voice, again for each; the bundled ones else.")
]


def clone(
    dataset: Annotated[
        Path,
        typer.Argument(
            help="A dataset, such as `voicebank dataset make` makes. A folder of them, or a table (.jsonl, .csv, "
            ".parquet) with a column dataset and perhaps id, base, consent: the voice of each is cloned."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="The voice folder, or the folder for several. What it takes to go on lies in OUT.training beside.",
        ),
    ],
    base: Annotated[
        str | None, typer.Option(help="The voice to start from; the closest of the bundled ones if left out.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the voice; the folder's if left out.")] = None,
    consent: Annotated[
        str | None, typer.Option(help="Who agreed to this voice, and to what, in one line. Asked for on a terminal.")
    ] = None,
    origin: Annotated[str | None, typer.Option(help="What the recordings are, in one line.")] = None,
    accent: Annotated[str | None, typer.Option(help="Of the speaker; the base's if left out.")] = None,
    gender: Annotated[str | None, typer.Option(help="Of the speaker; the base's if left out.")] = None,
    minutes: Annotated[
        float | None, typer.Option("--max-minutes", min=0.1, help="Time it may take: fewer steps, if need be.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of Text2Mel.")] = None,
    ssrn_steps: Annotated[int | None, typer.Option(min=0, help="Steps of SSRN; 0 keeps the base's.")] = None,
    rate: Annotated[float | None, typer.Option(help="Peak learning rate of Text2Mel.")] = None,
    frozen: Annotated[
        str | None, typer.Option(help="What stays as the base has it: nothing, text (its side), weights.")
    ] = None,
    rehearsal: Annotated[
        float | None, typer.Option(min=0, max=0.9, help="Share of each batch that is the base's own speech.")
    ] = None,
    preview: Annotated[str | None, typer.Option(help="Sentence of the previews.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or auto.")] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of all random numbers.")] = None,
    audition: Annotated[
        bool, typer.Option("--audition", help="At the end, hear three sentences by base, clone and speaker.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Of several speakers: processes or Ray actors [default: a core each]")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(help="Of several speakers: address of a Ray cluster, auto, or local.")
    ] = None,
) -> None:
    """Clone a voice from recordings, or go on with a cloning that was interrupted.

    All settings follow from the minutes of speech; see docs/cloning.md. Ctrl-C leaves the best voice so far.
    """
    import voicebank
    from voicebank.cli.terminal import Bar
    from voicebank.cloning.store import CloneState

    asked: dict[str, Any] = {
        "max_minutes": minutes,
        "text2mel_steps": steps,
        "ssrn_steps": ssrn_steps,
        "rate": rate,
        "frozen": frozen,
        "rehearsal": rehearsal,
        "preview_text": preview,
        "device": device,
        "threads": threads,
        "seed": seed,
    }
    settings = {key: value for key, value in asked.items() if value is not None}
    if dataset.is_file() or (not (dataset / "metadata.csv").exists() and any(dataset.glob("*/metadata.csv"))):
        if [one for one in (name, consent, accent, gender, origin) if one is not None] or audition:
            raise BadData("of several speakers, id, consent, accent, gender and origin are columns of the table")
        _clone_many(dataset, out, base, settings, workers, ray)
        return
    if workers is not None or ray is not None:
        raise BadData(f"{dataset} is one speaker: leave out --workers and --ray, or name a table of datasets")
    data = voicebank.Dataset.read(dataset)
    begun = CloneState.of(out)
    if base is None and begun and Path(begun.base).is_dir():
        base = begun.base
    voice = voicebank.load(base) if base else _choose(data)
    if consent is None and (begun is None or (begun.finished and not begun.about.consent)):
        consent = _ask()
    try:
        with Bar() as bar:
            made = voice.clone(
                data,
                out,
                name=name,
                consent=consent,
                accent=accent,
                gender=gender,
                origin=origin,
                settings=settings,
                progress=bar,
            )
    except KeyboardInterrupt:
        left = "has the best so far" if (out / "config.json").is_file() else "holds no voice yet"
        typer.echo(f"stopped: {out} {left}, and the same command goes on", err=True)
        raise typer.Exit(130) from None
    state = CloneState.of(out)
    if state is None or not state.finished:
        raise typer.Exit(130)
    _summarise(out, made, state)
    if audition:
        _audition(out, voice, made, [clip for clip in data.clips if clip.id in state.held_out][:AUDITIONED])


def _clone_many(
    source: Path, out: Path, base: str | None, settings: dict[str, Any], workers: int | None, ray: str | None
) -> None:
    """Clone all speakers of a table or folder."""
    import voicebank
    from voicebank.cli.terminal import Bar, summarise

    with Bar() as bar:
        done = voicebank.clone_batch(source, out, base=base, settings=settings, workers=workers, ray=ray, progress=bar)
    summarise(done, "speakers", "computing")


def _summarise(out: Path, made: Voice, state: CloneState) -> None:
    """Print what came of a cloning."""
    if made.config.private_use:
        typer.echo(f"voicebank: {PRIVATE}", err=True)
    scores = "".join(f"; {k.replace('_', ' ')} {v:g}" for k, v in state.scores.items() if k.startswith("similarity"))
    typer.echo(f"{out}: cloned from {state.parent} with {state.minutes:.1f} minutes of speech{scores}")
    steps = ", ".join(f"{stage} at step {step}" for stage, step in state.reached.items())
    typer.echo(f"best weights: {steps}; {state.seconds / 60:.0f} minutes of computing")
    for reason, count in Counter(state.dropped.values()).most_common():
        typer.echo(f"left out: {count} of {state.clips + len(state.dropped)} clips: {reason}")
    if (out / "sample.ogg").is_file():
        typer.echo(f"sample: {out / 'sample.ogg'}")
    typer.echo(f'voicebank say "It works." --voice {out}')


def _audition(out: Path, base: Voice, made: Voice, clips: list[Clip]) -> None:
    """Let base, clone and speaker say the same sentences; a file where nothing can play them."""
    from voicebank.audio import Audio
    from voicebank.errors import RunawayError

    parts: list[Audio] = []
    for clip in clips:
        for voice in (base, made):
            with contextlib.suppress(RunawayError):
                parts.append(voice.say(clip.text))
        parts.append(Audio.read(clip.path))
    rate = made.config.audio.sample_rate
    pause = Audio.silence(0.7, rate)
    speech = Audio.join(piece for part in parts for piece in (part.resample(rate), pause))
    typer.echo(f"base, clone and speaker say {len(clips)} sentences")
    if not speech.play():
        path = speech.save(out.with_name(f"{out.name}.training") / "audition.ogg")
        typer.echo(f"no player found that works: hear {path}")


def closest(
    source: Annotated[Path, typer.Argument(help="A dataset; or a sound file, without transcript.")],
    voice: Compared = None,
) -> None:
    """List the base voices by how close they are to the speaker of a dataset.

    The score is the similarity of the speaker embeddings (cosine, Resemblyzer), less 0.3 for each octave between the
    median pitches, less 0.3 times the probability that the speaker has another accent than the base. The accent is
    judged by the phones that the recordings follow, so it needs their transcripts: a sound file alone is compared by
    similarity and pitch.
    """
    import voicebank
    from voicebank.cli.terminal import Bar, table

    recordings: Any = voicebank.Dataset.read(source) if source.is_dir() else [voicebank.Audio.read(source)]
    with Bar() as progress:
        closest_bases = voicebank.closest(recordings, voice or None, progress=progress)
    header = ("name", "accent", "gender", "score", "similarity", "pitch", "base pitch", "same accent")
    table(header, [_row(row) for row in closest_bases.rows])


def _choose(data: Dataset) -> Voice:
    import voicebank
    from voicebank.cli.terminal import Bar

    with Bar() as progress:
        matches = voicebank.closest(data, progress=progress)
    best, *others = matches.rows
    rest = ", ".join(f"{row.name} {row.score:.2f}" for row in others)
    sure = "" if best.accent_probability is None else f", {best.accent} accent {best.accent_probability:.0%} sure"
    found = f"closest base voice: {best.name}, score {best.score:.2f}{sure} ({rest})"
    typer.echo(f"{found}; --base names another", err=True)
    return matches.voice


def _ask() -> str | None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    answer = typer.prompt(ASK, default="", show_default=False, err=True)
    return " ".join(str(answer).split())


def _row(row: BaseMatch) -> tuple[str, ...]:
    return (
        row.name,
        row.accent,
        row.gender,
        f"{row.score:.3f}",
        _number(row.similarity, ".3f"),
        _number(row.pitch_hz, ".0f", " Hz"),
        _number(row.base_pitch_hz, ".0f", " Hz"),
        _number(row.accent_probability, ".0%"),
    )


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else format(value, form) + unit
