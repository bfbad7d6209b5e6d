"""Which voice a name means: one rule, for `voicebank.load` and for every command."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import voicebank
from voicebank import bank
from voicebank.bank import Voice
from voicebank.cli import app
from voicebank.config import PRESETS
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadData, BadVoice, UnknownName
from voicebank.hub.card import split


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder in which there are recordings of a speaker of a bundled voice's name, and another voice."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VOICEBANK_ORG", raising=False)
    (tmp_path / "us-male" / "wavs").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    return tmp_path


def test_a_bundled_voice_goes_before_a_folder_of_its_name(elsewhere: Path) -> None:
    assert bank.local("us-male") == bank.folder() / "us-male"
    assert bank.local("./us-male") == Path("us-male")
    assert bank.local(Path("us-male")) == Path("us-male")
    assert bank.local("mine") == Path("mine")
    assert bank.local("nobody") is None
    assert voicebank.load("us-male").folder == bank.folder() / "us-male"
    for name in ("./us-male", Path("us-male"), "mine"):
        with pytest.raises(BadVoice, match=r"no config\.json"):
            voicebank.load(name)
    with pytest.raises(UnknownName, match="bundled are"):
        voicebank.load("nobody")


def test_evaluate_means_the_same_voice(elsewhere: Path) -> None:
    for name, message in (("us-male", "say what to speak"), ("./us-male", "holds no clips"), ("nobody", "say what to")):
        result = CliRunner().invoke(app, ["evaluate", name])
        assert result.exit_code == 2
        assert message in result.stderr


def test_two_voices_are_mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBANK_ORG", "us")
    first, second = voicebank.load("us-male"), voicebank.load("gb-female")
    result = CliRunner().invoke(app, ["mix", "us-male", "gb-female", "0.25", "-o", str(tmp_path / "new")])
    assert result.exit_code == 0, result.output
    made = voicebank.load(tmp_path / "new")
    bias = "audio_encoder.0.bias"
    parts = [voice.weights["text2mel"][bias] for voice in (first, made, second)]
    assert np.allclose(parts[1], 0.75 * parts[0] + 0.25 * parts[2], atol=1e-3)
    sizes = [
        (folder / "text2mel.safetensors").stat().st_size for folder in (tmp_path / "new", bank.folder() / "us-male")
    ]
    assert sizes[0] < 1.02 * sizes[1]
    config = made.config
    assert (config.name, config.accent, config.gender, config.parent) == ("new", "US", "", "us-male + gb-female")
    assert config.training == {"mixed": {"us-male": 0.75, "gb-female": 0.25}} and not config.private_use
    assert first.config.origin in config.origin and second.config.origin in config.origin
    data, body = split((tmp_path / "new" / "README.md").read_text())
    assert (data["base_model"], data["base_model_relation"]) == (["us/us-male", "us/gb-female"], "merge")
    assert "Mixed from `us-male` and `gb-female`." in body and (tmp_path / "new" / "sample.ogg").is_file()
    same = voicebank.mix(first, second, 0).weights["text2mel"]
    assert all(np.array_equal(same[key], weight) for key, weight in first.weights["text2mel"].items())


def test_voices_that_do_not_fit_are_not_mixed() -> None:
    first, second = voicebank.load("us-male"), voicebank.load("gb-female")
    with pytest.raises(BadData, match="a share of 1.5 is out of range"):
        voicebank.mix(first, second, 1.5)
    strange = Voice(first.config, Text2Mel(first.config.text2mel), first.weights["ssrn"])
    with pytest.raises(BadVoice, match="text2mel weights have nothing in common"):
        voicebank.mix(first, strange)
    sizes, ssrn = PRESETS["tiny"]
    small = Voice(first.config.model_copy(update={"text2mel": sizes, "ssrn": ssrn}), Text2Mel(sizes), SSRN(ssrn))
    with pytest.raises(BadVoice, match=r"cannot be mixed: text2mel\.\w+ is \S+ in one and"):
        voicebank.mix(first, small)
    private = first.config.model_copy(update={"consent": "", "training": {"private_use": True}})
    made = voicebank.mix(Voice(private, *first.weights.values()), "gb-female", name="ours")
    assert made.config.private_use and made.name == "ours"
