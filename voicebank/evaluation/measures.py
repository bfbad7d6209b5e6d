"""What is measured on sound alone: estimates of listeners' opinion, whose voice it is, and how lively it speaks."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import torch

from voicebank.audio import Audio
from voicebank.data.dataset import audio_files
from voicebank.data.measure import levels
from voicebank.data.progress import Progress
from voicebank.errors import BadData, needs_extra
from voicebank.signal.speaker import Embedding, embed, mean_embedding, stand_ins, voiced_pitch

RATE = 16000  # Hz, the rate of the networks
REFERENCE_CLIPS = 40  # a centroid moves by less than 0.01 when more are added
QUIET = 40.0  # dB below the loud parts of a clip: what is quieter is a pause

References = str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None
"""A folder of clips of a speaker, or several by name."""

_LOADING = threading.Lock()


class Quality(NamedTuple):
    """Mean opinion scores, 1..5: overall, of the speech itself, of the absence of noise."""

    overall: float
    signal: float
    background: float


def quality(audio: Audio) -> Quality | None:
    """DNSMOS of a clip, None when there is no sound in it.

    A clip shorter than the 9 s that the networks look at is repeated, a longer one is scored in windows.
    """
    # Resampling may overshoot full scale, which speechmos refuses.
    samples = np.clip(audio.resample(RATE).samples, -1, 1)
    if not np.any(samples):
        return None
    with _LOADING:
        dnsmos = _dnsmos()
    scores = dnsmos(samples, RATE, False)
    return Quality(*(float(scores[key]) for key in ("ovrl_mos", "sig_mos", "bak_mos")))


def naturalness(audio: Audio) -> float | None:
    """DistillMOS of a clip, 1..5. None when there is no sound in it, or the package ``distillmos`` is not installed.

    Source: Stahl and Gamper, "Distillation and Pruning for Scalable Self-Supervised Representation-Based Speech
    Quality Assessment", arXiv:2502.05356. A clip shorter than the 7.7 s that the network looks at is followed by
    silence, a longer one is scored in windows.
    """
    samples = audio.resample(RATE).samples
    if not np.any(samples) or find_spec("distillmos") is None:
        return None
    with _LOADING:
        distillmos = _distillmos()
    with torch.inference_mode():
        return float(distillmos(torch.from_numpy(np.ascontiguousarray(samples, np.float32))[None]))


class Prosody(NamedTuple):
    """How much pitch (semitones) and level (dB) vary within a clip. None is what could not be measured.

    A spread is half the distance between the 16th and the 84th percentile: the standard deviation of a normal
    distribution, but octave errors of the pitch do not move it.
    """

    pitch: float | None
    energy: float | None


def prosody(audio: Audio) -> Prosody:
    """Spread of the pitch over the voiced frames (pYIN), and of the level over all frames that are no pause."""
    samples = audio.resample(RATE).samples
    if len(samples) < RATE // 4 or not np.any(samples):
        return Prosody(None, None)
    with needs_extra("evaluate"):
        semitones = 12 * np.log2(voiced_pitch(samples))
    level = levels(samples, RATE)
    return Prosody(_spread(semitones), _spread(level[level > np.percentile(level, 95) - QUIET]))


def _spread(values: np.ndarray) -> float | None:
    if len(values) < 2:
        return None
    low, high = np.percentile(values, (16, 84))
    return float(high - low) / 2


def mean_of(values: Iterable[float | None]) -> float | None:
    """Mean of what was measured; None if nothing was."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


@lru_cache(maxsize=1)
def _dnsmos() -> Any:
    with needs_extra("evaluate"):
        from speechmos import dnsmos
    folder = Path(dnsmos.__file__).parent / "dnsmos_models"
    # The class and not its run(), which keeps the model in a global that threads build several times.
    return dnsmos.DNSMOS(str(folder / "sig_bak_ovr.onnx"), str(folder / "model_v8.onnx"))


@lru_cache(maxsize=1)
def _distillmos() -> Any:
    # torchaudio only reads the files of its command line, and has no build for every torch. It prints where it loads
    # its weights from.
    with stand_ins({"torchaudio": {}}), contextlib.redirect_stdout(io.StringIO()):
        from distillmos import ConvTransformerSQAModel

        return ConvTransformerSQAModel().eval()


@lru_cache(maxsize=32)
def centroid(folder: Path, clips: int = REFERENCE_CLIPS) -> Embedding:
    """Mean embedding, of norm 1, of clips spread evenly over a folder (or over its ``wavs``).

    Raises:
        BadData: there is no speech in the folder.
    """
    centre = mean_embedding(map(embed, _spread_evenly(folder, clips)))
    if centre is None:
        raise BadData(f"{folder} holds no speech to compare with")
    return centre


@lru_cache(maxsize=32)
def reference_prosody(folder: Path, clips: int = REFERENCE_CLIPS) -> Prosody:
    """Mean prosody of clips spread evenly over a folder (or over its ``wavs``)."""
    measured = [prosody(audio) for audio in _spread_evenly(folder, clips)]
    return Prosody(mean_of(one.pitch for one in measured), mean_of(one.energy for one in measured))


def _spread_evenly(folder: Path, clips: int) -> Iterator[Audio]:
    paths = audio_files(folder)
    step = max(1, len(paths) / clips)
    return (Audio.read(paths[int(i * step)]) for i in range(min(clips, len(paths))))


def by_name(references: References) -> dict[str, Path]:
    """Reference folders by the name of their speaker; one that is only a path is named as its folder."""
    if references is None:
        return {}
    if isinstance(references, Mapping):
        return {name: Path(folder) for name, folder in references.items()}
    return {Path(references).resolve().name: Path(references)}


def centroids(references: References, workers: int = 1, progress: Progress | None = None) -> dict[str, Embedding]:
    """Centroids of reference speakers by name."""
    folders = by_name(references)
    with ThreadPoolExecutor(workers) as pool:
        means = pool.map(centroid, folders.values())
        return dict(zip(folders, (progress or Progress()).track("references", means, len(folders)), strict=True))
