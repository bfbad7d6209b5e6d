"""Voices on Hubs that nobody here wrote. Run by hand, as README.md says."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_client import connect
from hub_independent.servers import KOHAKUHUB, has_olah, kohakuhub, olah
from hub_server import Hub
from huggingface_hub import HfApi, hf_hub_download

import voicebank
from voicebank.bank import Voice
from voicebank.errors import HubError

pytest_plugins = ["hub_fixtures"]
HUB, TOKEN = os.environ.get("VOICEBANK_TEST_HUB"), os.environ.get("VOICEBANK_TEST_TOKEN")
FILES = ("config.json", "text2mel.safetensors", "ssrn.safetensors", "sample.ogg")
needs_olah = pytest.mark.skipif(not has_olah(), reason="OLAH names no olah-cli")
needs_hub = pytest.mark.skipif(
    not (KOHAKUHUB or (HUB and TOKEN)),
    reason="neither KOHAKUHUB nor VOICEBANK_TEST_HUB and VOICEBANK_TEST_TOKEN is set",
)


def same_files(one: Path, other: Path) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in FILES)


@pytest.fixture
def mirror(hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The endpoint of a mirror of a Hub that has the voice me/my-voice."""
    voicebank.load(folder).push_to_hub("me/my-voice")
    with olah(hub, tmp_path / "olah") as endpoint:
        connect(monkeypatch, endpoint, tmp_path / "mirrored")
        yield endpoint


@needs_olah
def test_a_mirror_gives_the_voice(mirror: str, hub: Hub, folder: Path) -> None:
    assert same_files(voicebank.load("me/my-voice").folder, folder)
    sent = hub.count("GET .*/(resolve|cdn)/")
    again = Voice.from_pretrained("me/my-voice", force_download=True)  # the mirror has it now
    assert same_files(again.folder, folder)
    assert hub.count("GET .*/(resolve|cdn)/") == sent
    commit = again.folder.name
    assert voicebank.load(f"me/my-voice@{commit}").folder == again.folder
    assert Path(hf_hub_download("me/my-voice", "config.json", revision=commit)).parent == again.folder


@needs_olah
def test_a_mirror_has_what_was_pushed_since(
    mirror: str, hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voicebank.load("me/my-voice")
    connect(monkeypatch, hub.endpoint, tmp_path / "direct")
    monkeypatch.setenv("HF_TOKEN", "hf_me")
    voice = voicebank.load(folder)
    changed = Voice(voice.config.model_copy(update={"name": "second"}), *voice.weights.values())
    commit = changed.push_to_hub("me/my-voice").oid
    connect(monkeypatch, mirror, tmp_path / "mirrored")
    assert voicebank.load(f"me/my-voice@{commit}").name == "second"


@needs_olah
def test_what_a_mirror_cannot_do_is_one_line(mirror: str, folder: Path) -> None:
    asks = (
        lambda: voicebank.load("me/nothing"),
        lambda: voicebank.load("me/my-voice@v9"),
        lambda: voicebank.load(folder).push_to_hub("me/other"),
        lambda: voicebank.search("me"),
    )
    for ask in asks:
        with pytest.raises(HubError) as caught:
            ask()
        print(caught.value)
        assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Endpoint and token of a Hub that is written to."""
    if HUB and TOKEN:
        yield HUB.rstrip("/"), TOKEN
    else:
        with kohakuhub(tmp_path_factory.mktemp("kohakuhub")) as started:
            yield started


@pytest.fixture
def repo(elsewhere: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name of a new repository there, removed afterwards."""
    endpoint, token = elsewhere
    connect(monkeypatch, endpoint, tmp_path / "cache")
    monkeypatch.setenv("HF_TOKEN", token)
    owner = HfApi().whoami()["name"]
    name = f"{owner}/voicebank-test-{uuid.uuid4().hex[:8]}"
    yield name
    HfApi().delete_repo(name, missing_ok=True)


@needs_hub
def test_push_load_and_push_again(repo: str, folder: Path) -> None:
    made = voicebank.load(folder).push_to_hub(repo)
    assert made.oid
    assert same_files(voicebank.load(repo).folder, folder)
    assert same_files(voicebank.load(repo, revision=made.oid).folder, folder)
    assert voicebank.load(folder).push_to_hub(repo).oid == made.oid
    assert Voice.from_pretrained(repo, local_files_only=True).folder.name == made.oid


@needs_hub
def test_cards_are_merged(repo: str, folder: Path) -> None:
    voicebank.load(folder).push_to_hub(repo)
    text = Path(hf_hub_download(repo, "README.md")).read_text()
    edited = text.replace("# my-voice\n", "# my-voice\n\nWritten on the Hub.\n").encode()
    HfApi().upload_file(path_or_fileobj=edited, path_in_repo="README.md", repo_id=repo)
    path = folder / "README.md"
    path.write_text(path.read_text().replace("## Use\n", "Written here.\n\n## Use\n"))
    voicebank.load(folder).push_to_hub(repo)
    text = Path(hf_hub_download(repo, "README.md")).read_text()
    assert "Written on the Hub." in text
    assert "Written here." in text


@needs_hub
def test_private_branches_and_errors(repo: str, folder: Path) -> None:
    voicebank.load(folder).push_to_hub(repo, private=True)
    voicebank.load(folder).push_to_hub(repo, revision="next")
    assert voicebank.load(f"{repo}@next").name == "my-voice"
    for ask in (
        lambda: voicebank.load(repo, token=False, revision="main"),
        lambda: voicebank.load(f"{repo}@v9"),
        lambda: voicebank.load(f"{repo}-which-is-not-there"),
    ):
        with pytest.raises(HubError) as caught:
            ask()
        print(caught.value)
        assert "\n" not in str(caught.value)


@needs_hub
def test_the_official_command_reads_it(repo: str, folder: Path, tmp_path: Path, elsewhere: tuple[str, str]) -> None:
    voicebank.load(folder).push_to_hub(repo)
    command = [str(Path(sys.executable).with_name("hf")), "download", repo, "--local-dir", str(tmp_path / "fetched")]
    env = {
        **os.environ,
        "HF_ENDPOINT": elsewhere[0],
        "HF_TOKEN": elsewhere[1],
        "HF_HUB_OFFLINE": "0",
        "HF_HOME": str(tmp_path / "home"),
    }
    subprocess.run(command, env=env, check=True, timeout=300)
    assert same_files(tmp_path / "fetched", folder)
