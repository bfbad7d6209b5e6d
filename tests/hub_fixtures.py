"""What the tests of the Hub share: a server, a client that talks to it, a small untrained voice.

conftest.py takes the whole suite off the network; here the client is pointed at 127.0.0.1 and nowhere else.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hub_client import connect
from hub_server import Hub

import voicebank.hub.http
from voicebank import bank
from voicebank.audio import Audio
from voicebank.bank import Voice
from voicebank.config import PRESETS, VoiceConfig
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.hub.card import card


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A server, to which the client is connected and logged in as the user ``me``."""
    with Hub(tmp_path / "hub") as server:
        connect(monkeypatch, server.endpoint, tmp_path / "cache")
        monkeypatch.setenv("HF_TOKEN", "hf_me")
        yield server


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting between two tries takes no time."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.01)))
    monkeypatch.setattr(voicebank.hub.http, "sleep", lambda seconds: None)


@pytest.fixture
def folder(untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of its own for each test: a push writes into its card."""
    return Path(shutil.copytree(untrained, tmp_path_factory.mktemp("voice") / "my-voice"))


@pytest.fixture(scope="session")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained voice, with card and sample."""
    torch.manual_seed(0)
    text2mel, ssrn = PRESETS["tiny"]
    config = VoiceConfig(
        name="my-voice",
        accent="US",
        gender="female",
        origin="Nothing: it is untrained.",
        consent="Nobody is heard in it.",
        parent="me/base",
        license="cc-by-4.0",
        text2mel=text2mel,
        ssrn=ssrn,
        training={"minutes": 7},
    )
    audio = config.audio
    voice = Voice(config, Text2Mel(text2mel, audio.n_mels), SSRN(ssrn, audio.n_mels, audio.bins, audio.reduction))
    tone = Audio(0.3 * np.sin(np.arange(24000) / 10), 24000)
    return voice.save(tmp_path_factory.mktemp("voices") / "my-voice", card=card(config), sample=tone)


@pytest.fixture
def speaking(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a voice that speaks, under a name that no bundled voice has."""
    bundled = bank.load("us-male")
    voice = Voice(bundled.config.model_copy(update={"name": "my-voice"}), *bundled.weights.values())
    return voice.save(tmp_path_factory.mktemp("speaking") / "my-voice", card=card(voice.config))
