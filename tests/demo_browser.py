"""A headless Chromium with a microphone that plays a file, for the tests of the demo."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

WIDE, PHONE = (1280, 1000), (390, 844)


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


class Page:
    """What a visitor does with the demo."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver, self.url = driver, url

    def open(self, size: tuple[int, int] = WIDE) -> None:
        """Load the page, and wait until it works."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 600},
        )
        self.driver.get(self.url)
        self.ready()

    def reload(self) -> None:
        """As the visitor's key F5."""
        self.driver.refresh()
        self.ready()

    def ready(self) -> None:
        """Wait until the events of the page are joined to the server."""
        self.until(lambda: self.all(".vb-foot[data-arrived=yes]"), "the visitor has arrived", 60)

    def tab(self, name: str) -> None:
        """Go to a tab, if need be through the menu of those that have no room."""

        def click() -> bool:
            for button in self.all("button[role=tab]"):
                if name in (button.text or "") and button.is_displayed():
                    button.click()
                    return True
            for more in self.all(".overflow-menu > button"):
                if more.is_displayed():
                    more.click()
            for entry in self.all(".overflow-dropdown button"):
                if name in entry.text:
                    entry.click()
                    return True
            return False

        self.until(click, f"the tab {name}")

    def all(self, selector: str) -> list[WebElement]:
        """All elements of a CSS selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """The first element, once it is there and to be seen."""
        return self.until(lambda: next((e for e in self.all(selector) if e.is_displayed()), None), selector)

    def click(self, selector: str) -> None:
        """Press what is to be seen."""
        element = self.one(selector)
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def write(self, selector: str, text: str) -> None:
        """Put a text into a field, in place of what is there."""
        field = self.one(f"{selector} textarea, {selector} input")
        field.clear()
        field.send_keys(text)

    def give(self, selector: str, *files: Path) -> None:
        """Choose files."""
        self.all(f"{selector} input[type=file]")[0].send_keys("\n".join(str(file) for file in files))

    def value(self, selector: str) -> str:
        """The text of an element, seen or not; empty if there is none."""
        return str(
            self.driver.execute_script(
                "const e = document.querySelector(arguments[0]); return e ? e.textContent : ''", selector
            )
        )

    def data(self, selector: str, name: str) -> str | None:
        """A data attribute."""
        found = self.all(selector)
        return found[0].get_attribute(f"data-{name}") if found else None

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 90) -> Any:
        """Wait until something is there."""
        end = time.monotonic() + seconds
        last: Exception | None = None
        while time.monotonic() < end:
            try:
                if found := condition():
                    return found
            except Exception as error:  # elements come and go while the page is drawn anew
                last = error
            time.sleep(0.15)
        raise AssertionError(f"{what}: not within {seconds:g} s ({last}); the page says: {self.toasts()}")

    def toasts(self) -> list[str]:
        """The messages on the page."""
        return [toast.text for toast in self.all(".toast-body") if toast.text]

    def complaints(self) -> list[str]:
        """Errors of the page's scripts since the last question."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]

    def width(self) -> tuple[int, int]:
        """How wide the page is and how wide it may be, in pixels."""
        return tuple(self.driver.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]"))
