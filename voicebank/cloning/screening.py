"""Screening of recordings before a cloning: which clips are left out, and how much of a voice they carry."""

from __future__ import annotations

import dataclasses

import numpy as np

from voicebank.audio import Audio
from voicebank.data.checks import NARROW, RELIABLE, narrow, other_speakers
from voicebank.data.dataset import Dataset
from voicebank.data.measure import SILENT, bandwidth, levels
from voicebank.data.progress import Progress
from voicebank.errors import BadAudio
from voicebank.signal import speaker

RATE = 24000
SHORTEST = 0.5  # seconds
# With fewer clips a second speaker is not told from a mood.
FEWEST_FOR_SPEAKERS = 16


def screen(dataset: Dataset, progress: Progress) -> tuple[dict[str, str], list[str]]:
    """What of the recordings cannot be used, and what is to be known about the rest.

    Args:
        dataset: clips, of one speaker for the most part.
        progress: callbacks.

    Returns:
        Why a clip is left out, by its id: unreadable, silent, too short or long, or of another speaker than most.
        Notes on the recordings as a whole.
    """
    dropped: dict[str, str] = {}
    embeddings: dict[str, np.ndarray] = {}
    carried: list[float] = []
    compare = len(dataset.clips) >= FEWEST_FOR_SPEAKERS and speaker.available()
    for clip in progress.track("checking", dataset.clips, len(dataset.clips)):
        try:
            audio = Audio.read(clip.path, RATE)
        except BadAudio:
            dropped[clip.id] = "it cannot be read"
            continue
        if audio.duration < SHORTEST:
            dropped[clip.id] = f"it is shorter than {SHORTEST} s"
        elif levels(audio.samples, RATE).max(initial=-120.0) < SILENT:
            dropped[clip.id] = "it is silent"
        else:
            carried.append(bandwidth(audio.samples, RATE))
            if compare and audio.duration >= RELIABLE and (embedding := speaker.embed(audio)) is not None:
                embeddings[clip.id] = embedding
    if embeddings:
        ids = list(embeddings)
        others = other_speakers(np.array([embeddings[id] for id in ids]))
        dropped |= {ids[i]: reason.partition(" (")[0] for i, reason in others.items()}
    hertz = float(np.percentile(carried, 75)) if carried else NARROW
    return dropped, [narrow(hertz)] if hertz < NARROW else []


def without(dataset: Dataset, dropped: dict[str, str]) -> Dataset:
    """A dataset without some clips."""
    return dataclasses.replace(dataset, clips=[clip for clip in dataset.clips if clip.id not in dropped])


def counted(dropped: dict[str, str]) -> str:
    """In one line how many clips were left out, and why: ``3 clips left out: a (it is silent), b (...), ...``."""
    shown = [f"{id} ({reason})" for id, reason in list(dropped.items())[:3]]
    more = f" and {len(dropped) - 3} more" if len(dropped) > 3 else ""
    return f"{len(dropped)} clip{'s' if len(dropped) > 1 else ''} left out: {', '.join(shown)}{more}"
