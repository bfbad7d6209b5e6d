"""The demo in a real browser: every tab, a microphone, a voice that is made, reloads, and leaving.

One demo and one Chromium for all; the tests run in order, as a visitor goes through the page.
"""

from __future__ import annotations

import io
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("gradio", reason="the demo needs gradio: pip install 'voicebank[demo]'")
pytest.importorskip("selenium", reason="the browser is driven by selenium: pip install 'voicebank[test]'")

from demo_browser import PHONE, WIDE, Page, chromium  # noqa: E402
from demo_server import Server, serving  # noqa: E402
from hub_client import environment  # noqa: E402
from hub_server import Hub  # noqa: E402

import voicebank  # noqa: E402
from voicebank.audio import Audio  # noqa: E402
from voicebank.data.dataset import Dataset  # noqa: E402

CLIPS = Path(__file__).parent / "data" / "clips" / "us-male"
TABS = ("Speak", "Make your voice", "Hear the difference", "Whose voice is this?")
TOKEN = "hf_me"  # the one that the Hub of the tests takes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("hub")) as started:
        yield started


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("demo")
    settings = {"GRACE": 4, "JOB_GRACE": 4, "STEPS": 8, "LISTEN": 0}
    with serving(folder, environment(hub, folder / "hf", token=None), **settings) as started:
        yield started


