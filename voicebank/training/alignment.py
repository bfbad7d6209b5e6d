"""Forced alignment: when each symbol of a transcript is spoken, phones by Viterbi training, letters by their words.

Text2Mel learns its spectrogram from what attention shows it, and its attention from what helps the spectrogram. From
scratch each waits for the other, and for thousands of steps the network babbles on from its own past without reading
the text. A model far simpler than either, one Gaussian for each phone, finds the phones in a few seconds (Viterbi
training, Rabiner 1989, "A tutorial on hidden Markov models", section III), and attention is then guided to where the
speech is, not to the diagonal. The Gaussians of the base voices' corpora are shipped: a minute of a new speaker is too
little to learn them from, and enough to adapt them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import scipy.fft
from safetensors.numpy import load_file, save_file

from voicebank.compiled import compiled
from voicebank.text.symbols import is_sound
from voicebank.training.features import ClipFeatures, Features, Times

ITERATIONS = 10
# Good enough when an iteration changes no more than this share of the frames.
STILL_MOVING = 0.002
COEFFICIENTS = 16
SILENCE = " "
SILENT_BELOW = 0.12
# How many frames of this corpus weigh as much as the prior of a phone: its shipped Gaussian, or the average
# of all phones where it has none.
KNOWN_FRAMES, UNKNOWN_FRAMES = 100, 10
# Frames (twelve hours) above which the Gaussians are learned from a part of the clips, which all fit into no memory.
SAMPLE_FRAMES = 4_000_000
SHIPPED = Path(__file__).with_name("phones.safetensors")


@dataclass(frozen=True)
class Gaussians:
    """One diagonal Gaussian a phone, over cepstra relative to the speaker's mean."""

    phones: list[str]
    means: np.ndarray
    """``(phones, dimensions)``."""
    variances: np.ndarray

    def log_likelihood(self, x: np.ndarray) -> np.ndarray:
        """``(frames, phones)`` of observations ``(frames, dimensions)``, up to a constant."""
        precision = 1 / self.variances
        constant = -0.5 * (np.log(self.variances).sum(1) + (self.means**2 * precision).sum(1))
        likelihood: np.ndarray = constant + x @ (self.means * precision).T - 0.5 * np.square(x) @ precision.T
        return likelihood

    def save(self, path: Path) -> None:
        """Write them as safetensors."""
        codes = np.array([ord(p) for p in self.phones], np.int32)
        save_file({"phones": codes, "means": np.float32(self.means), "variances": np.float32(self.variances)}, path)
        path.chmod(0o644)  # safetensors writes files that only their owner may read

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> Gaussians:
        """Those of the base voices' corpora."""
        tensors = load_file(SHIPPED)
        return cls([chr(c) for c in tensors["phones"]], tensors["means"], tensors["variances"])


