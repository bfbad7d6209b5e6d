"""Datasets whose making is killed, or runs out of disk, and is started again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("voicebank_whisper")

from voicebank.audio import Audio  # noqa: E402
from voicebank.data.dataset import Dataset  # noqa: E402

CLIPS = Path(__file__).parent / "data" / "clips" / "us-male"
PROGRAM = Path(__file__).with_name("killed.py")
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # a process that forks must have no threads


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sentences in one recording, with captions that are late."""
    folder = tmp_path_factory.mktemp("talk")
    parts, cues, at = [np.zeros(12000, np.float32)], ["WEBVTT\n"], 0.5
    for clip in Dataset.read(CLIPS).clips[:2]:
        samples = Audio.read(clip.path, 24000).samples
        start, end = at + 0.4, at + len(samples) / 24000 + 0.4
        cues.append(f"00:{start:06.3f} --> 00:{end:06.3f}\n{clip.text}\n")
        parts += [samples, np.zeros(14400, np.float32)]
        at += len(samples) / 24000 + 0.6
    sound = np.concatenate(parts)
    sound += 0.001 * np.random.default_rng(0).standard_normal(len(sound)).astype(np.float32)
    Audio(sound, 24000).save(folder / "talk.flac")
    (folder / "talk.vtt").write_text("\n".join(cues))
    return folder / "talk.flac"


@pytest.fixture(scope="module")
def made(talk: Path) -> Path:
    """The dataset of that recording."""
    Dataset.make(talk, talk.parent / "me")
    return talk.parent / "me"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.mark.long
def test_it_is_the_same_dataset_whenever_it_was_killed(talk: Path, made: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAM), "dataset", str(talk), str(tmp_path / "me")]
    done = subprocess.run(command, env={**os.environ, **ALONE}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 5
    assert contents(tmp_path / "me") == contents(made)


@pytest.mark.long
def test_it_goes_on_once_there_is_room(talk: Path, made: Path, small_disk: Path) -> None:
    command = [sys.executable, "-m", "voicebank", "dataset", "make", str(talk), "-o", str(small_disk / "me")]
    decoded = Audio.read(talk).duration * 24000 * 2 / 1024
    for room in (256, decoded + 60):  # not enough for what is decoded; then, for no clip
        subprocess.run(["mount", "-o", f"remount,size={room:.0f}k", small_disk], check=True)
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 2, done.stderr + done.stdout
        assert done.stderr.startswith("voicebank: cannot write ") and "No space left on device" in done.stderr
        assert done.stderr.count("\n") == 1
        assert not {"dataset.json", "metadata.csv", "report.html"} & set(contents(small_disk / "me"))
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert contents(small_disk / "me") == contents(made)
