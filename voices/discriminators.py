"""The discriminators that cloning begins with: those that the base voices were trained against, in half the bytes.

Run it after a training with `--adversarial` of each network:

    python voices/discriminators.py runs/text2mel-9 runs/ssrn-6 -o voicebank/training/discriminators.safetensors
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer
from safetensors.torch import save_file

from voicebank.training.runs import discriminator_of, load_checkpoint, prefixed


def main(runs: list[Path], output: Annotated[Path, typer.Option("--output", "-o")]) -> None:
    """Write the discriminators of runs that were trained with `--adversarial`, one of each network."""
    tensors: dict[str, torch.Tensor] = {}
    for run in runs:
        _, state = load_checkpoint(run / "checkpoint.safetensors")
        tensors |= prefixed(state["task"], discriminator_of(run))
    save_file({name: tensor.half().contiguous() for name, tensor in tensors.items()}, output)
    output.chmod(0o644)  # safetensors writes files that only their owner may read


if __name__ == "__main__":
    typer.run(main)
