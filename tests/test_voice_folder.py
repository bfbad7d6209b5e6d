"""Saving a voice where there is no room for it."""

from __future__ import annotations

from pathlib import Path

import pytest

import voicebank
from voicebank.bank import Voice
from voicebank.errors import BadVoice


@pytest.fixture(scope="module")
def voice() -> Voice:
    return voicebank.load("us-male")


def test_a_full_disk_leaves_nothing_half_written(voice: Voice, small_disk: Path) -> None:
    with pytest.raises(BadVoice, match=r"cannot write .*/mine: No space left on device") as caught:
        voice.save(small_disk / "mine", card="Mine.")
    assert "\n" not in str(caught.value)
    assert not list(small_disk.iterdir())


def test_a_full_disk_leaves_the_voice_that_was_there(voice: Voice, small_disk: Path) -> None:
    (small_disk / "mine").mkdir()
    (small_disk / "mine" / "config.json").write_text("the old one")
    with pytest.raises(BadVoice, match="No space left on device"):
        voice.save(small_disk / "mine")
    assert [p.name for p in small_disk.iterdir()] == ["mine"]
    assert [p.read_text() for p in (small_disk / "mine").iterdir()] == ["the old one"]


def test_a_folder_that_cannot_be_made(voice: Voice, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadVoice, match="cannot write"):
        voice.save(tmp_path / "file" / "mine")
