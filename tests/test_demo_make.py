"""A voice that is made in a real browser: recorded, uploaded, checked, trained, stopped, taken away, and forgotten.

One demo and one Chromium for all. What a test needs, it makes if it is not there yet. Every look at the page waits for
what it looks for.
"""

from __future__ import annotations

import contextlib
import io
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("voicebank_demo", reason="the demo is a package of its own: pip install ./demo")
pytest.importorskip("selenium", reason="the browser is driven by selenium: pip install 'voicebank[test]'")

from demo_browser import CLIPS, Page, visiting  # noqa: E402
from demo_server import Server, serving  # noqa: E402
from hub_client import environment  # noqa: E402
from hub_server import Hub  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

from voicebank.audio import Audio  # noqa: E402
from voicebank.data.dataset import Dataset  # noqa: E402

TOKEN = "hf_me"  # the one that the Hub of the tests takes
JOB = 900.0  # seconds to wait for a voice, on a machine that has other work

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with Hub(tmp_path_factory.mktemp("hub")) as started:
        yield started


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("demo")
    settings = {"GRACE": 15, "JOB_GRACE": 15, "STEPS": 4, "LISTEN": 0}
    with serving(folder, environment(hub, folder / "hf", token=None), **settings) as started:
        yield started


@pytest.fixture(scope="module")
def page(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with visiting(server.url, tmp_path_factory.mktemp("browser")) as found:
        yield found


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


def test_prompts_are_recorded_one_after_another(page: Page, server: Server) -> None:
    page.tab("Your voice")
    box = ".vb-recorder"

    def record(button: str) -> None:
        page.click(f"{box} {button}")
        page.until(lambda: page.sees(f"{box} .record.on"), "it records")
        page.until(lambda: _width(page, f"{box} .meter-fill") > 20, "the level meter moves")
        time.sleep(2.5)  # as long as somebody speaks
        page.click(f"{box} .record.on")
        page.until(lambda: page.sees(f"{box} .next:enabled"), "the recording is there")

    prompts = []
    for number in (1, 2):
        page.until(lambda n=number: f"prompt {n} of" in page.value(f"{box} .count"), "its turn")
        prompts.append(page.value(f"{box} .prompt"))
        record(".record")
        if number == 1:  # not good enough: once more
            record(".again")
            page.click(f"{box} .next")
        page.until(lambda n=number: f"{n} recorded" in page.value(f"{box} .count"), "it was kept, confirmed or not")
    assert prompts[0] != prompts[1]
    (folder,) = [visitor for visitor in server.visitors if (visitor / "recordings").is_dir()]
    clips = Dataset.read(folder / "recordings").clips
    assert [clip.text for clip in clips] == prompts
    for clip in clips:
        sound = Audio.read(clip.path)
        assert 1.5 < sound.duration < 20 and np.abs(sound.samples).max() > 0.02
    page.reload()
    page.tab("Your voice")
    page.until(lambda: "2 recorded" in page.value(f"{box} .count"), "they are still there after a reload")
    page.click(f"{box} .back")  # from the third prompt, which is the first without a recording
    page.click(f"{box} .listen:enabled")
    page.until(lambda: page.data("#make-recorder [data-played]", "played") == "1", "a kept take is heard")


def test_recordings_are_deleted_after_a_question_and_can_be_had_back(page: Page, server: Server) -> None:
    page.open()
    page.tab("Your voice")
    count = ".vb-recorder .count"
    page.until(lambda: "2 recorded" in page.value(count), "two recordings")
    page.click("#make-clear")
    page.click("#make-clear-no")
    page.click("#make-clear")
    page.until(lambda: page.sees("#make-clear-ask"), "the question")
    assert "2 recorded" in page.value(count)
    page.click("#make-clear-yes")
    page.until(lambda: "0 recorded" in page.value(count), "they are deleted")
    page.click("#make-clear-undo")
    page.until(lambda: "2 recorded" in page.value(count), "they are back")


def test_without_a_microphone_the_page_says_what_to_do(page: Page) -> None:
    page.driver.execute_script(
        "const none = new DOMException('Requested device not found', 'NotFoundError');"
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(none);"
    )
    page.click(".vb-recorder .record")
    page.until(lambda: "No microphone was found" in page.value(".vb-recorder .message"), "plain words")


def test_a_bad_upload_gives_a_message_and_one_line_in_the_log(page: Page, server: Server, tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK\x03\x04 this is no zip")
    before = len(server.log)
    page.open()
    _upload(page, bad)
    page.told("cannot be unpacked")
    assert len(server.log) == before + 1
    page.click("#make-check-clips")  # the upload is still there: whoever takes the bad file out keeps the others
    page.told("cannot be unpacked")


def test_a_minute_is_checked_and_becomes_a_voice(page: Page, server: Server, minute: Path) -> None:
    page.open()
    _upload(page, minute)
    page.until(lambda: len(page.all("#make-found tr")) == 5, "the table of base voices", JOB)
    page.until(lambda: "the closest to yours" in page.value("#make-base"), "the closest of them")
    clips = "#make-clip-list"
    page.until(lambda: "18 of 18 clips" in page.value(f"{clips} .summary"), "the clips")
    page.click(f"{clips} li .play")  # one that nothing is wrong with
    page.until(lambda: page.data(f"{clips} [data-played]", "played"), "it is heard")
    page.click(f"{clips} li .use")
    page.until(lambda: "17 of 18 clips" in page.value(f"{clips} .summary"), "one is left out")
    page.click(f"{clips} li .right")
    page.until(lambda: "18 of 18 clips" in page.value(f"{clips} .summary"), "it is right after all")
    words = page.one(f"{clips} li textarea")
    words.clear()
    words.send_keys("Corrected words.", Keys.ENTER)
    page.until(lambda: any(server.temporary.rglob("edits.json")), "the correction is kept")
    assert page.barriers() == []
    page.click("#make-start")  # and nobody said whose voice it is
    page.told("whose voice")
    page.click("#make-consent label")
    page.click("#make-start")
    page.until(lambda: page.sees("#make-progress .vb-stages"), "the progress")
    page.tab("Compare")
    page.until(lambda: page.sees(".vb-banner"), "every tab says that a voice is being made")
    page.reload()
    page.tab("Your voice")
    page.until(lambda: page.value("#make-progress") or page.value("#make-results"), "the job after a reload")
    page.until(lambda: "ready" in page.value("#make-results"), "the voice", JOB)
    page.until(lambda: page.all("#make-results .vb-curves svg"), "its curves")
    page.until(lambda: len(page.all("#make-results .vb-compare audio")) == 3, "the speaker, the base and the voice")
    assert any("Corrected words." in path.read_text() for path in server.temporary.rglob("dataset/metadata.csv"))
    assert not server.visitors or server.visitors[0].name not in page.one("#make-results").text
    assert page.barriers() == []


def test_it_speaks_and_can_be_taken_away(page: Page, minute: Path) -> None:
    _with_a_voice(page, minute)
    page.click("#make-speak")
    page.until(lambda: page.all("#speak-voice [data-chosen='own:my-voice']"), "it is among the voices of Speak")
    page.write("#speak-text", "This is mine.")
    page.click("#speak-start")
    player = "#speak-player .vb-player"
    # After so few steps it need not come to the end of a sentence.
    page.until(
        lambda: page.data(player, "seconds") or "end of" in " ".join(page.toasts()), "it speaks, or says why not"
    )
    page.tab("Your voice")
    link = page.one("#make-results a[download]").get_attribute("href") or ""
    data = urllib.request.urlopen(link, timeout=60).read()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = {Path(name).name for name in archive.namelist()}
    assert {"config.json", "text2mel.safetensors", "ssrn.safetensors", "README.md"} <= names


def test_it_goes_to_the_hub_and_the_token_nowhere(page: Page, server: Server, hub: Hub, minute: Path) -> None:
    _with_a_voice(page, minute)
    page.unfold("#make-hub", "#make-token input")
    page.write("#make-repo", "me/made-in-the-browser")
    page.write("#make-token", TOKEN)
    page.click("#make-push")
    page.until(lambda: "me/made-in-the-browser" in page.value("#make-pushed"), "the push")
    page.until(lambda: not page.field("#make-token"), "the token is out of its field")
    page.write("#make-repo", "somebody-else/voice")
    page.write("#make-token", "hf_secret_that_is_wrong")
    page.click("#make-push")
    page.told("token")
    kept = [path for path in server.temporary.rglob("*") if path.is_file()] + [server.log_file]
    for secret in (TOKEN.encode(), b"hf_secret_that_is_wrong"):
        assert not [path for path in kept if secret in path.read_bytes()]
    stored = page.driver.execute_script("return JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
    assert TOKEN not in stored and "hf_secret" not in stored


def test_a_second_visitor_waits_in_turn_and_a_job_can_be_stopped(page: Page, server: Server, minute: Path) -> None:
    _checked(page, minute)
    with _another(page, server) as (other, here, there):
        _checked(other, minute)
        other.click("#make-start")
        other.until(lambda: other.sees("#make-progress .vb-stages"), "the other one is at work")
        here()
        page.click("#make-start")
        page.until(lambda: "number 1 in the queue" in page.value("#make-progress"), "the place in the queue")
        there()
        learns = "#make-progress .vb-curves"
        other.until(lambda: "training" in other.value(learns), "the other one learns", JOB)
        other.click("#make-stop")
        other.until(lambda: other.sees("#make-stop:disabled") or _made(other), "the page says that it stops")
        other.until(lambda: _made(other), "the best so far", JOB)
    page.until(lambda: page.sees("#make-progress .vb-stages"), "now the first one's turn")
    page.click("#make-stop")  # before the worker has so much as begun
    page.until(lambda: "was stopped" in page.value("#make-progress .vb-bad") or _made(page), "the end", JOB)
    page.until(lambda: page.sees("#make-start") or _made(page), "and a new start, if there was nothing to keep")
    assert not page.sees("#make-stop")
    if _made(page):
        page.click("#make-again")
        page.click("#make-again-yes")
        page.until(lambda: page.sees("#make-collect"), "the voice is deleted")
        page.click("#make-again-undo")
        page.until(lambda: _made(page) and page.sees("#make-speak"), "and back")


def test_what_a_visitor_made_is_gone_after_they_leave(page: Page, server: Server) -> None:
    page.open()
    page.until(lambda: server.visitors, "the visitor's folder")
    assert page.complaints() == []
    page.driver.get("about:blank")
    page.until(lambda: not server.visitors, "the folders are gone")


def _upload(page: Page, path: Path) -> None:
    """Choose a file for the checks, and press their button; starts over if there is a voice or a check already."""
    page.tab("Your voice")
    for start_over in ("#make-another", "#make-other"):
        if page.sees(start_over):
            page.click(start_over)
    page.tab("Upload clips")
    page.give("#make-clips", path)
    page.until(lambda: path.stem in page.value("#make-clips"), "the file is uploaded")
    page.click("#make-check-clips")


def _checked(page: Page, minute: Path) -> None:
    """Go as far as where only Start is left to press."""
    page.open()
    _upload(page, minute)
    page.until(lambda: page.all("#make-found tr"), "the table", JOB)
    page.click("#make-consent label")


def _with_a_voice(page: Page, minute: Path) -> None:
    """Make a voice, unless the visitor has one."""
    page.open()
    page.tab("Your voice")
    if not _made(page):
        _checked(page, minute)
        page.click("#make-start")
        page.until(lambda: _made(page), "the voice", JOB)


def _made(page: Page) -> bool:
    return any(word in page.value("#make-results") for word in ("ready", "Stopped"))


@contextlib.contextmanager
def _another(page: Page, server: Server) -> Iterator[tuple[Page, Callable[[], None], Callable[[], None]]]:
    """A second visitor in a second window, and what brings the first one's window and theirs to the front."""
    # Another name of the same server: the browser takes it for another site, with nothing remembered.
    other = Page(page.driver, server.url.replace("127.0.0.1", "localhost"))
    windows = page.driver.switch_to
    first = page.driver.current_window_handle
    windows.new_window("tab")
    second = page.driver.current_window_handle
    try:
        yield other, lambda: windows.window(first), lambda: windows.window(second)
    finally:
        windows.window(second)
        page.driver.close()
        windows.window(first)


def _width(page: Page, selector: str) -> float:
    return max((float(element.size["width"]) for element in page.all(selector)), default=0.0)
