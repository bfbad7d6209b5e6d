"""The demo in a real browser: speaking, comparing, and how the page fits. Making a voice: test_demo_make.py.

One demo and one Chromium for all, but each test goes to the tab that it needs. Every look at the page waits for what it
looks for.
"""

from __future__ import annotations

import io
import time
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("voicebank_demo", reason="the demo is a package of its own: pip install ./demo")
pytest.importorskip("selenium", reason="the browser is driven by selenium: pip install 'voicebank[test]'")

from demo_browser import CLIPS, PHONE, WIDE, Page, visiting  # noqa: E402
from demo_server import Server, serving  # noqa: E402

import voicebank  # noqa: E402
from voicebank.audio import Audio  # noqa: E402

TABS = ("Speak", "Make your voice", "Hear the difference", "Whose voice is this?")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("demo")) as started:
        yield started


@pytest.fixture(scope="module")
def page(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with visiting(server.url, tmp_path_factory.mktemp("browser")) as found:
        yield found


def test_a_sentence_is_spoken(page: Page, server: Server) -> None:
    text = "Dr. Smith has a white silk jacket."
    page.tab("Speak")
    page.write("#speak-text", text)
    page.click("#speak-start")
    player = "#speak-player .vb-player"
    page.until(lambda: page.data(player, "seconds"), "the speech is complete")
    expected = voicebank.load("us-male").say(text, frontend=_frontend()).duration
    assert float(page.data(player, "seconds") or 0) == pytest.approx(expected, abs=0.3)
    assert float(page.data(player, "loudness") or 0) > 0.01
    page.until(lambda: "Doctor Smith" in page.value("#speak-reading"), "how it was read")
    assert text in page.value("#speak-reading")
    pictures = "#speak-reading img", "#speak-reading svg"
    page.until(lambda: [len(page.all(kind)) for kind in pictures] == [2, 1], "the pictures")
    assert server.log == []


def test_a_long_text_streams_and_can_be_stopped(page: Page) -> None:
    page.tab("Speak")
    page.write("#speak-text", " ".join(f"This is sentence number {i} of a long text." for i in range(1, 31)))
    page.click("#speak-start")
    player = "#speak-player .vb-player"
    page.until(lambda: page.data(player, "state") == "playing", "the first sentence plays")
    assert page.data(player, "seconds") is None  # and the rest is not there yet
    page.until(lambda: "of 30" in page.value(f"{player} .text"), "how far it is")
    page.click("#speak-stop")
    page.until(lambda: page.data(player, "seconds"), "what was spoken is kept")
    heard = float(page.data(player, "seconds") or 0)
    time.sleep(2)  # nothing may come after it
    assert float(page.data(player, "seconds") or 0) == heard < 40
    page.until(lambda: page.sees(f"{player}.ready audio"), "a player of the whole")


def test_bad_text_gives_a_message(page: Page, server: Server) -> None:
    before = len(server.log)
    page.tab("Speak")
    page.write("#speak-text", "***")
    page.click("#speak-start")
    page.told("can be spoken")
    assert len(server.log) == before + 1


def test_the_difference_is_heard_and_seen(page: Page) -> None:
    page.tab("Hear the difference")
    page.click("#difference-start")
    both, voices = "#difference-both", "#difference-voices"
    readers = 2 if _frontend() == "phonemizer" else 1
    page.until(lambda: len(page.all(f"{both} audio")) == readers, "both readings")
    page.until(lambda: len(page.all(f"{both} img")) == 2 * readers, "their pictures")
    page.until(lambda: len(page.all(f"{voices} audio")) == 4, "all four voices")
    assert "NEURAL NETWORK" in page.value(both)
    for player in page.all("#difference-both audio, #difference-voices audio"):
        sound = _sound(player.get_attribute("src") or "")
        assert sound.duration > 0.5 and np.abs(sound.samples).max() > 0.02


def test_whose_voice_a_clip_is(page: Page) -> None:
    page.tab("Whose voice")
    page.give("#whose-clip", CLIPS / "wavs" / "us-male-00040.ogg")
    page.until(lambda: len(page.all("#whose-found .bar")) == 4, "four bars")
    assert page.value("#whose-found b") == "us-male"


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_every_tab_fits_its_width(page: Page, size: tuple[int, int]) -> None:
    page.open(size)
    for name in TABS:
        page.tab(name)
        time.sleep(0.3)
        wide, room = page.width()
        assert wide <= room, name
    assert page.complaints() == []


def _frontend() -> str:
    from voicebank import plugins

    return "phonemizer" if "phonemizer" in plugins.names("frontend") else "graphemes"


def _sound(source: str) -> Audio:
    return Audio.read(io.BytesIO(urllib.request.urlopen(source, timeout=30).read()))