def align(corpora: Sequence[Features], known: Gaussians | None = None) -> list[list[Times]]:
    """Align every clip of every corpus, all in one model.

    Args:
        corpora: what to align.
        known: where to start from; the shipped Gaussians if left out. A corpus in which most sounds have none (it is
            in letters, or in another language) is aligned from a flat start.

    Returns:
        For each corpus and clip, the start of each sound of each unit, in full-rate frames.
    """
    known = known or Gaussians.shipped()
    frames = sum(len(features.mel) for features in corpora)
    if frames <= SAMPLE_FRAMES:
        return train_gaussians(corpora, known)[0]
    step = -(-frames // SAMPLE_FRAMES)
    sample = [replace(features, clips=features.clips[::step]) for features in corpora]
    gaussians = train_gaussians(sample, known)[1]
    return [
        _aligned(features, gaussians, relative_observations(part)[1])
        for features, part in zip(corpora, sample, strict=True)
    ]


def _aligned(features: Features, gaussians: Gaussians, offset: np.ndarray) -> list[Times]:
    """Clip by clip, so that a corpus need not fit into memory."""
    index = {phone: i for i, phone in enumerate(gaussians.phones)}
    times = []
    for clip in features.clips:
        states, optional, owners = states_of(clip)
        code = np.array([index.get(s, index[SILENCE]) for s in states])
        likelihood = gaussians.log_likelihood(_observations(features.clip_mel(clip)) - offset)
        times.append(_times(_viterbi(likelihood[:, code], optional), owners, len(clip.units)))
    return times


def train_gaussians(corpora: Sequence[Features], known: Gaussians | None = None) -> tuple[list[list[Times]], Gaussians]:
    """Align as :func:`align` does, and return the trained Gaussians, too. Without ``known`` the start is flat."""
    spectra = [relative_observations(features)[0] for features in corpora]
    plans = [[states_of(clip) for clip in c.clips] for c in corpora]
    flat = [
        (x, states, optional, c.clip_mel(clip).mean(1))
        for c, xs, ps in zip(corpora, spectra, plans, strict=True)
        for clip, x, (states, optional, _) in zip(c.clips, xs, ps, strict=True)
    ]
    phones = sorted({s for _, states, _, _ in flat for s in states})
    index = {s: i for i, s in enumerate(phones)}
    coded = [np.array([index[s] for s in states]) for _, states, _, _ in flat]
    prior = _prior(phones, np.concatenate([x for x, *_ in flat]), known)
    shared = np.mean([s in known.phones for _, states, _, _ in flat for s in states]) if known else 0.0

    def best(model: Gaussians) -> list[np.ndarray]:
        return [
            _viterbi(model.log_likelihood(x)[:, code], optional)
            for (x, _, optional, _), code in zip(flat, coded, strict=True)
        ]

    paths = best(prior[0]) if shared > 0.5 else [_flat_start(states, energy) for _, states, _, energy in flat]
    for _ in range(ITERATIONS):
        gaussians = _estimate([x for x, *_ in flat], coded, paths, *prior)
        before, paths = paths, best(gaussians)
        moved = np.mean(np.concatenate(paths) != np.concatenate(before))
        if moved < STILL_MOVING:
            break
    remaining = iter(paths)
    times = [
        [_times(next(remaining), owners, len(clip.units)) for clip, (_, _, owners) in zip(c.clips, ps, strict=True)]
        for c, ps in zip(corpora, plans, strict=True)
    ]
    return times, gaussians


def log_likelihoods(features: Features, known: Gaussians | None = None) -> np.ndarray:
    """How well Gaussians explain clips that are read in the phones of their units.

    Args:
        features: the clips.
        known: the shipped Gaussians if left out. They are not adapted to the speaker.

    Returns:
        ``(clips, 2)``: the log-likelihood of the best alignment, up to a constant, and the frames. Both are 0 for a
        clip of which half of the sounds or more have no Gaussian.
    """
    known = known or Gaussians.shipped()
    index = {phone: i for i, phone in enumerate(known.phones)}
    rows = np.zeros((len(features.clips), 2))
    for row, clip, x in zip(rows, features.clips, relative_observations(features)[0], strict=True):
        states, optional, _ = states_of(clip)
        kept = [i for i, state in enumerate(states) if state in index]
        if 2 * sum(states[i] != SILENCE for i in kept) <= sum(state != SILENCE for state in states):
            continue
        scores = known.log_likelihood(x)[:, [index[states[i]] for i in kept]]
        path = _viterbi(scores, optional[kept])
        row[:] = scores[np.arange(len(path)), path].sum(), len(path)
    return rows


def relative_observations(features: Features) -> tuple[list[np.ndarray], np.ndarray]:
    """Cepstra and their slopes ``(frames, dimensions)`` of each clip, less an offset of the speaker; that offset."""
    clips = [_observations(features.clip_mel(clip)) for clip in features.clips]
    loud = [features.clip_mel(clip).mean(1) > SILENT_BELOW for clip in features.clips]
    mean = np.concatenate([x[frames] for x, frames in zip(clips, loud, strict=True)]).mean(0)
    return [x - mean for x in clips], mean


def _observations(mel: np.ndarray) -> np.ndarray:
    cepstrum = scipy.fft.dct(mel, axis=1, norm="ortho")[:, :COEFFICIENTS]
    padded = np.pad(cepstrum, ((2, 2), (0, 0)), mode="edge")
    return np.concatenate([cepstrum, padded[4:] - padded[:-4]], 1).astype(np.float32)


def states_of(clip: ClipFeatures) -> tuple[list[str], np.ndarray, list[int]]:
    """Classes of the states, which of them may be left out, and the unit each belongs to (-1 for silence)."""
    states, owners = [SILENCE], [-1]
    for i, unit in enumerate(clip.units):
        sounding = [s for s in unit.phones if is_sound(s)]
        if not sounding:
            continue
        states += [*sounding, SILENCE]
        owners += [i] * len(sounding) + [-1]
    optional = np.array([o == -1 for o in owners])
    optional[0] = optional[-1] = False
    return states, optional, owners


def _flat_start(states: Sequence[str], energy: np.ndarray) -> np.ndarray:
    """Silence where it is silent; elsewhere the phones in equal shares."""
    sounding = [i for i, s in enumerate(states) if s != SILENCE]
    speech = np.flatnonzero(energy > SILENT_BELOW)
    path = np.zeros(len(energy), np.int64)
    if len(speech) and sounding:
        share = np.arange(len(speech)) * len(sounding) // len(speech)
        path[speech] = np.array(sounding)[share]
    return path


def _prior(phones: list[str], frames: np.ndarray, known: Gaussians | None) -> tuple[Gaussians, np.ndarray]:
    """The prior of each phone, and how many frames of this corpus it weighs ``(phones, 1)``."""
    means = np.tile(frames.mean(0), (len(phones), 1)).astype(np.float64)
    variances = np.tile(frames.var(0), (len(phones), 1)).astype(np.float64)
    weight = np.full((len(phones), 1), float(UNKNOWN_FRAMES))
    for i, phone in enumerate(phones):
        if known and phone in known.phones:
            row = known.phones.index(phone)
            means[i], variances[i], weight[i] = known.means[row], known.variances[row], KNOWN_FRAMES
    return Gaussians(phones, means, variances), weight


def _estimate(
    observations: Sequence[np.ndarray],
    coded: Sequence[np.ndarray],
    paths: Sequence[np.ndarray],
    prior: Gaussians,
    weight: np.ndarray,
) -> Gaussians:
    """Means and variances of the frames on the paths, leaning on the prior where there are few."""
    frames = np.concatenate(observations)
    label = np.concatenate([code[path] for code, path in zip(coded, paths, strict=True)])
    phones = len(prior.phones)
    count = np.bincount(label, minlength=phones)[:, None] + weight
    sums = np.stack([np.bincount(label, column, phones) for column in frames.T], 1)
    means = (sums + weight * prior.means) / count
    squares = np.square(frames - means[label])
    spread = np.stack([np.bincount(label, column, phones) for column in squares.T], 1)
    variances = (spread + weight * prior.variances) / count
    return Gaussians(prior.phones, means, np.maximum(variances, 0.05 * frames.var(0)))


@compiled()
def _viterbi(scores: np.ndarray, optional: np.ndarray) -> np.ndarray:
    """The best path of states, ``(frames,)``, through scores ``(frames, states)``: from the first to the last."""
    frames, states = scores.shape
    best = np.full(states, -1e18)
    best[0] = scores[0, 0]
    back = np.zeros((frames, states), np.int8)
    for t in range(1, frames):
        for s in range(states - 1, -1, -1):
            value, step = best[s], 0
            if s >= 1 and best[s - 1] > value:
                value, step = best[s - 1], 1
            if s >= 2 and optional[s - 1] and best[s - 2] > value:
                value, step = best[s - 2], 2
            best[s] = value + scores[t, s]
            back[t, s] = step
    path: np.ndarray = traced(back)
    return path


@compiled()
def traced(back: np.ndarray) -> np.ndarray:
    """The path ``(frames,)`` to the last state, by how many states below each ``(frames, states)`` is reached."""
    frames, states = back.shape
    path = np.zeros(frames, np.int64)
    state = states - 1
    for t in range(frames - 1, -1, -1):
        path[t] = state
        state -= back[t, state]
    return path


def _times(path: np.ndarray, owners: Sequence[int], units: int) -> Times:
    times: Times = [[] for _ in range(units)]
    first = np.searchsorted(path, np.arange(len(owners)), side="left")
    after = np.searchsorted(path, np.arange(len(owners)), side="right")
    for state, owner in enumerate(owners):
        if owner >= 0:
            if times[owner]:
                times[owner].pop()
            times[owner] += [float(first[state]), float(after[state])]
    return times
