"""Sound out of files of every kind, and files that hold none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av")

import soundfile  # noqa: E402

from voicebank.audio import Audio  # noqa: E402
from voicebank.data import media  # noqa: E402
from voicebank.data.dataset import Dataset  # noqa: E402
from voicebank.errors import BadAudio  # noqa: E402

CLIP = Path(__file__).parent / "data" / "clips" / "us-male" / "wavs" / "us-male-00040.ogg"


def encode(path: Path, codec: str, picture: bool = False) -> None:
    """The clip in a container, perhaps with a picture that does not move."""
    samples = Audio.read(CLIP, 48000).samples
    with av.open(str(path), "w") as container:
        if picture:
            video = container.add_stream("mpeg4", rate=10)
            video.width = video.height = 64
            video.pix_fmt = "yuv420p"
        sound = container.add_stream(codec, rate=48000, layout="mono")
        if picture:
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
            container.mux(video.encode())
        frame = av.AudioFrame.from_ndarray((samples[None] * 32767).astype(np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts = 48000, 0
        resampler = av.AudioResampler(sound.format, "mono", 48000, frame_size=sound.frame_size or None)
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))


@pytest.mark.parametrize(
    ("name", "codec", "picture"),
    [
        ("a.mp3", "libmp3lame", False),
        ("a.m4a", "aac", False),
        ("a.opus", "libopus", False),
        ("a.mp4", "aac", True),
        ("a.mkv", "libopus", True),
    ],
)
def test_any_container(tmp_path: Path, name: str, codec: str, picture: bool) -> None:
    encode(tmp_path / name, codec, picture)
    sound = media.read(tmp_path / name)
    original = Audio.read(CLIP, 24000)
    assert sound.rate == 24000
    assert sound.duration == pytest.approx(original.duration, abs=0.1)
    levels = [np.sqrt(np.mean(samples**2)) for samples in (sound.piece(0, 99).samples, original.samples)]
    assert levels[0] == pytest.approx(levels[1], rel=0.2)


@pytest.mark.parametrize(
    ("rate", "subtype", "channels"), [(8000, "PCM_16", 1), (96000, "PCM_24", 2), (44100, "FLOAT", 2)]
)
def test_any_rate_width_and_channels(tmp_path: Path, rate: int, subtype: str, channels: int) -> None:
    samples = Audio.read(CLIP, 24000).resample(rate).samples
    soundfile.write(tmp_path / "a.wav", np.stack([samples] * channels, 1), rate, subtype)
    sound = media.read(tmp_path / "a.wav")
    assert sound.rate == 24000 and not sound.clipped
    assert sound.duration == pytest.approx(len(samples) / rate, abs=0.01)
    original = Audio.read(CLIP, 24000).samples
    piece = sound.piece(0, sound.duration).samples[: len(original)]
    assert np.sqrt(np.mean(piece**2)) == pytest.approx(np.sqrt(np.mean(original**2)), rel=0.15)


def test_a_video_without_an_audio_track(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "mute.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(BadAudio, match="no audio track"):
        Dataset.make(tmp_path / "mute.mp4", tmp_path / "me", transcriber=None)


@pytest.mark.parametrize("content", [b"", b"no sound" * 100])
def test_files_that_hold_no_sound(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(BadAudio, match="cannot read"):
        Dataset.make(tmp_path / "a.mp4", tmp_path / "me", transcriber=None)


def test_clipping_is_seen_in_the_file(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.clip(Audio.read(CLIP, 24000).samples * 30, -1, 1), 24000)
    assert len(media.read(tmp_path / "a.wav").clipped) > 30
