"""Whatever speaks leaves the mark, and ``voicebank detect`` finds it in files, folders and at addresses."""

from __future__ import annotations

import functools
import http.server
import importlib
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

import voicebank
from voicebank.audio import Audio
from voicebank.cli import app
from voicebank.errors import BadAudio, BadData

CLIPS = sorted((Path(__file__).parent / "data/clips").glob("*/wavs/*.ogg"))
TEXT = "The train to London leaves at noon from the second platform."


@pytest.fixture(scope="module")
def voice() -> voicebank.Voice:
    return voicebank.load("us-male")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the command line said, what somebody else said, and what is no sound."""
    folder = tmp_path_factory.mktemp("sounds")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))  # for the certificate
        said = CliRunner().invoke(app, ["say", TEXT, "--voice", "us-male", "-o", str(folder / "said.mp3")])
    assert said.exit_code == 0, said.output
    shutil.copy(CLIPS[0], folder / "other.ogg")
    (folder / "inner").mkdir()
    (folder / "inner/broken.wav").write_bytes(b"no sound")
    (folder / "notes.txt").write_text("no sound either")
    return folder


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and sends a file that does not end from /endless.wav."""

    def do_GET(self) -> None:
        if not self.path.startswith("/endless"):
            return super().do_GET()
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(bytes(1 << 16))
        except OSError:
            self.close_connection = True

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(sounds: Path) -> Iterator[str]:
    """A web server of the folder."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(sounds))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def rows(*arguments: str, code: int = 0) -> dict[str, str]:
    """What the command tells of each sound, by the last part of its name."""
    result = CliRunner().invoke(app, ["detect", *arguments])
    assert result.exit_code == code, result.output
    if code:
        (line,) = result.stderr.splitlines()
        assert line.startswith("voicebank: ") and not result.stdout
        return {"": line}
    return {line.split()[0].rsplit("/", 1)[-1]: line for line in result.stdout.splitlines()[1:]}


def test_addresses(address: str) -> None:
    found = rows(f"{address}/said.mp3?download=1", f"{address}/other.ogg")
    assert " yes " in found["said.mp3?download=1"] and "us-male" in found["said.mp3?download=1"]
    assert " no " in found["other.ogg"]


def test_addresses_without_sound(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("voicebank.cli.detect"), "_LARGEST", 3_000_000)
    assert "File not found" in rows(f"{address}/nothing.wav", code=2)[""]
    assert "larger than 3 MB" in rows(f"{address}/endless.wav", code=2)[""]
    assert "cannot fetch" in rows("http://127.0.0.1:9/x.wav", code=2)[""]
    assert rows(f"{address}/notes.txt", code=2)
    found = rows(f"{address}/nothing.wav", f"{address}/said.mp3")
    assert "not read" in found["nothing.wav"] and " yes " in found["said.mp3"]


def test_folders_and_several_files(sounds: Path, tmp_path: Path) -> None:
    picture = tmp_path / "scores.png"
    found = rows(str(sounds), "--picture", str(picture))
    assert set(found) == {"said.mp3", "other.ogg", "broken.wav"}
    assert " yes " in found["said.mp3"] and "signed by voicebank (self-made)" in found["said.mp3"]
    assert " no " in found["other.ogg"] and "not read" in found["broken.wav"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = rows(str(sounds / "other.ogg"), str(sounds / "said.mp3"), "--picture", str(tmp_path / "scores.svg"))
    assert list(found) == ["other.ogg", "said.mp3"]
    assert "<svg" in (tmp_path / "scores.svg").read_text()
    assert "holds no sound files" in rows(str(tmp_path), code=2)[""]
    assert "use one of .png" in rows(str(sounds / "said.mp3"), "--picture", str(tmp_path / "scores.doc"), code=2)[""]


def test_a_picture_has_a_panel_for_each_sound_and_a_line_for_each_window(sounds: Path) -> None:
    found = {path.name: voicebank.detect(path) for path in (sounds / "said.mp3", sounds / "other.ogg")}
    figure = voicebank.plot_detections(found)
    assert [axes.get_title() for axes in figure.axes] == list(found)
    for axes, detection in zip(figure.axes, found.values(), strict=True):
        *windows, threshold = axes.lines
        assert threshold.get_ydata()[0] == detection.threshold
        drawn = [(*map(float, line.get_xdata()), float(line.get_ydata()[0])) for line in windows]
        assert drawn == [(window.start, window.end, window.score) for window in detection.windows]
    with pytest.raises(BadAudio):
        voicebank.detect(sounds / "inner/broken.wav")


def test_a_picture_that_cannot_be_written(sounds: Path, tmp_path: Path) -> None:
    from voicebank.cli.detect import _draw

    with pytest.raises(BadData, match="cannot write"):
        _draw(tmp_path / "no/such/folder.png", {"said": voicebank.detect(sounds / "said.mp3")})


@pytest.mark.parametrize("speed", [0.5, 0.8, 1.25, 2.0])
def test_every_speed_is_marked(voice: voicebank.Voice, speed: float) -> None:
    text = TEXT if speed < 1.5 else f"{TEXT} {TEXT}"
    for said in (voice.say(text, speed=speed), Audio.join(voice.stream(text, speed=speed))):
        assert voicebank.detect(said).payload == voice.payload


def test_a_page_of_texts_is_marked_text_by_text(voice: voicebank.Voice) -> None:
    for said in voice.say([TEXT, "She sells sea shells by the sea shore, and he buys them all in the morning."]):
        assert voicebank.detect(said).payload == voice.payload