@pytest.fixture(scope="module")
def page(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("browser")
    sound = Audio.join([Audio.read(path, 48000) for path in sorted((CLIPS / "wavs").glob("*.ogg"))[:3]])
    driver = chromium(folder, sound.save(folder / "microphone.wav"))
    try:
        found = Page(driver, server.url)
        found.open()
        yield found
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def minute(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zip with a minute of one speaker: the clips of the tests, alone and in pairs."""
    clips = Dataset.read(CLIPS).clips
    path = tmp_path_factory.mktemp("zip") / "minute.zip"
    seconds = 0.0
    with zipfile.ZipFile(path, "w") as archive:
        for i, first in enumerate(clips):
            for away in range(3):
                parts = [first, clips[(i + away) % len(clips)]] if away else [first]
                sound = Audio.join([Audio.read(clip.path) for clip in parts])
                seconds += sound.duration
                archive.writestr(f"me/{first.id}-{away}.wav", sound.to_bytes("wav"))
                archive.writestr(f"me/{first.id}-{away}.txt", " ".join(clip.text for clip in parts))
    assert seconds > 60
    return path


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
    reading = page.value("#speak-reading")
    assert "Doctor Smith" in reading and text in reading
    assert len(page.all("#speak-reading img")) == 2 and len(page.all("#speak-reading svg")) == 1
    assert server.log == []


def test_a_long_text_streams_and_can_be_stopped(page: Page) -> None:
    page.write("#speak-text", " ".join(f"This is sentence number {i} of a long text." for i in range(1, 31)))
    page.click("#speak-start")
    player = "#speak-player .vb-player"
    page.until(lambda: page.data(player, "state") == "playing", "the first sentence plays")
    assert page.data(player, "seconds") is None  # and the rest is not there yet
    page.until(lambda: "of 30" in page.value(f"{player} .text"), "how far it is")
    page.click("#speak-stop")
    page.until(lambda: page.data(player, "seconds"), "what was spoken is kept")
    heard = float(page.data(player, "seconds") or 0)
    time.sleep(2)
    assert float(page.data(player, "seconds") or 0) == heard < 40
    assert page.all(f"{player}.ready audio")


def test_bad_text_gives_a_message(page: Page, server: Server) -> None:
    before = len(server.log)
    page.write("#speak-text", "***")
    page.click("#speak-start")
    page.until(lambda: any("can be spoken" in toast for toast in page.toasts()), "the message")
    assert len(server.log) == before + 1


def test_the_difference_is_heard_and_seen(page: Page) -> None:
    page.tab("Hear the difference")
    page.click("#difference-start")
    both, voices = "#difference-both", "#difference-voices"
    readers = 2 if _frontend() == "phonemizer" else 1
    page.until(lambda: len(page.all(f"{voices} audio")) == 4, "all four voices")
    assert len(page.all(f"{both} audio")) == readers
    assert len(page.all(f"{both} img")) == 2 * readers
    assert "NEURAL NETWORK" in page.value(both)
    for player in page.all("#difference-both audio, #difference-voices audio"):
        sound = _sound(page, player.get_attribute("src") or "")
        assert sound.duration > 0.5 and np.abs(sound.samples).max() > 0.02


def test_whose_voice_a_clip_is(page: Page) -> None:
    page.tab("Whose voice")
    page.give("#whose-clip", CLIPS / "wavs" / "us-male-00040.ogg")
    page.until(lambda: len(page.all("#whose-found .bar")) == 4, "four bars")
    assert page.value("#whose-found b") == "us-male"


def test_prompts_are_recorded_one_after_another(page: Page, server: Server) -> None:
    page.tab("Make your voice")
    box = ".vb-recorder"
    prompts = []
    for number in (1, 2):
        prompts.append(page.value(f"{box} .prompt"))
        page.click(f"{box} .record")
        page.until(lambda: _width(page, f"{box} .meter-fill") > 20, "the level meter moves")
        time.sleep(2.5)
        page.click(f"{box} .record")
        page.until(lambda: page.all(f"{box} .next")[0].is_enabled(), "the recording is there")
        if number == 1:  # not good enough: once more
            page.click(f"{box} .again")
            time.sleep(2)
            page.click(f"{box} .record")
            page.until(lambda: page.all(f"{box} .next")[0].is_enabled(), "the second try is there")
        page.click(f"{box} .next")
        page.until(lambda n=number: f"{n} recorded" in page.value(f"{box} .count"), "it was kept")
    assert prompts[0] != prompts[1]
    (folder,) = [visitor for visitor in server.visitors if (visitor / "recordings").is_dir()]
    clips = Dataset.read(folder / "recordings").clips
    assert [clip.text for clip in clips] == prompts
    for clip in clips:
        sound = Audio.read(clip.path)
        assert 1.5 < sound.duration < 20 and np.abs(sound.samples).max() > 0.02
    page.reload()
    page.tab("Make your voice")
    page.until(lambda: "2 recorded" in page.value(f"{box} .count"), "they are still there after a reload")


def test_a_bad_upload_gives_a_message_and_one_line_in_the_log(page: Page, server: Server, tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK\x03\x04 this is no zip")
    before = len(server.log)
    page.tab("Upload clips")
    page.give("#make-clips", bad)
    page.until(lambda: "bad.zip" in page.value("#make-clips"), "the file is uploaded")
    page.click("#make-check-clips")
    page.until(lambda: any("cannot be unpacked" in toast for toast in page.toasts()), "the message")
    assert len(server.log) == before + 1
    page.reload()
    page.tab("Make your voice")


def test_a_minute_is_checked_and_becomes_a_voice(page: Page, server: Server, minute: Path) -> None:
    page.tab("Make your voice")
    page.tab("Upload clips")
    page.give("#make-clips", minute)
    page.until(lambda: "minute" in page.value("#make-clips"), "the file is uploaded")
    page.click("#make-check-clips")
    page.until(lambda: page.all("#make-near tr"), "the table of base voices", 240)
    assert "clips" in page.value("#make-found")
    assert len(page.all("#make-near tr")) == 5
    page.click("#make-start")  # and nobody said whose voice it is
    page.until(lambda: any("whose voice" in toast for toast in page.toasts()), "consent is asked for")
    page.click("#make-consent label")
    page.click("#make-start")
    page.until(lambda: page.all("#make-progress .vb-stages"), "the progress")
    page.reload()
    page.tab("Make your voice")
    page.until(lambda: page.value("#make-progress") or page.value("#make-results"), "the job after a reload")
    page.until(lambda: "ready" in page.value("#make-results"), "the voice", 400)
    assert page.all("#make-results .vb-curves svg") and page.all("#make-results .preview audio")


def test_it_speaks_and_can_be_taken_away(page: Page, server: Server) -> None:
    page.write("#yours-text", "This is mine.")
    page.click("#yours-start")
    player = "#yours-player .vb-player"
    page.until(
        lambda: page.data(player, "seconds") or any("end of" in toast for toast in page.toasts()), "it speaks or fails"
    )
    link = page.all("#make-results a[download]")[0].get_attribute("href") or ""
    data = urllib.request.urlopen(link, timeout=60).read()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = {Path(name).name for name in archive.namelist()}
    assert {"config.json", "text2mel.safetensors", "ssrn.safetensors", "README.md"} <= names


def test_it_goes_to_the_hub_and_the_token_nowhere(page: Page, server: Server, hub: Hub) -> None:
    if not page.all("#yours-token input")[0].is_displayed():
        page.click("#yours-hub button")
    page.write("#yours-repo", "me/made-in-the-browser")
    page.write("#yours-token", TOKEN)
    page.click("#yours-push")
    page.until(lambda: "Pushed" in page.value("#yours-pushed") or page.toasts(), "the push")
    assert "me/made-in-the-browser" in page.value("#yours-pushed"), page.toasts()
    assert not page.all("#yours-token input")[0].get_attribute("value")
    page.write("#yours-repo", "somebody-else/voice")
    page.write("#yours-token", "hf_secret_that_is_wrong")
    page.click("#yours-push")
    page.until(lambda: page.toasts(), "the Hub refuses")
    kept = [path for path in server.temporary.rglob("*") if path.is_file()] + [server.log_file]
    for secret in (TOKEN.encode(), b"hf_secret_that_is_wrong"):
        assert not [path for path in kept if secret in path.read_bytes()]
    stored = page.driver.execute_script("return JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
    assert TOKEN not in stored and "hf_secret" not in stored


def test_a_second_visitor_waits_in_turn_and_a_job_can_be_stopped(page: Page, server: Server, minute: Path) -> None:
    page.click("#make-again")
    page.until(lambda: "recorded" in page.value(".vb-recorder .count"), "a new start")
    other = Page(page.driver, server.url.replace("127.0.0.1", "localhost"))  # a visitor of its own to the browser
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    second = page.driver.current_window_handle
    for window, visitor in ((second, other), (first, page)):
        page.driver.switch_to.window(window)
        if window == second:
            visitor.open()
        visitor.tab("Make your voice")
        visitor.tab("Upload clips")
        visitor.give("#make-clips", minute)
        visitor.until(lambda v=visitor: "minute" in v.value("#make-clips"), "the file is uploaded")
        visitor.click("#make-check-clips")
        visitor.until(lambda v=visitor: v.all("#make-near tr"), "the table", 240)
        visitor.click("#make-consent label")
    for window, visitor in ((second, other), (first, page)):
        page.driver.switch_to.window(window)
        visitor.click("#make-start")
    page.until(lambda: "number 1 in the queue" in page.value("#make-progress"), "the place in the queue", 30)
    page.driver.switch_to.window(second)
    other.until(lambda: other.all("#make-stop")[0].is_displayed(), "the button")
    other.click("#make-stop")
    other.until(
        lambda: "Stopped" in other.value("#make-results") or "ready" in other.value("#make-results"), "best so far", 300
    )
    page.driver.close()
    page.driver.switch_to.window(first)
    page.until(lambda: page.all("#make-progress .vb-stages"), "now the first one's turn", 60)
    page.click("#make-stop")
    page.until(lambda: not page.value("#make-progress") or "vb-bad" in _html(page, "#make-progress"), "the end", 300)


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_every_tab_fits_its_width(page: Page, size: tuple[int, int]) -> None:
    page.open(size)
    for name in TABS:
        page.tab(name)
        time.sleep(0.3)
        wide, room = page.width()
        assert wide <= room, name
    assert page.complaints() == []


def test_what_a_visitor_made_is_gone_after_they_leave(page: Page, server: Server) -> None:
    assert server.visitors
    page.driver.get("about:blank")
    page.until(lambda: not server.visitors, "the folders are gone", 60)


def _frontend() -> str:
    from voicebank import plugins

    return "phonemizer" if "phonemizer" in plugins.names("frontend") else "graphemes"


def _sound(page: Page, source: str) -> Audio:
    return Audio.read(io.BytesIO(urllib.request.urlopen(source, timeout=30).read()))


def _width(page: Page, selector: str) -> float:
    return float(page.all(selector)[0].size["width"])


def _html(page: Page, selector: str) -> str:
    return str(page.driver.execute_script("return document.querySelector(arguments[0]).innerHTML", selector))
