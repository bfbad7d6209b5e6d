"""What the documentation shows: pictures of the demo and of the networks, and sounds."""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from demo_browser import CLIPS, PHONE, WIDE, Page, visiting
from demo_server import serving
from PIL import Image

import voicebank
from benchmarks.engines import Piper
from voicebank.audio import Audio
from voicebank.signal.spectrogram import level, linear_magnitude, normalise_magnitude, normalised_mel
from voicebank.training import plots

LONG = 900.0  # seconds
# In no corpus of the base voices, and read by the teacher in that of a speaker whom they were not trained on.
SENTENCE = "A golden retriever is excitedly greeting a woman as a little dog walks towards the camera."


def speak(page: Page) -> None:
    """A sentence that was spoken."""
    page.tab("Speak")
    page.click("#speak-start")
    page.until(lambda: page.all(".vb-player.ready"), "the speech was heard", LONG)


def difference(page: Page) -> None:
    """The cards."""
    page.tab("Compare")
    page.click("#difference-start")
    page.until(lambda: len(page.all("#difference-voices audio")) == 4, "all voices", LONG)


def record(page: Page) -> None:
    """A prompt, with the level meter moving."""
    page.tab("Your voice")
    page.click(".vb-recorder .record")
    page.until(lambda: page.sees(".vb-recorder .record.on"), "it records")
    page.until(lambda: page.all(".vb-recorder .meter-fill")[0].size["width"] > 100, "somebody speaks")


def whose(page: Page) -> None:
    """The bars."""
    page.tab("Whose voice")
    page.give("#whose-clip", CLIPS / "wavs" / "us-male-00040.ogg")
    page.until(lambda: page.all("#whose-found .bar"), "the bars", LONG)


def make(page: Page, out: Path) -> None:
    """A voice that is made of the tests' clips: checks, progress, result."""
    page.tab("Your voice")
    page.tab("Upload clips")
    page.give("#make-clips", CLIPS / "metadata.csv", *sorted((CLIPS / "wavs").glob("*.ogg")))
    page.until(lambda: "us-male" in page.value("#make-clips"), "the upload")
    page.click("#make-check-clips")
    page.until(lambda: page.all("#make-found tr"), "the checks", LONG)
    page.click("#make-consent label")
    save(page, out, "checks")
    page.click("#make-start")
    page.until(lambda: len(page.all("#make-progress .vb-compare audio")) == 3, "a preview", LONG)
    save(page, out, "training")
    page.click("#make-stop")
    page.until(lambda: page.value("#make-results"), "the voice", LONG)
    save(page, out, "voice")


def end_of(page: Page, width: int) -> int:
    """Where the page ends, in pixels, once it has its width and stands still; 0 before."""
    script = """const end = document.querySelector('.vb-foot').getBoundingClientRect().bottom + scrollY;
    return document.documentElement.clientWidth > arguments[0] ? 0 : Math.ceil(end) + 20;"""
    first = page.driver.execute_script(script, width)
    time.sleep(1)
    return first if first == page.driver.execute_script(script, width) else 0


def save(page: Page, out: Path, name: str) -> None:
    """The whole page as four pictures."""
    page.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    for kind, (width, height) in (("wide", WIDE), ("phone", PHONE)):
        for tall in (height, None):
            tall = tall or page.until(lambda width=width: end_of(page, width), "the page has settled")
            page.driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": tall, "deviceScaleFactor": 1, "mobile": width < 600},
            )
            time.sleep(0.7)
        for colours in ("light", "dark"):
            page.dark(colours == "dark")
            time.sleep(0.4)
            picture = Image.open(io.BytesIO(page.driver.get_screenshot_as_png()))
            picture.save(out / f"demo-{name}-{kind}-{colours}.webp", quality=60, method=6)
        page.dark(False)
    page.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": WIDE[0], "height": WIDE[1], "deviceScaleFactor": 1, "mobile": False},
    )


def draw(out: Path) -> None:
    """Draw every tab of the demo into a folder, with a real browser."""
    out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "demo", STEPS=24, LISTEN=0) as server,
        visiting(server.url, Path(folder)) as page,
    ):
        for action in (speak, difference, record, whose):
            action(page)
            save(page, out, action.__name__)
        page.open()
        make(page, out)


def illustrate(out: Path) -> None:
    """A sentence by each bundled voice and by Piper, and what the networks make on its way, into a folder."""
    out.mkdir(parents=True, exist_ok=True)
    for info in voicebank.voices():
        speech = voicebank.load(info.name).say_detailed(SENTENCE)
        speech.audio.save(out / f"{info.name}.ogg")
        if info.name == "us-male":
            plots.attention(out / "attention.png", speech.sentences[0].attention, SENTENCE)
    piper = Piper("").voice
    samples = np.concatenate([chunk.audio_int16_array for chunk in piper.synthesize(SENTENCE)])
    Audio(samples / 32768, piper.config.sample_rate).save(out / "piper.ogg")

    voice = voicebank.load("us-male")
    config = voice.config.audio
    recording = Audio.read(CLIPS / "wavs" / "us-male-00040.ogg", config.sample_rate)
    linear = linear_magnitude(torch.from_numpy(level(recording.samples, config)), config)
    coarse = normalised_mel(linear, config)[:, :: config.reduction].T
    predicted = voice.ssrn.magnitude(coarse[None])[0]
    plots.ssrn(out / "ssrn.png", normalise_magnitude(linear, config).T, predicted)
