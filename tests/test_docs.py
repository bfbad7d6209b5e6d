"""The documentation: each command and each block of Python on it runs.

A block's title says where a file of that content is to lie, or, beginning with "Not run: ", why the block is not run.
Commands that train are run with the fewest steps. Commands that serve go on until the end of their page.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clones import CLIPS, doubled
from hub_client import connect, environment
from hub_server import Hub
from packaging.requirements import Requirement
from pytest_examples import EvalExample, find_examples
from typer.testing import CliRunner

from voicebank.audio import Audio
from voicebank.bank import Voice, load
from voicebank.cli import app
from voicebank.cloning.store import CloneSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = {"sh", "console"}
LANGUAGES = SHELL | {"python", "toml", "text"}
NOT_RUN = "Not run: "
FEW = {"text2mel_steps": 2, "ssrn_steps": 1, "rehearsal": 0.0}
# What makes a command that trains short.
SHORT = {
    "train": ["--preset", "tiny", "--steps", "2", "--batch-size", "2", "--held-back", "1", "--validate-every", "2"],
}
# What .ci/run does with these words of the README.
CI = ("python3 -m venv", "python -m pytest")
# Programs that a machine of tests has not: they take sound and do nothing.
PLAYERS = ("aplay", "my-program")
STARTED: set[str] = set()
RUNNING: dict[int, contextlib.ExitStack] = {}
# The ports of servers that pages start, by the start of the command.
SERVED = {"voicebank serve --wyoming": 10200, "voicebank serve": 8000, "voicebank demo": 7860}


def title(text: str) -> str:
    """The title in what stands behind a block's language."""
    found = re.search(r'title="([^"]*)"', text)
    return found.group(1) if found else ""


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pages share: a talk with captions, and what the base voices sound like."""
    folder = tmp_path_factory.mktemp("shared")
    texts = [line.split("|")[1] for line in (CLIPS / "us-male" / "metadata.csv").read_text("utf-8").splitlines()]
    texts += [line.split("|")[1] for line in (CLIPS / "gb-female" / "metadata.csv").read_text("utf-8").splitlines()]
    spoken = load("us-male").say(texts)
    cues, at = ["WEBVTT\n"], 0.0
    for text, audio in zip(texts, spoken, strict=True):
        cues.append(
            f"00:{at // 60:02.0f}:{at % 60:06.3f} --> 00:{at // 60:02.0f}:{at % 60 + audio.duration:06.3f}\n{text}\n"
        )
        at += audio.duration + 0.5
    (folder / "talk.en.vtt").write_text("\n".join(cues), encoding="utf-8")
    pause = Audio.silence(0.5, spoken[0].sample_rate)
    Audio.join([part for audio in spoken for part in (audio, pause)]).save(folder / "talk.m4a")
    (folder / "talk.m4a").rename(folder / "talk.mp4")
    return folder


def shorter(clips: Path, folder: Path, count: int) -> None:
    """The first clips of a folder of them."""
    lines = (clips / "metadata.csv").read_text(encoding="utf-8").splitlines()[:count]
    (folder / "wavs").mkdir(parents=True)
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for line in lines:
        for clip in (clips / "wavs").glob(f"{line.partition('|')[0]}.*"):
            shutil.copy(clip, folder / "wavs")


@pytest.fixture
def workspace(page: Path, shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where a reader works: recordings, texts, and what the page takes as made before."""
    monkeypatch.chdir(tmp_path)
    steps = CloneSettings.for_minutes
    monkeypatch.setattr(CloneSettings, "for_minutes", lambda minutes, **given: steps(minutes, **(FEW | given)))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))  # certificates
    text = page.read_text(encoding="utf-8")
    for path in ("talk.mp4", "talk.en.vtt"):
        shutil.copy(shared / path, tmp_path)
    clips = doubled(tmp_path / "recordings")
    Audio.read(next((clips / "wavs").iterdir())).save(tmp_path / "clip.wav")
    for folder in ("corpora/jane", "my-recordings", "noisy", "speech/us-male", "speech/us-female"):
        shutil.copytree(clips, tmp_path / folder)
    shorter(clips, tmp_path / "held-back" / "us-male", 1)
    for path in ("book.txt", "sentences.txt", "chapters/1.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("It was late. The light was still on.\n", encoding="utf-8")
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices" / "words.txt").write_text("colonel|The colonel gave an order.|kernel\n", encoding="utf-8")
    (tmp_path / "clips").mkdir()
    shutil.copy(tmp_path / "clip.wav", tmp_path / "clips" / "1.wav")
    (tmp_path / "prompts.jsonl").write_text('{"id": "1", "text": "It was late."}\n', encoding="utf-8")
    (tmp_path / "mine.txt").write_text("GIF dʒˈɪf\n", encoding="utf-8")
    if "-o my-voice/" not in text:
        base = load("us-male")
        about = {"name": "my-voice", "consent": "Nobody is heard in it.", "parent": "us-male"}
        Voice(base.config.model_copy(update=about), *base.weights.values()).save(tmp_path / "my-voice")
    tools = tmp_path / "tools"
    tools.mkdir()
    for player in PLAYERS:
        (tools / player).write_text("#!/bin/sh\ncat > /dev/null\n")
    (tools / "voicebank").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m voicebank "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'demo'}")
    return tmp_path


