"""Batches for both networks. Batch ``step`` is a pure function of the seed and the step: a resumed run sees the
same batches in the same order as one that was never stopped."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from voicebank.config import AudioConfig
from voicebank.errors import BadData
from voicebank.signal.spectrogram import linear_magnitude, normalise_magnitude, normalised_mel
from voicebank.text.frontend import join
from voicebank.text.symbols import encode
from voicebank.training.features import ClipFeatures, Features, Times, symbol_starts

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
    times: Times | None = None
    """When its sounds are spoken, if it was aligned; see :mod:`voicebank.training.alignment`."""

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
    positions: torch.Tensor
    """``(batch, frames)``, the symbol that is spoken in each frame; all 0 where no alignment was made."""
    phase: torch.Tensor
    """``(batch,)``, the full-rate frame that is the first coarse one."""

    def to(self, device: torch.device) -> Text2MelBatch:
        """The batch on a device."""
        return Text2MelBatch(*(t.to(device) for t in vars(self).values()))

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


def mel_statistics(corpora: Sequence[Features]) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each speaker's mels, each ``(speakers, n_mels)``."""
    means, deviations = [], []
    for name in speaker_names(corpora):
        count = 0
        total = squares = np.zeros(1)
        for mel in (f.clip_mel(clip).astype(np.float64) for f in corpora if f.name == name for clip in f.clips):
            # Clip by clip: all of them need not fit into memory.
            count, total, squares = count + len(mel), total + mel.sum(0), squares + np.square(mel).sum(0)
        mean = total / count
        means.append(mean)
        deviations.append(np.sqrt(np.maximum(squares / count - mean**2, 0)) + 1e-3)
    return torch.from_numpy(np.array(means, np.float32)), torch.from_numpy(np.array(deviations, np.float32))


def usable(features: Features) -> list[ClipFeatures]:
    """The clips that are trained on: those with words, and not too long for a batch."""
    limit = LONGEST_SECONDS * features.frame_rate
    return [c for c in features.clips if c.units and c.frames[1] - c.frames[0] <= limit]


