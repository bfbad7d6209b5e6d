"""The plugin for AudioSeal, against a stand-in for the package: its networks are on the Hub."""

from __future__ import annotations

import importlib.util
import math
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from voicebank.audio import Audio
from voicebank.config import AudioConfig
from voicebank.errors import PluginError

PLUGIN = Path(__file__).parents[1] / "plugins/audioseal/voicebank_audioseal.py"


class Generator(torch.nn.Module):
    """Writes the message over and over again into the samples, as steps of a thousandth."""

    def get_watermark(self, x: torch.Tensor, message: torch.Tensor) -> torch.Tensor:
        assert x.shape[:2] == (1, 1) and message.shape == (1, 16)
        self.message = message
        return torch.full_like(x, 0.001)


class Detector(torch.nn.Module):
    generator = Generator()

    def detect_watermark(self, x: torch.Tensor) -> tuple[float, torch.Tensor]:
        return float(abs(x.mean() - 0.001) < 1e-4), self.generator.message


@pytest.fixture
def audioseal(monkeypatch: pytest.MonkeyPatch) -> Any:
    package = types.ModuleType("audioseal")
    package.AudioSeal = types.SimpleNamespace(  # type: ignore[attr-defined]
        load_generator=lambda card: Detector.generator, load_detector=lambda card: Detector()
    )
    monkeypatch.setitem(sys.modules, "audioseal", package)
    spec = importlib.util.spec_from_file_location("voicebank_audioseal", PLUGIN)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_samples_are_marked_and_found(audioseal: Any) -> None:
    mark = audioseal.AudioSealMark()
    vocoder = mark.marked(lambda magnitude, config: np.zeros((1, 24_001), np.float32), 0xBEEF)
    samples = vocoder(np.zeros((1, 513, 95), np.float32), AudioConfig())
    assert samples.shape == (1, 24_001) and float(samples[0, 12_000]) == pytest.approx(0.001, rel=0.01)
    found = mark.detect(Audio(samples[0], 24_000))
    assert found.marked and found.payload == 0xBEEF and math.isnan(found.p_value)
    assert not mark.detect(Audio(np.zeros(24_000), 24_000)).marked
    assert not mark.detect(Audio([], 24_000)).marked


def test_networks_that_cannot_be_fetched_are_one_line(audioseal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(card: str) -> None:
        raise OSError("no network")

    monkeypatch.setattr(audioseal.AudioSeal, "load_detector", offline)
    with pytest.raises(PluginError, match="go online once"):
        audioseal.AudioSealMark().detect(Audio(np.ones(24_000), 24_000))
