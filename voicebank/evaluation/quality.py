"""Estimates of listeners' opinion of a sound: DNSMOS P.835 hears noise, DistillMOS how natural it is."""

from __future__ import annotations

import contextlib
import io
import threading
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from voicebank.audio import Audio
from voicebank.evaluation.requirements import require
from voicebank.signal.speaker import stand_ins

RATE = 16000  # Hz, the rate of all the networks


class Quality(NamedTuple):
    """Mean opinion scores, 1..5: overall, of the speech itself, of the absence of noise."""

    overall: float
    signal: float
    background: float


@lru_cache(maxsize=1)
def _model() -> Any:
    module = require("speechmos.dnsmos")
    folder = Path(module.__file__).parent / "dnsmos_models"
    # The class and not its run(): that keeps the model in a global which threads would build several times.
    return module.DNSMOS(str(folder / "sig_bak_ovr.onnx"), str(folder / "model_v8.onnx"))


def quality(audio: Audio) -> Quality | None:
    """DNSMOS of a clip, None when there is no sound in it.

    A clip shorter than the 9 s that the networks look at is repeated, a longer one is scored in windows.
    """
    # Resampling may overshoot full scale, which speechmos refuses.
    samples = np.clip(audio.resample(RATE).samples, -1, 1)
    if not np.any(samples):
        return None
    scores = _model()(samples, RATE, False)
    return Quality(*(float(scores[key]) for key in ("ovrl_mos", "sig_mos", "bak_mos")))


def naturalness(audio: Audio) -> float | None:
    """DistillMOS of a clip, 1..5. None when there is no sound in it, or the package ``distillmos`` is not installed.

    Source: Stahl and Gamper, "Distillation and Pruning for Scalable Self-Supervised Representation-Based Speech
    Quality Assessment", arXiv:2502.05356. A clip shorter than the 7.7 s that the network looks at is followed by
    silence, a longer one is scored in windows.
    """
    import torch

    samples = audio.resample(RATE).samples
    if not np.any(samples) or find_spec("distillmos") is None:
        return None
    with torch.inference_mode():
        return float(_distillmos()(torch.from_numpy(np.ascontiguousarray(samples, np.float32))[None]))


_LOADING = threading.Lock()


def _distillmos() -> Any:
    with _LOADING:
        return _load_distillmos()


@lru_cache(maxsize=1)
def _load_distillmos() -> Any:
    # torchaudio only reads the files of its command line, and has no build for every torch. It prints where it loads
    # its weights from.
    with stand_ins({"torchaudio": {}}), contextlib.redirect_stdout(io.StringIO()):
        return require("distillmos").ConvTransformerSQAModel().eval()
