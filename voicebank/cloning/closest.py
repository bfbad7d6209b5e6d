"""How alike speakers sound, and the base voice that is closest to one: by speaker embedding, pitch and accent."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, TypeAdapter, ValidationError

from voicebank.audio import Audio
from voicebank.cloning.store import cache_folder, weights_digest
from voicebank.config import VoiceConfig
from voicebank.data.dataset import Clip, Dataset
from voicebank.data.progress import Progress
from voicebank.errors import BadData, RunawayError
from voicebank.files import atomic
from voicebank.signal import speaker
from voicebank.synthesis.speech import create_frontend
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.text.frontend import Frontend
from voicebank.training.alignment import log_likelihoods
from voicebank.training.batches import usable
from voicebank.training.features import build, word_units

EMBEDDED, PITCHED = 40, 10
"""Clips whose speaker embedding, and whose pitch, is measured."""
AMERICAN, BRITISH = "en-us", "en-gb"
# Log-likelihood a frame in American phones less that in British ones: means and deviation of the speakers that it was
# calibrated on, see docs/cloning.md.
AMERICAN_MEAN, BRITISH_MEAN, SPEAKERS_DEVIATION = 0.23, -0.15, 0.1
# What the score is made of, in units of similarity.
OCTAVE = 0.3
ACCENT = 0.3
# What a voice says when it is compared: half a minute in which every English vowel comes up.
SENTENCES = (
    "Hello again, and thank you for having waited.",
    "The number is four, seven, nine, two, zero, eight.",
    "A recent study suggests that memory depends on sleep.",
    "The goalkeeper dived, but the ball was already in the net.",
    "Please leave your message after the tone.",
    "We measured the temperature of the liquid every hour.",
)
VERSION = 3  # of the cache: raise it when SENTENCES or how they are compared change
SHIPPED = Path(__file__).with_name("references.json")
PITCH_SECONDS = 20.0  # of speech are enough for a median


def median_pitch(clips: Iterable[Audio]) -> float | None:
    """Median fundamental frequency in Hz over the voiced frames, by pYIN. None if nothing is voiced."""
    values: list[np.ndarray] = []
    seconds_left = PITCH_SECONDS
    for clip in clips:
        samples = clip.resample(speaker.RATE).samples[: int(seconds_left * speaker.RATE)]
        if len(samples) < speaker.RATE // 4:
            continue
        values.append(speaker.voiced_pitch(samples))
        seconds_left -= len(samples) / speaker.RATE
        if seconds_left <= 0:
            break
    frequencies = np.concatenate(values) if values else np.zeros(0)
    return float(np.median(frequencies)) if len(frequencies) else None


def speak(voice: Synthesizer, phones: Frontend | None = None) -> list[Audio]:
    """The :data:`SENTENCES` as a voice says them, without those that it does not say to their end.

    Without a mark: it changes with every note in the voice's config, and what is measured must not.
    """
    spoken: list[Audio] = []
    for text in SENTENCES:
        with contextlib.suppress(RunawayError):
            spoken.append(voice.say(text, frontend=phones, watermark=False))
    return spoken


def likenesses(
    voice: Synthesizer, base: Synthesizer, clips: Sequence[Audio], phones: Frontend | None = None
) -> tuple[float | None, float | None]:
    """Mean cosine of what a voice, and its base, say to the mean embedding of a speaker's clips, as ``voicebank
    evaluate`` has it. What the base says is not spoken again where it is known.

    None without Resemblyzer, or without speech on either side.
    """
    centre = speaker.mean_embedding(map(speaker.embed, clips)) if speaker.available() else None
    if centre is None:
        return None, None
    spoken = [e for e in map(speaker.embed, speak(voice, phones)) if e is not None]
    base_spoken = np.array(reference(base).embeddings, np.float32)
    first, second = (float(np.mean([e @ centre for e in own])) if len(own) else None for own in (spoken, base_spoken))
    return first, second


class Reference(BaseModel):
    """How a base voice sounds."""

    embeddings: list[list[float]]
    """Speaker embedding of each sentence, of norm 1; none without Resemblyzer."""
    pitch: float | None
    """Median fundamental frequency, in Hz; None if nothing is voiced."""


def reference(voice: Synthesizer) -> Reference:
    """How a voice sounds, shipped or from the user's cache where it was measured before.

    It is known by a digest of the weights: other weights under the same name are another voice.
    """
    name = reference_name(voice)
    if name in _shipped():
        return _shipped()[name]
    path = cache_folder() / "references" / f"{name}{'' if speaker.available() else '-pitch'}.json"
    with contextlib.suppress(OSError, ValidationError):
        return Reference.model_validate_json(path.read_bytes())
    measured = measure(voice)
    with contextlib.suppress(OSError):  # a home that cannot be written to costs time, not the answer
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic(path, measured.model_dump_json())
    return measured


def reference_name(voice: Synthesizer) -> str:
    """What a voice's reference is known by."""
    return f"{VERSION}-{weights_digest(voice)}"


