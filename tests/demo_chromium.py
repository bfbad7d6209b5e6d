"""A headless Chromium with a microphone that plays a file, for the tests of the demo."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from demo_browser import CLIPS, PATIENCE, Page
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from voicebank.audio import Audio


def chromium(folder: Path, microphone: Path | None = None) -> webdriver.Chrome:
    """Start one; skips the test if there is none on this machine."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not browser or not driver:
        pytest.skip("no Chromium on this machine: apt-get install chromium chromium-driver")
    options = Options()
    options.binary_location = browser
    arguments = [
        "--headless=new",
        "--no-sandbox",  # tests may run as root, which Chromium's sandbox refuses
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--force-prefers-reduced-motion",  # without a GPU, what moves takes a good part of a core
        "--disable-background-networking",
        "--disable-component-update",
        "--no-first-run",
        "--no-proxy-server",
        "--mute-audio",
        "--force-color-profile=srgb",
        f"--user-data-dir={folder / 'profile'}",
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
    ]
    if microphone is not None:
        arguments.append(f"--use-file-for-fake-audio-capture={microphone}")
    for argument in arguments:
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "downloads")})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=Service(driver))


@contextlib.contextmanager
def visiting(url: str, folder: Path) -> Iterator[Page]:
    """A page of the demo in a Chromium of its own, whose microphone hears the clips of the tests."""
    sound = Audio.join([Audio.read(path, 48000) for path in sorted((CLIPS / "wavs").glob("*.ogg"))[:3]])
    driver = chromium(folder, sound.save(folder / "microphone.wav"))
    driver.set_script_timeout(PATIENCE)
    try:
        page = Page(driver, url)
        page.open()
        yield page
    finally:
        driver.quit()


@contextlib.contextmanager
def another(page: Page) -> Iterator[tuple[Page, Callable[[], None], Callable[[], None]]]:
    """A second visitor in a second window, and what brings the first one's window and theirs to the front."""
    # Another name of the same server: the browser takes it for another site, with nothing remembered.
    other = Page(page.driver, page.url.replace("127.0.0.1", "localhost"))
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
