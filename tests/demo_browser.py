"""What a visitor does with the demo, in a browser that selenium drives."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

CLIPS = Path(__file__).parent / "data" / "clips" / "us-male"
WIDE, PHONE = (1280, 1000), (390, 844)
# Where clips are given and checked: tab, field, button.
CLIPS_TAB = ("Upload clips", "#make-clips", "#make-check-clips")
LONG_TAB = ("Long recording", "#make-long", "#make-check-long")
PATIENCE = 180.0  # seconds; a machine that does other things, too, is no failure
# Whether a press on the middle of an element would reach it now: it is in view, stands still, and nothing covers it.
# What the next press then meets is noted: the page may move in between.
_REACHED = """
const [element, done] = arguments;
element.scrollIntoView({block: "center"});
const before = element.getBoundingClientRect();
setTimeout(() => {
  const now = element.getBoundingClientRect();
  const top = document.elementFromPoint(now.left + now.width / 2, now.top + now.height / 2);
  const related = (e) => element.contains(e) || e.contains(element);
  window.met = false;
  document.addEventListener("click", (e) => { window.met = related(e.target); }, { capture: true, once: true });
  done(before.top === now.top && before.left === now.left && !!top && related(top));
}, 120);"""


# Messages are on the page for some seconds; who looks seldom shall find them, too.
_LISTEN = """
if (!window.said) {
  window.said = [];
  const known = new WeakMap();
  const look = () => document.querySelectorAll(".toast-body").forEach((e) => {
    if (e.innerText && known.get(e) !== e.innerText) window.said.push(e.innerText);
    known.set(e, e.innerText);
  });
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""

_AXE = """
const done = arguments[0];
// What is folded away is not painted, and has the colours of another time.
const folded = [["details:not([open]) > :not(summary)"]];
// A message that comes or goes is pale for a moment.
const fading = document.getAnimations().filter(
  (a) => a.playState === "running" && a.effect.getComputedTiming().activeDuration <= 1000);
Promise.allSettled(fading.map((a) => a.finished)).then(
  () => axe.run({ exclude: folded }, { resultTypes: ["violations"] })).then(({ violations }) => done(
  violations.flatMap((v) => v.nodes.map((n) => v.id + " " + n.target.join(" ") + " " + n.failureSummary))));"""


class Page:
    """What a visitor does with the demo."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver, self.url = driver, url

    def open(self, size: tuple[int, int] = WIDE) -> None:
        """Load the page, and wait until it works."""
        self.resize(size)
        self.driver.get(self.url)
        self.ready()

    def reload(self) -> None:
        """As the visitor's key F5."""
        self.driver.refresh()
        self.ready()

    def ready(self) -> None:
        """Wait until the events of the page are joined to the server."""
        self.until(lambda: self.all(".vb-foot[data-arrived=yes]"), "the visitor has arrived")
        self.driver.execute_script(_LISTEN)

    def tab(self, name: str) -> None:
        """Go to a tab, which is on the page whatever its width."""

        def click() -> bool:
            for button in self.all("button[role=tab]"):
                if name in (button.text or "") and button.is_displayed():
                    button.click()
                    return button.get_attribute("aria-selected") == "true"
            return False

        self.until(click, f"the tab {name}")

    def all(self, selector: str) -> list[WebElement]:
        """All elements of a CSS selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """The first element, once it is there and to be seen."""
        return self.until(lambda: next((e for e in self.all(selector) if e.is_displayed()), None), selector)

    def click(self, selector: str) -> None:
        """Press what is to be seen, once it can be pressed and stands still."""

        def press() -> bool:
            element = self.one(selector)
            if not element.is_enabled() or not self.driver.execute_async_script(_REACHED, element):
                return False
            element.click()
            # After a press that led to another page there is nothing noted.
            return self.driver.execute_script("return window.met") is not False

        self.until(press, f"{selector} can be pressed")

    def unfold(self, accordion: str, inside: str) -> None:
        """Open an accordion, whose content is not even in the page before."""

        def opened() -> bool:
            if not any(element.is_displayed() for element in self.all(inside)):
                head = self.one(f"{accordion} button")
                if "open" not in (head.get_attribute("class") or ""):
                    head.click()
                return False
            return True

        self.until(opened, f"{accordion} is open")

    def write(self, selector: str, text: str) -> None:
        """Put a text into a field, in place of what is there."""

        def written() -> bool:
            field = self.one(f"{selector} textarea, {selector} input")
            field.clear()
            field.send_keys(text)
            return field.get_attribute("value") == text

        self.until(written, f"the text in {selector}")

    def field(self, selector: str) -> str:
        """What is written in a field."""
        return str(self.one(f"{selector} textarea, {selector} input").get_attribute("value"))

    def give(self, selector: str, *files: Path) -> None:
        """Choose files, and wait until the page shows the first of them."""
        names = "\n".join(str(file) for file in files)
        self.until(lambda: self.all(f"{selector} input[type=file]"), f"the field for files of {selector}")
        self.all(f"{selector} input[type=file]")[0].send_keys(names)

    def upload(self, tab: str, field: str, button: str, *files: Path) -> None:
        """Give files to the tab Your voice and have them checked; starts over if there is a voice or a check."""
        self.tab("Your voice")
        if self.sees("#make-another"):
            self.click("#make-another")
        if self.sees("#make-other"):
            self.click("#make-other")
            self.click("#make-other-yes")
        self.tab(tab)
        self.give(field, *files)
        self.until(lambda: all(file.stem in self.value(field) for file in files), "the files are uploaded")
        self.click(button)

    def give_to(self, button: str, file: Path) -> None:
        """Choose a file for a button that opens one; its field stands beside it."""
        field = self.driver.execute_script(
            "const b = document.querySelector(arguments[0]); return b.parentElement.querySelector('input[type=file]')"
            " || b.querySelector('input[type=file]')",
            button,
        )
        field.send_keys(str(file))

    def value(self, selector: str) -> str:
        """The text of an element, seen or not, without the white space around it; empty if there is none."""
        return str(
            self.driver.execute_script(
                "const e = document.querySelector(arguments[0]); return e ? e.textContent.trim() : ''", selector
            )
        )

    def data(self, selector: str, name: str) -> str | None:
        """A data attribute."""
        script = "const e = document.querySelector(arguments[0]); return e ? e.getAttribute(arguments[1]) : null"
        return self.driver.execute_script(script, selector, f"data-{name}")  # type: ignore[no-any-return]

    def sees(self, selector: str) -> bool:
        """Whether there is such an element to be seen now."""
        try:
            return any(element.is_displayed() for element in self.all(selector))
        except StaleElementReferenceException:  # drawn anew between the two questions
            return False

    def until(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        """Wait until something is there."""
        end = time.monotonic() + seconds
        last: Exception | None = None
        while time.monotonic() < end:
            try:
                if found := condition():
                    return found
            except WebDriverException as error:  # elements come and go while the page is drawn anew
                last = error
            time.sleep(0.15 if seconds == PATIENCE else 0.5)  # each look costs the page some computing
        raise AssertionError(f"{what}: not within {seconds:g} s ({last}); the page says: {self.toasts()}")

    def toasts(self) -> list[str]:
        """The messages of the page since it was opened, or since the last :meth:`told`."""
        return list(self.driver.execute_script("return window.said || []"))

    def told(self, words: str) -> None:
        """Wait for a message, and forget those that came so far."""
        self.until(lambda: any(words in toast for toast in self.toasts()), f"the message {words!r}")
        self.driver.execute_script("window.said = []")

    def press(self, *keys: str) -> None:
        """Press keys together, wherever the focus is."""
        *held, last = keys
        chain = ActionChains(self.driver)
        for key in held:
            chain.key_down(key)
        chain.send_keys(last)
        for key in reversed(held):
            chain.key_up(key)
        chain.perform()

    def choose(self, selector: str, voice: str) -> None:
        """Choose a voice in a list of voices."""
        self.driver.execute_script(
            "arguments[0].click()", self.until(lambda: self.all(f"{selector} input[value='{voice}']"), voice)[0]
        )
        self.until(lambda: self.all(f"{selector} [data-chosen='{voice}']"), f"{voice} is chosen")

    def dark(self, on: bool) -> None:
        """Switch to dark colours, or back."""
        self.driver.execute_script("document.body.classList.toggle('dark', arguments[0])", on)

    def resize(self, size: tuple[int, int]) -> None:
        """Another width and height in pixels; narrow ones are those of a phone."""
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 600},
        )

    def barriers(self, *sizes: tuple[int, int]) -> list[str]:
        """What axe-core finds that people who cannot see, hear or point well stumble over, in light and in dark.

        Args:
            sizes: of the page, one after the other; as it is if left out.
        """
        if not self.driver.execute_script("return !!window.axe"):
            script = resources.files("axe_core_python").joinpath("axe.min.js").read_text(encoding="utf-8")
            still = "const s = document.createElement('style'); s.textContent = '* { transition: none !important }';"
            self.driver.execute_script(f"{script}; window.axe = axe; {still} document.head.append(s);")
        found = []
        for size in sizes or (None,):
            if size:
                self.resize(size)
            for on in (False, True):
                self.dark(on)
                time.sleep(0.3)
                where = f"{size or 'as it is'}, {'dark' if on else 'light'}: "
                found += [where + fault for fault in self.driver.execute_async_script(_AXE)]
        self.dark(False)
        if sizes:
            self.resize(WIDE)
        return found

    def complaints(self) -> list[str]:
        """Errors of the page's scripts since the last question."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]

    def width(self) -> tuple[int, int]:
        """How wide the page is and how wide it may be, in pixels."""
        # Not window.innerWidth: a phone makes that as wide as the page, and everything small.
        script = "const page = document.documentElement; return [page.scrollWidth, page.clientWidth]"
        return tuple(self.driver.execute_script(script))
