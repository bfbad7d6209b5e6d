"""Cards that people edit, and voices that are searched for, from Python and from the terminal."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hub_client import environment
from hub_server import Hub
from huggingface_hub import HfApi, ModelCard
from typer.testing import CliRunner

import voicebank
from voicebank.bank import Voice
from voicebank.cli import app
from voicebank.errors import BadVoice, HubError
from voicebank.hub.card import card
from voicebank.hub.client import search
from voicebank.hub.merge import merge, refresh, update, with_source
from voicebank.synthesis.folder import read_config

pytest_plugins = ["hub_fixtures"]


def remote(hub: Hub, repo: str = "me/my-voice") -> str:
    return hub.store.read(hub.store.repos[repo], "README.md").decode()


def edit(text: str) -> None:
    HfApi().upload_file(path_or_fileobj=text.encode(), path_in_repo="README.md", repo_id="me/my-voice")


def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "voice"))


def test_what_a_card_says(hub: Hub, folder: Path) -> None:
    scores = {"graphemes": {"wer": 0.05, "cer": 0.02, "dnsmos": 3.1, "sentences": 9, "faulty": 1}}
    scores["graphemes"] |= {"similarity": {}, "own": None}  # type: ignore[dict-item]
    voicebank.load(folder).push_to_hub("me/my-voice", scores=scores)
    text = remote(hub)
    data = ModelCard(text).data.to_dict()
    assert data["library_name"] == "voicebank"
    assert data["pipeline_tag"] == "text-to-speech"
    assert (data["language"], data["license"]) == ("en", "cc-by-4.0")
    assert (data["base_model"], data["base_model_relation"]) == ("me/base", "finetune")
    assert {"text-to-speech", "voicebank", "accent-us", "gender-female"} <= set(data["tags"])
    assert data["widget"][0]["output"]["url"] == "sample.ogg"
    for words in ('load("me/my-voice")', "minutes of speech: 7", "Nobody is heard in it.", "5.0 %", "Intended use"):
        assert words in text
    (result,) = data["model-index"][0]["results"]
    assert [(m["type"], m["value"]) for m in result["metrics"]] == [("wer", 5.0), ("cer", 2.0), ("dnsmos", 3.1)]
    usage = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert usage and len(usage[1].splitlines()) == 5
    compile(usage[1], "card", "exec")


def test_a_card_names_the_repository_of_the_parent(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICEBANK_ORG", raising=False)
    config = read_config(folder)
    commit = "0123456789abcdef0123456789abcdef01234567"
    for parent, org, expected in (
        (f"some/voice@{commit}", "", "some/voice"),
        ("us-male", "base-voices", "base-voices/us-male"),
        ("us-male", "", None),  # bundled, and nobody says where it is on the Hub
    ):
        monkeypatch.setenv("VOICEBANK_ORG", org)
        text = card(config.model_copy(update={"parent": parent}))
        data = yaml.safe_load(text.split("---\n")[1])
        assert data.get("base_model") == expected
        assert data.get("base_model_relation") == (expected and "finetune")
        assert f"Fine-tuned from `{parent}`." in text


def test_words_written_on_the_hub_stay(hub: Hub, folder: Path) -> None:
    voice = voicebank.load(folder)
    voice.push_to_hub("me/my-voice")
    text = remote(hub).replace("Nobody is heard in it.", "I am heard in it, and agree.").replace("cc-by-4.0", "mit")
    text = text.replace("tags:\n", "tags:\n- mine\n") + "\nMy dog barks in the second clip.\n"
    edit(text)
    config = voice.config.model_copy(update={"origin": "Eight minutes of me."})
    Voice(config, *voice.weights.values()).push_to_hub("me/my-voice")
    after = remote(hub)
    assert "I am heard in it, and agree." in after
    assert "My dog barks in the second clip." in after
    assert "Eight minutes of me." in after
    assert "untrained" not in after
    data = yaml.safe_load(after.split("---\n")[1])
    assert data["license"] == "mit"
    assert {"mine", "voicebank"} <= set(data["tags"])
    voicebank.load(folder).push_to_hub("me/my-voice")  # from a folder whose card nobody edited
    assert "My dog barks" in remote(hub)


def test_words_written_in_the_folder_stay(hub: Hub, folder: Path, tmp_path: Path) -> None:
    copy = copied(folder, tmp_path)
    path = copy / "README.md"
    path.write_text(path.read_text().replace("# my-voice\n", "# My own voice\n") + "\nOne.\n")
    voicebank.load(copy).push_to_hub("me/my-voice")
    assert "# My own voice\n" in remote(hub)
    path.write_text(path.read_text().replace("One.", "One, corrected."))
    voicebank.load(copy).push_to_hub("me/my-voice")
    assert "One, corrected." in remote(hub)
    edit(remote(hub) + "\nTwo.\n")
    with pytest.raises(BadVoice, match="edited both here and on the Hub"):
        path.write_text(path.read_text() + "\nThree.\n")
        voicebank.load(copy).push_to_hub("me/my-voice")
    path.write_text(path.read_text().replace("One.", "One, corrected.") + "\nTwo.\n")
    voicebank.load(copy).push_to_hub("me/my-voice")
    assert all(word in remote(hub) for word in ("One, corrected.", "Two.", "Three."))


def test_no_words_are_lost_whoever_pushes_when(hub: Hub, folder: Path, tmp_path: Path) -> None:
    other = copied(folder, tmp_path)  # the same voice on another computer
    voicebank.load(folder).push_to_hub("me/my-voice")
    edit(remote(hub).replace("# my-voice\n", "# my-voice\n\nWritten on the Hub.\n"))
    voicebank.load(folder).push_to_hub("me/my-voice")
    path = folder / "README.md"
    assert "Written on the Hub." in path.read_text()
    path.write_text(path.read_text().replace("## Use\n", "Written here.\n\n## Use\n"))
    voicebank.load(folder).push_to_hub("me/my-voice")
    path = other / "README.md"
    path.write_text(path.read_text() + "\nWritten elsewhere.\n")
    voicebank.load(other).push_to_hub("me/my-voice")
    assert all(words in remote(hub) for words in ("Written on the Hub.", "Written here.", "Written elsewhere."))
    path.write_text(path.read_text().replace("Written on the Hub.", "Written over it."))
    edit(remote(hub).replace("Written on the Hub.", "Written anew."))
    with pytest.raises(BadVoice, match="edited both here and on the Hub, at 'Written over it.'"):
        voicebank.load(other).push_to_hub("me/my-voice")
    assert "Written anew." in remote(hub)


def test_a_card_knows_where_it_came_from(hub: Hub, folder: Path, tmp_path: Path) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice")
    voicebank.load("me/my-voice").save_pretrained(tmp_path / "saved")
    edit(remote(hub).replace("Nobody is heard in it.", "I agree."))
    voicebank.load(tmp_path / "saved").push_to_hub("me/my-voice")
    assert "I agree." in remote(hub)
    assert "voicebank:hub" not in remote(hub)
    voicebank.load(tmp_path / "saved").push_to_hub("me/second")
    assert 'voicebank.load("me/second")' in remote(hub, "me/second")


def test_a_config_that_changes_changes_its_lines_in_the_card(folder: Path) -> None:
    before = read_config(folder)
    after = before.model_copy(update={"consent": "I agree.", "training": {"minutes": 9}})
    text = card(before).replace("# my-voice\n", "# my-voice\n\nMine.\n")
    new = update(text, before, after)
    assert "I agree." in new and "minutes of speech: 9" in new and "Mine." in new
    with pytest.raises(BadVoice, match="edited both"):
        update(text.replace("Nobody is heard in it.", "Me."), before, after)


def test_names_are_no_code(folder: Path) -> None:
    config = read_config(folder).model_copy(update={"name": 'x"); import os; os.system("true'})
    usage = re.search(r"```python\n(.*?)```", card(config), re.DOTALL)
    assert usage
    calls = [node for node in ast.walk(ast.parse(usage[1])) if isinstance(node, ast.Import)]
    assert [alias.name for node in calls for alias in node.names] == ["voicebank"]


def test_a_card_that_is_all_by_hand_stays_so(folder: Path) -> None:
    fresh = card(read_config(folder))
    mine = "---\nlicense: mit\n---\n# Mine\n\nAll of it.\n"
    after = merge(fresh, fresh, mine)
    assert "# Mine\n\nAll of it.\n" in after
    assert "library_name: voicebank" in after
    assert "license: mit" in after
    assert "## Use" not in after
    assert merge(fresh, fresh, after) == after
    assert refresh(fresh, read_config(folder)) == fresh
    assert merge(fresh, fresh.replace("\n", "\r\n"), with_source(fresh, "me/x", "0" * 64)) == fresh


@pytest.mark.parametrize("metadata", ["a: [", "- a\n- b", "a: !!python/object/apply:os.system ['true']"])
def test_metadata_that_is_none(folder: Path, metadata: str) -> None:
    with pytest.raises(BadVoice, match="metadata"):
        merge(card(read_config(folder)), card(read_config(folder)), f"---\n{metadata}\n---\n# Mine\n")


BOMB = "tags: [&a [x, x, x, x, x, x, x, x, x]" + "".join(
    f", &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefghij", "bcdefghijk", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        f"---\n{BOMB}, mine]\n---\n# Mine\n",  # nine to the tenth when it is written out
        "---\na: " + "[" * 900_000 + "\n---\n# Mine\n",
        "<!-- voicebank:about 000000000000 -->\n" * 25_000,
        "# Mine\n" + "\n" * 900_000 + "x",
        "# Mine\n" + "<!-- voicebank card 00000000000 -->\n" * 25_000,
        "---\n" * 200_000,
    ],
    ids=["aliases", "nested", "blocks", "newlines", "seals", "fences"],
)
def test_cards_that_are_made_to_be_slow(folder: Path, text: str) -> None:
    fresh = card(read_config(folder))
    began = time.process_time()
    try:
        assert len(merge(fresh, fresh, text)) < 2_000_000
    except BadVoice as error:
        assert "README.md" in str(error)
    assert time.process_time() - began < 2


def test_configs_cannot_write_tags_into_cards(hub: Hub, folder: Path) -> None:
    config = read_config(folder).model_copy(update={"origin": "<script>alert(1)</script>", "license": "a: b"})
    text = card(config)
    assert "<script" not in text
    assert yaml.safe_load(text.split("---\n")[1])["license"] == "a: b"
    voice = voicebank.load(folder)
    origin = "Talks on javascript: and <script>."
    Voice(voice.config.model_copy(update={"origin": origin}), *voice.weights.values()).push_to_hub("me/talks")
    assert voicebank.load("me/talks").config.origin == origin  # what is pushed is loaded again


def test_scores_stay_with_the_weights_they_lie_beside(folder: Path, tmp_path: Path) -> None:
    copy = copied(folder, tmp_path)
    scores = {"frontend": "graphemes", "wer": 0.05, "cer": 0.02, "dnsmos": 3.1, "sentences": 9, "faulty": 1}
    (tmp_path / "scores.json").write_text(json.dumps({**scores, "similarity": {}, "own": None}))
    (copy / "README.md").write_text((copy / "README.md").read_text() + "\nMine.\n")
    result = CliRunner().invoke(app, ["card", str(copy), str(tmp_path / "scores.json")])
    assert result.exit_code == 0, result.output
    text = (copy / "README.md").read_text()
    assert "5.0 %" in text
    assert "Mine." in text
    fresh = card(read_config(copy))
    assert "5.0 %" in refresh(text, read_config(copy))
    assert "5.0 %" in merge(fresh, text, fresh)
    assert "5.0 %" not in merge(fresh, fresh, text)
    assert "model-index" not in merge(fresh, fresh, text)
    assert "Mine." in merge(fresh, fresh, text)


def publish_some(hub: Hub, folder: Path) -> None:
    voice = voicebank.load(folder)
    for name, accent, gender in (("a", "US", "male"), ("b", "British", "male"), ("c", "British", "female")):
        config = voice.config.model_copy(update={"accent": accent, "gender": gender, "name": name})
        made = Voice(config, *voice.weights.values())
        made.folder = folder
        made.push_to_hub(f"me/voice-{name}", private=name == "c")
    hub.store.publish("other/something", {"README.md": b"---\ntags: [voicebank\x1b]\n---\n"})
    hub.store.publish("other/llm", {"README.md": b"---\ntags: [gender-male]\n---\n"})


def test_search(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_some(hub, folder)
    assert {v.repo for v in voicebank.search()} == {"me/voice-a", "me/voice-b", "me/voice-c"}
    assert {v.repo for v in search("me", accent="British")} == {"me/voice-b", "me/voice-c"}
    assert [v.repo for v in search(gender="male", accent="us")] == ["me/voice-a"]
    assert {v.repo for v in search(tags=["dctts", "gender-male"])} == {"me/voice-a", "me/voice-b"}
    assert not search(tags=["none-has-this"])
    assert len(search(limit=1)) == 1
    assert not search("nobody")
    found = search("voice-c")[0]
    assert (found.accent, found.gender, found.license, found.private) == ("british", "female", "cc-by-4.0", True)
    assert found.base == "me/base"
    monkeypatch.delenv("HF_TOKEN")
    assert not search("voice-c")
    hub.fail("GET /api/models", 400)
    with pytest.raises(HubError):
        search()


def test_the_terminal(hub: Hub, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == code, result.output
        if code:
            assert result.stderr.startswith("voicebank: ")
            assert result.stderr.count("\n") == 1
        return result.stderr if code else result.stdout

    monkeypatch.chdir(tmp_path)
    assert "/me/my-voice/commit/" in run("push", str(folder), "me/my-voice", "--private", "--message", "Mine")
    assert hub.store.repos["me/my-voice"].private
    assert "my-voice" in run("pull", "me/my-voice")
    for path in folder.iterdir():
        if path.name != "README.md":
            assert (tmp_path / "my-voice" / path.name).read_bytes() == path.read_bytes()
    run("pull", "me/my-voice", "my-voice")  # once more, over it
    mine = (tmp_path / "my-voice/README.md").read_text().replace("## Use\n", "Mine.\n\n## Use\n")
    (tmp_path / "my-voice/README.md").write_text(mine)
    edit(remote(hub).replace("Nobody is heard in it.", "I agree."))
    run("pull", "me/my-voice", "my-voice")
    both = (tmp_path / "my-voice/README.md").read_text()
    assert "Mine." in both and "I agree." in both
    (tmp_path / "my-voice/README.md").write_text("All mine.")
    assert "rename it" in run("pull", "me/my-voice", "my-voice", code=2)
    assert (tmp_path / "my-voice/README.md").read_text() == "All mine."
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").touch()
    assert "name a new folder" in run("pull", "me/my-voice", "full", code=2)
    assert "me/my-voice" in run("search", "me", "--accent", "US", "--gender", "female", "--tag", "dctts")
    assert run("search", "me", "--tag", "dctts", "--tag", "none-has-this") == ""
    assert run("search", "me", "--accent", "Scottish") == ""
    run("pull", "me/my-voice@main", "at-a-branch")
    assert (tmp_path / "at-a-branch/config.json").read_bytes() == (folder / "config.json").read_bytes()
    assert "no such revision" in run("pull", "me/my-voice", "x", "--revision", "v9", code=2)
    assert "no such revision" in run("pull", "me/my-voice@v9", "x", code=2)
    assert "not there, or private" in run("pull", "me/nothing", "x", code=2)
    (tmp_path / "me/my-voice").mkdir(parents=True)
    run("pull", "me/my-voice", "fetched")  # of the Hub, whatever lies here under that name
    assert "does not know the token" in run("push", str(folder), "me/x", "--token", "hf_wrong", code=2)
    assert "is no repository" in run("push", str(folder), "no/such/name", code=2)
    assert not (tmp_path / "x").exists()


@pytest.mark.slow
def test_the_official_commands(hub: Hub, speaking: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hf = Path(sys.executable).with_name("hf")
    if not hf.exists():
        pytest.skip("the command hf is not installed")
    env = environment(hub, tmp_path / "home")

    def run(*arguments: str) -> None:
        command = [str(hf), *arguments]
        done = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr

    run("auth", "whoami")
    voicebank.load(speaking).push_to_hub("me/pushed")
    run("download", "me/pushed", "--local-dir", str(tmp_path / "fetched"))
    spoken = voicebank.load(tmp_path / "fetched").say("As it was.")
    assert (spoken.samples == voicebank.load(speaking).say("As it was.").samples).all()
    run("download", "me/pushed")
    (snapshot,) = (tmp_path / "home/hub/models--me--pushed/snapshots").iterdir()
    assert voicebank.load(snapshot).name == "my-voice"
    run("upload", "me/uploaded", str(speaking))
    assert (voicebank.load("me/uploaded").say("As it was.").samples == spoken.samples).all()
    # How base voices are published: docs/hub.md.
    run("repos", "tag", "create", "me/uploaded", "v1")
    monkeypatch.setenv("VOICEBANK_ORG", "me")
    assert voicebank.load("uploaded").name == "my-voice"


@pytest.mark.slow
def test_the_environment_is_honoured(hub: Hub, folder: Path, tmp_path: Path) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice", private=True)

    def run(*arguments: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
        env = {**environment(hub, tmp_path / "home"), **changes}
        kept = {k: v for k, v in env.items() if v is not None}
        command = [sys.executable, "-m", "voicebank", *arguments]
        source = str(Path(voicebank.__file__).parents[1])
        kept["PYTHONPATH"] = os.pathsep.join(filter(None, (source, kept.get("PYTHONPATH"))))
        return subprocess.run(command, env=kept, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    assert "me/my-voice" in run("search", "me").stdout
    assert "me/my-voice" not in run("search", "me", HF_TOKEN=None).stdout
    assert run("pull", "me/my-voice", "a", HF_TOKEN=None).returncode == 2
    assert run("pull", "me/my-voice", "a").returncode == 0
    assert (tmp_path / "home/hub/models--me--my-voice").is_dir()
    asked = len(hub.requests)
    assert run("pull", "me/my-voice", "b", HF_TOKEN=None, HF_HUB_OFFLINE="1").returncode == 0
    assert len(hub.requests) == asked
    done = run("pull", "me/my-voice", "c", HF_TOKEN=None, HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path / "empty"))
    assert done.returncode == 2
    assert "HF_HUB_OFFLINE" in done.stderr


@pytest.mark.slow
def test_a_terminal_shows_how_far_it_is(hub: Hub, speaking: Path, tmp_path: Path) -> None:
    pytest.importorskip("pty")
    from terminal import Terminal

    env = {**environment(hub, tmp_path / "home"), "PYTHONPATH": str(Path(voicebank.__file__).parents[1])}
    for command in (["push", str(speaking), "me/my-voice"], ["pull", "me/my-voice", "fetched"]):
        with Terminal([sys.executable, "-m", "voicebank", *command], env=env, cwd=tmp_path) as terminal:
            assert terminal.end() == 0
            shown = terminal.shown
        assert re.search(r"ssrn\.safetensors: +100%.*B/s", shown), shown
