"""The commands of the documentation, as a reader gives them."""

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
import termios
import time
from collections.abc import Iterator
from pathlib import Path

from docs_workspace import ROOT, without_sound_card
from packaging.requirements import Requirement
from terminal import Terminal
from typer.testing import CliRunner

from voicebank.cli import app

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LOOP = {"steps": 2, "validate_every": 2}
# A voice to start from, since after two steps no other would speak.
TASK = {"start": str(ROOT / "voices" / "us-male"), "batch_size": 2, "held_back": 1}
# What is added to commands that would take long, by their start.
SHORT = {
    "voicebank train": " ".join(f"--{name.replace('_', '-')} {value}" for name, value in (LOOP | TASK).items()),
    "voicebank serve --cloning": "--clone-minutes 0.1",
    "curl http://127.0.0.1:8000/v1/audio/voices -F": "-F base=us-male -F steps=1 -F rehearsal=0",
    "python -m benchmarks speed": (
        "-v us-male --alone --sentences ../sentences.txt --rounds 1 --book 0.02 --patience 0 -o ../build"
    ),
    "python -m benchmarks watermark": "--count 1 --minutes 0.1",
}
# What .ci/run does with these words of the README.
CI = ("python3 -m venv", "python -m pytest")
# What several pages do with one command, and takes a while: see `make_once`.
ONCE = ("voicebank dataset make talk.mp4", "voicebank clone me/")
STARTED: set[str] = set()
RUNNING: dict[int, contextlib.ExitStack] = {}
# The ports of servers that pages start, by the start of the command.
SERVED = {
    "voicebank serve --wyoming": 10200,
    "voicebank serve": 8000,
    "systemd-run --user --unit voicebank voicebank serve": 8000,
    "voicebank demo": 7860,
}


class Missing(Exception):
    """Programs that a block needs are not installed, and tests do not install them."""


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
    words = [sys.executable, "-m", "voicebank", *shlex.split(command.rpartition("voicebank ")[2])]
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
    """Listening to the talk and cloning take a while, and several pages do it with one command: the first one does."""
    words = shlex.split(command)
    out = words[words.index("-o") + 1]
    kept = shared / out
    if not kept.exists():
        result = CliRunner().invoke(app, words[1:])
        assert result.exit_code == 0, result.output
        shutil.copytree(workspace / out, kept)
    elif not (workspace / out).exists():
        shutil.copytree(kept, workspace / out)


def log_in(command: str) -> None:
    """Paste the token as a person would, who from then on has it nowhere else."""
    token = os.environ.pop("HF_TOKEN")
    own = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME") or name.startswith("HF_")}
    with Terminal(shlex.split(command), env=own) as terminal:
        terminal.until("Paste an access token")
        while termios.tcgetattr(terminal.master)[3] & termios.ICANON:  # what is pressed earlier is thrown away
            time.sleep(0.05)
        terminal.press("2")
        terminal.until("Enter your token")
        terminal.press(f"{token}\n")
        assert terminal.end() == 0, terminal.shown


def shell(command: str, workspace: Path) -> None:
    """Run a command in bash. Its folder and its new variables are those of the next command, too."""
    left = workspace / "left"
    script = f"set -a\n{command}\n{{ pwd; env -0; }} > '{left}'"
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    folder, _, variables = left.read_text(encoding="utf-8").partition("\n")
    os.chdir(folder)
    os.environ.update(line.split("=", 1) for line in variables.split("\0") if line)


def call(words: list[str]) -> bool:
    """Run a command in this process, without the time that one of its own takes to start, if it is one of ours."""
    if words[0] == "voicebank":
        program, words = app, words[1:]
    elif words[:3] == ["python", "-m", "benchmarks"] and Path("benchmarks", "__main__.py").is_file():
        from benchmarks.__main__ import app as program

        words = words[3:]
    else:
        return False
    result = CliRunner().invoke(program, words)
    # Half a minute of speech is too little, which `check` says with status 1.
    fine = {0, 1} if words[:2] == ["dataset", "check"] else {0}
    assert result.exit_code in fine, f"{shlex.join(words)}\n{result.output}\n{result.exception!r}"
    return True


def run(command: str, rest: str, workspace: Path, shared: Path, stack: contextlib.ExitStack) -> None:
    """Run a command of a page as a reader would; a server only where another page has not, or the rest asks it."""
    command = " ".join([command, *(options for start, options in SHORT.items() if command.startswith(start))])
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
    elif words[:3] == ["sudo", "apt-get", "install"]:
        if missing := [package for package in words[3:] if shutil.which(package) is None]:
            raise Missing(f"{', '.join(missing)} not installed")
    elif command.startswith("hf auth login"):
        log_in(command)
    elif command.startswith(ONCE):
        make_once(command, workspace, shared)
    elif words[0] == "spd-say":
        without_sound_card(Path.home())
        heard = len(list((workspace / "heard").iterdir()))
        shell(command, workspace)
        assert len(list((workspace / "heard").iterdir())) > heard, f"nothing is heard of {command}"
    elif set(words) & {"|", ">"} or not call(words):
        shell(command, workspace)
