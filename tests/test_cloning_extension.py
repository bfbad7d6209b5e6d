"""Bandwidth extension: recordings without highs or lows are made whole before a clone learns from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.recordings import CASES
from clones import CLIPS, Recorded, doubled

import voicebank
from voicebank.cloning import extension
from voicebank.cloning.closest import frontend_of
from voicebank.cloning.extension import Band, carried, extended
from voicebank.cloning.finetune import sentences
from voicebank.cloning.material import FEWEST_SPOKEN
from voicebank.data.dataset import Dataset
from voicebank.training.features import Features, build
from voicebank.training.spoken import speak

FEW = {"text2mel_steps": 1, "ssrn_steps": 1, "batch_size": 2, "rehearsal": 0.0, "preview_every": 0}


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension, "STEPS", 200)


def recordings(case: str, folder: Path) -> Features:
    """Features of clips of us-male, damaged in one way."""
    made = CASES[case].make(Dataset.read(CLIPS / "us-male").clips, folder / case)
    base = voicebank.load("gb-male")
    return build(Dataset.read(made), base.config.audio, frontend_of(base), folder / "features")


@pytest.mark.parametrize(
    ("case", "band"), [("telephone", Band(250, 5600)), pytest.param("8 kHz", Band(0, 4500), marks=pytest.mark.long)]
)
def test_what_recordings_lack_is_guessed(case: str, band: Band, tmp_path: Path, few_steps: None) -> None:
    base, told = voicebank.load("gb-male"), []
    audio = base.config.audio
    whole, narrow = recordings("clean", tmp_path), recordings(case, tmp_path)
    found = carried(narrow, audio)
    assert carried(whole, audio) is None
    assert found is not None and found.low == band.low and found.high == pytest.approx(band.high, abs=700)

    speech = speak(base, frontend_of(base), sentences()[:FEWEST_SPOKEN], tmp_path / "speech.safetensors", "base")
    assert speech is not None
    for _ in range(2):  # the second time it is read from the folder
        made = extended(narrow, found, base, speech, tmp_path / "made", lambda done, total: told.append((done, total)))
        assert made.samples.shape == narrow.samples.shape and made.mel.shape == narrow.mel.shape
    assert len(told) == 200 + len(narrow.clips) and told[-1][0] == told[-1][1]

    outside = np.r_[0:6, 56:80] if found.low else np.r_[56:80]

    def distance(features: Features) -> float:
        """Mean difference to the whole recordings, in the bands that a filter took."""
        clips = zip(features.clips, whole.clips, strict=True)
        mels = [(features.clip_mel(mine)[:, outside], whole.clip_mel(true)[:, outside]) for mine, true in clips]
        return float(np.mean([np.abs(a[: len(b)] - b[: len(a)]).mean() for a, b in mels]))

    assert distance(made) < 0.5 * distance(narrow)


def test_a_clone_of_a_telephone(tmp_path: Path, few_steps: None) -> None:
    clips, told = Dataset.read(doubled(tmp_path / "clips")).clips, Recorded()
    narrow = Dataset.read(CASES["telephone"].make(clips, tmp_path / "me"))
    voice = voicebank.load("us-male").clone(narrow, tmp_path / "mine", settings=FEW, progress=told)
    stages = [stage for stage in told.stages if stage != "base speech"]  # another test may have let the base speak
    assert stages == ["checking", "features", "bandwidth", "text2mel", "ssrn"]
    assert told.notes[0].endswith("a voice cloned from them guesses what lies there")
    assert voice.say("Hello there.").duration > 0.3
