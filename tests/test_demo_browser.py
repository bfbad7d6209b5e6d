"""The demo in a real browser: speaking, comparing, and how the page fits. Making a voice: test_demo_make.py.

Each test goes to the tab that it needs. Every look at the page waits for what it
looks for.
"""

from __future__ import annotations

import io
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("voicebank_demo", reason="the demo is a package of its own: pip install ./demo")
pytest.importorskip("selenium", reason="the browser is driven by selenium: pip install 'voicebank[test]'")

from demo_browser import CLIPS, PHONE, WIDE, Page  # noqa: E402
from demo_server import Server  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

import voicebank  # noqa: E402
from voicebank.audio import Audio  # noqa: E402

TABS = ("Speak", "Your voice", "Compare", "Whose voice?", "Was this made here?")

# Words that only those know who make voices: they are under Details.
JARGON = (
    *("phonemizer", "grapheme", "griffin", "vocoder", "mel ", "spectrogram", "symbol", "text2mel", "ssrn", "loss"),
    *("cosine", "score", "mismatch", "frontend", "attention", "p-value", "payload"),
)
_SURFACE = """const hidden = [...document.querySelectorAll('details:not([open]) > :not(summary)')];
hidden.forEach((e) => { e.hidden = true; });
const words = document.body.innerText;
hidden.forEach((e) => { e.hidden = false; });
return words;"""

pytestmark = pytest.mark.slow


def test_a_sentence_is_spoken(page: Page, demo: Server) -> None:
    text = "Dr. Smith has a white silk jacket."
    before = len(demo.log)
    page.tab("Speak")
    page.write("#speak-text", text)
    page.click("#speak-start")
    player = "#speak-player .vb-player"
    page.until(lambda: page.data(player, "seconds"), "the speech is complete")
    expected = voicebank.load("us-male").say(text, frontend=_frontend()).duration
    assert float(page.data(player, "seconds") or 0) == pytest.approx(expected, abs=0.3)
    assert float(page.data(player, "loudness") or 0) > 0.01
    page.until(lambda: page.sees(f"{player} .lines .lit") or page.sees(f"{player}.ready"), "a word is lit")
    assert page.value(f"{player} .lines") == text
    page.until(lambda: "first sound after" in page.value(f"{player} .facts"), "how long it took")
    assert "times as fast as it is spoken" in page.value(f"{player} .facts")
    page.until(lambda: page.sees(f"{player}.ready .mp3"), "the speech as a whole")
    assert _sound(page.one(f"{player} .mp3").get_attribute("href") or "").duration == pytest.approx(expected, abs=0.3)
    assert page.value(".vb-live") in ("Playing", "The speech is complete.")
    page.unfold("#speak-details", "#speak-hub")
    page.until(lambda: "Doctor Smith" in page.value("#speak-reading"), "how it was read")
    assert text in page.value("#speak-reading")
    pictures = "#speak-reading img", "#speak-reading svg"
    page.until(lambda: [len(page.all(kind)) for kind in pictures] == [2, 1], "the pictures")
    assert len(demo.log) == before


def test_a_long_text_streams_and_can_be_stopped(page: Page) -> None:
    page.tab("Speak")
    page.write("#speak-text", " ".join(f"This is sentence number {i} of a long text." for i in range(1, 31)))
    page.click("#speak-start")
    player = "#speak-player .vb-player"
    page.until(lambda: page.data(player, "state") == "playing", "the first sentence plays")
    assert page.data(player, "seconds") is None  # and the rest is not there yet
    page.until(lambda: "so far" in page.value(f"{player} .text"), "how far it is")
    page.click("#speak-stop")
    page.until(lambda: page.data(player, "seconds"), "what was spoken is kept")
    heard = float(page.data(player, "seconds") or 0)
    time.sleep(2)  # nothing may come after it
    assert float(page.data(player, "seconds") or 0) == heard < 40
    page.until(lambda: page.sees(f"{player}.ready audio"), "a player of the whole")


