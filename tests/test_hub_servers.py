"""Hubs that are not the Hub: they list less, name commits otherwise, mean harm, or lose an answer."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from hub_hostile import CARDS
from hub_server import Hub
from huggingface_hub import constants

import voicebank
from voicebank import plugins
from voicebank.bank import Voice
from voicebank.errors import BadVoice, ConsentError, HubError, PluginError
from voicebank.hub.download import download
from voicebank.synthesis.folder import read_config

pytest_plugins = ["hub_fixtures"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def in_cache(name: str = "*") -> list[Path]:
    return [path for path in Path(constants.HF_HUB_CACHE).rglob(name) if path.is_file()]


def test_a_listing_without_sizes_and_hashes(hub: Hub, folder: Path) -> None:
    hub.plain = True
    voicebank.load(folder).push_to_hub("me/my-voice")
    assert voicebank.load("me/my-voice").name == "my-voice"
    hub.flip("GET /cdn/", times=2)
    with pytest.raises(HubError, match="arrived damaged twice"):
        download("me/my-voice", force_download=True)


def test_commits_of_sha_256(hub: Hub, folder: Path) -> None:
    hub.store.digest = hashlib.sha256
    made = voicebank.load(folder).push_to_hub("me/my-voice")
    assert len(made.oid) == 64
    assert voicebank.load("me/my-voice").name == "my-voice"
    assert voicebank.load("me/my-voice", revision=made.oid).name == "my-voice"
    assert Voice.from_pretrained("me/my-voice", local_files_only=True).folder.name == made.oid
    voicebank.load(folder).push_to_hub("me/my-voice")


def test_files_that_xet_would_transfer(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    voicebank.load(folder).push_to_hub("me/my-voice")
    hub.answer("HEAD .*safetensors", X_Xet_Hash="0" * 64, X_Xet_Refresh_Route=f"{hub.endpoint}/xet")
    assert voicebank.load("me/my-voice").name == "my-voice"
    assert not hub.count(" /xet")


@pytest.mark.parametrize("kind", ["absolute", "upwards", "another"])
def test_an_etag_does_not_name_a_file_outside_the_cache(hub: Hub, folder: Path, tmp_path: Path, kind: str) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    victim = tmp_path / "thesis.txt"
    victim.write_text("mine")
    etag = {"absolute": str(victim), "upwards": "../../../../thesis.txt", "another": "0" * 64}[kind]
    hub.answer("HEAD .*safetensors", X_Linked_Etag=f'"{etag}"')
    with pytest.raises(HubError, match="is no hash|with another") as caught:
        voicebank.load("me/my-voice")
    assert "\n" not in str(caught.value)
    assert victim.read_text() == "mine"
    assert not in_cache("*safetensors")


def test_a_commit_does_not_name_a_folder_outside_the_cache(hub: Hub, folder: Path, tmp_path: Path) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    hub.answer("HEAD .*", X_Repo_Commit="../../../../out")
    with pytest.raises(HubError, match="another"):
        voicebank.load("me/my-voice")
    assert not (tmp_path / "out").exists()


def test_a_branch_that_moves_while_it_is_loaded(hub: Hub, folder: Path) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    hub.answer(r"HEAD .*/main/config\.json", X_Repo_Commit=COMMIT)
    assert voicebank.load("me/my-voice").name == "my-voice"


@pytest.mark.parametrize("file", [r"config\.json", r"README\.md", "cdn"])
def test_a_body_that_does_not_end(hub: Hub, folder: Path, file: str) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    hub.fault(f"GET .*{file}", endless=True)
    with pytest.raises(HubError, match="sends more than the"):
        voicebank.load("me/my-voice")
    assert hub.sent < 20_000_000
    assert sum(path.stat().st_size for path in in_cache()) < 3_000_000
    assert not in_cache("*.incomplete")


def test_a_listing_that_does_not_end(hub: Hub, folder: Path) -> None:
    hub.store.create("me/my-voice")
    hub.fault("GET /api/models/", endless=True)
    for ask in (lambda: voicebank.load("me/my-voice"), lambda: voicebank.load(folder).push_to_hub("me/my-voice")):
        hub.sent = 0
        with pytest.raises(HubError, match="sends more than the"):
            ask()
        assert hub.sent < 40_000_000


@pytest.mark.parametrize("file", [r"config\.json", "/api/models/"])
def test_answers_that_unpack_to_many_times_their_size(hub: Hub, folder: Path, file: str) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    hub.answer(f"GET .*{file}", gzip.compress(bytes(20_000_000)), Content_Encoding="gzip")
    with pytest.raises(HubError, match="compressed"):
        voicebank.load("me/my-voice")


def test_links_in_a_folder_that_poses_as_the_cache(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("private")
    blobs = tmp_path / "models--me--x/blobs"
    blobs.mkdir(parents=True)
    snapshot = Path(shutil.copytree(folder, blobs.parent / "snapshots" / COMMIT))
    (snapshot / "README.md").unlink()
    (snapshot / "README.md").symlink_to(f"../../blobs/{COMMIT}")
    (blobs / COMMIT).symlink_to(secret)
    with pytest.raises(BadVoice, match="is a link"):
        voicebank.load(snapshot)
    blobs.rename(tmp_path / "elsewhere")
    blobs.symlink_to(tmp_path / "elsewhere")
    (blobs / COMMIT).unlink()
    secret.rename(blobs / COMMIT)
    with pytest.raises(BadVoice, match="is a link"):
        voicebank.load(snapshot)


def test_what_float16_does_not_hold_is_not_pushed(hub: Hub, folder: Path, tmp_path: Path) -> None:
    voice = voicebank.load(folder)
    next(iter(voice.ssrn.parameters())).data.view(-1)[0] = 70_000
    for write in (voice.save, lambda _: voice.push_to_hub("me/my-voice")):
        with pytest.raises(BadVoice, match="float16"):
            write(tmp_path / "saved")
    assert not hub.store.repos
    assert not (tmp_path / "saved").exists()


@pytest.mark.parametrize("text", CARDS, ids=["script", "handler", "link", "words", "slow", "bytes"])
def test_a_card_is_no_reason_not_to_load_a_voice(hub: Hub, folder: Path, text: str | bytes) -> None:
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    files["README.md"] += text if isinstance(text, bytes) else text.encode()
    hub.store.publish("me/my-voice", files)
    assert voicebank.load("me/my-voice").name == "my-voice"


def test_a_commit_whose_answer_is_lost(hub: Hub, folder: Path, fast: None) -> None:
    hub.fault("POST .*/commit/", lose=True, times=1)
    with pytest.raises(HubError, match="may be there or not: push again") as caught:
        voicebank.load(folder).push_to_hub("me/my-voice")
    assert "\n" not in str(caught.value)
    hub.faults.clear()
    assert len(hub.store.repos["me/my-voice"].commits) == 2
    voicebank.load(folder).push_to_hub("me/my-voice")
    assert len(hub.store.repos["me/my-voice"].commits) == 2


def test_options_of_a_frontend_are_not_trusted(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("shell", "hub_hostile:Shell", "voicebank.frontend")
    monkeypatch.setattr(plugins, "_entries", lambda kind, real=plugins._entries: {**real(kind), "shell": [entry]})
    config = json.loads((folder / "config.json").read_text())

    def configure(**options: str) -> None:
        config["frontend"] = {"name": "shell", "options": options}
        (folder / "config.json").write_text(json.dumps(config))

    configure(voice="f1")
    voicebank.load(folder)
    configure(voice="f1", program=f"touch {tmp_path}/ran")
    with pytest.raises(PluginError, match="sets program of the frontend 'shell'.*trust_options"):
        voicebank.load(folder)
    voice = voicebank.load(folder, trust_options=True)
    assert not (tmp_path / "ran").exists()
    list(voice.sentences("Hello."))
    assert (tmp_path / "ran").exists()
    monkeypatch.setenv("VOICEBANK_TRUST_OPTIONS", "1")
    voicebank.load(folder)


@pytest.mark.parametrize("consent", ["", ".", " - ", "\u3164\u3164\u3164", "\u2800\u2800\u2800"])
@pytest.mark.parametrize("about", [{"training": {"private_use": True}, "parent": None}, {"parent": "us-male"}])
def test_a_clone_is_not_published_without_words_of_consent(
    hub: Hub, folder: Path, consent: str, about: dict[str, object]
) -> None:
    voice = voicebank.load(folder)
    changed = Voice(voice.config.model_copy(update={"consent": consent, **about}), *voice.weights.values())
    with pytest.raises(ConsentError):
        changed.push_to_hub("me/my-voice")
    assert not hub.store.repos


def test_a_search_lists_voices_alone(hub: Hub, folder: Path) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    for i in range(5):
        hub.store.publish(f"other/llm-{i}", {"README.md": b"---\ntags: [gender-female]\n---\n"})
    hub.all = True
    assert [found.repo for found in voicebank.search()] == ["me/my-voice"]
    assert not voicebank.search(gender="male")


def test_a_miss_in_the_cache_is_no_missing_network(hub: Hub, folder: Path) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    with pytest.raises(HubError, match="load it once without local_files_only"):
        Voice.from_pretrained("me/my-voice", local_files_only=True)


@pytest.mark.parametrize("status", [401, 403, 404, 400])
def test_a_refused_pull_request_says_why(hub: Hub, folder: Path, status: int) -> None:
    hub.store.create("me/my-voice")
    hub.fail("POST .*/commit/", status)
    with pytest.raises(HubError, match="as the test asked") as caught:
        voicebank.load(folder).push_to_hub("me/my-voice", create_pr=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "answer", ["[]", "{", "null", '{"siblings": [{}]}', '{"siblings": 7}', '{"id": "x", "sha": 5}', "<html>"]
)
def test_a_listing_that_is_none(hub: Hub, folder: Path, answer: str) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    hub.answer("GET /api/models", answer.encode())
    for ask in (lambda: voicebank.load("me/my-voice"), voicebank.search):
        if ask is voicebank.search and answer == "[]":
            continue
        with pytest.raises(HubError, match="HF_ENDPOINT") as caught:
            ask()
        assert not any(word in str(caught.value) for word in ("NoneType", "Error", "attribute", "'", "argument"))


def test_consent_is_said_in_the_card_once_it_is_there(hub: Hub, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"consent": "", "training": {"private_use": True}}
    (folder / "config.json").write_text(json.dumps(config))
    voice = Voice.from_folder(folder)
    (folder / "README.md").unlink()
    voice.save_pretrained(folder)
    assert "private use" in (folder / "README.md").read_text()
    (folder / "config.json").write_text(json.dumps({**config, "consent": "I am the speaker."}))
    voicebank.load(folder).push_to_hub("me/my-voice")
    text = hub.store.read(hub.store.repos["me/my-voice"], "README.md").decode()
    assert "I am the speaker." in text
    assert "private use" not in text
    assert read_config(folder).consent
    assert os.path.exists(folder / "README.md")
