"""The watermark ``audioseal`` of voicebank: AudioSeal, by San Roman, Fernandez, Elsahar et al. (arXiv:2401.17264)."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
import torch
from audioseal import AudioSeal

from voicebank.audio import Audio
from voicebank.config import AudioConfig
from voicebank.errors import PluginError
from voicebank.plugins import Detection, DetectionWindow, Floats, Vocoder

RATE = 16000  # Hz, the rate that the networks were trained at
THRESHOLD = 0.5
WINDOW = 5.0  # s


class AudioSealMark:
    """Marks samples with a network, and finds the mark with another.

    Args:
        strength: what the mark is multiplied with before it is added.
        generator, detector: cards of the package ``audioseal``; their weights come from the Hub at first use.
    """

    name = "audioseal"
    bits = 16

    def __init__(
        self,
        strength: float = 1.0,
        generator: str = "audioseal_wm_16bits",
        detector: str = "audioseal_detector_16bits",
    ) -> None:
        self.strength = strength
        self._cards = generator, detector

    @cached_property
    def _generator(self) -> Any:
        return _loaded(AudioSeal.load_generator, self._cards[0])

    @cached_property
    def _detector(self) -> Any:
        return _loaded(AudioSeal.load_detector, self._cards[1])

    def marked(self, vocoder: Vocoder, payload: int) -> Vocoder:
        """A vocoder whose samples are marked, whole sentences at a time."""

        def speak(magnitude: Floats, config: AudioConfig) -> Floats:
            samples = vocoder(magnitude, config)
            return np.stack([self._mark(one, payload, config.sample_rate) for one in samples])

        return speak

    @torch.inference_mode()
    def _mark(self, samples: Floats, payload: int, rate: int) -> Floats:
        low = Audio(samples, rate).resample(RATE).samples
        message = torch.tensor([[payload >> bit & 1 for bit in reversed(range(self.bits))]])
        mark = self._generator.get_watermark(torch.from_numpy(low)[None, None], message=message)
        high = Audio(mark[0, 0].cpu().numpy(), RATE).resample(rate).samples
        high = np.pad(high, (0, max(0, len(samples) - len(high))))[: len(samples)]
        return samples + np.float32(self.strength) * high

    @torch.inference_mode()
    def detect(self, audio: Audio) -> Detection:
        """Search in windows of five seconds. The score is the share of samples that the detector takes for marked."""
        samples = audio.resample(RATE).samples
        windows = []
        for start in range(0, len(samples), round(WINDOW * RATE)):
            part = np.ascontiguousarray(samples[start : start + round(WINDOW * RATE)])
            if len(part) < RATE // 4:
                continue
            found, message = self._detector.detect_watermark(torch.from_numpy(part)[None, None])
            score, bits = float(found), [int(bit) for bit in message.flatten()[: self.bits]]
            payload = int("".join(map(str, bits)), 2) if score >= THRESHOLD else None
            windows.append(DetectionWindow(start / RATE, (start + len(part)) / RATE, score, math.nan, payload))
        best = max(windows, key=lambda window: window.score, default=None)
        if best is None:
            return Detection(self.name, False, 0.0, math.nan, THRESHOLD)
        return Detection(self.name, best.score >= THRESHOLD, best.score, math.nan, THRESHOLD, best.payload, windows)


def _loaded(load: Any, card: str) -> Any:
    try:
        return load(card).eval()
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise PluginError(f"AudioSeal's network {card} cannot be loaded: go online once ({reason})") from error
