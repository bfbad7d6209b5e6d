"""The registry, with distributions that are installed for one test as pip would lay them out."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from voicebank import plugins
from voicebank.config import FrontendConfig, VoiceConfig
from voicebank.errors import PluginError, UnknownName, VoicebankWarning
from voicebank.synthesis.speech import create_frontend

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a distribution of one module on the path: its ``pyproject.toml`` and its source."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def lay_out(pyproject: str, source: str) -> None:
        project = tomllib.loads(pyproject)["project"]
        name, version = project["name"], project["version"]
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        groups = project["entry-points"].items()
        lines = [f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in entries.items()) for group, entries in groups]
        (info / "entry_points.txt").write_text("\n".join(lines))
        module = next(v.partition(":")[0] for _, entries in groups for v in entries.values())
        (tmp_path / f"{module}.py").write_text(source)
        importlib.invalidate_caches()
        monkeypatch.delitem(sys.modules, module, raising=False)

    return lay_out


def declare(name: str, kind: str = "frontend", version: str = "1.0", package: str | None = None) -> str:
    """The ``pyproject.toml`` of a plugin whose class is ``Plugin``."""
    package = package or f"voicebank-{name}"
    module = package.replace("-", "_")
    return (
        f'[project]\nname = "{package}"\nversion = "{version}"\n'
        f'[project.entry-points."voicebank.{kind}"]\n{name} = "{module}:Plugin"\n'
    )


def test_built_in_plugins_are_there() -> None:
    known = {(p.kind, p.name): p for p in plugins.known()}
    for key in [("frontend", "graphemes"), ("vocoder", "griffin-lim")]:
        assert known[key].package == "voicebank"
        assert known[key].error is None
        assert known[key].version == plugins.known("vocoder")[0].version
    assert plugins.create("frontend", "graphemes").name == "graphemes"


def test_a_broken_plugin_is_listed_and_breaks_nothing(install: Install) -> None:
    install(declare("broken"), "import a_module_that_does_not_exist\n")
    install(declare("exiting"), "import sys\nsys.exit('no such\\nluck')\n")
    install(declare("hollow"), "")
    install(declare("number"), "Plugin = 3\n")
    install(declare("fine", version="2.5"), "class Plugin: pass\n")
    known = {p.name: p for p in plugins.known("frontend")}
    assert known["broken"].error == "ModuleNotFoundError: No module named 'a_module_that_does_not_exist'"
    assert known["exiting"].error == "SystemExit: no such luck"
    assert "has no attribute 'Plugin'" in str(known["hollow"].error)
    assert "neither a class nor a function" in str(known["number"].error)
    assert (known["fine"].version, known["fine"].error) == ("2.5", None)
    assert known["graphemes"].error is None
    for name in ("broken", "exiting", "hollow", "number"):
        with pytest.raises(PluginError, match=f"frontend '{name}' of voicebank-{name} ") as caught:
            plugins.create("frontend", name)
        assert "\n" not in str(caught.value)


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"unknown frontend 'klingon': known are .*graphemes"):
        plugins.create("frontend", "klingon")
    with pytest.raises(UnknownName, match=r"unknown vocoder 'graphemes': known are .*griffin-lim"):
        plugins.create("vocoder", "graphemes")
    with pytest.raises(UnknownName, match="unknown kind of plugin 'voicer': known are frontend, vocoder, transcriber"):
        plugins.known("voicer")


def test_a_plugin_of_this_repository_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_entries", lambda kind: {})
    with pytest.raises(UnknownName, match="known are none; install the package voicebank-phonemizer to add it"):
        plugins.create("frontend", "phonemizer")
    with pytest.raises(UnknownName, match="install the package voicebank-whisper to add it"):
        plugins.create("transcriber", "whisper")


def test_a_default_that_is_not_installed_falls_back_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {name: entries for name, entries in plugins._entries("frontend").items() if name != "phonemizer"}
    monkeypatch.setattr(plugins, "_entries", lambda kind: found if kind == "frontend" else {})
    config = VoiceConfig(name="me", frontend=FrontendConfig(name="phonemizer"))
    with pytest.warns(VoicebankWarning, match="using the frontend graphemes instead: .*install .*voicebank-phonemizer"):
        assert create_frontend(config).name == "graphemes"
    with pytest.raises(UnknownName, match="voicebank-phonemizer"):
        create_frontend(config, "phonemizer")  # asked for by name
    with pytest.raises(UnknownName, match="voicebank-whisper"):
        plugins.default("transcriber")


def test_built_in_plugins_keep_the_interfaces() -> None:
    assert isinstance(plugins.default("vocoder"), plugins.StreamingVocoder)
    assert isinstance(plugins.create("frontend", "graphemes"), plugins.Frontend)


def test_options_reach_the_plugin_and_wrong_ones_are_named(install: Install) -> None:
    source = "class Plugin:\n    def __init__(self, *, depth=1):\n        self.depth = 10 // depth\n"
    install(declare("deep", "vocoder"), source)
    assert plugins.create("vocoder", "deep", depth=5).depth == 2
    with pytest.raises(PluginError, match="vocoder 'deep' does not take these options: .*'width'"):
        plugins.create("vocoder", "deep", width=1)
    with pytest.raises(PluginError, match="vocoder 'deep' does not start: ZeroDivisionError"):
        plugins.create("vocoder", "deep", depth=0)


def test_nobody_takes_the_name_of_a_built_in(install: Install) -> None:
    install(declare("graphemes", package="aaa-first"), "class Plugin: pass\n")
    ours, theirs = [p for p in plugins.known("frontend") if p.name == "graphemes"]
    assert (ours.package, ours.error) == ("voicebank", None)
    assert (theirs.package, theirs.error) == ("aaa-first", "the name 'graphemes' is taken by voicebank")
    assert type(plugins.create("frontend", "graphemes")).__module__ == "voicebank.text.frontend"


def test_names_are_listed_without_importing(install: Install) -> None:
    install(declare("broken"), "raise RuntimeError\n")
    assert {"broken", "graphemes"} <= set(plugins.names("frontend"))