def measure(voice: Synthesizer) -> Reference:
    """How a voice sounds when it says :data:`SENTENCES`."""
    spoken = speak(voice)
    embeddings = [e.tolist() for e in map(speaker.embed, spoken) if e is not None] if speaker.available() else []
    return Reference(embeddings=embeddings, pitch=median_pitch(spoken))


@lru_cache(maxsize=1)
def _shipped() -> dict[str, Reference]:
    """Those of the base voices."""
    return TypeAdapter(dict[str, Reference]).validate_json(SHIPPED.read_bytes())


def frontend_of(voice: Synthesizer) -> Frontend:
    """The frontend that a voice reads with.

    Raises:
        UnknownName: it is not installed.
    """
    return create_frontend(voice.config, voice.config.frontend.name)


@dataclass(frozen=True)
class BaseMatch:
    """How close a base voice is to a speaker. None is what could not be found out."""

    name: str
    accent: str
    gender: str
    similarity: float | None
    """Cosine of the mean speaker embeddings (Resemblyzer)."""
    pitch_hz: float | None
    """Median of the speaker."""
    base_pitch_hz: float | None
    """Median of the base voice."""
    accent_probability: float | None
    """How likely the speaker has the base's accent, 0..1; see :func:`american`."""
    score: float
    """Higher is closer, see :func:`compare`."""


def compare(
    dataset: Dataset | Sequence[Audio], bases: Mapping[str, Synthesizer], *, progress: Progress | None = None
) -> list[BaseMatch]:
    """Compare a speaker with base voices, the closest first.

    The score is the similarity, less 0.3 for each octave between the pitches, less 0.3 times the probability that the
    speaker has another accent. It is explained, with what was measured, in ``docs/cloning.md``.

    Args:
        dataset: clips with their transcripts; or sound without, for which similarity and pitch are compared alone.
        bases: voices to compare with, by name.
        progress: callbacks.

    Raises:
        BadData: there is no speech in the recordings, or no voice to compare with.
        UnknownName: a frontend is not installed.
    """
    progress = progress or Progress()
    if not bases:
        raise BadData("there is no base voice to compare with")
    clips = dataset.clips if isinstance(dataset, Dataset) else list(dataset)
    if not clips:
        raise BadData("there is no recording to compare with the base voices")
    chosen = _spread(clips, EMBEDDED)
    sound = [
        Audio.read(clip.path) if isinstance(clip, Clip) else clip
        for clip in progress.track("reading", chosen, len(chosen))
    ]
    embedding = None
    if speaker.available():
        tracked = progress.track("speaker embedding", sound, len(sound))
        embedding = speaker.mean_embedding(map(speaker.embed, tracked))
    pitch = median_pitch(_spread(sound, PITCHED))
    if pitch is None and embedding is None:
        raise BadData("there is no speech in the recordings: nothing can be compared with the base voices")
    tracked_bases = progress.track("base voices", bases.items(), len(bases))
    references = {name: reference(voice) for name, voice in tracked_bases}
    probability = None
    if isinstance(dataset, Dataset):
        sample = Dataset(dataset.name, _spread(dataset.clips, EMBEDDED), dataset.language)
        probability = american(sample, list(bases.values()), progress)
    rows = [_match(name, v.config, references[name], embedding, pitch, probability) for name, v in bases.items()]
    return sorted(rows, key=lambda row: -row.score)


