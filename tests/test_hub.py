"""Voices on the Hub, with the real client and a server on 127.0.0.1: push, load, and what goes wrong on the way."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from hub_client import connect
from hub_server import Hub
from huggingface_hub import HfApi, ModelHubMixin, constants

import voicebank
from voicebank.audio import Audio
from voicebank.bank import Voice
from voicebank.errors import BadVoice, HubError, UnknownName, VoicebankError
from voicebank.hub.download import download
from voicebank.synthesis import bundled

pytest_plugins = ["hub_fixtures"]
FILES = {"README.md", "config.json", "text2mel.safetensors", "ssrn.safetensors", "sample.ogg"}


def samples(voice: Voice) -> np.ndarray:
    return voice.say("Is it the same voice?", frontend="graphemes").samples


def elsewhere(monkeypatch: pytest.MonkeyPatch, hub: Hub, tmp_path: Path, name: str = "other") -> Path:
    """Another computer, which has fetched nothing yet."""
    cache = tmp_path / name
    connect(monkeypatch, hub.endpoint, cache)
    monkeypatch.setenv("HF_TOKEN", "hf_me")
    return cache


def log(hub: Hub, repo: str = "me/my-voice") -> list[str]:
    """Titles of the commits of a repository, in order."""
    return [commit.title for commit in hub.store.repos[repo].commits.values()]


def one_line(error: BaseException) -> str:
    assert isinstance(error, VoicebankError)
    assert "\n" not in str(error)
    return str(error)


def test_a_voice_sounds_the_same_elsewhere(
    hub: Hub, speaking: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = voicebank.load(speaking)
    before = samples(mine)
    url = mine.push_to_hub("me/my-voice", commit_message="First try")
    assert url == f"{hub.endpoint}/me/my-voice/commit/{url.oid}"
    assert log(hub) == ["initial commit", "First try"]
    assert set(hub.store.repos["me/my-voice"].find("main").files) == FILES | {".gitattributes"}
    elsewhere(monkeypatch, hub, tmp_path)
    again = voicebank.load("me/my-voice")
    assert np.array_equal(samples(again), before)
    assert isinstance(again, ModelHubMixin)
    assert Audio.read(again.folder / "sample.ogg").duration > 2  # it had none: it has spoken one


def test_weights_in_training_are_rounded_before_they_speak(
    hub: Hub, speaking: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = voicebank.load(speaking)
    for p in other.text2mel.parameters():
        p.data.mul_(1.00001)
    mine = Voice(other.config, other.text2mel, other.ssrn)
    assert mine.text2mel is not other.text2mel
    before = samples(mine)
    mine.push_to_hub("me/my-voice")
    elsewhere(monkeypatch, hub, tmp_path)
    assert np.array_equal(samples(voicebank.load("me/my-voice")), before)


def test_save_pretrained(hub: Hub, folder: Path, tmp_path: Path) -> None:
    voice = Voice.from_pretrained(folder)
    voice.save_pretrained(tmp_path / "saved", push_to_hub=True, repo_id="me/my-voice", private=True)
    assert "library_name: voicebank" in (tmp_path / "saved/README.md").read_text()
    assert hub.store.repos["me/my-voice"].private
    assert Voice.from_pretrained(tmp_path / "saved").config == Voice.from_pretrained("me/my-voice").config
    assert (tmp_path / "saved/sample.ogg").read_bytes() == (folder / "sample.ogg").read_bytes()
    path = tmp_path / "saved/README.md"
    path.write_text(path.read_text() + "\nMine.\n")
    saved = Voice.from_pretrained(tmp_path / "saved")
    saved.save_pretrained(tmp_path / "saved")
    saved.save_pretrained(tmp_path / "copy")
    for one in ("saved", "copy"):
        assert "\nMine.\n" in (tmp_path / one / "README.md").read_text()
        assert {path.name for path in (tmp_path / one).iterdir()} == FILES


def test_a_name_without_an_owner_is_ones_own(hub: Hub, folder: Path) -> None:
    assert "/me/my-voice/commit/" in voicebank.load(folder).push_to_hub("my-voice")
    card = hub.store.read(hub.store.repos["me/my-voice"], "README.md").decode()
    assert 'voicebank.load("me/my-voice")' in card


def test_what_is_there_already_is_not_pushed_again(hub: Hub, folder: Path) -> None:
    for _ in range(3):
        voicebank.load(folder).push_to_hub("me/my-voice")
    assert len(log(hub)) == 2
    assert hub.count("^PUT") == 3


def test_private_repositories(hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice", private=True)
    elsewhere(monkeypatch, hub, tmp_path)
    for token in (None, "hf_other"):
        monkeypatch.delenv("HF_TOKEN", raising=False)
        if token:
            monkeypatch.setenv("HF_TOKEN", token)
        with pytest.raises(HubError, match="not there, or private") as caught:
            voicebank.load("me/my-voice")
        one_line(caught.value)
    assert voicebank.load("me/my-voice", token="hf_me").name == "my-voice"


def test_a_public_repository_is_not_taken_for_private(hub: Hub, folder: Path) -> None:
    hub.store.create("me/my-voice")
    with pytest.raises(HubError, match="public"):
        voicebank.load(folder).push_to_hub("me/my-voice", private=True)
    assert len(log(hub)) == 1


def test_pull_requests(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.store.create("me/my-voice")
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    made = voicebank.load(folder).push_to_hub("me/my-voice", create_pr=True)
    assert made.pr_url == f"{hub.endpoint}/me/my-voice/discussions/1"
    with pytest.raises(BadVoice, match=r"no config\.json"):
        voicebank.load("me/my-voice")
    assert voicebank.load("me/my-voice", revision="refs/pr/1").name == "my-voice"
    with pytest.raises(HubError, match="main branch"):
        voicebank.load(folder).push_to_hub("me/my-voice", create_pr=True, revision="next")


def test_a_revision_stays_after_the_branch_moved(hub: Hub, folder: Path) -> None:
    voice = voicebank.load(folder)
    first = voice.push_to_hub("me/my-voice").oid
    HfApi().create_tag("me/my-voice", tag="v1", revision=first)
    renamed = Voice(voice.config.model_copy(update={"name": "second"}), *voice.weights.values())
    renamed.push_to_hub("me/my-voice")
    renamed.push_to_hub("me/my-voice", revision="next")
    assert voicebank.load("me/my-voice").name == "second"
    assert voicebank.load("me/my-voice@next").name == "second"
    for revision in (first, "v1"):
        assert voicebank.load("me/my-voice", revision=revision).name == "my-voice"
        assert voicebank.load(f"me/my-voice@{revision}").name == "my-voice"
    for revision in ("v2", "0" * 40):
        with pytest.raises(HubError, match="no such revision") as caught:
            voicebank.load("me/my-voice", revision=revision)
        one_line(caught.value)
    with pytest.raises(HubError, match="is no revision"):
        voicebank.load("me/my-voice@../../x")


def test_base_voices_come_from_the_hub_at_the_tag_of_their_format(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voice = voicebank.load(folder)
    first = voice.push_to_hub("me/plain").oid
    Voice(voice.config.model_copy(update={"name": "second"}), *voice.weights.values()).push_to_hub("me/plain")
    with pytest.raises(UnknownName):
        voicebank.load("plain")
    monkeypatch.setenv("VOICEBANK_ORG", "me")
    with pytest.raises(HubError, match="no such revision"):
        voicebank.load("plain")
    HfApi().create_tag("me/plain", tag="v1", revision=first)
    assert voicebank.load("plain").name == "my-voice"
    monkeypatch.setattr(bundled, "folder", lambda: folder.parent)
    asked = len(hub.requests)
    assert voicebank.load("my-voice").folder == folder
    assert len(hub.requests) == asked


def test_cached_voices_need_no_network(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fast: None
) -> None:
    cache = Path(constants.HF_HUB_CACHE)
    commit = voicebank.load(folder).push_to_hub("me/my-voice").oid
    with monkeypatch.context() as context:
        connect(context, hub.endpoint, cache, offline=True)
        with pytest.raises(HubError, match="HF_HUB_OFFLINE") as caught:
            voicebank.load("me/my-voice")
        one_line(caught.value)
    first = voicebank.load("me/my-voice").folder
    got = hub.count("GET .*(/resolve/|/cdn/)")
    assert voicebank.load("me/my-voice").folder == first
    assert hub.count("GET .*(/resolve/|/cdn/)") == got
    asked = len(hub.requests)
    connect(monkeypatch, hub.endpoint, cache, offline=True)
    assert voicebank.load("me/my-voice").folder == first
    assert voicebank.load("me/my-voice", revision=commit).folder == first
    assert Voice.from_pretrained("me/my-voice", local_files_only=True).folder == first
    with pytest.raises(HubError):
        voicebank.load("me/my-voice", revision="next")
    assert len(hub.requests) == asked
    for endpoint in ("http://127.0.0.1:9", hub.endpoint):  # nobody listens there; then, a server that fails
        connect(monkeypatch, endpoint, cache)
        hub.fail("/api/models", 503)
        assert voicebank.load("me/my-voice").folder == first


def test_without_a_network(hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(monkeypatch, "http://127.0.0.1:9", tmp_path / "other")  # nobody listens there
    monkeypatch.setenv("HF_TOKEN", "hf_me")
    voice = voicebank.load(folder)
    for ask in (voicebank.search, lambda: voicebank.load("me/my-voice"), lambda: voice.push_to_hub("me/my-voice")):
        with pytest.raises(HubError, match="check the network") as caught:
            ask()
        one_line(caught.value)


def test_a_damaged_cache_is_noticed(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    weights = voicebank.load("me/my-voice").folder / "ssrn.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.resolve().write_bytes(content)
    connect(monkeypatch, hub.endpoint, Path(constants.HF_HUB_CACHE), offline=True)
    with pytest.raises(BadVoice, match=r"ssrn\.safetensors is damaged"):
        voicebank.load("me/my-voice")
    connect(monkeypatch, hub.endpoint, Path(constants.HF_HUB_CACHE))
    voicebank.load("me/my-voice")
    assert weights.read_bytes() == (folder / "ssrn.safetensors").read_bytes()


@pytest.mark.parametrize("name", ["a/b/c", "me/.hidden", "me/my voice", "me/a--b", "me/" + "x" * 97, "", "mé/ä"])
def test_names_that_are_no_repository(hub: Hub, folder: Path, name: str) -> None:
    asked = len(hub.requests)
    with pytest.raises((HubError, UnknownName, BadVoice)) as caught:
        voicebank.load(name)
    one_line(caught.value)
    with pytest.raises(HubError, match="is no repository") as caught:
        voicebank.load(folder).push_to_hub(name)
    one_line(caught.value)
    assert len(hub.requests) == asked


def test_bad_tokens(hub: Hub, folder: Path) -> None:
    with pytest.raises(HubError, match="does not know the token"):
        voicebank.load(folder).push_to_hub("me/my-voice", token="hf_wrong")
    with pytest.raises(HubError, match="write access"):
        voicebank.load(folder).push_to_hub("me/my-voice", token="hf_reader")
    with pytest.raises(HubError, match="write access"):
        voicebank.load(folder).push_to_hub("me/my-voice", token="hf_other")
    assert not hub.store.repos
    hub.store.create("me/my-voice")
    with pytest.raises(HubError, match="does not know the token") as caught:
        voicebank.load("me/my-voice", token="hf_wrong")
    one_line(caught.value)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "token"),
        (403, "may not do this"),
        (404, "not there"),
        (409, "in conflict"),
        (412, "push again"),
        (429, "fewer requests"),
        (500, "status 500"),
        (503, "status 503"),
    ],
)
@pytest.mark.parametrize("step", ["POST /api/models/me/my-voice/commit", "POST .*/objects/batch", "PUT"])
def test_a_push_that_is_refused_writes_nothing(
    hub: Hub, folder: Path, fast: None, status: int, message: str, step: str
) -> None:
    hub.fail(step, status)
    with pytest.raises(HubError, match=message) as caught:
        voicebank.load(folder).push_to_hub("me/my-voice")
    one_line(caught.value)
    assert log(hub) == ["initial commit"]


@pytest.mark.parametrize(("status", "times"), [(429, 2), (500, 2), (500, 1000), (429, 1000), (403, 1000)])
def test_a_failing_server_is_asked_again(hub: Hub, folder: Path, fast: None, status: int, times: int) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    hub.fail("GET /api/models/", status, times, Retry_After="1")
    before = hub.count("GET /api/models/")
    if times < 3:
        assert voicebank.load("me/my-voice").name == "my-voice"
    else:
        with pytest.raises(HubError) as caught:
            voicebank.load("me/my-voice")
        one_line(caught.value)
    assert hub.count("GET /api/models/") - before == (1 if status == 403 else 3)


def test_the_server_dies_halfway_through_an_upload(hub: Hub, folder: Path, fast: None) -> None:
    hub.cut("PUT", 1000)  # once: the client sends it again
    voicebank.load(folder).push_to_hub("me/first")
    assert len(log(hub, "me/first")) == 2
    shutil.rmtree(hub.store.folder / "objects")
    (hub.store.folder / "objects").mkdir()
    hub.store.repos.clear()
    oid = _sha256(folder / "ssrn.safetensors")
    hub.cut(f"PUT /upload/{oid}", 1000, times=1000)
    with pytest.raises(HubError, match="check the network") as caught:
        voicebank.load(folder).push_to_hub("me/my-voice")
    one_line(caught.value)
    assert log(hub) == ["initial commit"]
    hub.faults.clear()
    hub.requests.clear()
    voicebank.load(folder).push_to_hub("me/my-voice")
    assert len(log(hub)) == 2
    assert hub.count("^PUT") < 3
    assert voicebank.load("me/my-voice").name == "my-voice"


def test_uploads_in_parts(hub: Hub, folder: Path, fast: None) -> None:
    hub.part_size = 50_000
    hub.cut("PUT .*/2$", 10_000)
    voicebank.load(folder).push_to_hub("me/my-voice")
    assert hub.count("^PUT .*/2$") >= 2
    arrived = hub.store.read(hub.store.repos["me/my-voice"], "ssrn.safetensors")
    assert arrived == (folder / "ssrn.safetensors").read_bytes()


def test_the_server_dies_halfway_through_a_download(hub: Hub, folder: Path, fast: None) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    hub.cut("GET /cdn/", 20_000, times=2)
    assert voicebank.load("me/my-voice").name == "my-voice"
    assert not list(Path(constants.HF_HUB_CACHE).rglob("*.incomplete"))


def test_a_download_goes_on_where_it_was_interrupted(hub: Hub, folder: Path, fast: None) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    oid = _sha256(folder / "ssrn.safetensors")
    hub.cut(f"GET /cdn/{oid}", 0, times=1000)
    with pytest.raises(HubError) as caught:
        voicebank.load("me/my-voice")
    one_line(caught.value)
    with pytest.raises(VoicebankError):
        Voice.from_pretrained("me/my-voice", local_files_only=True)
    hub.faults.clear()
    hub.requests.clear()
    assert voicebank.load("me/my-voice").name == "my-voice"
    assert hub.count("GET /cdn/") == 1


def test_damaged_bytes_are_fetched_again_and_never_kept(hub: Hub, folder: Path) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    hub.flip("GET /cdn/")
    hub.flip(r"GET .*/resolve/.*/config\.json")
    assert voicebank.load("me/my-voice").name == "my-voice"
    for name in ("ssrn.safetensors", "config.json"):
        hub.flip(f"GET .*({_sha256(folder / name)}|{name})", times=2)
        with pytest.raises(HubError, match=f"{name} .* arrived damaged twice") as caught:
            download("me/my-voice", force_download=True)
        one_line(caught.value)
        with pytest.raises(VoicebankError):
            download("me/my-voice", local_files_only=True)
        download("me/my-voice")


def test_files_that_end_early_are_fetched_again_and_never_kept(hub: Hub, folder: Path, fast: None) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    oid = _sha256(folder / "ssrn.safetensors")
    hub.shorten(f"GET /cdn/{oid}", 1000, times=1000)
    with pytest.raises(HubError, match=r"ssrn\.safetensors .* arrived damaged twice") as caught:
        voicebank.load("me/my-voice")
    one_line(caught.value)
    assert hub.count(f"GET /cdn/{oid}") == 2
    with pytest.raises(VoicebankError):
        Voice.from_pretrained("me/my-voice", local_files_only=True)
    hub.faults.clear()
    hub.shorten(f"GET /cdn/{oid}", 1000, times=1)
    assert voicebank.load("me/my-voice").name == "my-voice"


@pytest.mark.parametrize("kind", ["no folder", "full disk"])
def test_a_cache_that_cannot_be_written(
    hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, kind: str
) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    cache = tmp_path / "file" if kind == "no folder" else request.getfixturevalue("small_disk") / "cache"
    (tmp_path / "file").touch()
    connect(monkeypatch, hub.endpoint, cache)
    monkeypatch.setenv("HF_TOKEN", "hf_me")
    with pytest.raises(HubError, match=f"cannot be written to the cache {cache}: .*HF_HOME") as caught:
        voicebank.load("me/my-voice")
    one_line(caught.value)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