def split(
    corpora: Sequence[Features], held_back: int, times: Sequence[Sequence[Times]] | None = None
) -> tuple[list[Item], list[Item]]:
    """Training and validation items. A corpus gives ``held_back`` clips, at most a fifth, chosen by their ids.

    ``times`` are those of every clip of every corpus, from :func:`voicebank.training.alignment.align`.
    """
    names = speaker_names(corpora)
    train: list[Item] = []
    validation: list[Item] = []
    for i, features in enumerate(corpora):
        row = names.index(features.name)
        known = dict(zip((c.id for c in features.clips), times[i], strict=True)) if times else {}
        chosen = sorted(usable(features), key=lambda c: hashlib.sha256(c.id.encode()).digest())
        n = min(held_back, len(chosen) // 5)
        validation += [Item(row, features, c, known.get(c.id)) for c in chosen[:n]]
        train += [Item(row, features, c, known.get(c.id)) for c in chosen[n:]]
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


class MixedOrder(Order):
    """Batches of recordings, to which clips that a voice spoke, of about their length, are added.

    Args:
        recorded: the items of the recordings.
        spoken: what a voice said, at least one.
        batch_size: items a step, both together.
        share: of what was spoken in each batch.
        seed: of the choice, which depends on it and on the step alone.
    """

    def __init__(
        self, recorded: Sequence[Item], spoken: Sequence[Item], batch_size: int, share: float, seed: int
    ) -> None:
        super().__init__(recorded, max(1, batch_size - round(batch_size * share)), seed)
        self.share = share
        self.spoken = sorted(spoken, key=lambda item: item.frames)
        self.lengths = [item.frames for item in self.spoken]

    def __getitem__(self, step: int) -> list[Item]:
        recorded = super().__getitem__(step)
        n = min(len(self.spoken), max(1, round(len(recorded) * self.share / (1 - self.share))))
        # A third of what there is, of the batch's length: variety without much padding.
        room = min(len(self.spoken), max(2 * n, len(self.spoken) // 3))
        centre = int(np.searchsorted(self.lengths, float(np.mean([item.frames for item in recorded]))))
        first = min(max(0, centre - room // 2), len(self.spoken) - room)
        chosen = np.random.default_rng((self.seed, 2, step)).choice(room, n, replace=False)
        return [*recorded, *(self.spoken[first + i] for i in chosen)]


def choose_phones(units: int, rng: np.random.Generator | None, phones: float) -> list[bool]:
    """Which units of a transcript to show as phones; the rest are graphemes.

    A third of the clips has graphemes and phones mixed at random (mixed representation, arXiv:1710.07654, section
    3.2), the rest is wholly in one of the two, as the voice will be used: a share ``phones`` of them in phones.
    With 1.0 none is mixed: an encoder for letters, where there is one, then stays as it is.
    Without ``rng``, phones if ``phones`` is above 0.5, else graphemes.
    """
    if rng is None or phones == 1.0:
        return [phones > 0.5] * units
    share = 0.5 if rng.random() < 1 / 3 else float(rng.random() < phones)
    return [bool(use) for use in rng.random(units) < share]


def text2mel_batch(
    items: Sequence[Item], config: AudioConfig, rng: np.random.Generator | None, phones: float = 0.7
) -> Text2MelBatch:
    """Stack clips. With ``rng``, graphemes and phones are mixed and each clip's reduction phase is drawn at random."""
    rows: list[tuple[list[int], np.ndarray, np.ndarray]] = []
    phases: list[int] = []
    for item in items:
        phase = int(rng.integers(config.reduction)) if rng is not None else 0
        mel = item.features.clip_mel(item.clip)[phase :: config.reduction]
        units = item.clip.units
        shown = choose_phones(len(units), rng, phones)
        positions = np.zeros(len(mel), np.int64)
        if item.times is None:
            text = join(unit.unit(phones=use) for unit, use in zip(units, shown, strict=True))
        else:
            text, starts = symbol_starts(units, shown, item.times)
            frames = phase + config.reduction * np.arange(len(mel))
            positions = np.searchsorted(starts, frames, side="right") - 1
        rows.append((encode(text), mel, positions))
        phases.append(phase)
    n = _round(max(len(symbols) for symbols, _, _ in rows))
    t = _round(max(len(mel) for _, mel, _ in rows))
    return Text2MelBatch(
        _padded([np.array(symbols) for symbols, _, _ in rows], n),
        torch.tensor([len(symbols) for symbols, _, _ in rows]),
        _padded([mel for _, mel, _ in rows], t),
        torch.tensor([len(mel) for _, mel, _ in rows]),
        torch.tensor([item.speaker for item in items]),
        _padded([positions for _, _, positions in rows], t),
        torch.tensor(phases),
    )


def _padded(arrays: Sequence[np.ndarray], length: int) -> torch.Tensor:
    """Arrays ``(its length, ...)`` as one tensor ``(arrays, length, ...)``, zeros after their ends."""
    padded = np.zeros((len(arrays), length, *arrays[0].shape[1:]), arrays[0].dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return torch.from_numpy(padded)


def ssrn_batch(
    items: Sequence[Item], config: AudioConfig, rng: np.random.Generator, frames: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random crops: coarse mel ``(batch, frames, n_mels)`` and magnitude ``(batch, frames * reduction, bins)``."""
    length = _crop_length(config, frames)
    room = [item.clip.samples[1] - item.clip.samples[0] + config.n_fft - length for item in items]
    linear = _linear_crops(items, config, [int(rng.integers(max(1, n + 1))) for n in room], length)
    mel = normalised_mel(linear, config).transpose(1, 2)[:, :: config.reduction]
    return mel.contiguous(), normalise_magnitude(linear, config).transpose(1, 2).contiguous()


def predicted_ssrn_batch(
    items: Sequence[Item],
    mel: torch.Tensor,
    batch: Text2MelBatch,
    config: AudioConfig,
    rng: np.random.Generator,
    frames: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """As :func:`ssrn_batch`, but the mels are crops of ``mel``, what Text2Mel predicted ``(batch, time, n_mels)``."""
    mel = (mel * batch.frame_mask[..., None]).cpu()
    first = [int(rng.integers(max(1, int(n) - frames + 1))) for n in batch.frame_lengths]
    starts = [(int(phase) + config.reduction * k) * config.hop for phase, k in zip(batch.phase, first, strict=True)]
    linear = _linear_crops(items, config, starts, _crop_length(config, frames))
    crops = _padded([m[k : k + frames].numpy() for m, k in zip(mel, first, strict=True)], frames)
    return crops, normalise_magnitude(linear, config).transpose(1, 2).contiguous()


def _crop_length(config: AudioConfig, frames: int) -> int:
    return (frames * config.reduction - 1) * config.hop + config.n_fft


def _linear_crops(items: Sequence[Item], config: AudioConfig, starts: Sequence[int], length: int) -> torch.Tensor:
    """Linear magnitude ``(batch, bins, frames)`` from these samples of the padded clips on; silence past their ends."""
    crops = np.zeros((len(items), length), np.float32)
    for row, item, start in zip(crops, items, starts, strict=True):
        part = np.pad(item.features.clip_samples(item.clip), config.n_fft // 2)[start : start + length]
        row[: len(part)] = part
    return linear_magnitude(torch.from_numpy(crops), config, center=False)


def _round(length: int) -> int:
    return -(-length // ROUND) * ROUND
