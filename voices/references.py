"""What cloning compares a speaker with: how the base voices sound, which else each computer would find out for itself.

Run it after their weights have changed:

    python voices/references.py -o voicebank/cloning/references.json
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import voicebank
from voicebank.cloning.closest import measure, reference_name


def main(output: Annotated[Path, typer.Option("--output", "-o")]) -> None:
    """Measure all base voices."""
    found = {}
    for info in voicebank.voices():
        voice = voicebank.load(info.name)
        reference = measure(voice)
        vectors = [[round(value, 4) for value in vector] for vector in reference.embeddings]
        found[reference_name(voice)] = {"embeddings": vectors, "pitch": reference.pitch}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found))
    output.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
