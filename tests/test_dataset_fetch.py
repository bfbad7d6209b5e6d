"""A video and its captions from a page on 127.0.0.1, by the real yt-dlp."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest
from clones import Recorded  # noqa: E402
from typer.testing import CliRunner

from voicebank.audio import Audio
from voicebank.cli import app
from voicebank.data.dataset import Dataset
from voicebank.data.sources import fetch, is_address
from voicebank.errors import PluginError

CLIP = Path(__file__).parent / "data" / "clips" / "us-male" / "wavs" / "us-male-00040.ogg"
TEXT = "A white silk jacket goes with any shoes."
PAGE = """<html><head><title>A talk</title></head><body><video src="talk.mp4" controls>
<track kind="captions" srclang="en-orig" src="other.vtt"><track kind="captions" srclang="en" src="talk.vtt">
</video></body></html>"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


def encode(audio: Audio, path: Path) -> None:
    """Write AAC in an mp4."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=audio.sample_rate, layout="mono")
        for first in range(0, len(audio.samples), 1024):
            block = np.ascontiguousarray(audio.samples[None, first : first + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
            frame.sample_rate, frame.pts = audio.sample_rate, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A page with a video, whose captions in English are not those named first."""
    pytest.importorskip("yt_dlp")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    root = tmp_path / "site"
    root.mkdir()
    audio = Audio.read(CLIP, 24000)
    encode(audio, root / "talk.mp4")
    (root / "watch.html").write_text(PAGE)
    (root / "talk.vtt").write_text(f"WEBVTT\n\n00:00.000 --> 00:{audio.duration:06.3f}\n{TEXT}\n")
    (root / "other.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:02.000\nA wide sick racket\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(root)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_video_with_its_captions(site: str, tmp_path: Path) -> None:
    progress = Recorded()
    path, captions = fetch(f"{site}/watch.html", tmp_path / "video", progress=progress)
    assert path.read_bytes() == (tmp_path / "site/talk.mp4").read_bytes()
    assert captions is not None and captions.read_bytes() == (tmp_path / "site/talk.vtt").read_bytes()
    assert progress.steps[-1][:3] == ("fetching", path.stat().st_size, path.stat().st_size)
    assert fetch(f"{site}/talk.mp4", tmp_path / "alone")[1] is None


def test_the_command_makes_a_dataset_of_an_address(site: str, tmp_path: Path) -> None:
    pytest.importorskip("voicebank_whisper")
    result = CliRunner().invoke(app, ["dataset", "make", f"{site}/watch.html", "-o", str(tmp_path / "me")])
    assert result.exit_code == 0, result.output
    assert [clip.text for clip in Dataset.read(tmp_path / "me").clips] == [TEXT]
    assert (tmp_path / "me-video").is_dir()


@pytest.mark.parametrize("page", ["none.html", "empty.html"])
def test_pages_without_a_video(site: str, tmp_path: Path, page: str) -> None:
    (tmp_path / "site/empty.html").write_text("<html><body>Nothing to see.</body></html>")
    result = CliRunner().invoke(app, ["dataset", "make", f"{site}/{page}", "-o", str(tmp_path / "me")])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"voicebank: cannot fetch {site}/{page}: ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "me").exists()


def test_addresses() -> None:
    assert is_address("https://example.org/watch") and not is_address("talk.mp4")


def test_it_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "yt_dlp", None)
    with pytest.raises(PluginError, match=r"voicebank\[video\]"):
        fetch("https://example.org/watch", tmp_path)
