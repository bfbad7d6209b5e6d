"""The shipped voices, as a stranger finds them: listed, loaded, speaking from either frontend."""

import json
from pathlib import Path

import numpy as np
import pytest

import voicebank
from voicebank.audio import Audio
from voicebank.bank import Voice, folder

NAMES = ["gb-female", "gb-male", "us-female", "us-male"]
TEXT = "The first snow of the winter fell on the quiet town."


@pytest.fixture(scope="module", params=NAMES)
def voice(request: pytest.FixtureRequest) -> Voice:
    return voicebank.load(request.param)


def test_four_voices_are_listed() -> None:
    found = {v.name: v for v in voicebank.voices()}
    assert sorted(found) == NAMES
    assert {(v.config.accent, v.config.gender) for v in found.values()} == {
        (accent, gender) for accent in ("British", "US") for gender in ("female", "male")
    }
    assert all(v.config.origin for v in found.values())


def test_they_fit_a_wheel() -> None:
    assert sum(p.stat().st_size for p in folder().rglob("*") if p.is_file()) < 100e6
    assert max(p.stat().st_size for p in folder().rglob("*.safetensors")) < 16 * 2**20


def test_a_folder_is_complete(voice: Voice) -> None:
    path = folder() / voice.name
    assert {p.name for p in path.iterdir()} == {
        "README.md",
        "config.json",
        "sample.ogg",
        "ssrn.safetensors",
        "text2mel.safetensors",
    }
    assert json.loads((path / "config.json").read_text())["format_version"] == 1
    sample = Audio.read(path / "sample.ogg")
    assert sample.duration > 1.5 and float(np.abs(sample.samples).max()) > 0.1
    assert "Kokoro" in (path / "README.md").read_text()


@pytest.mark.parametrize("frontend", ["phonemizer", "graphemes"])
def test_speaks(voice: Voice, frontend: str) -> None:
    speech = voice.say_detailed(TEXT, frontend=frontend)
    # Eleven words: as long as somebody takes to say them, and a voice all along.
    assert 2.0 < speech.audio.duration < 6.0
    level = np.sqrt(np.mean(np.square(speech.audio.samples)))
    assert 0.02 < level < 0.3
    (sentence,) = speech.sentences
    assert sentence.attention.argmax(-1)[-1] == len(sentence.sentence.symbols)


def test_the_same_text_sounds_the_same(voice: Voice) -> None:
    assert np.array_equal(voice.say("Once more.").samples, voice.say("Once more.").samples)


def test_saved_and_loaded_it_sounds_the_same(tmp_path: Path) -> None:
    voice = voicebank.load("us-male")
    again = voicebank.load(voice.save(tmp_path / "copy"))
    assert np.array_equal(again.say("Once more.").samples, voice.say("Once more.").samples)


def test_pauses_speed_and_streams() -> None:
    voice = voicebank.load("us-male")
    plain = voice.say("One house. Two houses.")
    paused = voice.say("One house. [pause:1.5] Two houses.")
    assert paused.duration - plain.duration == pytest.approx(1.5, abs=0.5)
    assert voice.say("One house. Two houses.", speed=1.25).duration == pytest.approx(plain.duration / 1.25, rel=0.05)
    parts = list(voice.stream("One house. Two houses.", batch=1))
    assert len(parts) == 3  # a sentence, the gap, a sentence
    assert sum(p.duration for p in parts) == pytest.approx(plain.duration, rel=0.1)
