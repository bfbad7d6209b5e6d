"""A voice that is made in a real browser: checked, trained, stopped, taken away, and forgotten.

What a test needs, it makes if it is not there yet. Every look at the page waits for
what it looks for.
"""

from __future__ import annotations

import io
import json
import urllib.request
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("voicebank_demo", reason="the demo is a package of its own: pip install ./demo")
pytest.importorskip("selenium", reason="the browser is driven by selenium: pip install 'voicebank[test]'")

from demo_browser import CLIPS, CLIPS_TAB, PHONE, WIDE, Page  # noqa: E402
from demo_chromium import another  # noqa: E402
from demo_server import Server  # noqa: E402
from hub_server import Hub  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

from voicebank.audio import Audio  # noqa: E402
from voicebank.data.dataset import Dataset  # noqa: E402

TOKEN = "hf_me"  # the one that the Hub of the tests takes
JOB = 900.0  # seconds to wait for a voice, on a machine that has other work

# A browser without a screen shows no notifications.
_NOTIFIED = """window.Notification = class {
  static permission = "granted";
  static async requestPermission() { return "granted"; }
  constructor(title, { body }) { window.notified = body; }
};"""

pytestmark = pytest.mark.slow


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


def test_a_minute_is_checked(page: Page, minute: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.zip"
    bad.write_bytes(b"PK\x03\x04 this is no zip")
    page.open()
    page.upload(*CLIPS_TAB, minute, bad)
    page.told("cannot be unpacked")
    page.until(lambda: "2 files" in page.value("[data-for=make-clips]"), "the total")
    page.click("#make-clips tr:nth-child(2) [aria-label='Remove this file']")
    page.until(lambda: "bad" not in page.value("#make-clips"), "the bad one is taken out, the other is still there")
    page.click("#make-check-clips")
    page.until(lambda: len(page.all("#make-found tr")) == 5, "the table of base voices", JOB)
    page.until(lambda: "the closest to yours" in page.value("#make-base"), "the closest of them")
    clips = "#make-clip-list"
    page.until(lambda: "18 of 18 clips" in page.value(f"{clips} .summary"), "the clips")
    sideways = f"const list = document.querySelector('{clips} .list'); return list.scrollWidth - list.clientWidth"
    assert page.driver.execute_script(sideways) <= 0  # more than fit are below, not beside
    page.click(f"{clips} li .vb-play")  # one that nothing is wrong with
    page.until(lambda: page.data(f"{clips} [data-played]", "played"), "it is heard")
    page.click(f"{clips} li .use")
    page.until(lambda: "17 of 18 clips" in page.value(f"{clips} .summary"), "one is left out")
    page.click(f"{clips} li .right")
    page.until(lambda: "18 of 18 clips" in page.value(f"{clips} .summary"), "it is right after all")
    assert page.barriers(WIDE, PHONE) == []
    page.click("#make-start")  # and nobody said whose voice it is
    page.told("whose voice")
    page.click("#make-other")
    page.click("#make-other-no")
    page.click("#make-other")
    page.click("#make-other-yes")
    page.until(lambda: page.sees("#make-collect"), "back to the recordings")
    page.click("#make-other-undo")
    page.until(lambda: "18 of 18 clips" in page.value(f"{clips} .summary") and page.sees(clips), "and had back")


@pytest.mark.long
def test_two_voices_are_made_one_after_the_other(page: Page, demo: Server, minute: Path) -> None:
    work, results = "#make-progress", "#make-results"
    _checked(page, minute)
    with another(page) as (other, here, there):
        _checked(other, minute)
        other.click("#make-start")
        state = other.until(lambda: _learning(demo), "the other one learns", JOB)
        with demo.held():
            here()
            page.click("#make-start")
            page.until(lambda: "number 1 in the queue" in page.value(work), "the place in the queue")
            page.tab("Compare")
            page.until(lambda: page.sees(".vb-banner"), "every tab says that a voice is being made")
            page.reload()
            page.tab("Your voice")
            page.until(lambda: "number 1 in the queue" in page.value(work), "the place after a reload")
            assert page.barriers(WIDE, PHONE) == []
            page.driver.execute_script(_NOTIFIED)
            page.click(".vb-notify")
            page.until(lambda: "You will be told" in page.value(".vb-notify"), "it is asked for")
            there()
            other.until(lambda: "training" in other.value(f"{work} .vb-curves"), "its curve")
            assert other.barriers(WIDE, PHONE) == []
            written = json.loads(state.read_text())
            state.write_text(json.dumps({**written, "step": 60, "steps": 60, "seconds_left": None}))
            other.until(lambda: "almost done" in other.value(work), "a stage that ended does not look as if it hung")
            assert "60 of 60" not in other.value(work)
            other.click("#make-stop")
            other.until(lambda: other.sees("#make-stop:disabled"), "the page says that it stops")
        other.until(lambda: "Stopped" in other.value(results), "the best so far", JOB)
        words = other.driver.execute_script("return document.body.innerText")
        assert not [visitor for visitor in demo.visitors if visitor.name in words]
    page.until(lambda: "ready" in page.value(results), "now the first one's turn", JOB)
    page.until(lambda: "is ready" in (page.driver.execute_script("return window.notified") or ""), "it is told")
    page.until(lambda: page.all(f"{results} .vb-curves svg"), "its curves")
    page.until(lambda: len(page.all(f"{results} .vb-compare audio")) == 3, "the speaker, the base and the voice")
    assert any("Corrected words." in path.read_text() for path in demo.temporary.rglob("dataset/metadata.csv"))
    assert page.barriers(WIDE, PHONE) == []


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
    page.click("#make-again")
    page.click("#make-again-no")
    page.click("#make-again")
    page.click("#make-again-yes")
    page.until(lambda: page.sees("#make-collect"), "the voice is deleted")
    page.click("#make-again-undo")
    page.until(lambda: _made(page), "and back")
    link = page.one("#make-results a[download]").get_attribute("href") or ""
    data = urllib.request.urlopen(link, timeout=60).read()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = {Path(name).name for name in archive.namelist()}
    assert {"config.json", "text2mel.safetensors", "ssrn.safetensors", "README.md"} <= names


def test_it_goes_to_the_hub_and_the_token_nowhere(page: Page, demo: Server, demo_hub: Hub, minute: Path) -> None:
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
    kept = [path for path in demo.temporary.rglob("*") if path.is_file()] + [demo.log_file]
    for secret in (TOKEN.encode(), b"hf_secret_that_is_wrong"):
        assert not [path for path in kept if secret in path.read_bytes()]
    stored = page.driver.execute_script("return JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
    assert TOKEN not in stored and "hf_secret" not in stored
    page.click("#make-another")
    page.until(lambda: page.sees("#make-kept a[download]") and page.sees("#make-collect"), "a voice beside another")
    assert page.barriers() == []


def test_a_stop_may_come_before_the_work_begins(page: Page, minute: Path) -> None:
    page.open()
    page.upload(*CLIPS_TAB, minute)
    page.click("#make-stop")
    page.until(lambda: "was stopped" in page.value("#make-progress .vb-bad"), "the end", JOB)
    page.until(lambda: page.sees("#make-check-clips"), "and a new start")
    assert not page.sees("#make-stop")


def test_what_a_visitor_made_is_gone_after_they_leave(page: Page, demo: Server) -> None:
    page.open()
    page.until(lambda: demo.visitors, "the visitor's folder")
    assert page.complaints() == []
    page.driver.get("about:blank")
    page.until(lambda: not demo.visitors, "the folders are gone")


def _checked(page: Page, minute: Path) -> None:
    """Go as far as where only Start is left to press."""
    page.open()
    page.tab("Your voice")
    if not page.sees("#make-start"):
        page.upload(*CLIPS_TAB, minute)
        page.until(lambda: page.all("#make-found tr"), "the table", JOB)
    words = page.one("#make-clip-list li textarea")
    words.send_keys(Keys.CONTROL, "a")
    words.send_keys("Corrected words.", Keys.ENTER)
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


def _learning(demo: Server) -> Path | None:
    """The state of a job that learns."""
    states = demo.temporary.glob("*/visitors/*/voice/state.json")
    return next((path for path in states if '"working"' in path.read_text() and '"training"' in path.read_text()), None)
