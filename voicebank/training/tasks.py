"""What is trained: the model, the loss of a batch, the validation and the pictures. The task of Text2Mel."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn

from voicebank.config import AudioConfig
from voicebank.dctts.text2mel import Text2Mel, Text2MelOutput
from voicebank.errors import BadData
from voicebank.training import distributed, plots
from voicebank.training.alignment import align
from voicebank.training.batches import (
    Item,
    Order,
    Text2MelBatch,
    split,
    text2mel_batch,
)
from voicebank.training.features import Features
from voicebank.training.losses import (
    Discriminator,
    MelDiscriminator,
    alignment_loss,
    balanced,
    guided_attention_loss,
    letters_loss,
    spectrogram_loss,
    untrained,
)

Metrics = dict[str, torch.Tensor]
ALIGNMENT_WEIGHT = 0.1


class Task(abc.ABC):
    """A network with its data."""

    name: str
    model: nn.Module
    batch_size: int
    train: list[Item]
    validation: list[Item]
    criterion: str | None = "l1"
    """Which of the validation's means decides which weights are best: the lowest. None: the latest are."""
    critic: Discriminator | None = None
    """A network that is trained beside the model, to judge it, and not kept."""
    # Gradient of the adversarial loss, beside that of the loss that it completes.
    ADVERSARIAL_SHARE = 0.7
    # Steps at the beginning in which the discriminator learns alone, and in which its share then grows to the whole.
    critic_alone, critic_grows = 150, 300
    order: Order
    """The batches, of all workers together."""
    seed: int

    @abc.abstractmethod
    def loss(self, model: nn.Module, step: int, device: torch.device) -> Metrics:
        """Loss (key ``loss``) and its parts on the batch of a training step."""

    @abc.abstractmethod
    def validate(self, model: nn.Module, device: torch.device) -> Metrics:
        """Means over the held-back clips, ``l1`` and the :attr:`criterion` among them."""

    @abc.abstractmethod
    def picture(self, model: nn.Module, path: Path, device: torch.device) -> None:
        """A picture of what the network makes of the first held-back clip."""

    def judge_as(self, weights: dict[str, torch.Tensor]) -> None:
        """Begin with a discriminator that is trained, if it is of this size: a new one makes a network worse at first.

        Args:
            weights: of its ``state_dict``.
        """
        assert self.critic is not None
        if self.critic.begin_as(weights):
            self.critic_alone, self.critic_grows = 50, 100

    def _judged(
        self,
        loss: torch.Tensor,
        made: torch.Tensor,
        true: torch.Tensor,
        step: int,
        *,
        at: torch.Tensor | None = None,
        speaker: torch.Tensor | None = None,
    ) -> Metrics:
        """A loss completed by what the discriminator says, as a key ``loss``, and the parts.

        Args:
            loss: scalar, the distance of what was made from the truth.
            made, true: spectrograms ``(batch, frames, bands)``.
            step: of the training.
            at: tensor that both losses were computed from, ``made`` if left out.
            speaker: ``(batch,)`` rows of the speaker table.
        """
        assert self.critic is not None
        judged = self.critic(true, speaker)  # for both losses
        critic = self.critic.critic_loss(made, judged, speaker)
        metrics = {"loss": loss + critic, "critic": critic}
        if share := self.ADVERSARIAL_SHARE * min(1.0, max(0.0, (step - self.critic_alone) / max(1, self.critic_grows))):
            metrics["adversarial"] = self.critic.adversarial_loss(made, judged, speaker)
            pushed = balanced(loss, metrics["adversarial"], made if at is None else at, share)
            metrics["loss"] = metrics["loss"] + pushed
        return metrics

    def _drawn(self, step: int) -> tuple[list[Item], np.random.Generator]:
        """The items of a step and its random numbers: with several workers, this one's share and its own numbers."""
        whole, rank = self.order[step], distributed.rank()
        rng = np.random.default_rng((self.seed, 1, step, rank) if rank else (self.seed, 1, step))
        # The last batch of an epoch may have fewer items than there are workers.
        return whole[rank :: distributed.world()] or [whole[rank % len(whole)]], rng

    def _mean(self, rows: list[Metrics]) -> Metrics:
        return {k: torch.stack([r[k] for r in rows]).mean() for k in rows[0]} if rows else {}


