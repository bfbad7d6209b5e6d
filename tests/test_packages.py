"""The packages as people get them: built, checked, installed away from the repository, and used there.

Packages of others are those of the environment of the tests, which sees nothing of voicebank's own here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest
from clones import doubled

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
PACKAGES = {
    "voicebank": ROOT,
    "voicebank_phonemizer": ROOT / "plugins" / "phonemizer",
    "voicebank_whisper": ROOT / "plugins" / "whisper",
    "voicebank_audioseal": ROOT / "plugins" / "audioseal",
    "voicebank_demo": ROOT / "demo",
}
LARGEST = 80_000_000  # bytes of the wheel
# Nothing leads back to the repository.
AWAY = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def done(*command: object, folder: Path | None = None) -> str:
    """What a command prints."""
    run = subprocess.run(list(map(str, command)), cwd=folder, env=AWAY, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    return str(run.stdout)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive and the wheel of each package; a wheel is built from its archive."""
    out = tmp_path_factory.mktemp("dist")
    for folder in PACKAGES.values():
        done(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, folder)
    return out


@pytest.fixture(scope="module")
def clean(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``voicebank`` of an environment that has the wheels, and packages of others from the one that tests."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder / "venv", symlinks=os.name != "nt")
    python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    site = Path(done(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # A path in a .pth file comes after the environment's own, and .pth files in it, as an editable voicebank has, do
    # not count.
    (site / "others.pth").write_text(sysconfig.get_path("purelib"))
    pip = (sys.executable, "-m", "pip", "--python", python)
    done(*pip, "install", "--no-deps", "--no-index", "--ignore-installed", *built.glob("*.whl"))
    return python.with_name("voicebank")


def test_they_are_fit_for_an_index(built: Path) -> None:
    assert {path.name.split("-")[0] for path in built.glob("*.whl")} == set(PACKAGES)
    assert {path.name.split("-")[0] for path in built.glob("*.tar.gz")} == set(PACKAGES)
    done(sys.executable, "-m", "twine", "check", "--strict", *sorted(built.iterdir()))
    (wheel,) = built.glob("voicebank-*.whl")
    assert wheel.stat().st_size < LARGEST
    # What only developers need stays out of it.
    for name in zipfile.ZipFile(wheel).namelist():
        assert name.startswith(("voicebank/", "voicebank-")), name
        assert "bench" not in name and "tests" not in name, name
        assert not ("_voices/" in name and name.endswith((".py", ".txt"))), name


def test_they_speak_and_know_what_they_said(clean: Path, tmp_path: Path) -> None:
    code = "import voicebank, voicebank_phonemizer; print(voicebank.__file__, voicebank_phonemizer.__file__)"
    for path in done(clean.with_name("python"), "-c", code, folder=tmp_path).split():
        assert Path(path).is_relative_to(clean.parent.parent), path
    done(clean, "say", "The colonel likes quinoa.", "--frontend", "phonemizer", "-o", "a.wav", folder=tmp_path)
    assert " yes " in done(clean, "detect", "a.wav", folder=tmp_path)


WITHOUT_PHONEMIZER = """
import importlib.metadata
every = importlib.metadata.entry_points

def without(**which):
    return [one for one in every(**which) if one.name != "phonemizer"] if which else every()

importlib.metadata.entry_points = without
from voicebank.cli import app
app(["say", "One. Two. Three.", "-o", "letters.wav"])
"""


def test_without_a_phonemizer_letters_are_read_and_that_is_said_once(clean: Path, tmp_path: Path) -> None:
    command = [clean.with_name("python"), "-c", WITHOUT_PHONEMIZER]
    run = subprocess.run(command, cwd=tmp_path, env=AWAY, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    (said,) = run.stderr.splitlines()
    assert said.startswith("voicebank: using the frontend graphemes instead: ")
    assert said.endswith("install the package voicebank-phonemizer to add it")


def test_they_clone(clean: Path, tmp_path: Path) -> None:
    doubled(tmp_path / "me")
    steps = ("--steps", 1, "--ssrn-steps", 1, "--rehearsal", 0, "--base", "us-male")
    done(clean, "clone", "me", "-o", "mine", "--consent", "Nobody is heard.", *steps, folder=tmp_path)
    done(clean, "say", "It works.", "--voice", "mine", "-o", "mine.wav", folder=tmp_path)


def test_they_serve(clean: Path, tmp_path: Path) -> None:
    command = [clean, "serve", "--port", "0", "--voice", "us-male"]
    server = subprocess.Popen(
        command, cwd=tmp_path, env=AWAY, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        assert server.stderr is not None
        address = next(line.split("running on ")[1].split()[0] for line in server.stderr if "running on" in line)
        body = json.dumps({"voice": "us-male", "input": "Hello.", "response_format": "wav"}).encode()
        request = urllib.request.Request(f"{address}/v1/audio/speech", body, {"Content-Type": "application/json"})
        assert urllib.request.urlopen(request, timeout=120).read()[:4] == b"RIFF"
    finally:
        server.terminate()
        server.communicate()
