"""What the documentation shows: pictures of the demo and of the networks, and sounds."""

from __future__ import annotations

import io
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from demo_browser import CLIPS, CLIPS_TAB, PHONE, WIDE, Page
from demo_chromium import visiting
from demo_server import Server, serving
from PIL import Image

import voicebank
from benchmarks.engines import Piper
from voicebank.audio import Audio
from voicebank.data.dataset import Dataset
from voicebank.signal.spectrogram import level, linear_magnitude, normalise_magnitude, normalised_mel
from voicebank.training import plots

LONG = 900.0  # seconds
# In no corpus of the base voices, and read by the teacher in that of a speaker whom they were not trained on.
SENTENCE = "A golden retriever is excitedly greeting a woman as a little dog walks towards the camera."
QUALITY = 45  # of WebP: a page is some 25 kB


def speak(page: Page, server: Server) -> None:
    """A sentence that was spoken."""
    page.tab("Speak")
    page.click("#speak-start")
    page.until(lambda: page.all(".vb-player.ready"), "the speech was heard", LONG)


def details(page: Page, server: Server) -> None:
    """What is under Details of it."""
    if not page.sees("#speak-player .ready"):
        speak(page, server)
    page.unfold("#speak-details", "#speak-hub")
    page.until(lambda: page.all("#speak-reading img"), "how it was read")


def compare(page: Page, server: Server) -> None:
    """The cards."""
    page.tab("Compare")
    page.click("#difference-start")
    page.until(lambda: len(page.all("#difference-voices audio")) == 4, "all voices", LONG)


def record(page: Page, server: Server) -> None:
    """A prompt, with the level meter moving."""
    page.tab("Your voice")
    page.click(".vb-recorder .record")
    page.until(lambda: page.sees(".vb-recorder .record.on"), "it records")
    page.until(lambda: page.all(".vb-recorder .meter-fill")[0].size["width"] > 100, "somebody speaks")


def whose(page: Page, server: Server) -> None:
    """The bars."""
    page.tab("Whose voice")
    page.give("#whose-clip", CLIPS / "wavs" / "us-male-00040.ogg")
    page.until(lambda: page.all("#whose-found .bar"), "the bars", LONG)


def detect(page: Page, server: Server) -> None:
    """A clip with a mark in a part of it."""
    clips = [Audio.read(path, 24000) for path in sorted((CLIPS / "wavs").glob("*.ogg"))[:3]]
    spoken = voicebank.load("gb-female").say("This part of the recording was made here. The rest was not.")
    page.tab("Was this made here")
    page.give("#detect-clip", Audio.join([*clips, spoken]).save(server.temporary / "talk.wav"))
    page.until(lambda: page.all("#detect-found rect"), "where the mark is", LONG)


def forty(folder: Path) -> list[Path]:
    """Forty clips of one speaker with their words, a few minutes in all: those of the tests, alone and joined."""
    clips = Dataset.read(CLIPS).clips
    files = []
    for number, joined in enumerate(list(itertools.chain(*(itertools.permutations(clips, n) for n in (1, 2, 3))))[:40]):
        file = Audio.join(Audio.read(clip.path) for clip in joined).save(folder / f"clip-{number + 1:02}.ogg")
        file.with_suffix(".txt").write_text(" ".join(clip.text for clip in joined), encoding="utf-8")
        files.append(file)
    return files


def upload(page: Page, server: Server) -> None:
    """Forty clips that are about to be checked."""
    page.open()
    page.tab("Your voice")
    page.tab("Upload clips")
    page.give("#make-clips", *forty(server.temporary))
    page.until(lambda: "40 files" in page.value("[data-for=make-clips]"), "the upload", LONG)


def checks(page: Page, server: Server) -> None:
    """What was found in them."""
    page.open()
    clips = forty(server.temporary)
    page.upload(*CLIPS_TAB, *clips, *(clip.with_suffix(".txt") for clip in clips))
    page.until(lambda: page.all("#make-found tr"), "the checks", LONG)
    page.click("#make-consent label")


def training(page: Page, server: Server) -> None:
    """A voice that learns."""
    page.click("#make-start")
    page.until(lambda: len(page.all("#make-progress .vb-compare audio")) == 3, "a preview", LONG)


def voice(page: Page, server: Server) -> None:
    """A voice that was made."""
    if page.sees("#make-stop"):
        page.click("#make-stop")
    page.until(lambda: page.value("#make-results"), "the voice", LONG)


STATES: tuple[Callable[[Page, Server], None], ...] = (
    *(speak, details, compare, record, whose, detect),
    *(upload, checks, training, voice),
)


def end_of(page: Page, width: int) -> int:
    """Where the page ends, in pixels, once it has its width and stands still; 0 before."""
    script = """const end = document.querySelector('.vb-foot').getBoundingClientRect().bottom + scrollY;
    return document.documentElement.clientWidth > arguments[0] ? 0 : Math.ceil(end) + 20;"""
    first = page.driver.execute_script(script, width)
    time.sleep(0.5)
    return first if first == page.driver.execute_script(script, width) else 0


def save(page: Page, out: Path, name: str) -> None:
    """The whole page as four pictures."""
    page.driver.execute_cdp_cmd("Emulation.setScrollbarsHidden", {"hidden": True})
    for kind, size in (("wide", WIDE), ("phone", PHONE)):
        page.resize(size)
        page.driver.execute_script("scrollTo(0, 0)")
        page.resize((size[0], page.until(lambda size=size: end_of(page, size[0]), "the page has settled")))
        for colours in ("light", "dark"):
            page.dark(colours == "dark")
            time.sleep(0.4)
            picture = Image.open(io.BytesIO(page.driver.get_screenshot_as_png()))
            picture.save(out / f"demo-{name}-{kind}-{colours}.webp", quality=QUALITY, method=6)
        page.dark(False)
    page.resize(WIDE)


def draw(out: Path, only: list[str]) -> None:
    """Draw every tab of the demo into a folder, with a real browser; or only some states of it."""
    out.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "demo", STEPS=6, LISTEN=0) as server,
        visiting(server.url, Path(folder)) as page,
    ):
        for state in STATES:
            if only and state.__name__ not in only:
                continue
            state(page, server)
            with server.held():
                save(page, out, state.__name__)


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