@pytest.fixture
def hub(page: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Hub where the reader is logged in."""
    with Hub(workspace / "hub") as server:
        connect(monkeypatch, server.endpoint, workspace / "hub-cache")
        monkeypatch.setenv("HF_TOKEN", "hf_me")
        for variable, value in environment(server, workspace / "hf").items():  # for processes of their own
            monkeypatch.setenv(variable, value)
        if "$VOICEBANK_ORG" in page.read_text(encoding="utf-8"):
            monkeypatch.setenv("VOICEBANK_ORG", "me")
        yield


def commands(source: str, language: str) -> Iterator[str]:
    """The commands of a block, without comments."""
    for line in source.replace("\\\n", " ").splitlines():
        if language == "console" and not line.startswith("$ "):
            continue
        if command := re.sub(r"(^|\s)#.*", "", line.removeprefix("$ ")).strip():
            yield command


def check_pip(command: str, workspace: Path) -> None:
    """What is to be installed exists; a plugin that the page has made is installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = set(project["optional-dependencies"])
    ours = {"voicebank", "voicebank-demo", *(f"voicebank-{path.name}" for path in (ROOT / "plugins").iterdir())}
    words = shlex.split(command)[2:]
    for word, before in zip(words, ["", *words], strict=False):
        path, _, wanted = word.removesuffix("]").partition("[")
        if word.startswith("-") or before == "-c":
            continue
        if (workspace / path / "pyproject.toml").is_file() and path.startswith("./"):
            site = ["--target", str(workspace / "site"), str(workspace / path)]
            subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", *site])
            sys.path.insert(0, str(workspace / "site"))
        elif path.startswith("."):
            assert (ROOT / path / "pyproject.toml").is_file(), command
            assert not wanted or set(wanted.split(",")) <= extras, command
        elif path.startswith("voicebank"):
            requirement = Requirement(word)
            assert requirement.name in ours, command
            assert set(requirement.extras) <= extras, command


@contextlib.contextmanager
def server(command: str, port: int) -> Iterator[None]:
    """A server that runs beside the rest of its page."""
    words = [sys.executable, "-m", "voicebank", *shlex.split(command)[1:]]
    environment = {**os.environ, "BROWSER": "true"}
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)
        assert process.poll() is None, process.stdout.read().decode()  # type: ignore[union-attr]
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()


def make_once(command: str, workspace: Path, shared: Path) -> None:
    """Listening to the talk takes a while, and several pages do it: the first one does."""
    out = shlex.split(command)[-1]
    kept = shared / out
    if not kept.exists():
        result = CliRunner().invoke(app, shlex.split(command)[1:])
        assert result.exit_code == 0, result.output
        shutil.copytree(workspace / out, kept)
    elif not (workspace / out).exists():
        shutil.copytree(kept, workspace / out)


def run(command: str, rest: str, workspace: Path, shared: Path, stack: contextlib.ExitStack) -> None:
    """Run a command of a page as a reader would; a server only where another page has not, or the rest asks it."""
    words = shlex.split(os.path.expandvars(command))
    for start, port in SERVED.items():
        if command.startswith(start):
            if command not in STARTED or str(port) in rest:
                if port in RUNNING:  # the page's own, from an earlier block
                    RUNNING[port].close()
                RUNNING[port] = stack.enter_context(contextlib.ExitStack())
                RUNNING[port].enter_context(server(command, port))
                STARTED.add(command)
            return
    if command.startswith(CI):
        return
    if words[:2] == ["pip", "install"]:
        check_pip(command, workspace)
    elif command.startswith("voicebank dataset make talk.mp4"):
        make_once(command, workspace, shared)
    elif words[0] == "voicebank" and not set(words) & {"|", ">"}:  # without the time that a process takes to start
        result = CliRunner().invoke(app, [*words[1:], *SHORT.get(words[1], [])])
        # Half a minute of speech is too little, which `check` says with status 1.
        fine = {0, 1} if words[1:3] == ["dataset", "check"] else {0}
        assert result.exit_code in fine, f"{command}\n{result.output}\n{result.exception!r}"
    else:
        done = subprocess.run(["bash", "-eo", "pipefail", "-c", command], capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def check(command: str) -> None:
    """A command of voicebank that is not run is one that it understands."""
    words = shlex.split(command)
    if words[0] != "voicebank" or set(words) & {"|", "...", ">"}:
        return
    from typer.main import get_command

    context = get_command(app).make_context("voicebank", words[1:2], resilient_parsing=True)
    found = get_command(app).get_command(context, words[1])  # type: ignore[attr-defined]
    assert found is not None, command
    known = {option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = {word for word in words[2:] if word.startswith("--")}
    assert given <= known or words[1] == "dataset", f"{command}: unknown {given - known}"


@pytest.mark.parametrize("page", [page for page in PAGES if FENCE.search(page.read_text("utf-8"))], ids=name)
def test_a_page_does_what_it_says(
    page: Path,
    shared: Path,
    workspace: Path,
    hub: None,
    eval_example: EvalExample,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    text = page.read_text(encoding="utf-8")
    python = list(find_examples(page))
    names: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        for block in FENCE.finditer(text):
            language, about, source = block.groups()
            assert language in LANGUAGES, f"{name(page)}: no language, or one that nobody runs: {block.group()}"
            where = title(about)
            skipped = where.startswith(NOT_RUN)
            if where and not skipped:
                path = workspace / where
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(source, encoding="utf-8")
            for command in commands(source, language) if language in SHELL else ():
                if skipped:
                    check(command)
                else:
                    run(command, text[block.end() :], workspace, shared, stack)
            if language == "python" and skipped:
                compile(source, name(page), "exec")
            elif language == "python":
                example = min(python, key=lambda one: abs(one.start_index - block.start()))
                made = eval_example.run(example, module_globals=names, rewrite_assertions=False)
                names |= {key: value for key, value in made.items() if not key.startswith("__")}
