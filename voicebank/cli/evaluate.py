"""``voicebank evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicebank.errors import BadData


def evaluate(
    voice: Annotated[
        str,
        typer.Argument(help="A voice as for `say`, a folder of clips of any other system, or a scores.json."),
    ],
    sentences: Annotated[
        Path | None,
        typer.Option(help="One sentence a line, or `id|text` lines. A folder may have a metadata.csv instead."),
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option(help="A file as voices/words.txt: count the words that are understood, by frontend."),
    ] = None,
    ssrn: Annotated[
        Path | None,
        typer.Option(help="LJSpeech-layout folder of held-back clips: score the second network alone."),
    ] = None,
    frontend: Annotated[str | None, typer.Option(help="The voice's own if left out.")] = None,
    vocoder: Annotated[str | None, typer.Option(help="The voice's own if left out.")] = None,
    reference: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of clips of a speaker to compare with, again for each; its name is theirs."),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="scores.json of another system on the same sentences: compare with it.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for scores.json and scores.md [default: scores/NAME]"),
    ] = None,
    save_audio: Annotated[bool, typer.Option("--save-audio", help="Keep what was said, beside the scores.")] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Clips scored at a time.")] = None,
    transcriber: Annotated[str | None, typer.Option(help="Listens: a transcriber of `voicebank plugins`.")] = None,
) -> None:
    """Score a voice: how well it is understood, how it sounds, whose voice it is, how fast it is."""
    import voicebank
    from voicebank import bank, evaluation
    from voicebank.cli.terminal import Bar

    if Path(voice).suffix == ".json":
        if against is None:
            raise BadData(f"name the scores to compare {voice} with: --against FILE")
        scores, other = evaluation.Scores.read(voice), evaluation.Scores.read(against)
        typer.echo(evaluation.compare_scores(scores, other).summary())
        return
    references = {path.resolve().name: path for path in reference or []}
    if len(references) < len(reference or []):
        raise BadData("two references have the same folder name: rename one, the name is the speaker's")
    folder = bank.local(voice)
    name = folder.resolve().name if folder is not None else voice.replace("/", "--")
    out = out or Path("scores") / (f"{name}-{frontend}" if frontend else name)
    clips = folder if folder is not None and not (folder / "config.json").exists() else None
    if clips is None and sentences is None and words is None and ssrn is None:
        raise BadData("say what to speak: --sentences FILE, --words FILE or --ssrn FOLDER")
    results: dict[str, evaluation.Report] = {}
    with Bar() as bar:
        recogniser = evaluation.Recogniser(transcriber or evaluation.TRANSCRIBER, workers, bar)
        if clips is not None and words is not None:
            results["words"] = evaluation.evaluate_words_folder(clips, words, out=out, recogniser=recogniser)
        elif clips is not None:
            results["scores"] = evaluation.evaluate_folder(
                clips, sentences, references=references, against=against, out=out, recogniser=recogniser
            )
        else:
            speaker = voicebank.load(voice)
            if sentences is not None:
                results["scores"] = evaluation.evaluate_voice(
                    speaker,
                    sentences,
                    frontend=frontend,
                    vocoder=vocoder,
                    references=references,
                    against=against,
                    save_audio=save_audio,
                    out=out,
                    recogniser=recogniser,
                )
            if words is not None:
                frontends = (frontend,) if frontend else evaluation.FRONTENDS
                results["words"] = evaluation.evaluate_words(
                    speaker, words, frontends=frontends, out=out, recogniser=recogniser
                )
            if ssrn is not None:
                results["ssrn"] = evaluation.evaluate_ssrn(
                    speaker, ssrn, vocoder=vocoder, out=out, recogniser=recogniser
                )
    for name, result in results.items():
        typer.echo(result.summary())
        typer.echo(f"{out / name}.json, {out / name}.md")
