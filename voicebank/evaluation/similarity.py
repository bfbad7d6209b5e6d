"""Whose voice it is: speaker embeddings by Resemblyzer and their cosine to reference speakers."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import threading
import types
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from voicebank.audio import Audio
from voicebank.errors import BadData
from voicebank.evaluation.progress import bar
from voicebank.evaluation.requirements import require
from voicebank.evaluation.sources import audio_files

RATE = 16000  # Hz, the rate of the encoder
REFERENCE_CLIPS = 40  # a centroid moves by less than 0.01 when more are added

References = str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None
Embedding = np.ndarray
_LOADING = threading.Lock()


def embed(audio: Audio) -> Embedding | None:
    """Speaker embedding of a clip: 256 values of norm 1. None when no speech is found in it."""
    resemblyzer, encoder = _encoder()
    samples = audio.resample(RATE).samples
    if not np.any(samples):
        return None
    speech = resemblyzer.preprocess_wav(np.clip(samples, -1, 1))
    return encoder.embed_utterance(speech) if len(speech) else None


@lru_cache(maxsize=32)
def centroid(folder: Path, clips: int = REFERENCE_CLIPS) -> Embedding:
    """Mean embedding, of norm 1, of clips spread evenly over a folder (or over its ``wavs``).

    Raises:
        BadData: there is no speech in the folder.
    """
    paths = audio_files(folder)
    step = max(1, len(paths) / clips)
    chosen = [paths[int(i * step)] for i in range(min(clips, len(paths)))]
    found = [e for e in (embed(Audio.read(path)) for path in chosen) if e is not None]
    if not found:
        raise BadData(f"{folder} holds no speech to compare with")
    mean = np.mean(found, axis=0)
    return mean / np.linalg.norm(mean)


def centroids(references: References, workers: int = 1, progress: bool = False) -> dict[str, Embedding]:
    """Centroids by name. A reference that is only a path is named as its folder."""
    if references is None:
        return {}
    if not isinstance(references, Mapping):
        references = {Path(references).resolve().name: references}
    with ThreadPoolExecutor(workers) as pool, bar("references", len(references), progress) as advance:
        found = {}
        folders = [Path(folder) for folder in references.values()]
        for name, mean in zip(references, pool.map(centroid, folders), strict=True):
            found[name] = mean
            advance()
    return found


@lru_cache(maxsize=1)
def _load() -> tuple[Any, Any]:
    resemblyzer = _import_resemblyzer()
    return resemblyzer, resemblyzer.VoiceEncoder("cpu", verbose=False)


def _encoder() -> tuple[Any, Any]:
    with _LOADING:
        return _load()


def _import_resemblyzer() -> Any:
    """Import Resemblyzer, lending it what newer packages have dropped.

    Its dependency webrtcvad asks pkg_resources, which setuptools 81 removed, for its own version; Resemblyzer
    takes a function from scipy.ndimage.morphology, which SciPy 2 removes.
    """
    from scipy.ndimage import binary_dilation

    lent: dict[str, dict[str, Any]] = {
        "pkg_resources": {
            "get_distribution": lambda name: types.SimpleNamespace(version=importlib.metadata.version(name))
        },
        "scipy.ndimage.morphology": {"binary_dilation": binary_dilation},
    }
    added = [name for name in lent if name not in sys.modules]
    for name in added:
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(lent[name])
    try:
        return require("resemblyzer")
    finally:
        for name in added:
            del sys.modules[name]
