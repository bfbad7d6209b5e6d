"""The whisper plugin: the packaged model, found and run with no network."""

from __future__ import annotations

import socket
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("faster_whisper")
voicebank_whisper = pytest.importorskip("voicebank_whisper")

from voicebank import plugins  # noqa: E402
from voicebank.audio import Audio  # noqa: E402
from voicebank.errors import BadAudio, PluginError, UnknownName  # noqa: E402

CLIPS = Path(__file__).parent / "data" / "clips" / "us-male" / "wavs"
CLIP = CLIPS / "us-male-00040.ogg"  # A white silk jacket goes with any shoes.


@pytest.fixture(scope="module")
def whisper() -> voicebank_whisper.Whisper:
    return plugins.create("transcriber", "whisper")


def test_it_is_listed_and_loads() -> None:
    (info,) = [info for info in plugins.known("transcriber") if info.name == "whisper"]
    assert info.package == "voicebank-whisper"
    assert info.error is None


def test_a_clip_is_understood_with_word_times(whisper: voicebank_whisper.Whisper) -> None:
    heard = whisper.transcribe(CLIP)
    assert heard.text.lower().rstrip(".") == "a white silk jacket goes with any shoes"
    assert heard.language == "en"
    assert [word.text.strip(".,").lower() for word in heard.words] == heard.text.lower().rstrip(".").split()
    duration = Audio.read(CLIP).duration
    assert all(0 <= word.start <= word.end <= duration + 0.1 for word in heard.words)
    assert all(0 < word.probability <= 1 for word in heard.words)


def test_audio_of_any_rate(whisper: voicebank_whisper.Whisper) -> None:
    for rate in (16000, 44100):
        assert "silk jacket" in whisper.transcribe(Audio.read(CLIP, rate)).text


def test_nothing_is_heard_in_nothing(whisper: voicebank_whisper.Whisper) -> None:
    assert whisper.transcribe(Audio(np.zeros(0, np.float32), 24000)).text == ""


def test_a_folder_is_a_model() -> None:
    folder = voicebank_whisper.packaged_model()
    assert folder is not None
    model = voicebank_whisper.Whisper(model=str(folder), threads=1, words=False)
    heard = model.transcribe(CLIP)
    assert "silk jacket" in heard.text
    assert heard.words == []


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert "silk jacket" in voicebank_whisper.Whisper(words=False).transcribe(CLIP).text
    with pytest.raises(PluginError, match="not on this machine"):
        voicebank_whisper.Whisper(model="nobody/no-such-whisper-model")


def test_bad_models_and_clips(whisper: voicebank_whisper.Whisper, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match=r"small\.en"):
        plugins.create("transcriber", "whisper", model="gigantic")
    with pytest.raises(PluginError, match=r"model\.bin"):
        voicebank_whisper.Whisper(model=str(tmp_path))
    (tmp_path / "model.bin").write_bytes(b"not a model")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(PluginError, match="does not load"):
        voicebank_whisper.Whisper(model=str(tmp_path))
    with pytest.raises(BadAudio):
        whisper.transcribe(tmp_path / "none.wav")
