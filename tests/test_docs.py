"""The documentation: each command and each block of Python on it runs.

A block's title says where a file of that content is to lie. Commands that train or measure are run with the fewest
steps. Commands that serve go on until the end of their page.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from docs_commands import Missing, commands, run
from docs_workspace import ROOT, equip, furnish, ray_cluster, record_talk, speech_dispatcher
from hub_client import connect, environment
from hub_server import Hub
from pytest_examples import EvalExample, find_examples

import voicebank
from voicebank.cloning.store import CloneSettings
from voicebank.training import cluster

pytestmark = pytest.mark.slow
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = {"sh", "console"}
LANGUAGES = SHELL | {"python", "toml", "text"}
FEW = {"text2mel_steps": 2, "ssrn_steps": 1, "batch_size": 3, "rehearsal": 0.0}


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
    record_talk(folder)
    return folder


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training that Python starts is as short as that of commands, in processes of its own, too."""
    for_minutes, clone_batch, train_on_ray = CloneSettings.for_minutes, voicebank.clone_batch, cluster.train_on_ray

    def clone(*given: Any, settings: Any = None, workers: Any = None, **more: Any) -> Any:
        return clone_batch(*given, settings=FEW | (settings or {}), workers=1, **more)

    def train(*given: Any, workers: int, **more: Any) -> Any:
        return train_on_ray(*given, workers=2, **more)

    monkeypatch.setattr(CloneSettings, "for_minutes", lambda minutes, **given: for_minutes(minutes, **FEW | given))
    monkeypatch.setattr(voicebank, "clone_batch", clone)
    monkeypatch.setattr(cluster, "train_on_ray", train)


@pytest.fixture
def workspace(page: Path, shared: Path, few: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder where a reader works."""
    text = page.read_text(encoding="utf-8")
    furnish(tmp_path, shared, with_voice="-o my-voice/" not in text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(equip(tmp_path)), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'demo'}")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))  # certificates
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    with contextlib.ExitStack() as stack:
        if "spd-say" in text:
            for variable, value in stack.enter_context(speech_dispatcher(tmp_path)).items():
                monkeypatch.setenv(variable, value)
        if '"auto"' in text:
            # On a busy machine a node takes long to start, and workers that give way to all else never have their turn.
            monkeypatch.setenv("RAY_raylet_start_wait_time_s", "120")
            monkeypatch.setenv("RAY_worker_niceness", "0")
            monkeypatch.setenv("RAY_ADDRESS", stack.enter_context(ray_cluster(cores=2)))
        yield tmp_path


@pytest.fixture
def hub(page: Path, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A Hub where the reader has a token."""
    with Hub(workspace / "hub") as server:
        connect(monkeypatch, server.endpoint, workspace / "hf")
        for variable, value in environment(server, workspace / "hf").items():  # for processes of their own
            monkeypatch.setenv(variable, value)
        if "$VOICEBANK_ORG" in page.read_text(encoding="utf-8"):
            monkeypatch.setenv("VOICEBANK_ORG", "me")
        yield


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
    missing: list[str] = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.dict(os.environ))
        for block in FENCE.finditer(text):
            language, about, source = block.groups()
            assert language in LANGUAGES, f"{name(page)}: no language, or one that nobody runs: {block.group()}"
            if where := title(about):
                path = workspace / where
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(source, encoding="utf-8")
            try:
                for command in commands(source, language) if language in SHELL else ():
                    run(command, text[block.end() :], workspace, shared, stack)
            except Missing as error:
                missing.append(str(error))
            if language == "python":
                example = min(python, key=lambda one: abs(one.start_index - block.start()))
                made = eval_example.run(example, module_globals=names, rewrite_assertions=False)
                names |= {key: value for key, value in made.items() if not key.startswith("__")}
    if missing:
        pytest.skip(f"all but a part was run: {'; '.join(missing)}")
