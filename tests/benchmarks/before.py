"""Whether speed costs anything: every voice with Griffin-Lim as it was, 32 iterations from random phases, and as it is.

The fast paths of the networks are held to the networks themselves by tests (mels within 1e-3); the vocoder is where
speed could be bought with sound. Both are given the same magnitudes. Scores of a voice as it is are read from
OUT/VOICE/scores.json where `voicebank evaluate` has left them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import librosa
import numpy as np
import torch
import typer
from rich.progress import track

import voicebank
from benchmarks import Voices
from voicebank.config import AudioConfig
from voicebank.data.dataset import read_sentences
from voicebank.evaluation import Scores, evaluate_folder, evaluate_voice
from voicebank.hub.card import markdown_table, number, percent
from voicebank.signal.griffin_lim import GriffinLim, sharpened

ITERATIONS = 32
FRONTEND = "phonemizer"


class RandomPhases:
    """Griffin-Lim of librosa, from random phases."""

    name = "griffin-lim-from-random-phases"

    def __call__(self, magnitude: torch.Tensor, config: AudioConfig) -> torch.Tensor:
        made = [
            librosa.griffinlim(
                sharpened(one.T, GriffinLim().sharpening, config).T.numpy(),
                n_iter=ITERATIONS,
                hop_length=config.hop,
                n_fft=config.n_fft,
                length=(one.shape[1] - 1) * config.hop,
                random_state=0,
            )
            for one in magnitude
        ]
        return torch.from_numpy(np.stack(made))


def before(
    out: Path,
    sentences: Annotated[Path, typer.Option()],
    voice: Voices = None,
) -> None:
    """Score every voice with Griffin-Lim from random phases and from integrated ones, into OUT/before.md."""
    rows: list[tuple[str, ...]] = []
    for name in voice or [v.name for v in voicebank.voices()]:
        speaker = voicebank.load(name)
        folder = out / "audio" / name
        folder.mkdir(parents=True, exist_ok=True)
        for id, text in track(read_sentences(sentences).items(), f"{name} speaks"):
            speaker.say(text, frontend=FRONTEND, vocoder=RandomPhases()).save(folder / f"{id}.wav")
        before = evaluate_folder(folder, sentences)
        known = out / name / "scores.json"
        if known.exists():
            after = Scores.model_validate_json(known.read_text())
        else:
            after = evaluate_voice(speaker, sentences, frontend=FRONTEND, out=out / name)
        rows += [(name, f"random, {ITERATIONS}", *_row(before)), (name, "integrated, 1", *_row(after))]
        table = markdown_table(("voice", "phases, iterations", "WER", "DistillMOS", "DNSMOS", "signal", "faulty"), rows)
        (out / "before.md").write_text(table)
    typer.echo(table)


def _row(scores: Scores) -> tuple[str, ...]:
    return (
        percent(scores.wer),
        number(scores.distillmos),
        number(scores.dnsmos),
        number(scores.dnsmos_signal),
        str(scores.faulty),
    )
