"""What is trained: the model, the loss of a batch, the validation and the pictures of each network."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from voicebank.config import AudioConfig
from voicebank.data.alignment import align
from voicebank.data.features import Features
from voicebank.dctts.losses import alignment_loss, guided_attention_loss, spectrogram_loss
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.training import plots
from voicebank.training.batches import Item, Order, Text2MelBatch, split, ssrn_batch, text2mel_batch

Metrics = dict[str, torch.Tensor]
ALIGNMENT_WEIGHT = 0.1


class Task(abc.ABC):
    """A network with its data."""

    name: str
    model: nn.Module
    batch_size: int
    train: list[Item]
    validation: list[Item]

    @abc.abstractmethod
    def loss(self, model: nn.Module, step: int, device: torch.device) -> Metrics:
        """Loss (key ``loss``) and its parts on the batch of a training step."""

    @abc.abstractmethod
    def validate(self, model: nn.Module, device: torch.device) -> Metrics:
        """Means over the held-back clips; ``l1`` decides which weights are best."""

    @abc.abstractmethod
    def picture(self, model: nn.Module, path: Path, device: torch.device) -> None:
        """A picture of what the network makes of the first held-back clip."""

    def _mean(self, rows: list[Metrics]) -> Metrics:
        return {k: torch.stack([r[k] for r in rows]).mean() for k in rows[0]} if rows else {}


class Text2MelTask(Task):
    """Teacher-forced training of Text2Mel (arXiv:1710.08969, sections 3.4 and 4.1).

    Args:
        model: the network.
        corpora: features; those of one name are one speaker, a row of the table.
        audio: spectrogram settings.
        batch_size: clips a step.
        held_back: clips of each speaker kept for validation.
        seed: of batches and noise.
        noise: standard deviation of the noise on the teacher-forced mel: a network that never sees a mistake
            never learns to recover from its own.
        hide: highest share of the teacher-forced frames of a clip that are blanked out. The last frame says so much
            about the next that a network which always sees it learns to babble on and hardly reads the text.
        own_frames: in every other step, share of the teacher-forced frames that are replaced by the network's own
            prediction of them (scheduled sampling, arXiv:1506.03099, made parallel: one extra pass without gradient).
    """

    name = "text2mel"

    def __init__(
        self,
        model: Text2Mel,
        corpora: Sequence[Features],
        audio: AudioConfig,
        *,
        batch_size: int = 16,
        held_back: int = 40,
        seed: int = 0,
        noise: float = 0.08,
        hide: float = 0.5,
        own_frames: float = 0.0,
        phones: float = 0.7,
        aligned: bool = True,
    ) -> None:
        self.model, self.audio, self.batch_size, self.seed = model, audio, batch_size, seed
        self.noise, self.hide, self.own_frames, self.phones = noise, hide, own_frames, phones
        self.aligned = aligned
        self.train, self.validation = split(corpora, held_back, align(corpora) if aligned else None)
        self.order = Order(self.train, batch_size, seed)

    def _move(self, batch: Text2MelBatch, device: torch.device) -> Text2MelBatch:
        return Text2MelBatch(*(t.to(device) for t in vars(batch).values()))

    def _losses(self, model: nn.Module, batch: Text2MelBatch, previous: torch.Tensor) -> Metrics:
        output = model(batch.symbols, batch.symbol_mask, previous, batch.speaker)
        l1, divergence = spectrogram_loss(output.logits, batch.mel, batch.frame_mask)
        guided = guided_attention_loss(output.attention, batch.symbol_lengths, batch.frame_lengths)
        metrics = {"l1": l1, "divergence": divergence, "attention": guided}
        if self.aligned:
            metrics["alignment"] = alignment_loss(output.attention, batch.positions, batch.frame_mask)
            return {"loss": l1 + divergence + ALIGNMENT_WEIGHT * metrics["alignment"], **metrics}
        return {"loss": l1 + divergence + guided, **metrics}

    def loss(self, model: nn.Module, step: int, device: torch.device) -> Metrics:
        """See :meth:`Task.loss`."""
        rng = np.random.default_rng((self.seed, 1, step))
        batch = self._move(text2mel_batch(self.order[step], self.audio, rng, self.phones), device)
        previous = shift(batch.mel)
        if self.own_frames and step % 2:
            with torch.no_grad():
                own = torch.sigmoid(model(batch.symbols, batch.symbol_mask, previous, batch.speaker).logits.float())
            use = torch.rand(*previous.shape[:2], 1, device=device) < self.own_frames
            previous = torch.where(use, shift(own), previous)
        if self.hide:
            # A rate for each clip, from none to nearly all of its past.
            rate = self.hide * torch.rand(previous.shape[0], 1, 1, device=device)
            previous = previous * (torch.rand(*previous.shape[:2], 1, device=device) >= rate)
        if self.noise:
            # Each clip has a noise level of its own, from none to twice the mean.
            scale = 2 * self.noise * torch.rand(previous.shape[0], 1, 1, device=device)
            previous = previous + scale * torch.randn_like(previous)
        return self._losses(model, batch, previous)

    def validate(self, model: nn.Module, device: torch.device) -> Metrics:
        """See :meth:`Task.validate`: clean teacher forcing, half of the batches in graphemes and half in phones."""
        rows = []
        items = sorted(self.validation, key=lambda item: item.frames)
        for i in range(0, len(items), 16):
            batch = text2mel_batch(items[i : i + 16], self.audio, None, float(i // 16 % 2 == 0))
            batch = self._move(batch, device)
            rows.append(self._losses(model, batch, shift(batch.mel)))
        return self._mean(rows)

    def picture(self, model: nn.Module, path: Path, device: torch.device) -> None:
        """See :meth:`Task.picture`: attention, true and predicted mel."""
        batch = self._move(text2mel_batch((self.validation or self.train)[:1], self.audio, None, 1.0), device)
        output = model(batch.symbols, batch.symbol_mask, shift(batch.mel), batch.speaker)
        n, t = int(batch.symbol_lengths[0]), int(batch.frame_lengths[0])
        plots.text2mel(path, output.attention[0, :t, :n], batch.mel[0, :t], torch.sigmoid(output.logits[0, :t].float()))


class SSRNTask(Task):
    """Training of SSRN on random crops (arXiv:1710.08969, section 4.1)."""

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
    ) -> None:
        self.model, self.audio, self.batch_size, self.seed, self.frames = (
            model,
            audio,
            batch_size,
            seed,
            frames,
        )
        self.train, self.validation = split(corpora, held_back)
        self.order = Order(self.train, batch_size, seed)

    def _losses(
        self, model: nn.Module, items: Sequence[Item], rng: np.random.Generator, device: torch.device
    ) -> Metrics:
        mel, magnitude = (t.to(device) for t in ssrn_batch(items, self.audio, rng, self.frames))
        l1, divergence = spectrogram_loss(model(mel), magnitude)
        return {"loss": l1 + divergence, "l1": l1, "divergence": divergence}

    def loss(self, model: nn.Module, step: int, device: torch.device) -> Metrics:
        """See :meth:`Task.loss`."""
        return self._losses(model, self.order[step], np.random.default_rng((self.seed, 1, step)), device)

    def validate(self, model: nn.Module, device: torch.device) -> Metrics:
        """See :meth:`Task.validate`: the same crops each time."""
        rng = np.random.default_rng(0)
        return self._mean(
            [self._losses(model, self.validation[i : i + 16], rng, device) for i in range(0, len(self.validation), 16)]
        )

    def picture(self, model: nn.Module, path: Path, device: torch.device) -> None:
        """See :meth:`Task.picture`: true and predicted magnitude."""
        items = (self.validation or self.train)[:1]
        mel, magnitude = ssrn_batch(items, self.audio, np.random.default_rng(0), self.frames)
        plots.ssrn(path, magnitude[0], torch.sigmoid(model(mel.to(device))[0].float()))


def shift(mel: torch.Tensor) -> torch.Tensor:
    """The mel one frame later, silence first: what the network has already said when it predicts a frame."""
    return torch.nn.functional.pad(mel, (0, 0, 1, 0))[:, :-1]
