"""Recordings in a real browser: made, deleted, had back, refused, and what a recogniser guessed of their words."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("voicebank_demo", reason="the demo is a package of its own: pip install ./demo")
pytest.importorskip("selenium", reason="the browser is driven by selenium: pip install 'voicebank[test]'")

from demo_browser import CLIPS, CLIPS_TAB, LONG_TAB, PHONE, WIDE, Page  # noqa: E402
from demo_chromium import another  # noqa: E402
from demo_server import Server  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

from voicebank.audio import Audio  # noqa: E402
from voicebank.data.dataset import Dataset  # noqa: E402

# How often the field of files was asked to open, in place of the system's own window.
_FIELD = """window.opened = 0;
document.querySelector("#make-clips input[type=file]").addEventListener("click", (event) => {
  event.preventDefault();
  window.opened += 1;
});"""
# Whether all files, their number, and the button below them are to be seen at once.
_ON_SCREEN = """const box = document.querySelector("#make-clips .file-preview-holder");
const below = [document.querySelector("[data-for=make-clips]"), document.querySelector("#make-check-clips")];
const seen = below.map((e) => e.getBoundingClientRect().bottom <= innerHeight);
return [box.scrollHeight <= box.clientHeight + 1, ...seen];"""

pytestmark = pytest.mark.slow


def test_prompts_are_recorded_one_after_another(page: Page, demo: Server) -> None:
    page.open()
    page.tab("Your voice")
    box = ".vb-recorder"

    def record(button: str) -> None:
        page.click(f"{box} {button}")
        page.until(lambda: page.sees(f"{box} .record.on"), "it records")
        page.until(lambda: _width(page, f"{box} .meter-fill") > 20, "the level meter moves")
        time.sleep(1.8)  # as long as somebody speaks
        page.click(f"{box} .record.on")
        page.until(lambda: page.sees(f"{box} .next:enabled"), "the recording is there")

    prompts = []
    for number in (1, 2):
        page.until(lambda n=number: f"Sentence {n} " in page.value(f"{box} .count"), "its turn")
        prompts.append(page.value(f"{box} .prompt"))
        record(".record")
        if number == 1:  # not good enough: once more
            record(".again")
            page.click(f"{box} .next")
        page.until(lambda n=number: f"{n} recorded" in page.value(f"{box} .count"), "it was kept, confirmed or not")
    assert prompts[0] != prompts[1]
    (folder,) = [visitor for visitor in demo.visitors if (visitor / "recordings").is_dir()]
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
    page.until(lambda: page.data(f"{box} .listen", "played"), "a kept take is heard")


def test_recordings_are_deleted_after_a_question_and_can_be_had_back(page: Page, demo: Server) -> None:
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
    page.open()
    page.tab("Your voice")
    page.driver.execute_script(
        "const none = new DOMException('Requested device not found', 'NotFoundError');"
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(none);"
    )
    page.click(".vb-recorder .record")
    page.until(lambda: "No microphone was found" in page.value(".vb-recorder .message"), "plain words")


def test_a_bad_upload_gives_a_message_and_takes_nothing_from_others(page: Page, demo: Server, tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK\x03\x04 this is no zip")
    before = len(demo.log)
    page.open()
    page.upload(*CLIPS_TAB, bad)
    page.told("cannot be unpacked")
    assert len(demo.log) == before + 1
    with another(page) as (other, _, _):  # Gradio keeps files of the same content in one place
        other.open()
        other.upload(*CLIPS_TAB, bad)
        other.told("cannot be unpacked")
    page.click("#make-check-clips")
    page.told("cannot be unpacked")  # and not that it is gone
    assert page.barriers(WIDE, PHONE) == []  # while a message is shown, too


def test_forty_files_take_one_screen_and_more_can_be_added(page: Page, tmp_path: Path) -> None:
    sound = (CLIPS / "wavs" / "us-male-00040.ogg").read_bytes()
    for number in range(40):
        (tmp_path / f"{number}.ogg").write_bytes(sound)
    page.open()
    page.tab("Your voice")
    page.tab("Upload clips")
    page.give("#make-clips", *sorted(tmp_path.iterdir()))
    page.until(lambda: "40 files" in page.value("[data-for=make-clips]"), "the total")
    page.driver.execute_script(_FIELD)
    assert page.driver.execute_script(_ON_SCREEN) == [True, True, True]
    page.one("[data-for=make-clips] button").send_keys(Keys.ENTER)
    page.until(lambda: page.driver.execute_script("return window.opened") == 1, "the key opens the field for files")
    page.give("#make-clips", CLIPS / "wavs" / "us-male-00006.ogg")
    page.until(lambda: "41 files" in page.value("[data-for=make-clips]"), "one more")


def test_a_recording_in_which_nobody_speaks_is_refused(page: Page, tmp_path: Path) -> None:
    silent = Audio.silence(60, 8000).save(tmp_path / "silent.flac")
    page.open()
    page.upload(*LONG_TAB, silent)
    page.until(lambda: "Nobody is heard" in page.value("#make-progress"), "why it was refused")


def test_words_that_were_guessed_are_called_so_and_can_be_corrected(page: Page) -> None:
    pytest.importorskip("voicebank_whisper")
    page.open()
    page.upload(*LONG_TAB, CLIPS / "wavs" / "us-male-00040.ogg")
    clips = "#make-clip-list"
    page.until(lambda: "guessed from the sound" in page.value(f"{clips} .problem"), "what is doubtful is said")
    assert "The words of 1 were guessed" in page.value(f"{clips} .guesses")
    words = page.one(f"{clips} li textarea")
    words.send_keys(" Yes.", Keys.ENTER)
    page.until(lambda: "guessed" not in page.value(f"{clips} .list"), "somebody has read them")
    assert page.barriers() == []


def _width(page: Page, selector: str) -> float:
    return max((float(element.size["width"]) for element in page.all(selector)), default=0.0)
