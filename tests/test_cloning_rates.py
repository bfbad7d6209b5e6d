"""Cloning from damaged recordings, and from those whose rate carries less than a voice speaks."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile
import soxr
import torch
from benchmarks.recordings import CASES
from clones import CLIPS, Recorded, doubled

import voicebank
from voicebank.bank import Voice
from voicebank.cloning import extension
from voicebank.cloning import run as cloning
from voicebank.cloning.closest import frontend_of
from voicebank.cloning.store import CloneState, Store
from voicebank.data.dataset import Dataset
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadData
from voicebank.training.features import build
from voicebank.training.repetition import repeated
from voicebank.training.runs import load_checkpoint, save_checkpoint
from voicebank.training.trainer import Trainer, TrainerConfig

RATE = 16_000
QUICKEST = ("44.1 kHz", "MP3 64", "Opus 16", "stereo, one side silent", "clipped")
FEWEST = {"text2mel_steps": 1, "ssrn_steps": 1, "batch_size": 2, "rehearsal": 0.0, "preview_every": 0}
FEW = {"text2mel_steps": 2, "ssrn_steps": 2, "batch_size": 3, "rehearsal": 0.0, "validate_every": 2, "preview_every": 0}


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extension, "STEPS", 20)


def slow_recordings(folder: Path) -> Path:
    """Half a minute at 16 kHz: nothing above 8 kHz, where a voice has a sixth of its mel bands."""
    for path in sorted((doubled(folder) / "wavs").iterdir()):
        samples, rate = soundfile.read(path)
        soundfile.write(path.with_suffix(".wav"), soxr.resample(samples, rate, RATE), RATE)
        path.unlink()
    return folder


def finite(voice: Voice) -> bool:
    networks = (voice.text2mel, voice.ssrn)
    return all(bool(torch.isfinite(weight).all()) for network in networks for weight in network.state_dict().values())


def test_bands_that_the_recordings_lack_and_damaged_weights(tmp_path: Path) -> None:
    recordings, folder, told = Dataset.read(slow_recordings(tmp_path / "me")), tmp_path / "mine", Recorded()
    base, work = voicebank.load("gb-female"), Store(folder).work

    def text2mel_is_done() -> bool:
        state = CloneState.of(folder)
        return state is not None and "text2mel" in state.done

    first = Recorded()
    base.clone(recordings, folder, settings=FEW, stop=text2mel_is_done, progress=first)
    assert first.notes[0].startswith("the recordings hold nothing above 8.0 kHz: a voice cloned from them guesses")
    # A long training learns that the top bands are silent: what it says there does not vary at all.
    tensors, notes = load_checkpoint(work / "text2mel" / "best.safetensors")
    for key, tensor in tensors.items():
        if key.startswith("audio_decoder.") and key.endswith(".bias") and tensor.shape[-1] == base.config.audio.n_mels:
            tensor[:, -12:] = -30.0
    save_checkpoint(work / "text2mel" / "best.safetensors", tensors, notes)
    # What an earlier voicebank made of that.
    (work / "ssrn").mkdir(exist_ok=True)
    save_checkpoint(work / "ssrn" / "checkpoint.safetensors", {"model.top.0.weight": torch.tensor([torch.nan])}, {})
    voice = base.clone(recordings, folder, settings=FEW, progress=told)
    assert finite(voice) and voice.say("Hello there.").duration > 0.3
    assert "the weights of ssrn are damaged: it is trained again" in told.notes
    state = CloneState.of(folder)
    assert state is not None and state.finished and state.reached.keys() == {"text2mel", "ssrn"}


@pytest.mark.parametrize("case", ["11.025 kHz", *(pytest.param(case, marks=pytest.mark.long) for case in QUICKEST)])
def test_damaged_recordings_become_a_voice(case: str, tmp_path: Path) -> None:
    """Of all cases of the benchmark ``recordings`` those that take the fewest seconds."""
    clips = Dataset.read(doubled(tmp_path / "clips")).clips
    recordings = Dataset.read(CASES[case].make(clips, tmp_path / "me"))
    voice = voicebank.load("gb-female").clone(recordings, settings=FEWEST)
    assert finite(voice) and voice.say("Hello there.").duration > 0.3


@pytest.mark.parametrize("speaker", ["us-male", "gb-female"])
def test_clips_in_which_words_are_said_twice_are_found(speaker: str, tmp_path: Path) -> None:
    clips, base = Dataset.read(CLIPS / speaker).clips, voicebank.load(speaker)
    for case, stuttered in (("clean", set()), ("stutter", {clip.id for clip in clips[::3]})):
        recordings = Dataset.read(CASES[case].make(clips, tmp_path / case))
        features = build(recordings, base.config.audio, frontend_of(base), tmp_path / "features")
        found = repeated(features, base.config.audio)
        assert found.keys() <= stuttered and bool(found) == bool(stuttered)


def test_clips_with_repetitions_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings, folder = Dataset.read(doubled(tmp_path / "me")), tmp_path / "mine"
    left_out = {recordings.clips[3].id: "you know"}
    monkeypatch.setattr(cloning, "repeated", lambda features, audio: left_out)
    voicebank.load("us-male").clone(recordings, folder, settings=FEWEST, stop=lambda: True)
    state = CloneState.of(folder)
    assert state is not None and state.clips == len(recordings.clips) - 1
    assert state.dropped == {recordings.clips[3].id: "said twice: you know"}


def test_a_step_without_a_finite_gradient_changes_nothing(tmp_path: Path) -> None:
    class Broken:
        name, batch_size, critic = "text2mel", 1, None

        def __init__(self) -> None:
            self.model = voicebank.load("gb-female").text2mel

        def loss(self, model: Text2Mel, step: int, device: torch.device) -> dict[str, torch.Tensor]:
            return {"loss": next(model.parameters()).sum() * torch.nan}

        def validate(self, model: Text2Mel, device: torch.device) -> dict[str, float]:
            return {}

        def picture(self, model: Text2Mel, path: Path, device: torch.device) -> None:
            """None."""

    task = Broken()
    before = {key: weight.clone() for key, weight in task.model.state_dict().items()}
    trainer = Trainer(task, tmp_path / "run", TrainerConfig(steps=100), {"task": "text2mel", "config": {}})  # type: ignore[arg-type]
    with pytest.raises(BadData, match="text2mel diverged at step 20"):
        trainer.run()
    assert all(torch.equal(weight, before[key]) for key, weight in task.model.state_dict().items())
