"""How alike two speakers sound (embeddings, median pitch), and which recordings of a speaker can be used."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import librosa
import numpy as np
import platformdirs
from pydantic import BaseModel, ValidationError

from voicebank.audio import Audio
from voicebank.cloning.store import weights_digest
from voicebank.data.checks import NARROW, RELIABLE, narrow, other_speakers
from voicebank.data.dataset import Dataset
from voicebank.data.measure import SILENT, bandwidth, levels
from voicebank.data.progress import Progress
from voicebank.errors import BadAudio, RunawayError
from voicebank.files import atomic
from voicebank.signal import speaker
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.text.frontend import Frontend

# What a voice says when it is compared: half a minute in which every English vowel comes up.
SENTENCES = (
    "Hello again, and thank you for having waited.",
    "The number is four, seven, nine, two, zero, eight.",
    "A recent study suggests that memory depends on sleep.",
    "The goalkeeper dived, but the ball was already in the net.",
    "Please leave your message after the tone.",
    "We measured the temperature of the liquid every hour.",
)
VERSION = 1  # of the cache: raise it when SENTENCES or how they are compared change
PITCH_RATE = 16000  # Hz: pitch needs no more
PITCH_RANGE = (60.0, 420.0)  # Hz
PITCH_SECONDS = 20.0  # of speech are enough for a median
RATE = 24000
SHORTEST = 0.5  # seconds
# With fewer clips a second speaker cannot be told from a mood.
FEWEST_FOR_SPEAKERS = 16


def median_pitch(clips: Iterable[Audio]) -> float | None:
    """Median fundamental frequency in Hz over the voiced frames, by pYIN. None if nothing is voiced."""
    values: list[np.ndarray] = []
    seconds_left = PITCH_SECONDS
    for clip in clips:
        samples = clip.resample(PITCH_RATE).samples[: int(seconds_left * PITCH_RATE)]
        if len(samples) < PITCH_RATE // 4:
            continue
        pitch, voiced, _ = librosa.pyin(
            samples, fmin=PITCH_RANGE[0], fmax=PITCH_RANGE[1], sr=PITCH_RATE, frame_length=1024, hop_length=256
        )
        values.append(pitch[voiced & ~np.isnan(pitch)])
        seconds_left -= len(samples) / PITCH_RATE
        if seconds_left <= 0:
            break
    frequencies = np.concatenate(values) if values else np.zeros(0)
    return float(np.median(frequencies)) if len(frequencies) else None


def speak(voice: Synthesizer, phones: Frontend | None = None) -> list[Audio]:
    """The :data:`SENTENCES` as a voice says them, without those that it does not say to their end."""
    spoken: list[Audio] = []
    for text in SENTENCES:
        with contextlib.suppress(RunawayError):
            spoken.append(voice.say(text, frontend=phones))
    return spoken


def likeness(voice: Synthesizer, clips: Sequence[Audio], phones: Frontend | None = None) -> float | None:
    """Mean cosine of what a voice says to the mean embedding of a speaker's clips, as ``voicebank evaluate`` has it.

    None without Resemblyzer, or without speech on either side.
    """
    if not speaker.available():
        return None
    centre = speaker.mean_embedding(map(speaker.embed, clips))
    spoken = [e for e in map(speaker.embed, speak(voice, phones)) if e is not None]
    return float(np.mean([e @ centre for e in spoken])) if spoken and centre is not None else None


class Reference(BaseModel):
    """How a base voice sounds. None is what could not be measured."""

    embedding: list[float] | None
    """Mean speaker embedding, of norm 1."""
    pitch: float | None
    """Median fundamental frequency, in Hz."""


def reference(voice: Synthesizer) -> Reference:
    """How a voice sounds when it says :data:`SENTENCES`; from the user's cache where it was measured before.

    The name in the cache is a digest of the weights: other weights under the same name are another voice.
    """
    embeds = speaker.available()
    path = cache_folder() / "references" / f"{VERSION}-{weights_digest(voice)}{'' if embeds else '-pitch'}.json"
    with contextlib.suppress(OSError, ValidationError):
        return Reference.model_validate_json(path.read_bytes())
    spoken = speak(voice)
    embedding = speaker.mean_embedding(map(speaker.embed, spoken)) if embeds else None
    measured = Reference(embedding=None if embedding is None else embedding.tolist(), pitch=median_pitch(spoken))
    with contextlib.suppress(OSError):  # a home that cannot be written to costs time, not the answer
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic(path, measured.model_dump_json())
    return measured


def cache_folder() -> Path:
    """``$VOICEBANK_CACHE``, else where the system has such things."""
    given = os.environ.get("VOICEBANK_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("voicebank", appauthor=False))


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
