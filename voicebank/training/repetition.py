"""Words that are said twice: a speaker began again, and the transcript does not say so.

Recognisers leave false starts out, as people do who write down what was said; a voice that learns from such clips
stutters. So the alignment may go back, at a price: from anywhere in a word to the begin of it or of the word before.
Source, in principle: Black et al., "Automatic detection and classification of disfluent reading miscues in young
children's speech for the purpose of assessment", Interspeech 2007.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from voicebank.compiled import compiled
from voicebank.config import AudioConfig
from voicebank.training.alignment import SILENCE, Gaussians, relative_observations, states_of, traced, train_gaussians
from voicebank.training.features import Features

# Log-likelihood that going back must gain. Of 388 clips without a repetition the one that gained most had 113. Of 37 in
# which half a second was said twice, and the recogniser had not heard it, 35 had more.
PRICE = 120.0
# dB between loud and quiet frames: with more noise than that leaves, sounds are no more told apart.
LEAST_RANGE = 18.0


def repeated(features: Features, config: AudioConfig) -> dict[str, str]:
    """What is said twice in each clip where something is, by the clip's id.

    Args:
        features: of one speaker. Nothing is found in noise, or in clips that are read as letters.
        config: spectrogram settings.
    """
    if not features.clips or np.median([_range(features.clip_mel(clip)) for clip in features.clips]) < (
        LEAST_RANGE / config.mel_range_db
    ):
        return {}
    known = Gaussians.shipped()
    gaussians = _wide(train_gaussians([features], known)[1], known)
    index = {phone: i for i, phone in enumerate(gaussians.phones)}
    found = {}
    for clip, x in zip(features.clips, relative_observations(features)[0], strict=True):
        states, optional, owners = states_of(clip)
        sounds = [state for state in states if state != SILENCE]
        if not sounds or 2 * sum(sound in known.phones for sound in sounds) <= len(sounds):
            continue
        scores = gaussians.log_likelihood(x)[:, [index[state] for state in states]]
        path = traced(_steps_back(scores, optional, np.array(owners), PRICE))
        words = [clip.units[owners[path[t]]].graphemes.lower() for t in np.flatnonzero(np.diff(path) < 0) + 1]
        if words:
            found[clip.id] = " ".join(words)
    return found


def _range(mel: np.ndarray) -> float:
    """How far loud frames stand above quiet ones, as a share of a mel's range; the ends, which are padded, left out."""
    loudness = mel.mean(1)
    loudness = loudness[loudness > 0]
    return float(np.subtract(*np.percentile(loudness, (95, 5)))) if len(loudness) else 0.0


def _wide(adapted: Gaussians, known: Gaussians) -> Gaussians:
    """Gaussians of a speaker that are no narrower than those of all: likelihoods of all corpora are then alike."""
    variances = adapted.variances.copy()
    for i, phone in enumerate(adapted.phones):
        if phone in known.phones:
            variances[i] = np.maximum(variances[i], known.variances[known.phones.index(phone)])
    return replace(adapted, variances=variances)


@compiled()
def _steps_back(scores: np.ndarray, optional: np.ndarray, owners: np.ndarray, price: float) -> np.ndarray:
    """The steps ``(frames, states)`` of the best paths, which may go back to the begin of a word from it or the next.

    Args:
        scores: ``(frames, states)``.
        optional: ``(states,)``, whether one may be left out.
        owners: ``(states,)``, the word of each, -1 for silence.
        price: of going back once.
    """
    frames, states = scores.shape
    best = np.full(states, -1e18)
    best[0] = scores[0, 0]
    back = np.zeros((frames, states), np.int16)
    reached = np.empty(states)
    for t in range(1, frames):
        begin = before = -1
        for s in range(states):
            value, step = best[s], 0
            if s >= 1 and best[s - 1] > value:
                value, step = best[s - 1], 1
            if s >= 2 and optional[s - 1] and best[s - 2] > value:
                value, step = best[s - 2], 2
            reached[s], back[t, s] = value, step
            if owners[s] >= 0 and owners[s] != owners[s - 1]:
                before, begin = begin, s
            elif begin >= 0 and best[s] - price > reached[begin]:
                reached[begin], back[t, begin] = best[s] - price, begin - s
            if before >= 0 and best[s] - price > reached[before]:
                reached[before], back[t, before] = best[s] - price, before - s
        for s in range(states):
            best[s] = reached[s] + scores[t, s]
    return back
