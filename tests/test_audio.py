"""Audio: every format there and back, and files that appear complete or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soundfile

from voicebank import VoicebankError
from voicebank.audio import FORMATS, Audio, AudioWriter, encode_stream, resample_stream
from voicebank.audio.encoding import STREAM_FORMATS, wav_header
from voicebank.errors import BadAudio

# A codec may shift a 440 Hz tone by a sample, which alone costs a hundredth of the correlation.
ALIKE = 0.98


def correlation(a: Audio, b: Audio) -> float:
    """Of the samples, at the shift of b where they are most alike: AAC without a container says not where it begins."""
    shift = int(np.argmax(scipy.signal.correlate(b.samples, a.samples, "valid"))) if b.duration > a.duration else 0
    b = Audio(b.samples[shift:], b.sample_rate)
    n = min(len(a.samples), len(b.samples))
    return float(np.corrcoef(a.samples[:n], b.samples[:n])[0, 1])


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_saved_is_read_again(tone: Audio, tmp_path: Path, format: str) -> None:
    path = tone.save(tmp_path / f"tone.{format}")
    again = Audio.read(path)
    assert again.sample_rate == tone.sample_rate
    assert again.duration == pytest.approx(tone.duration, abs=0.1 if format == "aac" else 0.06)
    assert correlation(tone, again) > ALIKE
    assert correlation(tone, Audio.read(path, sample_rate=16000).resample(24000)) > ALIKE
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("format", ["wav", "flac"])
def test_lossless_formats_lose_no_more_than_rounding(tone: Audio, tmp_path: Path, format: str) -> None:
    again = Audio.read(tone.save(tmp_path / f"tone.{format}"))
    assert np.abs(again.samples - tone.samples).max() < 1 / 32000


@pytest.mark.parametrize("format", FORMATS)
def test_bytes_are_a_file(tone: Audio, tmp_path: Path, format: str) -> None:
    path = tmp_path / f"tone.{format}"
    path.write_bytes(tone.to_bytes(format))
    assert correlation(tone, Audio.read(path)) > ALIKE


@pytest.mark.parametrize("format", STREAM_FORMATS)
def test_sound_is_encoded_while_it_comes(tone: Audio, tmp_path: Path, format: str) -> None:
    blocks = list(encode_stream([tone, tone, tone, tone], format))
    assert len(blocks) > 2
    data = b"".join(blocks)
    if format == "pcm":
        data = wav_header(tone.sample_rate) + data
    path = tmp_path / f"tone.{format}"
    path.write_bytes(data)
    assert correlation(Audio.join([tone] * 4), Audio.read(path)) > ALIKE


def test_what_cannot_be_streamed_names_what_can(tone: Audio) -> None:
    with pytest.raises(BadAudio, match="cannot stream 'm4a': use one of wav, pcm"):
        list(encode_stream([tone], "m4a"))


def test_another_rate_without_seams(tone: Audio) -> None:
    long = tone + tone + tone
    parts = [Audio(block, 24000) for block in np.array_split(long.samples, 7)]
    for rate in (16000, 24000, 44100):
        joined = Audio.join(resample_stream(parts, rate))
        whole = long.resample(rate)
        assert abs(len(joined.samples) - len(whole.samples)) <= 1
        n = min(len(joined.samples), len(whole.samples))
        assert np.abs(joined.samples[:n] - whole.samples[:n]).max() < 1e-3


def test_ogg_at_any_rate(tone: Audio, tmp_path: Path) -> None:
    opus, vorbis = tone.save(tmp_path / "opus.ogg"), tone.resample(22050).save(tmp_path / "vorbis.ogg")
    assert (soundfile.info(opus).subtype, soundfile.info(vorbis).subtype) == ("OPUS", "VORBIS")
    assert Audio.read(vorbis).sample_rate == 22050


def test_mp3_refuses_rates_it_lacks(tone: Audio, tmp_path: Path) -> None:
    with pytest.raises(BadAudio, match="mp3 cannot hold 96000 Hz: use .wav, .flac or .ogg"):
        tone.resample(96000).save(tmp_path / "tone.mp3")
    assert not list(tmp_path.iterdir())


def test_long_sound_does_not_overflow_the_encoder(tmp_path: Path) -> None:
    long = Audio(np.random.default_rng(0).normal(0, 0.1, 22050 * 60), 22050)
    assert Audio.read(long.save(tmp_path / "long.ogg")).duration == pytest.approx(60, abs=0.1)


def test_stereo_is_mixed_down(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "stereo.wav", np.tile([[0.5, -0.25]], (1000, 1)), 16000, subtype="FLOAT")
    audio = Audio.read(tmp_path / "stereo.wav")
    assert audio.samples.shape == (1000,)
    assert np.allclose(audio.samples, 0.125)


def test_loud_sound_is_clipped_and_does_not_wrap_around(tmp_path: Path) -> None:
    loud = Audio(np.array([2.0, -3.0, 0.5]), 24000)
    assert np.allclose(Audio.read(loud.save(tmp_path / "a.wav")).samples, [1, -1, 0.5], atol=1e-3)


def test_no_sound_at_all_is_a_file_too(tmp_path: Path) -> None:
    assert Audio.read(Audio.silence(0, 24000).save(tmp_path / "empty.wav")).duration == 0


def test_silence_and_join(tone: Audio) -> None:
    joined = Audio.join([tone, Audio.silence(0.25, 24000), tone])
    assert joined.duration == pytest.approx(1.25)
    assert np.array_equal(joined.samples[:12000], tone.samples)
    assert np.array_equal((tone + tone).samples, Audio.join([tone, tone]).samples)
    assert not joined.samples[12000:18000].any()
    with pytest.raises(BadAudio, match="16000 and 24000 Hz"):
        Audio.join([tone, Audio.silence(1, 16000)])
    with pytest.raises(BadAudio, match="no sound"):
        Audio.join([])


def test_only_mono_with_a_rate() -> None:
    assert Audio([0, 1], 8000).samples.dtype == np.float32  # type: ignore[arg-type]
    with pytest.raises(BadAudio, match="one-dimensional"):
        Audio(np.zeros((2, 100)), 24000)
    with pytest.raises(BadAudio, match="rate must be positive"):
        Audio(np.zeros(100), 0)


def test_values_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    with pytest.raises(BadAudio, match="finite"):
        Audio(np.array([0.0, np.nan]), 24000).save(tmp_path / "nan.wav")
    assert not list(tmp_path.iterdir())


def test_notebooks_get_a_player(tone: Audio) -> None:
    assert tone._repr_html_().startswith('<audio controls preload="auto" src="data:audio/mpeg;base64,')
    assert "data:audio/wav;base64," in tone.resample(96000)._repr_html_()


@pytest.mark.parametrize("name", ["hello", "hello.txt", "hello.wav.bak", ".wav"])
def test_unknown_suffixes_name_the_known_ones(tone: Audio, tmp_path: Path, name: str) -> None:
    with pytest.raises(BadAudio, match=r"use one of \.wav, \.flac, \.ogg, \.mp3"):
        tone.save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_upper_case_suffixes_are_known(tone: Audio, tmp_path: Path) -> None:
    assert Audio.read(tone.save(tmp_path / "TONE.WAV")).duration == tone.duration


def test_unreadable_files_say_why(tmp_path: Path) -> None:
    text = tmp_path / "text.wav"
    text.write_text("not a sound")
    empty = tmp_path / "empty.wav"
    empty.touch()
    for path, reason in [
        (tmp_path / "none.wav", "there is no such file"),
        (tmp_path, "it is a folder"),
        (text, "Format not recognised"),
        (empty, "Format not recognised"),
    ]:
        with pytest.raises(BadAudio, match=reason) as caught:
            Audio.read(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_unwritable_places_say_why(tone: Audio, tmp_path: Path) -> None:
    with pytest.raises(BadAudio, match="the folder .*nowhere does not exist"):
        tone.save(tmp_path / "nowhere" / "a.wav")
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(BadAudio, match="it is a folder"):
        tone.save(tmp_path / "folder.wav")
    assert [p.name for p in tmp_path.iterdir()] == ["folder.wav"]


def test_an_error_while_writing_leaves_the_old_file(tone: Audio, tmp_path: Path) -> None:
    path = tone.save(tmp_path / "a.wav")
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt), AudioWriter(path, 24000) as writer:
        writer.write(tone)
        raise KeyboardInterrupt
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


INTERRUPTED = """
import os, signal, sys, threading
import numpy as np
from voicebank.audio import Audio, AudioWriter

