"""Global variance: networks whose output is as lively as the recordings that they learned from.

A network that is trained on L1 predicts the middle of what is likely, so what it speaks is flatter than speech: each
band varies by a tenth or a fifth less, and less of a speaker is left. Matching mean and deviation of what it says to
those of the recordings brings that back. Source: Toda, Tokuda, "A speech parameter generation algorithm considering
global variance for HMM-based speech synthesis", IEICE Trans. E90-D(5), 2007; here as a change of the last layers:
nothing is added to a voice, and Text2Mel gets its recordings output as input.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch

from voicebank.config import AudioConfig
from voicebank.dctts.decoder import decode
from voicebank.dctts.layers import Conv, Stack
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.signal.spectrogram import linear_magnitude, normalise_magnitude
from voicebank.text.frontend import join
from voicebank.text.symbols import encode
from voicebank.training.features import ClipFeatures, Features

SENTENCES = 24
# Text2Mel's output is its input, so that what it says after a change varies a little less than it should: once more.
ROUNDS = 2
# Frames that are louder than this, or than this share of the median, are speech; the variance of silence says nothing.
SPEECH, SPEECH_SHARE = 0.25, 0.6
# Where the sigmoid is nearly flat, its logit says nothing either.
MEL_EDGE, MAGNITUDE_EDGE = 0.02, 0.003
# Fewer frames are no measure of a deviation.
LEAST_FRAMES = 200
# A network that is further off than that has another fault, and this would not cure it.
LEAST_GAIN, MOST_GAIN = 0.8, 1.3
# A band that varies less than this holds nothing, as those above half the rate at which recordings were made.
FLAT = 1e-3


@torch.no_grad()
def match_mels(text2mel: Text2Mel, recordings: Features, clips: Sequence[ClipFeatures], reduction: int) -> Text2Mel:
    """A copy of a network of one speaker whose mels vary as those of the recordings do.

    It says the sentences of some of the clips and is compared with how they were spoken.

    Args:
        text2mel: of one speaker; returned as it is if it speaks too little to compare, if no change is closer, or if a
            flow samples its mels: those vary as speech does.
        recordings: features of the recordings.
        clips: some of theirs; :data:`SENTENCES` of them are spoken, evenly spread.
        reduction: full-rate frames in a coarse one.
    """
    if text2mel.flow is not None:
        return text2mel
    chosen = _spread(clips)
    recorded = _speech([torch.from_numpy(recordings.clip_mel(clip)[::reduction]) for clip in chosen], SPEECH, MEL_EDGE)
    spoken = _spoken(text2mel, chosen, reduction)
    for _ in range(ROUNDS):
        generated = _speech(spoken, SPEECH, MEL_EDGE)
        if min(len(recorded), len(generated)) < LEAST_FRAMES:
            return text2mel
        matched = copy.deepcopy(text2mel)
        _match(matched.audio_decoder, recorded, generated)
        ended, spoken = len(spoken), _spoken(matched, chosen, reduction)
        if len(spoken) < ended or not _closer(recorded, generated, _speech(spoken, SPEECH, MEL_EDGE)):
            return text2mel
        text2mel = matched
    return text2mel


@torch.no_grad()
def match_magnitudes(
    ssrn: SSRN, text2mel: Text2Mel, recordings: Features, clips: Sequence[ClipFeatures], config: AudioConfig
) -> SSRN:
    """A copy of an SSRN whose magnitudes, of what this Text2Mel says, vary as those of the recordings do.

    Args:
        ssrn: returned as it is if there is too little speech to compare, or if the change is no closer.
        text2mel, recordings, clips: as for :func:`match_mels`.
        config: spectrogram settings.
    """
    chosen = _spread(clips)
    linear = [linear_magnitude(torch.from_numpy(recordings.clip_samples(clip)), config).T for clip in chosen]
    real = [normalise_magnitude(one, config) for one in linear]
    mels = _spoken(text2mel, chosen, config.reduction)
    spoken = [ssrn.magnitude(mel[None])[0] for mel in mels]
    recorded, generated = (_speech(every, _level(every), MAGNITUDE_EDGE) for every in (real, spoken))
    if min(len(recorded), len(generated)) < LEAST_FRAMES:
        return ssrn
    matched = copy.deepcopy(ssrn)
    _match(matched.top, recorded, generated)
    spoken = [matched.magnitude(mel[None])[0] for mel in mels]
    return matched if _closer(recorded, generated, _speech(spoken, _level(spoken), MAGNITUDE_EDGE)) else ssrn


def _spread(clips: Sequence[ClipFeatures]) -> list[ClipFeatures]:
    return [clips[i] for i in sorted({round(i) for i in np.linspace(0, len(clips) - 1, SENTENCES)})] if clips else []


def _spoken(text2mel: Text2Mel, clips: Sequence[ClipFeatures], reduction: int) -> list[torch.Tensor]:
    """Coarse mels of the clips' sentences, of those that ended."""
    symbols = [encode(join(unit.unit() for unit in clip.units)) for clip in clips]
    longest = [2 * -(-(clip.frames[1] - clip.frames[0]) // reduction) for clip in clips]
    return [torch.from_numpy(one.mel) for one in decode(text2mel.inference(), symbols, longest) if one.ended]


def _level(spectrograms: Sequence[torch.Tensor]) -> float:
    return SPEECH_SHARE * float(torch.cat(list(spectrograms)).mean(1).median()) if spectrograms else 0.0


def _speech(spectrograms: Sequence[torch.Tensor], level: float, edge: float) -> torch.Tensor:
    """Logits ``(frames, bands)`` of the frames whose mean is above a level."""
    frames = torch.cat(list(spectrograms)) if spectrograms else torch.zeros(0, 1)
    return torch.logit(frames[frames.mean(1) > level].clamp(edge, 1 - edge))


def _match(stack: Stack, recorded: torch.Tensor, generated: torch.Tensor) -> None:
    """Change the last layer so that generated frames have the mean and deviation of recorded ones, band by band."""
    last = cast(Conv, stack[-1])
    deviation = generated.std(0)
    gain = torch.where(deviation > FLAT, recorded.std(0) / deviation.clamp_min(FLAT), 1.0).clamp(LEAST_GAIN, MOST_GAIN)
    last.weight.mul_(gain[:, None])
    last.bias.mul_(gain).add_(recorded.mean(0) - gain * generated.mean(0))


def _closer(recorded: torch.Tensor, before: torch.Tensor, after: torch.Tensor) -> bool:
    """Whether a change took mean and deviation towards the recorded ones. What is not a number is not close."""

    def distance(generated: torch.Tensor) -> float:
        return float(((recorded.mean(0) - generated.mean(0)).abs() + (recorded.std(0) - generated.std(0)).abs()).mean())

    return len(after) >= LEAST_FRAMES and distance(after) < distance(before)
