"""Pictures of every tab of the demo, wide and phone-wide: ``python tests/benchmarks/demo_pictures.py OUT``."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from demo_browser import PHONE, WIDE, Page, chromium  # noqa: E402
from demo_server import serving  # noqa: E402

CLIPS = Path(__file__).parent.parent / "data" / "clips" / "us-male"


def speak(page: Page) -> None:
    """A sentence that was spoken."""
    page.tab("Speak")
    page.click("#speak-start")
    page.until(lambda: page.all(".vb-player.ready"), "the speech was heard", 240)


def difference(page: Page) -> None:
    """The cards."""
    page.tab("Hear the difference")
    page.click("#difference-start")
    page.until(lambda: len(page.all("#difference-voices audio")) == 4, "all voices", 240)


def record(page: Page) -> None:
    """A prompt, with the level meter moving."""
    page.tab("Make your voice")
    page.click(".vb-recorder .record")
    time.sleep(3)


def whose(page: Page) -> None:
    """The bars."""
    page.tab("Whose voice")
    page.give("#whose-clip", CLIPS / "wavs" / "us-male-00040.ogg")
    page.until(lambda: page.all("#whose-found .bar"), "the bars", 240)


def make(page: Page, out: Path) -> None:
    """A voice that is made of the tests' clips: checks, progress, result."""
    page.tab("Make your voice")
    page.tab("Upload clips")
    page.give("#make-clips", CLIPS / "metadata.csv", *sorted((CLIPS / "wavs").glob("*.ogg")))
    page.until(lambda: "us-male" in page.value("#make-clips"), "the upload")
    time.sleep(2)
    page.click("#make-check-clips")
    page.until(lambda: page.all("#make-near tr"), "the checks", 400)
    page.click("#make-consent label")
    save(page, out, "checks")
    page.click("#make-start")
    page.until(lambda: page.all("#make-progress .preview"), "a preview", 500)
    save(page, out, "training")
    page.click("#make-stop")
    page.until(lambda: page.value("#make-results"), "the voice", 500)
    save(page, out, "voice")


def save(page: Page, out: Path, name: str) -> None:
    """The whole page as a picture, wide and phone-wide."""
    for kind, (width, height) in (("wide", WIDE), ("phone", PHONE)):
        for tall in (height, None):
            tall = tall or max(height, int(page.driver.execute_script("return document.body.scrollHeight")))
            page.driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": tall, "deviceScaleFactor": 1, "mobile": width < 600},
            )
            time.sleep(0.7)
        page.driver.save_screenshot(str(out / f"demo-{name}-{kind}.png"))
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": WIDE[0], "height": WIDE[1], "deviceScaleFactor": 1, "mobile": False},
    )


def main(out: Path) -> None:
    """Go through the page."""
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        from voicebank.audio import Audio

        sound = Audio.join([Audio.read(path, 48000) for path in sorted((CLIPS / "wavs").glob("*.ogg"))])
        with serving(Path(folder) / "demo", STEPS=60, LISTEN=0) as server:
            driver = chromium(Path(folder), sound.save(Path(folder) / "microphone.wav"))
            try:
                page = Page(driver, server.url)
                page.open()
                for action in (speak, difference, record, whose):
                    action(page)
                    save(page, out, action.__name__)
                page.open()
                make(page, out)
            finally:
                driver.quit()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
