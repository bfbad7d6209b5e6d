"""What a speaker sounds like: embeddings, by Resemblyzer, and pitch."""

from __future__ import annotations

import contextlib
import importlib.metadata
import sys
import threading
import types
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np

from voicebank.audio import Audio
from voicebank.compiled import librosa
from voicebank.errors import PluginError

RATE = 16000  # Hz, the rate of the encoder
PITCH_RANGE = (60.0, 420.0)  # Hz

Embedding = np.ndarray
_LOADING = threading.Lock()


def embed(audio: Audio) -> Embedding | None:
    """Speaker embedding of a clip: 256 values of norm 1. None when no speech is found in it.

    Raises:
        PluginError: Resemblyzer is not installed.
    """
    resemblyzer, encoder = _encoder()
    samples = audio.resample(RATE).samples
    if not np.any(samples):
        return None
    speech = resemblyzer.preprocess_wav(np.clip(samples, -1, 1))
    if not len(speech):
        return None
    with _one_thread:
        embedding: Embedding = encoder.embed_utterance(speech)
    return embedding


def voiced_pitch(samples: np.ndarray) -> np.ndarray:
    """Fundamental frequency in Hz of each voiced frame of 16 ms, by pYIN (Mauch and Dixon, ICASSP 2014).

    Args:
        samples: ``(n,)`` at :data:`RATE`.
    """
    low, high = PITCH_RANGE
    pyin = librosa("core.pitch").pyin
    pitch, voiced, _ = pyin(samples, fmin=low, fmax=high, sr=RATE, frame_length=1024, resolution=0.25)
    frequencies: np.ndarray = pitch[voiced & ~np.isnan(pitch)]
    return frequencies


def mean_embedding(embeddings: Iterable[Embedding | None]) -> Embedding | None:
    """Mean of embeddings, of norm 1. None among them are left out; None if nothing is left."""
    known = [embedding for embedding in embeddings if embedding is not None]
    return unit_mean(np.array(known)) if known else None


def unit_mean(embeddings: np.ndarray) -> Embedding:
    """Mean of embeddings ``(n, 256)``, n at least 1, of norm 1."""
    mean: np.ndarray = embeddings.mean(axis=0)
    unit: Embedding = mean / np.linalg.norm(mean)
    return unit


def available() -> bool:
    """Whether Resemblyzer is installed and loads."""
    try:
        _encoder()
    except PluginError:
        return False
    return True


class _OneThread:
    """PyTorch computes in one thread: those of an LSTM wait for each other at each of its small steps.

    Two take half as long again as one, and up to fifty times as long beside other programs. Several threads may be in
    here at once. What was set before is known by the first of them: the others would find its one thread, and leave it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 1

    def __enter__(self) -> None:
        import torch

        with self._lock:
            if not self._inside:
                self._before = torch.get_num_threads()
            self._inside += 1
            torch.set_num_threads(1)

    def __exit__(self, *error: object) -> None:
        import torch

        with self._lock:
            self._inside -= 1
            torch.set_num_threads(self._before)


_one_thread = _OneThread()


@lru_cache(maxsize=1)
def _load() -> tuple[Any, Any]:
    resemblyzer = import_resemblyzer()
    return resemblyzer, resemblyzer.VoiceEncoder("cpu", verbose=False)


def _encoder() -> tuple[Any, Any]:
    with _LOADING:
        return _load()


def import_resemblyzer() -> Any:
    """Import Resemblyzer with stand-ins for what newer packages have dropped.

    Its dependency webrtcvad asks pkg_resources, which setuptools 81 removed, for its own version; Resemblyzer
    takes a function from scipy.ndimage.morphology, which SciPy 2 removes.
    """
    try:
        from scipy.ndimage import binary_dilation

        version = {"get_distribution": lambda name: types.SimpleNamespace(version=importlib.metadata.version(name))}
        removed = {"pkg_resources": version, "scipy.ndimage.morphology": {"binary_dilation": binary_dilation}}
        librosa("core.pitch")  # which it imports, too
        with stand_ins(removed):
            return importlib.import_module("resemblyzer")
    except ImportError as error:
        message = f"telling speakers apart needs the package resemblyzer ({error}): pip install 'voicebank[clone]'"
        raise PluginError(message) from error


@contextlib.contextmanager
def stand_ins(modules: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """Small modules to import in place of ones that are not loaded, for as long as the context lasts.

    Args:
        modules: their names, and what each holds.
    """
    added = [name for name in modules if name not in sys.modules]
    for name in added:
        sys.modules[name] = types.ModuleType(name)
        vars(sys.modules[name]).update(modules[name])
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]