noise = Audio(np.random.default_rng(0).normal(0, 0.1, 24000 * 2), 24000)
signal.signal(signal.SIGINT, signal.default_int_handler)  # also where the tests run in the background, which ignores it
try:
    with AudioWriter(sys.argv[1], 24000) as writer:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        for _ in range(100_000):
            writer.write(noise)
except KeyboardInterrupt:
    sys.exit(9)
"""


@pytest.mark.parametrize("format", FORMATS)
def test_ctrl_c_while_a_file_is_written_ends_it(tmp_path: Path, format: str) -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, str(tmp_path / f"a.{format}")], capture_output=True)
    assert (done.returncode, done.stderr) == (9, b"")
    assert not list(tmp_path.iterdir())


def test_a_link_stays_and_its_file_is_replaced(tone: Audio, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    file = tmp_path / "elsewhere" / "file.wav"
    file.write_bytes(b"the old one")
    link = tmp_path / "link.wav"
    link.symlink_to(file)
    tone.save(link)
    assert link.is_symlink() and Audio.read(file).duration == tone.duration
    assert [p.name for p in file.parent.iterdir()] == ["file.wav"]


def test_a_writer_takes_one_rate(tone: Audio, tmp_path: Path) -> None:
    with (
        pytest.raises(BadAudio, match="cannot add sound of 16000 Hz"),
        AudioWriter(tmp_path / "a.wav", 24000) as w,
    ):
        w.write(tone.resample(16000))
    assert not list(tmp_path.iterdir())


def test_two_writers_of_one_file_do_not_mix(tone: Audio, tmp_path: Path) -> None:
    threads = [threading.Thread(target=tone.save, args=(tmp_path / "a.flac",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert correlation(tone, Audio.read(tmp_path / "a.flac")) > 0.999
    assert len(list(tmp_path.iterdir())) == 1


def test_saved_files_have_ordinary_permissions(tone: Audio, tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        assert tone.save(tmp_path / "a.wav").stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(umask)


FULL = """
import resource, signal, sys
import numpy as np
from voicebank.audio import Audio
from voicebank.errors import BadAudio

