"""Training of SSRN: crops of spectrograms, what it learns from them, and its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from voicebank.config import AudioConfig
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.training import plots
from voicebank.training.batches import Order, predicted_ssrn_batch, split, ssrn_batch, text2mel_batch
from voicebank.training.features import Features
from voicebank.training.losses import MagnitudeDiscriminator, spectrogram_loss, untrained
from voicebank.training.tasks import Metrics, Task, Text2MelTask, corrupt, shift


class SSRNTask(Task):
    """Training of SSRN on random crops (arXiv:1710.08969, section 4.1).

    Args:
        model: the network.
        corpora: features; those of one name are one speaker.
        audio: spectrogram settings.
        batch_size: crops a step.
        held_back: clips of each speaker kept for validation.
        seed: of batches and noise.
        frames: coarse frames of a crop.
        text2mel: predicts or samples, teacher-forced, the mels of every other step. An SSRN that has seen them beside
            true magnitudes makes up for some of a Text2Mel's faults. Rows of its speaker table as in ``corpora``.
        adversarial: judge the magnitudes by a discriminator, too; see :mod:`voicebank.training.losses`.
    """

    name = "ssrn"

    def __init__(
        self,
        model: SSRN,
        corpora: Sequence[Features],
        audio: AudioConfig,
        *,
        batch_size: int = 16,
        held_back: int = 40,
        seed: int = 0,
        frames: int = 48,
        text2mel: Text2Mel | None = None,
        adversarial: bool = False,
    ) -> None:
        self.model, self.audio = model, audio
        if adversarial:
            self.critic = untrained(MagnitudeDiscriminator, seed=seed)
            self.criterion = None  # crisp magnitudes are further from the true ones than blurred ones are
        self.batch_size, self.seed, self.frames = batch_size, seed, frames
        self.text2mel = text2mel and text2mel.eval()
        self.train, self.validation = split(corpora, held_back)
        self.order = Order(self.train, batch_size, seed)

    def _losses(self, model: nn.Module, mel: torch.Tensor, magnitude: torch.Tensor, device: torch.device) -> Metrics:
        l1, divergence = spectrogram_loss(model(mel.to(device)), magnitude.to(device))
        return {"loss": l1 + divergence, "l1": l1, "divergence": divergence}

    def _crops(self, step: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
        """Mels and magnitudes of a step."""
        items, rng = self._drawn(step)
        if self.text2mel is None or step % 2:
            return ssrn_batch(items, self.audio, rng, self.frames)
        batch = text2mel_batch(items, self.audio, rng, 1.0).to(device)
        text2mel = self.text2mel.to(device)
        with torch.no_grad():
            previous = corrupt(shift(batch.mel), Text2MelTask.HIDE, Text2MelTask.NOISE)
            mel = text2mel.mel(text2mel(batch.symbols, batch.symbol_mask, previous, batch.speaker), batch.speaker)
        return predicted_ssrn_batch(items, mel, batch, self.audio, rng, self.frames)

    def loss(self, model: nn.Module, step: int, device: torch.device) -> Metrics:
        """Losses on the crops of a step; with a discriminator its loss, too."""
        mel, magnitude = (t.to(device) for t in self._crops(step, device))
        if self.critic is None:
            return self._losses(model, mel, magnitude, device)
        logits = model(mel)
        l1, divergence = spectrogram_loss(logits, magnitude)
        judged = self._judged(l1 + divergence, torch.sigmoid(logits.float()), magnitude, step, at=logits)
        return {**judged, "l1": l1, "divergence": divergence}

    def validate(self, model: nn.Module, device: torch.device) -> Metrics:
        """Mean losses over the same crops each time."""
        rng = np.random.default_rng(0)
        groups = [self.validation[i : i + 16] for i in range(0, len(self.validation), 16)]
        return self._mean(
            [self._losses(model, *ssrn_batch(items, self.audio, rng, self.frames), device) for items in groups]
        )

    def picture(self, model: nn.Module, path: Path, device: torch.device) -> None:
        """Draw true and predicted magnitude."""
        items = (self.validation or self.train)[:1]
        mel, magnitude = ssrn_batch(items, self.audio, np.random.default_rng(0), self.frames)
        plots.ssrn(path, magnitude[0], torch.sigmoid(model(mel.to(device))[0].float()))