def _match(
    name: str,
    config: VoiceConfig,
    base: Reference,
    embedding: np.ndarray | None,
    pitch: float | None,
    american: float | None,
) -> BaseMatch:
    similarity = accent = None
    if embedding is not None and base.embeddings:
        similarity = float(embedding @ speaker.unit_mean(np.array(base.embeddings, np.float32)))
    # A voice that does not speak is like no speaker.
    score = similarity if similarity is not None else 0.0
    if pitch and base.pitch:
        score -= OCTAVE * abs(math.log2(pitch / base.pitch))
    if american is not None and config.language in (AMERICAN, BRITISH):
        accent = american if config.language == AMERICAN else 1 - american
        score -= ACCENT * (1 - accent)
    return BaseMatch(
        name=name,
        accent=config.accent,
        gender=config.gender,
        similarity=similarity,
        pitch_hz=pitch,
        base_pitch_hz=base.pitch,
        accent_probability=accent,
        score=score,
    )


def american(dataset: Dataset, bases: Sequence[Synthesizer], progress: Progress) -> float | None:
    """How likely a speaker's English is American and not British, 0..1.

    The same words have other phones in the other accent: an r after a vowel or none, the vowels of bath, lot and goat.
    Gaussians of the phones (:mod:`voicebank.training.alignment`) tell which of the two readings the recordings follow.
    Timbre says nothing: the speaker's mean spectrum is taken out first.

    Args:
        dataset: clips with their transcripts.
        bases: the first of either language lends its frontend.
        progress: callbacks.

    Returns:
        None where the bases have but one language, or their frontends give no phones.

    Raises:
        BadData: a clip is silent or unreadable, or none has words.
        UnknownName: a frontend is not installed.
    """
    voices = {voice.config.language: voice for voice in reversed(bases)}
    if not {AMERICAN, BRITISH} <= voices.keys():
        return None
    with tempfile.TemporaryDirectory(prefix="voicebank-") as cache:
        features = build(dataset, voices[AMERICAN].config.audio, frontend_of(voices[AMERICAN]), cache)
        clips = usable(features)
        if not clips:
            raise BadData(
                f"{features.name} has no clip with words of less than 14 s: cut it with `voicebank dataset make`"
            )
        british = frontend_of(voices[BRITISH])
        readings = (clips, [replace(clip, units=word_units(clip.text, british)) for clip in clips])
        tracked = progress.track("accent", readings, len(readings))
        one, other = (log_likelihoods(replace(features, clips=reading)) for reading in tracked)
    read_both = (one[:, 1] > 0) & (other[:, 1] > 0)
    if not read_both.any():
        return None
    frames, differences = one[read_both, 1], one[read_both, 0] - other[read_both, 0]
    ratio = differences.sum() / frames.sum()
    # The fewer the clips, and the less they agree, the less is certain.
    sampling = np.square(differences - ratio * frames).sum() / frames.sum() ** 2
    variance = SPEAKERS_DEVIATION**2 + sampling
    middle = (AMERICAN_MEAN + BRITISH_MEAN) / 2
    return float(1 / (1 + np.exp(-(AMERICAN_MEAN - BRITISH_MEAN) * (ratio - middle) / variance)))


def _spread(items: Sequence[Any], count: int) -> list[Any]:
    """So many items, spread evenly."""
    n = min(count, len(items))
    return [items[i * len(items) // n] for i in range(n)]