audio = Audio(np.random.default_rng(0).normal(0, 0.1, 24000 * 20), 24000)
if len(sys.argv) > 2:  # files may not grow beyond so many bytes
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    audio.save(sys.argv[1])
except BadAudio as error:
    print(error)
"""


def save_in_subprocess(path: Path, *limit: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", FULL, str(path), *limit], capture_output=True, text=True, check=True)


@pytest.mark.parametrize("limit", ["0", "10", "30000"])
@pytest.mark.parametrize("format", FORMATS)
def test_a_file_that_cannot_grow_is_not_left_half_written(tmp_path: Path, format: str, limit: str) -> None:
    done = save_in_subprocess(tmp_path / f"a.{format}", limit)
    assert done.stdout == f"cannot write {tmp_path / f'a.{format}'}: File too large\n"
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", FORMATS)
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, format: str) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk is not allowed here")
    try:
        path = tmp_path / f"a.{format}"
        path.write_bytes(b"the old file")
        done = save_in_subprocess(path)
        assert done.stdout == f"cannot write {path}: No space left on device\n"
        assert done.stderr == ""
        assert path.read_bytes() == b"the old file"
        assert list(tmp_path.iterdir()) == [path]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.parametrize(
    ("players", "played"),
    [({}, False), ({"aplay": 1}, False), ({"aplay": 0}, True), ({"ffplay": 1, "aplay": 0}, True)],
)
def test_playing_takes_the_first_player_that_works(
    tone: Audio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, players: dict[str, int], played: bool
) -> None:
    for name, status in players.items():
        program = tmp_path / name
        program.write_text(f'#!/bin/sh\nfor last; do :; done\n[ -s "$last" ] || exit 3\nexit {status}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tone.play() is played


def test_errors_are_voicebank_errors() -> None:
    assert issubclass(BadAudio, VoicebankError)
