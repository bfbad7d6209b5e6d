"""When each symbol of a transcript is spoken: phones found by Viterbi training, letters placed within their words.

Text2Mel learns its spectrogram from what attention shows it, and its attention from what helps the spectrogram. From
scratch each waits for the other, and for thousands of steps the network babbles on from its own past without reading
the text. A model far simpler than either, one Gaussian for each phone, finds the phones in a few seconds (Viterbi
training from a flat start, Rabiner 1989, "A tutorial on hidden Markov models", section III), and attention is then
guided to where the speech is, not to the diagonal.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
import scipy.fft

from voicebank.data.features import ClipFeatures, Features
from voicebank.text.frontend import Unit, join
from voicebank.text.symbols import STRESS, is_sound

ITERATIONS = 10
COEFFICIENTS = 16
SILENCE = " "
SILENT_BELOW = 0.12

Times = list[list[float]]
"""For each unit of a clip, the frame in which each of its phones starts, and last the frame in which it ends."""


def align(corpora: Sequence[Features]) -> list[list[Times]]:
    """Align every clip of every corpus, all in one model.

    Returns:
        For each corpus and clip, the start of each sound of each unit, in full-rate frames.
    """
    spectra = [[_observations(c, clip) for clip in c.clips] for c in corpora]
    for features, clips in zip(corpora, spectra, strict=True):
        # Speakers and microphones differ by an offset of the cepstrum.
        loud = [features.clip_mel(clip).mean(1) > SILENT_BELOW for clip in features.clips]
        voiced = np.concatenate([x[frames] for x, frames in zip(clips, loud, strict=True)])
        mean = voiced.mean(0)
        for x in clips:
            x -= mean
    plans = [[_states(clip) for clip in c.clips] for c in corpora]
    flat = [
        (x, states, optional, c.clip_mel(clip).mean(1))
        for c, xs, ps in zip(corpora, spectra, plans, strict=True)
        for clip, x, (states, optional, _) in zip(c.clips, xs, ps, strict=True)
    ]
    classes = sorted({s for _, states, _, _ in flat for s in states})
    index = {s: i for i, s in enumerate(classes)}
    coded = [np.array([index[s] for s in states]) for _, states, _, _ in flat]
    paths = [_flat_start(states, energy) for _, states, _, energy in flat]
    for _ in range(ITERATIONS):
        means, variances = _gaussians([x for x, *_ in flat], coded, paths, len(classes))
        paths = [
            _viterbi(_log_likelihood(x, means, variances)[:, code], optional)
            for (x, _, optional, _), code in zip(flat, coded, strict=True)
        ]
    found = iter(paths)
    return [
        [_times(next(found), owners, len(clip.units)) for clip, (_, _, owners) in zip(c.clips, ps, strict=True)]
        for c, ps in zip(corpora, plans, strict=True)
    ]


def symbol_starts(
    units: Sequence[tuple[str, str, str]], phones: Sequence[bool], times: Times
) -> tuple[str, np.ndarray]:
    """The symbol string of a clip and the full-rate frame in which each symbol starts, the end symbol's last.

    Args:
        units: of the clip.
        phones: for each unit, whether it is shown as phones, else as graphemes.
        times: of the clip, from :func:`align`.

    Returns:
        The string (without the end symbol) and ``(symbols + 1,)`` frames that never fall.
    """
    shown = [Unit(written, p if use else g) for (written, g, p), use in zip(units, phones, strict=True)]
    text = join(shown)
    starts = np.full(len(text) + 1, np.nan)
    at = 0
    end = 0.0
    for unit, use, sounds in zip(shown, phones, times, strict=True):
        at = text.index(unit.symbols, at)
        if len(sounds) > 1 and unit.is_word:
            if at and text[at - 1] == " ":
                starts[at - 1] = end  # a space takes the pause before the word
            if use:
                starts[at : at + len(unit.symbols)] = _within(unit.symbols, sounds)
            else:
                starts[at : at + len(unit.symbols)] = np.linspace(sounds[0], sounds[-1], len(unit.symbols) + 1)[:-1]
            end = sounds[-1]
        else:
            starts[at] = end  # a mark takes the pause after the word
        at += len(unit.symbols)
    starts[-1] = end
    starts[0] = 0.0
    known = np.flatnonzero(~np.isnan(starts))
    return text, np.maximum.accumulate(np.interp(np.arange(len(starts)), known, starts[known]))


def _within(symbols: str, sounds: Sequence[float]) -> np.ndarray:
    """Starts of the symbols of one word: a stress mark takes a third of its vowel, a length mark half."""
    starts = np.zeros(len(symbols))
    sounding = [i for i, s in enumerate(symbols) if is_sound(s)]
    for k, i in enumerate(sounding):
        start, end = sounds[k], sounds[k + 1]
        if i and symbols[i - 1] in STRESS[:2]:
            starts[i - 1], start = start, start + (end - start) / 3
        starts[i] = start
        for j in range(i + 1, sounding[k + 1] if k + 1 < len(sounding) else len(symbols)):
            starts[j] = (start + end) / 2 if symbols[j] not in STRESS[:2] else end
    return starts


def _observations(features: Features, clip: ClipFeatures) -> np.ndarray:
    cepstrum = scipy.fft.dct(features.clip_mel(clip), axis=1, norm="ortho")[:, :COEFFICIENTS]
    padded = np.pad(cepstrum, ((2, 2), (0, 0)), mode="edge")
    return np.concatenate([cepstrum, padded[4:] - padded[:-4]], 1).astype(np.float32)


def _states(clip: ClipFeatures) -> tuple[list[str], np.ndarray, list[int]]:
    """Classes of the states, which of them may be left out, and the unit each belongs to (-1 for silence)."""
    states, owners = [SILENCE], [-1]
    for i, (_, _, phones) in enumerate(clip.units):
        sounding = [s for s in phones if is_sound(s)]
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


def _gaussians(
    observations: Sequence[np.ndarray], coded: Sequence[np.ndarray], paths: Sequence[np.ndarray], classes: int
) -> tuple[np.ndarray, np.ndarray]:
    every = np.concatenate(observations)
    label = np.concatenate([code[path] for code, path in zip(coded, paths, strict=True)])
    count = np.bincount(label, minlength=classes)[:, None]
    overall, spread = every.mean(0), every.var(0)
    # A rare phone leans on the average of all: some ten frames' worth.
    means, variances = np.zeros((classes, every.shape[1])), np.zeros((classes, every.shape[1]))
    for d in range(every.shape[1]):
        total = np.bincount(label, every[:, d], classes)
        means[:, d] = (total + 10 * overall[d]) / (count[:, 0] + 10)
        squares = np.bincount(label, np.square(every[:, d] - means[label, d]), classes)
        variances[:, d] = (squares + 10 * spread[d]) / (count[:, 0] + 10)
    return means, np.maximum(variances, 0.05 * spread)


def _log_likelihood(x: np.ndarray, means: np.ndarray, variances: np.ndarray) -> np.ndarray:
    precision = 1 / variances
    constant = -0.5 * (np.log(variances).sum(1) + (means**2 * precision).sum(1))
    return constant + x @ (means * precision).T - 0.5 * np.square(x) @ precision.T


@numba.njit
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