class Text2MelTask(Task):
    """Teacher-forced training of Text2Mel (arXiv:1710.08969, sections 3.4 and 4.1).

    With a flow (:mod:`voicebank.dctts.layers`) its loss is the greater part, and decides which weights are best. An
    encoder for letters, where there is one, is taught apart: it is to give the decoder what the phones give
    (:func:`voicebank.training.losses.letters_loss`), and all else is trained on phones alone.

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
        own_frames: in every other step, highest share of the teacher-forced frames of a clip that are replaced by
            the network's own output (scheduled sampling, arXiv:1506.03099, made parallel: one extra pass without
            gradient); :attr:`OWN` if left out and there is a flow, else none.
        phones: share of the clips in one representation that are shown in phones, see
            :func:`voicebank.training.batches.choose_phones`. An encoder for letters is not taught if it is 1.
        aligned: guide attention to where each sound is spoken, not to the diagonal
            (:mod:`voicebank.training.alignment`).
        adversarial: judge the mels that the flow samples by a discriminator, too; see
            :mod:`voicebank.training.losses`. They are sampled as the voice speaks, from little noise and in few steps,
            with their gradient: the flow's own loss knows neither.
    """

    name = "text2mel"
    NOISE, HIDE, PHONES, OWN = 0.04, 0.3, 0.7, 0.7
    # Of L1 and divergence beside the flow's loss; noises and times for each frame; Euler steps of its own frames.
    SPECTROGRAM_WEIGHT, DRAWS, OWN_STEPS = 0.5, 2, 2
    # Beside an adversarial loss: of the flow's, and of the L1 of standardised mels. Coarse frames that are judged.
    FLOW_WEIGHT, SAMPLED_WEIGHT, JUDGED_FRAMES = 0.3, 1.0, 40

    def __init__(
        self,
        model: Text2Mel,
        corpora: Sequence[Features],
        audio: AudioConfig,
        *,
        batch_size: int = 16,
        held_back: int = 40,
        seed: int = 0,
        noise: float = NOISE,
        hide: float = HIDE,
        own_frames: float | None = None,
        phones: float = PHONES,
        aligned: bool = True,
        adversarial: bool = False,
    ) -> None:
        self.model, self.audio, self.batch_size, self.seed = model, audio, batch_size, seed
        self.noise, self.hide = noise, hide
        flow, letters = model.flow is not None, bool(model.config.letters_channels)
        self.own_frames = own_frames if own_frames is not None else self.OWN * flow
        self.letters = letters and phones < 1
        self.phones = 1.0 if letters else phones
        if adversarial:
            if model.flow is None:
                raise BadData("only a Text2Mel with a flow samples mels that can be judged: give it one (--flow 384)")
            self.critic = untrained(MelDiscriminator, model.n_mels, model.config.speakers, seed=seed)
        if flow:
            # Samples that sound true are no nearer to the truth than a mean of all that might be.
            self.criterion = None if adversarial else "flow"
        self.aligned = aligned
        times = align(corpora) if aligned else None
        self.train, self.validation = split(corpora, held_back, times)
        self.order = Order(self.train, batch_size, seed)

    def _losses(
        self, model: nn.Module, batch: Text2MelBatch, previous: torch.Tensor, step: int | None = None
    ) -> Metrics:
        """The losses of a pass; with a step those by the discriminator, too."""
        output = model(batch.symbols, batch.symbol_mask, previous, batch.speaker)
        l1, divergence = spectrogram_loss(output.logits, batch.mel, batch.frame_mask)
        guided = guided_attention_loss(output.attention, batch.symbol_lengths, batch.frame_lengths)
        metrics = {"l1": l1, "divergence": divergence, "attention": guided}
        loss = l1 + divergence
        flow = cast(Text2Mel, model).flow
        if flow is not None:
            metrics["flow"] = flow.loss(output.hidden, batch.mel, batch.frame_mask, batch.speaker, self.DRAWS)
            loss = (self.FLOW_WEIGHT if self.critic else 1.0) * metrics["flow"] + self.SPECTROGRAM_WEIGHT * loss
        if self.critic is not None and step is not None:
            judged = self._judged_samples(cast(Text2Mel, model), batch, output, step)
            loss = loss + judged.pop("loss")
            metrics.update(judged)
        if self.aligned:
            metrics["alignment"] = alignment_loss(output.attention, batch.positions, batch.frame_mask)
            return {"loss": loss + ALIGNMENT_WEIGHT * metrics["alignment"], **metrics}
        return {"loss": loss + guided, **metrics}

    def _judged_samples(self, model: Text2Mel, batch: Text2MelBatch, output: Text2MelOutput, step: int) -> Metrics:
        """What the discriminator says of a part of each clip, sampled as the voice speaks."""
        assert model.flow is not None
        length = min(self.JUDGED_FRAMES, int(batch.frame_lengths.min()))
        room = (batch.frame_lengths - length + 1)[:, None]
        first = (torch.rand(len(room), 1, device=room.device) * room).long()
        rows = torch.arange(len(room), device=room.device)[:, None]
        frames = first + torch.arange(length, device=room.device)
        part = Text2MelOutput(output.logits[rows, frames], output.attention, output.hidden[rows, frames])
        made, true = (
            model.flow.standardise(mel, batch.speaker)
            for mel in (model.mel(part, batch.speaker), batch.mel[rows, frames])
        )
        distance = self.SAMPLED_WEIGHT * (made - true).abs().mean()
        return {"sampled": distance, **self._judged(distance, made, true, step, speaker=batch.speaker)}

    def loss(self, model: nn.Module, step: int, device: torch.device) -> Metrics:
        """Losses on the batch of a step, some of its frames hidden, noisy or replaced by the network's own."""
        items, rng = self._drawn(step)
        batch = text2mel_batch(items, self.audio, rng, self.phones).to(device)
        previous = shift(batch.mel)
        if self.own_frames and step % 2:
            network = cast(Text2Mel, model)
            with torch.no_grad():
                output = model(batch.symbols, batch.symbol_mask, previous, batch.speaker)
                generated = network.mel(output, batch.speaker, steps=self.OWN_STEPS)
            rate = self.own_frames * torch.rand(len(previous), 1, 1, device=device)
            previous = torch.where(torch.rand(*previous.shape[:2], 1, device=device) < rate, shift(generated), previous)
        metrics = self._losses(model, batch, corrupt(previous, self.hide, self.noise), step)
        if self.letters and step % 2 == 0:
            written = text2mel_batch(items, self.audio, rng, 0.0).to(device)
            metrics["letters"] = letters_loss(cast(Text2Mel, model), written, batch, shift(batch.mel))
            metrics["loss"] = metrics["loss"] + metrics["letters"]
        return metrics

    def validate(self, model: nn.Module, device: torch.device) -> Metrics:
        """Mean losses of clean teacher forcing, every other batch in graphemes if any are trained on."""
        rows = []
        items = sorted(self.validation, key=lambda item: item.frames)
        with torch.random.fork_rng():
            torch.manual_seed(0)  # of a flow's noise: the same each time
            for i in range(0, len(items), 16):
                phones = self.phones == 1.0 or i // 16 % 2 == 0
                batch = text2mel_batch(items[i : i + 16], self.audio, None, float(phones)).to(device)
                rows.append(self._losses(model, batch, shift(batch.mel)))
        return self._mean(rows)

    def picture(self, model: nn.Module, path: Path, device: torch.device) -> None:
        """Draw attention, true and predicted mel."""
        batch = text2mel_batch((self.validation or self.train)[:1], self.audio, None, 1.0).to(device)
        output = model(batch.symbols, batch.symbol_mask, shift(batch.mel), batch.speaker)
        n, t = int(batch.symbol_lengths[0]), int(batch.frame_lengths[0])
        mel = cast(Text2Mel, model).mel(output, batch.speaker)
        plots.text2mel(path, output.attention[0, :t, :n], batch.mel[0, :t], mel[0, :t])


def shift(mel: torch.Tensor) -> torch.Tensor:
    """The mel one frame later, silence first: the network's past when it predicts a frame."""
    return torch.nn.functional.pad(mel, (0, 0, 1, 0))[:, :-1]


def corrupt(previous: torch.Tensor, hide: float, noise: float) -> torch.Tensor:
    """Blank out frames and add noise, at a rate and a level of each clip's own: from none to ``hide``, twice ``noise``.

    ``previous`` is ``(batch, frames, n_mels)``.
    """
    if hide:
        rate = hide * torch.rand(previous.shape[0], 1, 1, device=previous.device)
        previous = previous * (torch.rand(*previous.shape[:2], 1, device=previous.device) >= rate)
    if noise:
        scale = 2 * noise * torch.rand(previous.shape[0], 1, 1, device=previous.device)
        previous = previous + scale * torch.randn_like(previous)
    return previous
