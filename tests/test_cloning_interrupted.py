"""Clonings that are killed, stopped by Ctrl-C, or run out of disk or time, and are started again."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from clones import Recorded, doubled
from killed import FEW

import voicebank
import voicebank.cloning.stages
from voicebank.audio import Audio
from voicebank.bank import Voice
from voicebank.cloning.store import CloneState, Store
from voicebank.config import PRESETS, VoiceConfig
from voicebank.data.dataset import Clip, Dataset
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.training.runs import load_checkpoint, save_checkpoint

PROGRAM = Path(__file__).with_name("killed.py")
# Clones with files of so many bytes at most, one after the other; prints the status of each.
SMALL_FILES = """
import os, resource, sys, traceback
from killed import work

task = work("clone", *sys.argv[1:4])
for room in map(int, sys.argv[4:]):
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        try:
            task()
        except Exception:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
ALONE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # a process that forks must have no threads


@pytest.fixture(scope="module")
def me(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return doubled(tmp_path_factory.mktemp("recordings") / "me")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small untrained voice: it does not speak, but it is cloned in seconds."""
    torch.manual_seed(0)
    text2mel, ssrn = PRESETS["tiny"]
    config = VoiceConfig(name="base", text2mel=text2mel, ssrn=ssrn)
    audio = config.audio
    voice = Voice(config, Text2Mel(text2mel, audio.n_mels), SSRN(ssrn, audio.n_mels, audio.bins, audio.reduction))
    return voice.save(tmp_path_factory.mktemp("base") / "base")


@pytest.fixture(scope="module")
def whole(base: Path, me: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "mine"
    clone(base, me, folder)
    return folder


def clone(base: Path, me: Path, folder: Path, **options: Any) -> Voice:
    options = {"settings": FEW, **options}
    return voicebank.load(base).clone(Dataset.read(me), folder, **options)


def state_of(folder: Path) -> CloneState:
    state = CloneState.of(folder)
    assert state is not None
    return state


def assert_same(folder: Path, whole: Path) -> None:
    """The same voice, and nothing but it and what is good to look at is left."""
    one, other = (Voice.from_folder(f) for f in (folder, whole))
    scores, expected = (dict(voice.config.training["scores"]) for voice in (one, other))
    assert scores == pytest.approx(expected, abs=2e-4)
    assert {**one.config.training, "scores": expected} == other.config.training
    for ours, theirs in ((one.text2mel, other.text2mel), (one.ssrn, other.ssrn)):
        for name, tensor in ours.state_dict().items():
            assert torch.allclose(tensor, theirs.state_dict()[name], atol=1e-3), name
    for places in ((folder, whole), (Store(folder).work, Store(whole).work)):
        left, meant = ({str(path.relative_to(place)) for path in place.rglob("*")} for place in places)
        assert left == meant


@pytest.mark.long
def test_it_is_the_same_voice_whenever_it_was_killed(base: Path, me: Path, whole: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(PROGRAM), "clone", str(base), str(me), str(tmp_path / "mine")]
    done = subprocess.run(command, env={**os.environ, **ALONE}, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 5
    assert_same(tmp_path / "mine", whole)


@pytest.mark.slow
def test_the_terminal_asks_for_consent_and_ctrl_c_leaves_a_usable_voice(me: Path, tmp_path: Path) -> None:
    pytest.importorskip("pty")
    from terminal import CTRL_C, Terminal

    folder = tmp_path / "mine"
    command = [sys.executable, "-m", "voicebank", "clone", str(me), "-o", str(folder), "--base", "gb-female"]
    command += ["--rehearsal", "0", "--steps", "5000"]
    with Terminal(command) as terminal:
        terminal.until("Consent.*:")
        terminal.press("Jane Doe, her own voice.\n")
        terminal.until(r"text2mel, loss \d.*\d (s|min|h) left")
        assert (folder / "config.json").exists()
        terminal.press(CTRL_C)
        assert terminal.end() == 130
        assert "stopped: " in terminal.shown and "the same command goes on" in terminal.shown
        assert "Traceback" not in terminal.shown
    voice = Voice.from_folder(folder)
    assert voice.say("Hello.").duration > 0.1
    assert voice.config.consent == "Jane Doe, her own voice." and not voice.config.private_use


@pytest.mark.slow
def test_ctrl_c_before_there_is_a_voice_says_so(base: Path, me: Path, tmp_path: Path) -> None:
    pytest.importorskip("pty")
    from terminal import CTRL_C, Terminal

    folder = tmp_path / "mine"
    command = [sys.executable, "-m", "voicebank", "clone", str(me), "-o", str(folder), "--base", str(base)]
    with Terminal([*command, "--consent", "Jane Doe."]) as terminal:
        terminal.until("features")
        terminal.press(CTRL_C)
        assert terminal.end() == 130
        assert (
            "holds no voice yet, and the same command goes on" in terminal.shown and "Traceback" not in terminal.shown
        )
    assert not folder.exists()


@pytest.mark.long
def test_a_full_disk_is_one_line_and_it_goes_on_once_there_is_room(
    base: Path, me: Path, whole: Path, tmp_path: Path
) -> None:
    pytest.importorskip("resource")
    rooms = "100000", "1500000", "4000000"  # too little for features, for SSRN, for its checkpoint
    command = [sys.executable, "-c", SMALL_FILES, str(base), str(me), str(tmp_path / "mine"), *rooms]
    env = {**os.environ, **ALONE, "PYTHONPATH": str(PROGRAM.parent)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)
    assert done.stdout.split() == ["1", "1", "1"], done.stderr
    told = [line for line in done.stderr.splitlines() if "BadData: " in line]
    assert len(told) == len(rooms)
    for line in told:
        assert f"BadData: cannot write {tmp_path / 'mine'}: File too large; " in line and line.endswith("goes on")
    clone(base, me, tmp_path / "mine")
    assert_same(tmp_path / "mine", whole)


def test_the_time_it_may_take_cuts_the_steps(base: Path, me: Path, tmp_path: Path) -> None:
    settings = {**FEW, "text2mel_steps": 100_000, "ssrn_steps": 100_000, "max_minutes": 0.1}
    settings |= {"validate_every": 1000, "checkpoint_seconds": 60.0}
    voice = clone(base, me, tmp_path / "mine", settings=settings)
    state = state_of(tmp_path / "mine")
    assert state.finished and voice.config.parent == "base"
    assert all(steps < 50_000 for steps in state.steps.values())


def test_what_was_learned_when_the_time_is_up_is_kept(
    base: Path, me: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voicebank.cloning.stages, "possible_steps", lambda trainer, *_: trainer.config.steps)
    settings = {**FEW, "text2mel_steps": 100_000, "ssrn_steps": 0, "validate_every": 100_000, "max_minutes": 0.1}
    told = Recorded()
    clone(base, me, tmp_path / "mine", settings=settings, progress=told)
    reached = [step for stage, step, *_ in told.steps if stage == "text2mel"][-1]
    assert reached > 0 and [step for _, step, *_ in told.scored][-1] == reached


def test_more_time_plans_anew(base: Path, me: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    clone(base, me, folder, stop=lambda: True)
    state = state_of(folder)
    state.steps["text2mel"] = 1
    state.settings = state.settings.model_copy(update={"max_minutes": 0.01})
    Store(folder).write(state)
    told = Recorded()
    clone(base, me, folder, progress=told)
    assert state_of(folder).finished
    assert [step for stage, step, *_ in told.steps if stage == "text2mel"][-1] == FEW["text2mel_steps"]


def test_it_stops_by_itself_and_keeps_the_best(base: Path, me: Path, tmp_path: Path) -> None:
    settings = {**FEW, "text2mel_steps": 1000, "ssrn_steps": 0, "patience": 2, "rate": 0.5}  # it gets worse and worse
    told = Recorded()
    voice = clone(base, me, tmp_path / "mine", settings=settings, progress=told)
    scored = {step: best for _, step, _, best in told.scored}
    best = max(step for step in scored if scored[step])
    assert max(scored) == best + 2 < 1000
    assert voice.config.training["text2mel_steps"] == best
    kept, _ = load_checkpoint(Store(tmp_path / "mine").work / "text2mel" / "best.safetensors")
    assert voice.config.training["scores"]["text2mel_l1"] == round(min(l1 for _, _, l1, _ in told.scored), 4)
    weights = voice.text2mel.state_dict()
    assert all(torch.allclose(weights[name], tensor, atol=1e-3) for name, tensor in kept.items() if name in weights)


def test_going_on_never_puts_a_worse_voice_into_the_folder(base: Path, me: Path, tmp_path: Path) -> None:
    """As after a kill between the best weights and the checkpoint: the checkpoint is older, or there is none."""
    folder = tmp_path / "mine"
    settings = {**FEW, "text2mel_steps": 60, "rate": 5e-3, "average": 0.0, "patience": 0}
    told = Recorded()
    better = {"progress": told, "stop": lambda: any(step and best for _, step, _, best in told.scored)}
    before = clone(base, me, folder, settings=settings, **better)
    reached = before.config.training["text2mel_steps"]
    assert reached > 0
    saved = Store(folder).work / "text2mel" / "checkpoint.safetensors"
    tensors, notes = load_checkpoint(saved)
    save_checkpoint(saved, tensors, {**notes, "best": 1.0, "best_step": 0})
    state = state_of(folder)
    state.reached, state.scores = {}, {}
    Store(folder).write(state)
    after = clone(base, me, folder, settings=settings, stop=lambda: True)
    assert after.config.training["text2mel_steps"] >= reached
    scores = after.config.training["scores"], before.config.training["scores"]
    assert scores[0]["text2mel_l1"] <= scores[1]["text2mel_l1"]


def test_a_finished_voice_that_was_removed_is_put_back(whole: Path, base: Path, me: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(Store(whole).work, Store(folder).work)
    (Store(folder).work / "text2mel" / "checkpoint.safetensors").touch()  # as after a kill in the last moment
    told = Recorded()
    clone(base, me, folder, progress=told)
    assert not {"text2mel", "ssrn"} & set(told.stages)
    assert_same(folder, whole)


def test_clips_that_are_left_out_are_counted(base: Path, me: Path, tmp_path: Path) -> None:
    clips = Dataset.read(me).clips
    Audio.join([Audio.read(clip.path) for clip in clips]).save(tmp_path / "long.wav")
    long = Dataset("me", [*clips, Clip("long", tmp_path / "long.wav", " ".join(clip.text for clip in clips))])
    told = Recorded()
    voicebank.load(base).clone(long, tmp_path / "mine", settings=FEW, progress=told, stop=lambda: True)
    assert "1 clip left out: long (too long, or without words)" in told.notes
