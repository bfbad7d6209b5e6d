"""How alike two speakers sound: Resemblyzer embeddings and median pitch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import librosa
import numpy as np

from voicebank.audio import Audio
from voicebank.errors import RunawayError
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
PITCH_RATE = 16000  # Hz: pitch needs no more
PITCH_RANGE = (60.0, 420.0)  # Hz
PITCH_SECONDS = 20.0  # of speech are enough for a median


def embedding(clips: Iterable[Audio]) -> np.ndarray | None:
    """Mean speaker embedding, of norm 1. None without speech.

    Raises:
        PluginError: Resemblyzer is not installed.
    """
    found = [e for e in map(speaker.embed, clips) if e is not None]
    if not found:
        return None
    mean = np.mean(found, axis=0)
    return mean / np.linalg.norm(mean)


def median_pitch(clips: Iterable[Audio]) -> float | None:
    """Median fundamental frequency in Hz over the voiced frames, by pYIN. None if nothing is voiced."""
    values: list[np.ndarray] = []
    left = PITCH_SECONDS
    for clip in clips:
        samples = clip.resample(PITCH_RATE).samples[: int(left * PITCH_RATE)]
        if len(samples) < PITCH_RATE // 4:
            continue
        pitch, voiced, _ = librosa.pyin(
            samples, fmin=PITCH_RANGE[0], fmax=PITCH_RANGE[1], sr=PITCH_RATE, frame_length=1024, hop_length=256
        )
        values.append(pitch[voiced & ~np.isnan(pitch)])
        left -= len(samples) / PITCH_RATE
        if left <= 0:
            break
    every = np.concatenate(values) if values else np.zeros(0)
    return float(np.median(every)) if len(every) else None


def speak(voice: Synthesizer, phones: Frontend | None = None, sentences: Sequence[str] = SENTENCES) -> list[Audio]:
    """What a voice says when it is compared; sentences that it does not say to their end are left out."""
    said = [_said(voice, text, phones) for text in sentences]
    return [audio for audio in said if audio is not None]


def _said(voice: Synthesizer, text: str, phones: Frontend | None) -> Audio | None:
    try:
        return voice.say(text, frontend=phones)
    except RunawayError:
        return None


def likeness(voice: Synthesizer, clips: Sequence[Audio], phones: Frontend | None = None) -> float | None:
    """Mean cosine of what a voice says to the mean embedding of a speaker's clips, as ``voicebank evaluate`` has it.

    None without Resemblyzer, or without speech on either side.
    """
    if not speaker.available():
        return None
    centre = embedding(clips)
    found = [e for e in map(speaker.embed, speak(voice, phones)) if e is not None]
    return float(np.mean([e @ centre for e in found])) if found and centre is not None else None
