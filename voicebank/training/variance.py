"""Global variance: speech of a Text2Mel as lively as the recordings it learned from.

A network that is trained on L1 predicts the middle of what is likely, so what it speaks is flatter than speech: each
mel band varies by a tenth less, and less of a speaker is left. Matching mean and deviation of what it says to those of
the recordings brings that back. Source: Toda, Tokuda, "A speech parameter generation algorithm considering global
variance for HMM-based speech synthesis", IEICE Trans. E90-D(5), 2007; here as a change of the last layer: nothing is
added to a voice, and the network hears itself as it will sound.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch

from voicebank.data.features import ClipFeatures, Features
from voicebank.dctts.decoder import decode
from voicebank.dctts.layers import Conv
from voicebank.dctts.text2mel import Text2Mel
from voicebank.text.frontend import Unit, join
from voicebank.text.symbols import encode

SENTENCES = 24
# Frames that are louder are speech; what silence varies by says nothing.
SPEECH = 0.25
# Where the sigmoid is nearly flat, its logit says nothing either.
EDGE = 0.02
# Fewer frames are no measure of a deviation.
LEAST_FRAMES = 200
# A network that is further off than that has another fault, and this would not cure it.
LEAST_GAIN, MOST_GAIN = 0.8, 1.3


@torch.no_grad()
def match_variance(text2mel: Text2Mel, own: Features, clips: Sequence[ClipFeatures], reduction: int) -> Text2Mel:
    """A copy of a network of one speaker whose speech varies as the speaker's recordings do.

    It says the sentences of some of the clips and is compared with how they were spoken.

    Args:
        text2mel: of one speaker; as it is if it speaks too little to compare.
        own: features of the recordings.
        clips: some of theirs; :data:`SENTENCES` of them are spoken, evenly spread.
        reduction: full-rate frames in a coarse one.
    """
    chosen = [clips[i] for i in sorted({round(i) for i in np.linspace(0, len(clips) - 1, SENTENCES)})] if clips else []
    symbols = [encode(join(Unit(written, phones) for written, _, phones in clip.units)) for clip in chosen]
    real = [torch.from_numpy(own.clip_mel(clip)[::reduction]) for clip in chosen]
    spoken = [one.mel.cpu() for one in decode(text2mel, symbols, [2 * len(mel) for mel in real]) if one.ended]
    heard, said = _speech(real), _speech(spoken)
    if min(len(heard), len(said)) < LEAST_FRAMES:
        return text2mel
    gain = (heard.std(0) / said.std(0)).clamp(LEAST_GAIN, MOST_GAIN)
    offset = heard.mean(0) - gain * said.mean(0)
    matched = copy.deepcopy(text2mel)
    last = list(matched.audio_decoder.children())[-1]
    assert isinstance(last, Conv)
    last.weight.mul_(gain[:, None])
    last.bias.mul_(gain).add_(offset)
    return matched


def _speech(mels: Sequence[torch.Tensor]) -> torch.Tensor:
    """Logits ``(frames, n_mels)`` of the frames that are speech."""
    every = torch.cat(list(mels)) if mels else torch.zeros(0, 1)
    return torch.logit(every[every.mean(1) > SPEECH].clamp(EDGE, 1 - EDGE))