def test_bad_text_gives_a_message(page: Page, demo: Server) -> None:
    before = len(demo.log)
    page.tab("Speak")
    page.write("#speak-text", "***")
    page.click("#speak-start")
    page.told("can be spoken")
    assert len(demo.log) == before + 1


def test_messages_show_what_visitors_write_and_do_not_draw_it(page: Page) -> None:
    page.tab("Speak")
    page.unfold("#speak-details", "#speak-hub")
    page.write("#speak-hub", "<b>x</b>")
    page.click("#speak-start")
    page.told("<b>x</b>")
    page.write("#speak-hub", " ")


def test_a_long_paste_is_kept_and_the_page_says_that_it_is_too_long(page: Page) -> None:
    page.tab("Speak")
    page.driver.execute_script(
        "const f = document.querySelector('#speak-text textarea'); f.value = 'long,'.repeat(2000);"
        "f.dispatchEvent(new Event('input', { bubbles: true }));"
    )
    page.until(lambda: "10,000 characters" in page.value(".vb-count"), "the page says so")
    assert len(page.field("#speak-text")) == 10_000
    page.click("#speak-start")
    page.told("10000 characters")


def test_texts_are_one_click_away_and_keys_speak_them(page: Page, tmp_path: Path) -> None:
    page.tab("Speak")
    for button in ("#speak-random", "#speak-long"):
        before = page.field("#speak-text")
        page.click(button)
        page.until(lambda before=before: page.field("#speak-text") != before, "another text")
    (tmp_path / "poem.txt").write_text("Roses are red.")
    page.give_to("#speak-open", tmp_path / "poem.txt")
    page.until(lambda: page.field("#speak-text") == "Roses are red.", "the text of the file")
    page.choose("#speak-voice", "gb-female")
    page.one("#speak-text textarea").click()
    page.press(Keys.CONTROL, Keys.ENTER)
    page.until(lambda: page.value("#speak-player .lines") == "Roses are red.", "it is spoken")
    page.until(lambda: page.sees("#speak-player .ready .link"), "the link")
    page.driver.execute_script("arguments[0].click()", page.all("#speak-player .link")[0])
    link = page.until(lambda: page.data("#speak-player .vb-player", "link"), "its address")
    page.driver.get(link)
    page.ready()
    page.until(lambda: page.field("#speak-text") == "Roses are red.", "the text of the link")
    page.until(lambda: page.all("#speak-voice [data-chosen='gb-female']"), "and its voice")


def test_voices_have_faces_and_samples(page: Page) -> None:
    page.open()
    assert page.value("#speak-voice").count("British") >= 2
    page.click("#speak-voice .voice button")
    page.until(lambda: page.all("#speak-voice [data-played]"), "a sample plays")
    page.click("#speak-voice .voice button")


def test_programs_find_out_how(page: Page) -> None:
    page.tab("Speak")
    page.write("#speak-text", "A silk jacket.")
    page.choose("#speak-voice", "gb-male")
    page.tab("Compare")  # they stand below every tab
    page.unfold("#programs", "#programs pre")
    page.until(lambda: page.value("#programs").count("A silk jacket.") == 3, "the calls for what is on the page")
    assert "gradio_client" in page.value("#programs") and page.url in page.value("#programs")
    assert page.value("#programs").count("gb-male") == 3
    assert page.barriers() == []
    page.click("#programs button")


