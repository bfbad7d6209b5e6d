"""What is measured on sound alone: estimates of listeners' opinion, and whose voice it is."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from voicebank.audio import Audio
from voicebank.data.progress import Progress
from voicebank.errors import BadData, needs_extra
from voicebank.evaluation.testset import audio_files
from voicebank.signal.speaker import Embedding, embed, mean_embedding, stand_ins

RATE = 16000  # Hz, the rate of the networks
REFERENCE_CLIPS = 40  # a centroid moves by less than 0.01 when more are added

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
    paths = audio_files(folder)
    step = max(1, len(paths) / clips)
    chosen = [paths[int(i * step)] for i in range(min(clips, len(paths)))]
    centre = mean_embedding(embed(Audio.read(path)) for path in chosen)
    if centre is None:
        raise BadData(f"{folder} holds no speech to compare with")
    return centre


def centroids(references: References, workers: int = 1, progress: Progress | None = None) -> dict[str, Embedding]:
    """Centroids by name. A reference that is only a path is named as its folder."""
    if references is None:
        return {}
    if not isinstance(references, Mapping):
        references = {Path(references).resolve().name: references}
    folders = [Path(folder) for folder in references.values()]
    with ThreadPoolExecutor(workers) as pool:
        means = (progress or Progress()).track("references", pool.map(centroid, folders), len(folders))
        return dict(zip(references, means, strict=True))
