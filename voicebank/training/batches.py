"""Batches for both networks. Batch ``step`` is a pure function of the seed and the step: a resumed run sees the
same batches in the same order as one that was never stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from voicebank.config import AudioConfig
from voicebank.data.features import ClipFeatures, Features
from voicebank.errors import BadData
from voicebank.signal.spectrogram import linear_magnitude, normalise_magnitude, normalised_mel
from voicebank.text.frontend import Unit, join
from voicebank.text.symbols import encode

# Lengths are padded up to a multiple of this, so that the number of different shapes stays small.
ROUND = 16
# A clip longer than this is left out: one of them would make its whole batch slow.
LONGEST_SECONDS = 14.0


@dataclass(frozen=True)
class Item:
    """A clip and the row of its speaker."""

    speaker: int
    features: Features
    clip: ClipFeatures

    @property
    def frames(self) -> int:
        """Full-rate frames."""
        return self.clip.frames[1] - self.clip.frames[0]


@dataclass(frozen=True)
class Text2MelBatch:
    """Tensors of one teacher-forced step; see :class:`voicebank.dctts.text2mel.Text2Mel` for the shapes."""

    symbols: torch.Tensor
    symbol_lengths: torch.Tensor
    mel: torch.Tensor
    frame_lengths: torch.Tensor
    speaker: torch.Tensor

    @property
    def symbol_mask(self) -> torch.Tensor:
        """``(batch, symbols)``, false on padding."""
        return torch.arange(self.symbols.shape[1], device=self.symbols.device) < self.symbol_lengths[:, None]

    @property
    def frame_mask(self) -> torch.Tensor:
        """``(batch, frames)``, false on padding."""
        return torch.arange(self.mel.shape[1], device=self.mel.device) < self.frame_lengths[:, None]


def speaker_names(corpora: Sequence[Features]) -> list[str]:
    """The rows of the speaker table: corpora of one name are one speaker, in order of first appearance."""
    return list(dict.fromkeys(features.name for features in corpora))


def split(corpora: Sequence[Features], held_back: int) -> tuple[list[Item], list[Item]]:
    """Training and validation items. A corpus gives ``held_back`` clips, at most a fifth, chosen by their ids."""
    names = speaker_names(corpora)
    train: list[Item] = []
    validation: list[Item] = []
    for features in corpora:
        row = names.index(features.name)
        limit = LONGEST_SECONDS * 93.75
        usable = [c for c in features.clips if c.units and c.frames[1] - c.frames[0] <= limit]
        chosen = sorted(usable, key=lambda c: hashlib.sha256(c.id.encode()).digest())
        n = min(held_back, len(chosen) // 5)
        validation += [Item(row, features, c) for c in chosen[:n]]
        train += [Item(row, features, c) for c in chosen[n:]]
    if not train:
        raise BadData(f"no clip to train on: all are empty or longer than {LONGEST_SECONDS:g} s")
    return train, validation


def order(items: Sequence[Item], batch_size: int, epoch: int, seed: int) -> list[list[Item]]:
    """The batches of one epoch: clips of like length together, batches in random order."""
    rng = np.random.default_rng((seed, epoch))
    # Jittered lengths: neighbours differ from epoch to epoch, padding stays small.
    keys = [item.frames * rng.uniform(0.9, 1.1) for item in items]
    ranked = [items[i] for i in np.argsort(keys)]
    batches = [ranked[i : i + batch_size] for i in range(0, len(ranked), batch_size)]
    return [batches[i] for i in rng.permutation(len(batches))]


class Order:
    """Which items belong to step 0, 1, 2, ... for ever."""

    def __init__(self, items: Sequence[Item], batch_size: int, seed: int) -> None:
        self.items, self.batch_size, self.seed = items, batch_size, seed
        self.per_epoch = -(-len(items) // batch_size)
        self._epoch: tuple[int, list[list[Item]]] = (-1, [])

    def __getitem__(self, step: int) -> list[Item]:
        epoch, i = divmod(step, self.per_epoch)
        if self._epoch[0] != epoch:
            self._epoch = (epoch, order(self.items, self.batch_size, epoch, self.seed))
        return self._epoch[1][i]


def mixed_symbols(
    units: Sequence[tuple[str, str, str]], rng: np.random.Generator | None, phones: float
) -> str:
    """The symbol string of a transcript.

    A third of the clips in graphemes and phones mixed at random (mixed representation, arXiv:1710.07654, section
    3.2), the rest wholly in one of the two, as the voice will be used. Without ``rng``, phones if ``phones`` is
    above 0.5, else graphemes.
    """
    if rng is None:
        share = float(phones > 0.5)
    else:
        share = 0.5 if rng.random() < 1 / 3 else float(rng.random() < phones)
    draw = rng.random(len(units)) if rng is not None else np.full(len(units), 0.5)
    return join(Unit(written, p if d < share else g) for (written, g, p), d in zip(units, draw, strict=True))


def text2mel_batch(
    items: Sequence[Item], config: AudioConfig, rng: np.random.Generator | None, phones: float = 0.55
) -> Text2MelBatch:
    """Stack clips. With ``rng``, graphemes and phones are mixed and each clip's reduction phase is drawn at random."""
    symbols = [encode(mixed_symbols(item.clip.units, rng, phones)) for item in items]
    mels = []
    for item in items:
        phase = int(rng.integers(config.reduction)) if rng is not None else 0
        mels.append(item.features.clip_mel(item.clip)[phase :: config.reduction])
    n = _round(max(map(len, symbols)))
    t = _round(max(map(len, mels)))
    padded_symbols = np.zeros((len(items), n), np.int64)
    padded_mels = np.zeros((len(items), t, config.n_mels), np.float32)
    for i, (s, m) in enumerate(zip(symbols, mels, strict=True)):
        padded_symbols[i, : len(s)] = s
        padded_mels[i, : len(m)] = m
    return Text2MelBatch(
        torch.from_numpy(padded_symbols),
        torch.tensor([len(s) for s in symbols]),
        torch.from_numpy(padded_mels),
        torch.tensor([len(m) for m in mels]),
        torch.tensor([item.speaker for item in items]),
    )


def ssrn_batch(
    items: Sequence[Item], config: AudioConfig, rng: np.random.Generator, frames: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random crops: coarse mel ``(batch, frames, n_mels)`` and magnitude ``(batch, frames * reduction, bins)``."""
    full = frames * config.reduction
    length = (full - 1) * config.hop + config.n_fft
    crops = np.zeros((len(items), length), np.float32)
    for i, item in enumerate(items):
        samples = item.features.clip_samples(item.clip)
        samples = np.pad(samples, config.n_fft // 2)
        start = int(rng.integers(max(1, len(samples) - length + 1)))
        part = samples[start : start + length]
        crops[i, : len(part)] = part
    linear = linear_magnitude(torch.from_numpy(crops), config, center=False)
    mel = normalised_mel(linear, config).transpose(1, 2)[:, :: config.reduction]
    return mel.contiguous(), normalise_magnitude(linear, config).transpose(1, 2).contiguous()


def _round(length: int) -> int:
    return -(-length // ROUND) * ROUND
