"""The demo under load, and how soon its page can be used."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from voicebank.audio import Audio

TEXT = "The lake was as smooth as a sheet of glass, and nobody spoke. Then request number {} arrived."
# When the page is there to be used: all of it is drawn, and its events are joined to the server.
_WATCH = """new MutationObserver(() => {
  if (!window.usable && document.querySelector(".vb-foot[data-arrived=yes]")) window.usable = performance.now();
}).observe(document, { childList: true, subtree: true, attributes: true });"""
_TIMES = """const paint = performance.getEntriesByName("first-contentful-paint")[0];
return [performance.getEntriesByType("navigation")[0].responseEnd, paint ? paint.startTime : NaN, window.usable];"""


def demo(at_once: int = 20, rounds: int = 10) -> None:
    """Ask the demo for sentences at once, again and again: waits, mixed up answers, memory."""
    from demo_server import serving
    from gradio_client import Client

    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        client = Client(server.url, download_files=folder, verbose=False)

        def ask(i: int) -> np.ndarray:
            return Audio.read(client.submit(TEXT.format(i), api_name="/speak").result()).samples

        alone = [ask(i) for i in range(at_once)]
        print(f"{at_once} one after another; memory {server.megabytes():.0f} MB")
        memory = []
        for number in range(1, rounds + 1):
            begun = time.perf_counter()

            def one(i: int, begun: float = begun) -> tuple[np.ndarray, float]:
                return ask(i), time.perf_counter() - begun

            with ThreadPoolExecutor(at_once) as pool:
                got = list(pool.map(one, range(at_once)))
            waits = np.array([wait for _, wait in got])
            speech = sum(len(samples) for samples, _ in got) / 24000
            mixed = sum(closest(samples, alone) != i for i, (samples, _) in enumerate(got))
            memory.append(server.megabytes())
            print(
                f"round {number}: {len(got)} answered in {waits.max():.1f} s, median {np.median(waits):.1f} s, first "
                f"{waits.min():.1f} s; {speech:.0f} s of speech; {mixed} mixed up; memory {memory[-1]:.0f} MB"
            )
        print(f"memory from the first round to the last: {100 * (memory[-1] / memory[0] - 1):+.1f} % (bar: 5 %)")


def closest(samples: np.ndarray, alone: list[np.ndarray]) -> int:
    """Which of the requests that were answered alone this answer is; -1 for none."""
    away = [np.abs(samples - other).max() if len(samples) == len(other) else np.inf for other in alone]
    best = int(np.argmin(away))
    return best if away[best] < 0.01 else -1


def page(loads: int = 5) -> None:
    """Open the demo's page in a browser with an empty cache, again and again: how soon it can be used."""
    from demo_chromium import visiting
    from demo_server import serving

    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder) / "demo") as server,
        visiting(server.url, Path(folder)) as opened,
    ):
        opened.driver.execute_cdp_cmd("Network.enable", {})
        opened.driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
        opened.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": _WATCH})
        times = []
        for _ in range(loads):
            opened.open()
            times.append([float(t) / 1000 for t in opened.driver.execute_script(_TIMES)])
        for name, column in zip(("answered", "first paint", "usable"), np.array(times).T, strict=True):
            print(f"{name} after {np.median(column):.2f} s ({column.min():.2f} to {column.max():.2f})")
        for form in ("mobile", "desktop"):
            print(f"Lighthouse, {form}: {lighthouse(server.url, form, Path(folder))}")


def lighthouse(url: str, form: str, folder: Path) -> str:
    """Scores of Lighthouse, which npx fetches if it is not installed, and what fails."""
    there, npx = shutil.which("lighthouse"), shutil.which("npx")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None or not (there or npx):
        return "not run: there is neither lighthouse nor npx"
    report = folder / f"{form}.json"
    command = [
        *([there] if there else [str(npx), "--yes", "lighthouse"]),
        url,
        "--quiet",
        "--output=json",
        f"--output-path={report}",
    ]
    command += ["--only-categories=accessibility,best-practices", "--chrome-flags=--headless=new --no-sandbox"]
    command += ["--preset=desktop"] if form == "desktop" else []
    done = subprocess.run(command, env={**os.environ, "CHROME_PATH": browser}, capture_output=True, text=True)
    if not report.is_file():
        return f"not run: {done.stderr.strip()[-300:]}"
    return judged(json.loads(report.read_text(encoding="utf-8")))


def judged(report: dict[str, Any]) -> str:
    """Scores of 100, and the names of the checks that failed."""
    lines = []
    for category in report["categories"].values():
        score = category["score"]
        failed = [
            f"{audit['id']} ({len(audit.get('details', {}).get('items', []))})"
            for ref in category["auditRefs"]
            if (audit := report["audits"][ref["id"]])["score"] is not None and audit["score"] < 1 and ref["weight"]
        ]
        lines.append(f"{category['title']} {'none' if score is None else round(100 * score)} {', '.join(failed)}")
    return "; ".join(line.strip() for line in lines)