def test_the_difference_is_heard_and_seen(page: Page) -> None:
    page.tab("Compare")
    page.click("#difference-start")
    both, voices = "#difference-both", "#difference-voices"
    page.until(lambda: len(page.all(f"{both} audio")) == 2, "both readings")
    page.until(lambda: len(page.all(f"{both} img")) == 4, "their pictures")
    page.until(lambda: len(page.all(f"{voices} audio")) == 4, "all four voices")
    assert "NEURAL NETWORK" in page.value(both)
    for player in page.all("#difference-both audio, #difference-voices audio"):
        sound = _sound(player.get_attribute("src") or "")
        assert sound.duration > 0.5 and np.abs(sound.samples).max() > 0.02
    assert page.barriers() == []
    page.write("#difference-text", "***")
    page.click("#difference-start")
    page.told("can be spoken")
    page.until(lambda: "can be spoken" in page.value(both), "the cards say so, too")
    assert not page.all(f"{both} .waiting")


def test_whose_voice_a_clip_is(page: Page) -> None:
    page.tab("Whose voice")
    page.give("#whose-clip", CLIPS / "wavs" / "us-male-00040.ogg")
    page.until(lambda: len(page.all("#whose-found .bar")) == 4, "four bars")
    assert page.value("#whose-found b") == "Michael"
    widths = [page.driver.execute_script("return arguments[0].clientWidth", bar) for bar in page.all("#whose-found i")]
    assert widths == sorted(widths, reverse=True)
    assert page.barriers() == []


def test_whether_a_clip_was_made_here(page: Page, tmp_path: Path) -> None:
    page.open()
    page.tab("Speak")
    page.choose("#speak-voice", "gb-female")
    page.write("#speak-text", "This was made here, and a mark says so.")
    page.click("#speak-start")
    saved = page.one("#speak-player .ready .wav").get_attribute("href") or ""
    (tmp_path / "saved.wav").write_bytes(urllib.request.urlopen(saved, timeout=30).read())
    found = "#detect-found"
    page.tab("Was this made here")
    page.give("#detect-clip", tmp_path / "saved.wav")
    page.until(lambda: "Yes: Emma speaks here" in page.value(found), "who speaks")
    assert "fewer than one in" in page.value(found)
    assert page.sees(f"{found} rect.marked") and page.value(f"{found} .vb-places td:last-child") == "Emma"
    assert "signed by" in page.value(f"{found} .vb-signed") and "Nothing was changed" in page.value(found)
    page.click(f"{found} summary")
    page.until(lambda: page.sees(f"{found} svg.scores"), "the scores along time")
    assert "p-value" in page.value(f"{found} .vb-details")
    assert page.barriers(WIDE, PHONE) == []

    page.click("#detect-clip [aria-label=Clear]")
    page.give("#detect-clip", CLIPS / "wavs" / "us-male-00040.ogg")
    page.until(lambda: "No mark of ours was found" in page.value(found), "a clip of a person")
    assert "no content credentials" in page.value(found) and not page.all(f"{found} rect")

    (tmp_path / "bad.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVEbroken")
    page.click("#detect-clip [aria-label=Clear]")
    page.give("#detect-clip", tmp_path / "bad.wav")
    page.told("bad.wav")
    page.complaints()  # of Gradio's player, which cannot play it


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_every_tab_fits_its_width_and_is_for_everybody(page: Page, size: tuple[int, int]) -> None:
    page.open(size)
    for name in TABS:
        page.tab(name)
        time.sleep(0.3)
        wide, room = page.width()
        assert wide <= room, name
        assert page.barriers() == [], name
        assert [word for word in JARGON if word in page.driver.execute_script(_SURFACE).lower()] == [], name
    page.press(Keys.ARROW_RIGHT)  # from the last tab to the first
    page.until(lambda: page.sees("#speak-text"), "arrows move between tabs")
    page.press(Keys.ARROW_LEFT)
    page.until(lambda: page.sees("#detect-clip"), "and back")
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert page.driver.execute_script(outline) == "solid"
    assert page.complaints() == []


def _frontend() -> str:
    from voicebank import plugins

    return "phonemizer" if "phonemizer" in plugins.names("frontend") else "graphemes"


def _sound(source: str) -> Audio:
    return Audio.read(io.BytesIO(urllib.request.urlopen(source, timeout=30).read()))
