"""Digests of what the voices say: they show that a change of the code changed no sound."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated

import typer

import voicebank
from benchmarks import Voices
from voicebank.data.dataset import read_sentences


def sound(
    sentences: Annotated[Path, typer.Argument(help="One sentence a line, or `id|text` lines.")],
    voice: Voices = None,
    against: Annotated[Path | None, typer.Option(help="A file with an earlier output: any difference fails.")] = None,
) -> None:
    """Print a digest of the unmarked sound of each voice on a file of sentences, as JSON."""
    before = json.loads(against.read_text()) if against is not None else {}
    texts = list(read_sentences(sentences).values())
    digests = {}
    for name in voice or [info.name for info in voicebank.voices()]:
        digest = hashlib.sha256()
        for audio in voicebank.load(name).say(texts, watermark=False):
            digest.update(audio.samples.tobytes())
        digests[name] = digest.hexdigest()[:16]
    typer.echo(json.dumps(digests))
    if changed := [name for name, digest in digests.items() if name in before and before[name] != digest]:
        typer.echo(f"changed: {', '.join(changed)}", err=True)
        raise typer.Exit(1)
