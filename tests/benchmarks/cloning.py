"""How good clones are: the curve of amount against quality, ways not to forget, and what `closest` chooses.

Corpora are in LJSpeech layout, recordings of one speaker each. Results are written to OUT as Markdown and JSON; what is
done is kept there, so that an interrupted command goes on.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Annotated, Any

import typer

import voicebank
from voicebank.audio import Audio
from voicebank.bank import Voice
from voicebank.cli.terminal import Bar
from voicebank.cloning.store import CloneState
from voicebank.data.dataset import Clip, Dataset
from voicebank.evaluation import evaluate_voice
from voicebank.evaluation.listening import Recogniser, Take
from voicebank.evaluation.measures import centroid
from voicebank.evaluation.scores import summarise
from voicebank.evaluation.scoring import resynthesise
from voicebank.hub.card import markdown_table, number, percent
from voicebank.synthesis.speech import create_vocoder
from voicebank.training.features import prepare_samples

HELD_OUT = 20
# What is compared: settings on top of those that follow from the minutes.
WAYS: dict[str, dict[str, Any]] = {
    "rehearsal": {"frozen": "nothing"},
    "text": {"frozen": "text", "rehearsal": 0.0},
    "weights": {"frozen": "weights", "rehearsal": 0.0},
    "plain": {"frozen": "nothing", "rehearsal": 0.0},
    "both": {"frozen": "text"},
}
app = typer.Typer(no_args_is_help=True, help="How good clones are, and which base voice is chosen.")


def shuffled(clips: list[Clip], salt: str) -> list[Clip]:
    return sorted(clips, key=lambda c: hashlib.sha256(f"{salt}{c.id}".encode()).digest())


def held_out_and_rest(dataset: Dataset, out: Path) -> tuple[Dataset, list[Clip]]:
    """20 clips as a dataset of their own, in a folder, and the others in random order."""
    chosen = shuffled(dataset.clips, "held out")[:HELD_OUT]
    folder = out / "held-out" / dataset.name
    (folder / "wavs").mkdir(parents=True, exist_ok=True)
    for clip in chosen:
        shutil.copyfile(clip.path, folder / "wavs" / clip.path.name)
    (folder / "metadata.csv").write_text("".join(f"{c.id}|{c.text}\n" for c in chosen), encoding="utf-8")
    ids = {clip.id for clip in chosen}
    return Dataset.read(folder), shuffled([c for c in dataset.clips if c.id not in ids], "train")


def first_minutes(dataset: Dataset, clips: list[Clip], minutes: float) -> Dataset:
    """As many clips as make these minutes of speech, silence at their ends not counted."""
    config = voicebank.load("us-male").config.audio
    taken, seconds = [], 0.0
    for clip in clips:
        samples = prepare_samples(Audio.read(clip.path, config.sample_rate).samples, config)
        taken.append(clip)
        seconds += len(samples) / config.sample_rate
        if seconds >= 60 * minutes:
            break
    return Dataset(dataset.name, taken, dataset.language)


def copy_synthesis(voice: Voice, clips: list[Clip], held_out: Path, name: str) -> dict[str, float]:
    """Real clips through true magnitudes, and through mel and this SSRN: what no Text2Mel can be better than."""
    vocode = create_vocoder(voice.config)
    takes: dict[str, list[Take]] = {"truth": [], "ssrn": []}
    for clip in clips:
        truth, predicted, _ = resynthesise(clip.path, voice.ssrn, voice.config.audio, vocode)
        takes["truth"].append(Take(clip.id, clip.text, truth))
        takes["ssrn"].append(Take(clip.id, clip.text, predicted))
    recogniser = Recogniser()
    reference = {name: centroid(held_out)}
    found = {}
    for way, list_ in takes.items():
        scores = summarise(recogniser.score(list_, reference), system=way, transcriber=str(recogniser))
        found |= {f"{way}_similarity": scores.similarity[name], f"{way}_wer": scores.wer}
    return found


def scored(voice: Voice, sentences: Path, held_out: Path, name: str, out: Path) -> dict[str, Any]:
    """Similarity to the held-out clips, word error rate, DistillMOS and DNSMOS of what a voice says."""
    scores = evaluate_voice(voice, sentences, references={name: held_out}, out=out)
    measured = scores.model_dump(include={"wer", "distillmos", "dnsmos", "faulty"})
    return {"similarity": scores.similarity[name], **measured}


def remembered(path: Path, make: Any) -> dict[str, Any]:
    """What was found before, or is found now."""
    if not path.exists():
        found = make()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_text(json.dumps(found, indent=1))
        path.with_suffix(".part").replace(path)
    return json.loads(path.read_text())


@app.command()
def curve(
    out: Path,
    corpus: Annotated[list[Path], typer.Option()],
    sentences: Annotated[Path, typer.Option()],
    minutes: Annotated[list[float], typer.Option()] = [1, 3, 10],  # noqa: B006
    way: Annotated[list[str], typer.Option()] = ["rehearsal"],  # noqa: B006
    base: Annotated[str | None, typer.Option(help="Of all; the closest if left out.")] = None,
    max_minutes: Annotated[float | None, typer.Option(help="Computing for each clone.")] = None,
) -> None:
    """Clone with so many minutes in so many ways, and score what comes out."""
    rows: list[dict[str, Any]] = []
    for folder in corpus:
        whole = Dataset.read(folder)
        name = whole.name
        held_out, rest = held_out_and_rest(whole, out)
        place = Path(held_out.clips[0].path).parents[1]
        with Bar() as progress:
            chosen = remembered(
                out / name / "base.json",
                lambda rest=rest, whole=whole, progress=progress: {
                    "base": base or voicebank.closest(Dataset(whole.name, rest, whole.language), progress=progress).best
                },
            )["base"]
        parent = voicebank.load(chosen)
        own = remembered(
            out / name / f"base-{chosen}.json",
            lambda parent=parent, place=place, name=name: scored(
                parent, sentences, place, name, out / name / "base-scores"
            ),
        )
        for amount in minutes:
            for kind in way:
                label = f"{kind}-{amount:g}"
                target = out / name / label / f"{name}-clone"

                def make(
                    amount: float = amount,
                    kind: str = kind,
                    target: Path = target,
                    parent: Voice = parent,
                    whole: Dataset = whole,
                    rest: list[Clip] = rest,
                    place: Path = place,
                    name: str = name,
                ) -> dict[str, Any]:
                    some = first_minutes(whole, rest, amount)
                    settings = {**WAYS[kind], **({"max_minutes": max_minutes} if max_minutes else {})}
                    with Bar() as bar:
                        voice = parent.clone(some, target, settings=settings, progress=bar)
                    state = CloneState.of(target)
                    assert state is not None
                    if not state.finished:
                        raise typer.Exit(130)
                    found = scored(voice, sentences, place, name, target.parent / "scores")
                    found |= copy_synthesis(voice, some.clips[:HELD_OUT], place, name)
                    return found | {
                        "minutes": state.minutes,
                        "computing": state.seconds / 60,
                        "steps": state.reached,
                        "validation": state.scores,
                    }

                found = remembered(target.parent / "result.json", make)
                rows.append({"corpus": name, "base": chosen, "way": kind, "amount": amount, "of_base": own, **found})
                _write(out, "curve", rows, _curve(rows))
    typer.echo(_curve(rows))


def _curve(rows: list[dict[str, Any]]) -> str:
    header = (
        "corpus",
        "base",
        "way",
        "minutes",
        "similarity",
        "of the base",
        "ceiling: mel and SSRN",
        "true magnitudes",
        "WER",
        "of the base",
        "points more",
        "DistillMOS",
        "DNSMOS",
        "faulty",
        "steps",
        "minutes computed",
        "bar",
    )
    table = []
    for row in rows:
        theirs = row["of_base"]
        close = row["similarity"] >= 0.85 and row["similarity"] - theirs["similarity"] >= 0.10
        clear = row["wer"] - theirs["wer"] <= 0.04
        table.append(
            (
                row["corpus"],
                row["base"],
                row["way"],
                f"{row['minutes']:.1f}",
                f"{row['similarity']:.3f}",
                f"{theirs['similarity']:.3f}",
                f"{row['ssrn_similarity']:.3f}",
                f"{row['truth_similarity']:.3f}",
                percent(row["wer"]),
                percent(theirs["wer"]),
                f"{100 * (row['wer'] - theirs['wer']):+.1f}",
                number(row.get("distillmos")),
                number(row["dnsmos"]),
                str(row["faulty"]),
                " + ".join(str(step) for step in row["steps"].values()),
                f"{row['computing']:.0f}",
                f"similarity {'met' if close else 'missed'}, words {'met' if clear else 'missed'}",
            )
        )
    return markdown_table(header, table)


@app.command()
def closest(
    out: Path,
    corpus: Annotated[list[Path], typer.Option()],
    truth: Annotated[list[str], typer.Option(help="NAME=ACCENT,GENDER of a corpus not named as a base.")] = [],  # noqa: B006
    clips: Annotated[int, typer.Option(help="Of each part.")] = 20,
    parts: Annotated[int, typer.Option(help="Of each corpus, none with a clip of another.")] = 3,
) -> None:
    """Which base voice is chosen for parts of corpora: the confusion table."""
    known = {v.name: (v.config.accent, v.config.gender) for v in voicebank.voices()}
    expected = dict(known)
    for one in truth:
        name, _, what = one.partition("=")
        accent, _, gender = what.partition(",")
        expected[name] = (accent, gender)
    rows: list[dict[str, Any]] = []
    for folder in corpus:
        whole = Dataset.read(folder)
        order = shuffled(whole.clips, "closest")
        for part in range(min(parts, len(order) // clips)):
            some = Dataset(whole.name, order[part * clips : (part + 1) * clips], whole.language)

            def make(some: Dataset = some) -> dict[str, Any]:
                began = time.monotonic()
                with Bar() as progress:
                    found = voicebank.closest(some, progress=progress)
                return {"rows": [vars(row) for row in found.rows], "seconds": time.monotonic() - began}

            found = remembered(out / "closest" / f"{whole.name}-{part}.json", make)
            rows.append({"corpus": whole.name, "part": part, **found})
            _write(out, "closest", rows, _confusion(rows, known, expected))
    typer.echo(_confusion(rows, known, expected))


def _confusion(
    rows: list[dict[str, Any]], known: dict[str, tuple[str, str]], expected: dict[str, tuple[str, str]]
) -> str:
    names = list(known)
    table = []
    for corpus in dict.fromkeys(row["corpus"] for row in rows):
        own = [row["rows"] for row in rows if row["corpus"] == corpus]
        best = [each[0]["name"] for each in own]
        scores = {n: sum(r["score"] for each in own for r in each if r["name"] == n) / len(own) for n in names}
        accent, gender = expected.get(corpus, ("", ""))
        right = [
            f"{sum(known[b][i] == what for b in best)} of {len(best)}" if what else ""
            for i, what in ((1, gender), (0, accent))
        ]
        table.append((corpus, *(f"{best.count(n)} ({scores[n]:.2f})" for n in names), *right))
    return markdown_table(("speaker", *(f"{n}: times best (mean score)" for n in names), "gender", "accent"), table)


def _write(out: Path, name: str, rows: list[dict[str, Any]], text: str) -> None:
    (out / f"{name}.json").write_text(json.dumps(rows, indent=1))
    (out / f"{name}.md").write_text(text)
