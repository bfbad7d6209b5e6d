"""The mark in what a voice says: it survives what sound goes through, and is not found where it is not."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

import voicebank
from voicebank import plugins, provenance
from voicebank.audio import Audio
from voicebank.config import AudioConfig
from voicebank.errors import BadData, PluginError
from voicebank.signal.detection import FALSE_ALARMS, SHARES, STRETCHES, THRESHOLD, detect, p_value, tail_bound
from voicebank.signal.griffin_lim import GriffinLim
from voicebank.signal.spectrogram import linear_magnitude
from voicebank.signal.watermark import SpectralMark, codeword

CONFIG = AudioConfig()
CLIPS = sorted((Path(__file__).parent / "data/clips").glob("*/wavs/*.ogg"))
PAYLOAD = 0xBEEF


@pytest.fixture(scope="module")
def magnitude() -> np.ndarray:
    """Linear magnitudes ``(bins, frames)`` of some seconds of speech."""
    audio = Audio.join(Audio.read(clip, CONFIG.sample_rate) for clip in CLIPS[:2])
    return linear_magnitude(torch.from_numpy(audio.samples), CONFIG).numpy()


@pytest.fixture(scope="module")
def marked(magnitude: np.ndarray) -> Audio:
    vocoder = SpectralMark().marked(GriffinLim(), PAYLOAD)
    return Audio(vocoder(magnitude[None], CONFIG)[0], CONFIG.sample_rate)


def noisy(audio: Audio) -> Audio:
    noise = np.random.default_rng(0).standard_normal(len(audio.samples)) * 0.1 * np.std(audio.samples)
    return Audio(audio.samples + noise, audio.sample_rate)


ATTACKS = {
    "none": lambda audio: audio,
    "mp3": lambda audio: reread(audio, "mp3"),
    "opus": lambda audio: reread(audio, "ogg"),
    "telephone": lambda audio: audio.resample(8000),
    "noise": noisy,
    "level": lambda audio: Audio(np.clip(audio.samples * 4, -1, 1), audio.sample_rate),
    "cut": lambda audio: Audio(audio.samples[24_123 : 24_123 + 72_000], audio.sample_rate),
    "faster": lambda audio: Audio(audio.samples, round(audio.sample_rate * 1.05)),
    "slower": lambda audio: Audio(audio.samples, round(audio.sample_rate * 0.955)),
}


def reread(audio: Audio, format: str) -> Audio:
    import io

    return Audio.read(io.BytesIO(audio.to_bytes(format)))


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_payload_survives(marked: Audio, attack: str) -> None:
    found = detect(ATTACKS[attack](marked))
    assert found.marked and found.p_value <= FALSE_ALARMS and found.score >= THRESHOLD
    assert found.payload == PAYLOAD


def test_a_stream_is_marked_as_the_whole_is(magnitude: np.ndarray) -> None:
    given: list[np.ndarray] = []

    class Recorder:
        def __call__(self, magnitude: np.ndarray, config: AudioConfig) -> np.ndarray:
            given.append(magnitude[0])
            return magnitude[:, 0]

        def stream(self, config: AudioConfig) -> Recorder:
            return self

        def push(self, magnitude: np.ndarray, last: bool = False) -> np.ndarray:
            given.append(magnitude)
            return magnitude[0]

    vocoder = SpectralMark().marked(Recorder(), PAYLOAD)
    assert isinstance(vocoder, plugins.StreamingVocoder)
    vocoder(magnitude[None], CONFIG)
    stream = vocoder.stream(CONFIG)
    for block in np.split(magnitude, [1, 47, 247], 1):
        stream.push(block)
    assert np.array_equal(np.concatenate(given[1:], 1), given[0])
    ratio = np.maximum(given[0], 1e-9) / np.maximum(magnitude, 1e-9)
    assert 0.05 < np.log(ratio).std() < 0.2  # about one decibel


def test_other_speech_and_other_keys_are_not_found(marked: Audio) -> None:
    assert not any(detect(Audio.read(clip)).marked for clip in CLIPS[:3])
    other = detect(marked, key="another")
    assert not other.marked and other.payload is None and other.p_value > 0.001


@pytest.mark.parametrize("audio", [Audio([], 24000), Audio.silence(1, 16000), Audio(np.ones(99), 8000)])
def test_what_holds_no_speech_is_not_marked(audio: Audio) -> None:
    found = detect(audio)
    assert not found.marked and found.p_value == 1


def test_windows_say_where_the_mark_is(marked: Audio) -> None:
    before = Audio.join([Audio.read(clip, CONFIG.sample_rate) for clip in CLIPS[1:4]])
    found = detect(Audio.join([before, marked]))
    assert found.marked and found.payload == PAYLOAD
    where = [window for window in found.windows if window.payload is not None]
    assert where and all(window.end > before.duration and window.payload == PAYLOAD for window in where)


def test_the_threshold_follows_from_the_rate_of_false_alarms() -> None:
    assert pytest.approx(FALSE_ALARMS) == 10**-THRESHOLD
    assert p_value(0) == 1
    # The bound holds for sums that can be counted: of ten equal numbers, each with a random sign.
    sums = np.array([sum(signs) for signs in itertools.product((-1, 1), repeat=10)]) / np.sqrt(10)
    assert all(np.mean(sums >= z - 1e-9) <= tail_bound(z) for z in np.unique(sums)[6:])
    assert tail_bound(np.sqrt(2)) == pytest.approx(1 / 4)  # two equal numbers reach the bound
    assert sum(1 / share for share in SHARES) == pytest.approx(1) and len(SHARES) == len(STRETCHES)


def test_codewords_differ_in_half_of_a_bytes_chips() -> None:
    words = np.array([codeword(payload) for payload in range(256)])[:, 128:]
    products = words @ words.T - 128 * np.eye(256)
    assert set(np.unique(products)) == {-128, 0}  # each word's negative, and all others orthogonal


def test_the_watermark_is_a_plugin() -> None:
    assert "pattern" in plugins.names("watermark")
    assert isinstance(plugins.create("watermark", "pattern", strength=1.5), SpectralMark)
    with pytest.raises(PluginError, match="strength"):
        plugins.create("watermark", "pattern", strength=0)


@pytest.fixture(scope="module")
def voice() -> voicebank.Voice:
    return voicebank.load("us-male")


TEXT = "The train to London leaves at noon from the second platform."


def test_a_voice_marks_pages_and_streams_alike(voice: voicebank.Voice) -> None:
    said = voice.say(TEXT)
    for chunks in (voice.stream(TEXT), voice.stream(TEXT, batch=8)):
        streamed = Audio.join(chunks).samples
        assert np.abs(streamed - said.samples).max() < 1e-3
    found = voicebank.detect(said)
    assert found.marked and found.payload == voice.payload and provenance.voice_of(voice.payload) == "us-male"
    assert not voicebank.detect(voice.say(TEXT, watermark=False)).marked


def test_the_payload_is_the_same_after_saving(voice: voicebank.Voice, tmp_path: Path) -> None:
    voice.save(tmp_path / "copy")
    assert voicebank.load(tmp_path / "copy").payload == voice.payload
    assert voicebank.load("us-female").payload != voice.payload


@pytest.mark.parametrize("suffix", provenance.SIGNED)
def test_content_credentials(
    voice: voicebank.Voice, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    path = Audio.silence(1, 24000).save(tmp_path / f"said{suffix}")
    assert provenance.credentials(path) is None
    assert provenance.sign(path, voice)
    signed = provenance.credentials(path)
    assert signed is not None and signed.valid and signed.synthetic
    assert (signed.generator, signed.voice) == ("voicebank", "us-male")
    assert signed.consent == voice.config.consent
    assert len(Audio.read(path).samples) >= 24000
    if suffix == ".wav":
        data = bytearray(path.read_bytes())
        data[20_000] ^= 1
        path.write_bytes(data)
        changed = provenance.credentials(path)
        assert changed is not None and not changed.valid


def test_credentials_need_a_format_and_a_certificate(voice: voicebank.Voice, tmp_path: Path) -> None:
    path = Audio.silence(1, 24000).save(tmp_path / "said.ogg", provenance.comment(voice))
    assert provenance.tag(path).endswith("with the voice us-male")
    assert provenance.tag(CLIPS[0]) == "" == provenance.tag(Path(__file__))
    assert not provenance.sign(path, voice) and provenance.credentials(path) is None
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    with pytest.raises(BadData, match="private key"):
        provenance.sign(Audio.silence(1, 24000).save(tmp_path / "said.wav"), voice, empty)
