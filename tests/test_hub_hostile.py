"""Repositories and folders that mean harm end in a named error, soon, and with little memory."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hub_client import environment
from hub_hostile import HOSTILE
from hub_server import Hub

import voicebank
from voicebank.errors import BadVoice, UnknownName, VoicebankError

pytest_plugins = ["hub_fixtures"]


@pytest.fixture(scope="module")
def outcome(untrained: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a process that tries them all has to tell."""
    home = tmp_path_factory.mktemp("hostile")
    good = {path.name: path.read_bytes() for path in untrained.iterdir()}
    with Hub(home / "hub") as server:
        server.store.publish("me/good", good)
        for name, spoil in HOSTILE.items():
            files = dict(good)
            spoil(files)
            server.store.publish(f"me/{name}", files)
        program = Path(__file__).with_name("hub_hostile.py")
        command = [sys.executable, str(program), *HOSTILE]
        env = environment(server, home / "home")
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=600, cwd=home)
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        result["fetched"] = {name: server.count(f"me/{name}/resolve/.*safetensors") for name in HOSTILE}
        result["files"] = [path.name for path in home.rglob("*") if "evil" in path.name]
    return result


def test_there_are_thirty() -> None:
    assert len(HOSTILE) >= 30


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_repositories(outcome: dict[str, Any], name: str) -> None:
    kind, message, seconds = outcome["told"][name]
    assert kind in ("BadVoice", "HubError"), message
    assert message
    assert "\n" not in message
    assert "\x1b" not in message
    assert seconds < 2
    # Where the config, the sizes or the names tell, no weights were asked for.
    early = ("config", "path", "field", "frontend", "link-for-config", "weights-larger", "pickle-beside")
    early += ("sample",)
    if name.startswith(early) and name != "config-larger-than-the-weights":
        assert outcome["fetched"][name] == 0


def test_they_take_little_memory(outcome: dict[str, Any]) -> None:
    assert outcome["megabytes"] < 500
    assert not outcome["files"]


@pytest.fixture
def copy(untrained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(untrained, tmp_path / "voice"))


def link(name: str, target: str) -> Callable[[Path], None]:
    def spoil(copy: Path) -> None:
        (copy / name).unlink()
        (copy / name).symlink_to(target)

    return spoil


def pipe(copy: Path) -> None:
    (copy / "config.json").unlink()
    os.mkfifo(copy / "config.json")


@pytest.mark.parametrize(
    "spoil",
    [
        link("config.json", "/etc/passwd"),
        link("config.json", "../voice.json"),
        link("text2mel.safetensors", "/dev/zero"),
        link("ssrn.safetensors", "../../blobs/" + "0" * 64),
        link("ssrn.safetensors", "text2mel.safetensors"),
        link("README.md", "/etc/passwd"),
        link("sample.ogg", "nowhere"),
        pipe,
    ],
)
def test_links_and_pipes_in_a_folder(copy: Path, spoil: Callable[[Path], None]) -> None:
    spoil(copy)
    with pytest.raises(BadVoice, match="do not use it"):
        voicebank.load(copy)


def test_a_frontend_that_is_not_installed_says_which_package_has_it(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from voicebank import plugins

    config = json.loads((copy / "config.json").read_text())
    config["frontend"]["name"] = "phonemizer"
    (copy / "config.json").write_text(json.dumps(config))
    found = {name: entries for name, entries in plugins._entries("frontend").items() if name != "phonemizer"}
    monkeypatch.setattr(plugins, "_entries", lambda kind: found)
    with pytest.raises(UnknownName, match="voicebank-phonemizer"):
        voicebank.load(copy).say("Hello.", frontend="phonemizer")


def test_all_errors_are_named() -> None:
    assert issubclass(voicebank.errors.HubError, VoicebankError)
