"""Which voice a name means: one rule, for `voicebank.load` and for every command."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import voicebank
from voicebank import bank
from voicebank.cli import app
from voicebank.errors import BadVoice, UnknownName


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
