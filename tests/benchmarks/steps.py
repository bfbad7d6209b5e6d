"""Training steps a second, ours and those of pytorch-dc-tts: the paper's sizes and the same random batch for both."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.engines import load_checkout
from benchmarks.report import BATCH
from voicebank.config import PRESETS
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.training.distributed import Loss
from voicebank.training.losses import guided_attention_loss, spectrogram_loss
from voicebank.training.tasks import Metrics, Task, shift
from voicebank.training.trainer import Trainer, TrainerConfig

# Clips of four and a half seconds; crops of two.
SYMBOLS, FRAMES, CROP = 80, 105, 48
N_MELS, BINS = 80, 513
# The paper's, in the names of pytorch-dc-tts. Which kind of block it is made of stays its own choice.
_SIZES = {"e": 128, "d": 256, "c": 512, "n_fft": 1024}
_STEPS = 6


class _OneBatch(Task):
    """Training of one network on the same random batch for ever."""

    batch_size = BATCH

    def __init__(self, name: str) -> None:
        text2mel, ssrn = PRESETS["paper"]
        self.name = name
        self.train, self.validation = [], []
        self.model: nn.Module = Text2Mel(text2mel) if name == "text2mel" else SSRN(ssrn)
        self.batch = random_batch()

    def loss(self, model: nn.Module, step: int, device: torch.device) -> Metrics:
        symbols, mel, magnitude = (part.to(device) for part in self.batch)
        if self.name == "ssrn":
            l1, divergence = spectrogram_loss(model(mel[:, :CROP]), magnitude)
            return {"loss": l1 + divergence}
        mask = torch.ones_like(symbols, dtype=torch.bool)
        output = model(symbols, mask, shift(mel), torch.zeros(BATCH, dtype=torch.long, device=device))
        l1, divergence = spectrogram_loss(output.logits, mel)
        lengths = torch.full((BATCH,), SYMBOLS, device=device), torch.full((BATCH,), FRAMES, device=device)
        return {"loss": l1 + divergence + guided_attention_loss(output.attention, *lengths)}

    def validate(self, model: nn.Module, device: torch.device) -> Metrics:
        return {}

    def picture(self, model: nn.Module, path: Path, device: torch.device) -> None:
        pass


def random_batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Symbols ``(batch, symbols)``, mel ``(batch, frames, n_mels)``, magnitude ``(batch, 4 * crop, bins)``."""
    generator = torch.Generator().manual_seed(0)
    symbols = torch.randint(1, 28, (BATCH, SYMBOLS), generator=generator)
    mel = torch.rand(BATCH, FRAMES, N_MELS, generator=generator)
    return symbols, mel, torch.rand(BATCH, 4 * CROP, BINS, generator=generator)


def measure_steps(task: dict[str, Any]) -> dict[str, Any]:
    """Seconds of each step of the network ``task["what"]``: ours, in a precision, or that of a checkout."""
    torch.set_num_threads(task["threads"])
    if task["engine"] == "voicebank":
        with tempfile.TemporaryDirectory() as folder:
            config = TrainerConfig(precision=task["precision"], device="cpu")
            trainer = Trainer(_OneBatch(task["what"]), folder, config, {})
            loss = Loss(trainer.task.loss, trainer.model, None)
            return {"steps": _times(lambda: trainer._step(loss))}
    models, hp = load_checkout(Path(task["engine"].partition(":")[2]), _SIZES)
    return {"steps": _times(_their_step(models, hp, task["what"]))}


def _times(step: Callable[[], object]) -> list[float]:
    step()
    times = []
    for _ in range(_STEPS):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return times


def _their_step(models: Any, hp: Any, network: str) -> Callable[[], object]:
    """What train-text2mel.py and train-ssrn.py of pytorch-dc-tts do for each batch, without a GPU."""
    symbols, mel, magnitude = random_batch()
    mel, magnitude = mel.transpose(1, 2).contiguous(), magnitude.transpose(1, 2).contiguous()
    model = (models.Text2Mel(range(28)) if network == "text2mel" else models.SSRN()).train()
    rate = hp.text2mel_lr if network == "text2mel" else hp.ssrn_lr
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    later = torch.cat((mel[:, :, 1:], torch.zeros(BATCH, N_MELS, 1)), 2)

    def weight(_: Any, n: Any, t: Any) -> Any:
        return 1.0 - np.exp(-((n / SYMBOLS - t / FRAMES) ** 2) / (2 * 0.2**2))

    def step() -> None:
        if network == "text2mel":
            penalty = torch.from_numpy(np.fromfunction(weight, (BATCH, SYMBOLS, FRAMES), dtype=np.float32))
            _, predicted, attention = model(symbols, mel)
            loss = F.l1_loss(predicted, later) + (attention * penalty).mean()
        else:
            _, predicted = model(mel[:, :, :CROP])
            loss = F.l1_loss(predicted, magnitude)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        float(loss)

    return step
