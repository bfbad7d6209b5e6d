"""How good it sounds: DNSMOS P.835, an estimate of listeners' opinion, from the package ``speechmos``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from voicebank.audio import Audio
from voicebank.evaluation.requirements import require

RATE = 16000  # Hz, the rate of the DNSMOS networks


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
