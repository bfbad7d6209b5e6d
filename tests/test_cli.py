"""The command line, with a voice that hums instead of speaking; real voices have tests of their own."""

from __future__ import annotations

import importlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

import voicebank
from voicebank.audio import Audio
from voicebank.cli import app
from voicebank.cli.say import paragraphs
from voicebank.config import VoiceConfig
from voicebank.errors import BadText, UnknownName
from voicebank.provenance import tag
from voicebank.synthesis.speech import Chunk

RATE = 24000


@dataclass
class Humming:
    """A voice that hums a second a paragraph, and remembers what it was asked."""

    config: VoiceConfig = VoiceConfig(name="us-male")
    payload: int = 1
    name: str = "us-male"
    said: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    def stream(self, text: str | Iterable[str], **options: Any) -> Iterator[Chunk]:
        self.options = options
        for part in [text] if isinstance(text, str) else text:
            if not part.strip():
                continue
            self.said.append(part.strip())
            if "RUN AWAY" in part:
                raise BadText("this ran away")
            yield Chunk(0.1 * np.sin(np.arange(RATE) / 10), RATE)


@pytest.fixture
def humming(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Humming:
    """``voicebank say`` has a humming voice; the working folder is empty; no player is installed."""
    voice = Humming()

    def load(name: str) -> Humming:
        if name != "us-male":
            raise UnknownName(f"unknown voice {name!r}: known are us-male")
        return voice

    monkeypatch.setattr(importlib.import_module("voicebank.cli.say"), "_loaded", load)
    monkeypatch.setattr(Audio, "play", lambda self: False)
    monkeypatch.chdir(tmp_path)
    return voice


def run(*arguments: str, input: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=input)


def voicebank_command(
    *arguments: str, env: dict[str, str] | None = None, stdin: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    """A process of its own."""
    command = [sys.executable, "-m", "voicebank", *arguments]
    environment = {**os.environ, **(env or {})}
    return subprocess.run(command, capture_output=True, text=True, env=environment, stdin=stdin, check=False)


def fails(result: Result, message: str) -> None:
    """It failed as the user's business: status 2 and one line."""
    assert result.exit_code == 2, result.output
    assert result.stderr == f"voicebank: {message}\n"
    assert result.stdout == ""


@pytest.mark.parametrize("suffix", ["wav", "ogg", "flac", "mp3"])
def test_say_writes_a_file(humming: Humming, suffix: str) -> None:
    result = run("say", "Hello there.", "-o", f"out.{suffix}")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"out.{suffix}: 1.0 s of speech")
    assert Audio.read(f"out.{suffix}").duration == pytest.approx(1, abs=0.06)
    assert tag(f"out.{suffix}").endswith("with the voice us-male")
    assert humming.said == ["Hello there."]


def test_options_reach_the_voice(humming: Humming, tmp_path: Path) -> None:
    run("say", "Hi.", "--frontend", "graphemes", "--vocoder", "griffin-lim", "--speed", "1.1", "-o", "a.wav")
    expected = {"frontend": "graphemes", "vocoder": "griffin-lim", "speed": 1.1, "batch": 32}
    assert humming.options.items() >= expected.items()


def test_without_a_player_a_file_is_written(humming: Humming) -> None:
    result = run("say", "Hello.")
    assert result.exit_code == 0
    assert "writing voicebank.wav" in result.stderr
    assert Audio.read("voicebank.wav").duration == 1


def test_with_a_player_nothing_is_written(humming: Humming, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    played: list[Audio] = []
    monkeypatch.setattr(Audio, "play", lambda self: played.append(self) or True)
    assert run("say", input="One.\n\nTwo.\n").exit_code == 0
    assert len(played) == 2
    assert not list(tmp_path.iterdir())


def test_text_from_a_file_and_from_standard_input(humming: Humming) -> None:
    Path("book.txt").write_bytes("\ufeffFirst line\r\nof one.\r\n\r\n\n  \nSecond – one.".encode())
    assert run("say", "-f", "book.txt", "-o", "a.wav").stdout.startswith("a.wav: 2.0 s")
    assert run("say", "-o", "b.wav", input=Path("book.txt").read_bytes()).stdout.startswith("b.wav: 2.0 s")
    assert humming.said == ["First line\r\nof one.", "Second – one."] * 2


def test_show_text_prints_how_a_text_is_read(tmp_path: Path) -> None:
    result = run("say", "It cost $5 in 1984. [pause:1] Bye.", "--show-text", "--frontend", "graphemes")
    assert result.exit_code == 0, result.output
    assert result.stdout == "It cost five dollars in nineteen eighty four.\n[pause:1]\nBye.\n"
    assert run("say", "--show-text", input="One.\n\nTwo 2.\n").stdout == "One.\nTwo two.\n"


def test_a_book_is_read_as_it_is_spoken() -> None:
    class Endless(io.RawIOBase):
        lines = 0

        def readable(self) -> bool:
            return True

        def readline(self, size: int | None = -1) -> bytes:  # type: ignore[override]
            self.lines += 1
            return b"A line that ends a sentence.\n"

    source = Endless()
    read = paragraphs(source)  # type: ignore[arg-type]
    text, length = next(read)
    assert 8000 < len(text) < 8100
    assert 8000 < length < 8100
    assert source.lines < 300


def test_a_book_in_pieces_is_the_book() -> None:
    book = "\n\nOne.\n\n\n\nTwo – is\nlonger.\n\n" * 3
    pieces = list(paragraphs(io.BytesIO(book.encode())))
    assert "".join(text for text, _ in pieces) == book
    assert [length for _, length in pieces] == [len(text.encode()) for text, _ in pieces]
    assert len(pieces) > 6


def test_a_failure_in_the_middle_of_a_book_leaves_nothing(humming: Humming, tmp_path: Path) -> None:
    fails(run("say", "-o", "a.ogg", input="One.\n\nTwo.\n\nRUN AWAY\n\nFour."), "this ran away")
    assert humming.said == ["One.", "Two.", "RUN AWAY"]
    assert not list(tmp_path.iterdir())


def test_bad_input_is_one_line(humming: Humming, tmp_path: Path) -> None:
    Path("latin.txt").write_bytes("Caf\xe9.".encode("latin-1"))
    Path("a.txt").write_text("A.")
    formats = "use one of .wav, .flac, .ogg, .mp3, .opus, .m4a, .aac"
    fails(run("say", "Hi.", "-f", "a.txt"), "give either a text or -f FILE, not both")
    fails(run("say", "Hi.", "-o", "a.txt"), f"cannot tell the format of 'a.txt': {formats}")
    fails(run("say", "Hi.", "-o", "no/a.wav"), "cannot write no/a.wav: the folder no does not exist")
    fails(run("say", "Hi.", "--attention", "a.txt"), "cannot draw a.txt: use one of .png, .svg, .pdf")
    fails(run("say", "Hi.", "--voice", "me"), "unknown voice 'me': known are us-male")
    fails(run("say", "-f", "none.txt"), "cannot read none.txt: No such file or directory")
    fails(run("say", "-f", "."), "cannot read .: Is a directory")
    fails(run("say", "-f", "latin.txt"), "the text is not UTF-8: convert it, for instance with iconv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "latin.txt"]


def test_a_terminal_with_nothing_to_say_does_not_wait() -> None:
    terminal, other_end = os.openpty()
    try:
        done = voicebank_command("say", stdin=other_end)
    finally:
        os.close(terminal)
        os.close(other_end)
    assert done.returncode == 2
    assert done.stderr == "voicebank: there is nothing to say: give a text, or -f FILE, or pipe text in\n"


def test_plugins_lists_them() -> None:
    result = run("plugins")
    assert result.exit_code == 0
    header, *rows = (line.split() for line in result.stdout.splitlines())
    assert header == ["kind", "name", "package", "version", "loads"]
    assert ["frontend", "graphemes", "voicebank", voicebank.__version__, "yes"] in rows


def test_plugins_shows_why_one_does_not_load(tmp_path: Path) -> None:
    info = tmp_path / "broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[voicebank.vocoder]\nbroken = no_such_module:X\n")
    done = voicebank_command("plugins", env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 0
    assert "ModuleNotFoundError: No module named 'no_such_module'" in done.stdout
    assert "griffin-lim" in done.stdout


def test_doctor_says_what_is_here_and_how_fast_it_is() -> None:
    result = run("doctor", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["voicebank"] == voicebank.__version__
    assert found["packages"]["numba"]
    assert not found["extras"]["clone"]
    assert {one["name"] for one in found["plugins"]} >= {"graphemes", "griffin-lim", "pattern"}
    assert found["speech"]["seconds"] > 0
    assert found["speech"]["loops"].startswith("compiled")


def test_doctor_says_what_to_do_about_what_is_missing(tmp_path: Path) -> None:
    """Where another package of the name hides the real one's plugins, nothing speaks."""
    info = tmp_path / "voicebank-0.dist-info"
    info.mkdir()
    needs = "Provides-Extra: toys\nRequires-Dist: rich>=1000\nRequires-Dist: no-such-package; extra == 'toys'\n"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: voicebank\nVersion: 0\n{needs}")
    (info / "entry_points.txt").write_text("[voicebank.vocoder]\nbroken = no_such_module:X\n")
    done = voicebank_command("doctor", env={"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"})
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert "- the extra toys lacks no-such-package: pip install 'voicebank[toys]'" in lines
    assert "- vocoder broken does not load: pip install --upgrade voicebank" in lines
    assert "- there is no vocoder griffin-lim: pip install voicebank" in lines
    assert any(line.startswith("No voice speaks: ") for line in lines)
    assert re.search(r"^rich +\S+ +not >=1000", done.stdout, re.M)


def test_a_real_process_fails_with_one_line_too(tmp_path: Path) -> None:
    done = voicebank_command("say", "Hi.", "-o", str(tmp_path / "a.txt"))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("voicebank: cannot tell the format of")


@pytest.mark.parametrize("command", [(), ("say",), ("train",), ("evaluate",), ("voices",), ("plugins",)])
def test_help_loads_nothing_heavy(command: tuple[str, ...]) -> None:
    code = (
        "import sys\nfrom voicebank.cli import main\n"
        "try:\n    main()\nexcept SystemExit as e:\n    assert not e.code, e.code\n"
        "heavy = {'torch', 'librosa', 'matplotlib', 'num2words', 'soundfile', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *command, "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage: " in done.stdout


def test_a_first_sound_needs_no_torch_and_no_plots(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom voicebank.cli import main\n"
        "try:\n    main()\nexcept SystemExit as e:\n    assert not e.code, e.code\n"
        "heavy = {'torch', 'huggingface_hub', 'matplotlib', 'sklearn', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    command = [sys.executable, "-c", code, "say", "Hello.", "-o", str(tmp_path / "a.wav")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_training_from_the_command_line_goes_on_where_it_stopped(tmp_path: Path) -> None:
    clips = Path(__file__).parent / "data" / "clips"
    command = ["train", "text2mel", str(clips / "us-male"), str(clips / "gb-female"), "--run", str(tmp_path / "run")]
    command += ["--preset", "tiny", "--frontend", "graphemes", "--batch-size", "2", "--held-back", "1"]
    command += ["--language", "en-us", "--language", "en-gb", "--validate-every", "2"]
    first = run(*command, "--steps", "2")
    assert first.exit_code == 0, first.output
    assert "step 2: " in first.stderr
    assert first.stdout.splitlines()[-1] == f"{tmp_path / 'run'}: 2 steps, best at step 2"
    again = run(*command, "--steps", "4")
    assert again.exit_code == 0, again.output
    assert "going on at step 2" in again.stderr
    assert "run: 4 steps" in again.stdout


def test_evaluate_needs_something_to_speak(humming: Humming) -> None:
    result = run("evaluate", "us-male")
    assert result.exit_code == 2
    assert result.stderr.startswith("voicebank: say what to speak: --sentences FILE")
    assert run("evaluate", "us-male", "--reference", "a/b", "--reference", "c/b", "--sentences", "x").exit_code == 2


def test_version() -> None:
    assert run("--version").stdout == f"voicebank {voicebank.__version__}\n"


def test_unknown_options_are_usage_errors() -> None:
    assert run("say", "Hi.", "--no-such-option").exit_code == 2
    assert run("no-such-command").exit_code == 2


INTERRUPTED = """
import importlib, signal, sys, time
from voicebank.cli import main

# A shell's background job starts with it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Slow:
    from voicebank.config import VoiceConfig
    name, config, payload = "us-male", VoiceConfig(name="us-male"), 1

    def stream(self, text, **options):
        import numpy as np
        from voicebank import Chunk
        while True:
            yield Chunk(np.zeros(2400), 24000)
            print("speaking", flush=True)
            time.sleep(0.05)

importlib.import_module("voicebank.cli.say")._loaded = lambda name: Slow()
main()
"""


def test_ctrl_c_leaves_nothing_and_says_130(tmp_path: Path) -> None:
    command = [sys.executable, "-c", INTERRUPTED, "say", "Hi.", "-o", str(tmp_path / "a.wav")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "speaking\n"
    assert list(tmp_path.iterdir())
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not list(tmp_path.iterdir())


def test_constant_memory_for_a_book(tmp_path: Path) -> None:
    """Three hours of sound take no more memory than one minute."""
    code = (
        "import resource, sys, numpy as np, soundfile\n"
        "from voicebank.audio import Audio, AudioWriter\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "minute = Audio.silence(60, 8000)\n"
        "with AudioWriter(sys.argv[1], 8000) as writer:\n"
        "    for _ in range(180): writer.write(minute)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    path = tmp_path / "book.flac"
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 30_000  # kilobytes; the samples alone would be 345,000
    assert soundfile.info(path).duration == 3 * 3600


WITHOUT_EXTRAS = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"av", "jinja2", "librosa", "matplotlib", "platformdirs", "pysubs2", "resemblyzer",
                                      "scipy", "sklearn", "torch"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Blocked())
from voicebank.cli import app
app(sys.argv[1:])
"""


def test_speaking_needs_no_extra_and_a_missing_one_is_named(tmp_path: Path) -> None:
    def without_extras(*command: str) -> subprocess.CompletedProcess[str]:
        command = (sys.executable, "-c", WITHOUT_EXTRAS, *command)
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)

    assert without_extras("say", "Twenty people, $5 each.", "-o", "some.wav").returncode == 0
    (tmp_path / "rows.csv").write_text("id,text\none,Hello.\n", encoding="utf-8")
    assert without_extras("batch", "rows.csv", "-o", "spoken", "--workers", "1").returncode == 0
    clips = str(Path(__file__).parent / "data" / "clips" / "us-male")
    failed = without_extras("clone", clips, "-o", "mine")
    assert failed.returncode == 2
    assert re.fullmatch(r"voicebank: this needs the package \w+: pip install 'voicebank\[clone\]'\n", failed.stderr)
