"""Twenty requests at once to the demo: how long each waits, whether each gets its own answer, and what memory does."""

from __future__ import annotations

import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from voicebank.audio import Audio

REQUESTS, ROUNDS = 20, 10
TEXT = "The lake was as smooth as a sheet of glass, and nobody spoke. Then request number {} arrived."


def demo() -> None:
    """Ask the demo for twenty sentences at once, ten times: waits, mixed up answers, memory."""
    from demo_server import serving
    from gradio_client import Client

    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        client = Client(server.url, download_files=folder, verbose=False)

        def ask(i: int) -> np.ndarray:
            return Audio.read(client.submit(TEXT.format(i), api_name="/speak").result()).samples

        alone = [ask(i) for i in range(REQUESTS)]
        print(f"{REQUESTS} one after another; memory {server.megabytes():.0f} MB")
        for number in range(1, ROUNDS + 1):
            begun = time.perf_counter()

            def one(i: int, begun: float = begun) -> tuple[np.ndarray, float]:
                return ask(i), time.perf_counter() - begun

            with ThreadPoolExecutor(REQUESTS) as pool:
                got = list(pool.map(one, range(REQUESTS)))
            waits = np.array([wait for _, wait in got])
            speech = sum(len(samples) for samples, _ in got) / 24000
            mixed = sum(closest(samples, alone) != i for i, (samples, _) in enumerate(got))
            print(
                f"round {number}: {len(got)} answered in {waits.max():.1f} s, median {np.median(waits):.1f} s, first "
                f"{waits.min():.1f} s; {speech:.0f} s of speech; {mixed} mixed up; memory {server.megabytes():.0f} MB"
            )


def closest(samples: np.ndarray, alone: list[np.ndarray]) -> int:
    """Which of the requests that were answered alone this answer is; -1 for none."""
    away = [np.abs(samples - other).max() if len(samples) == len(other) else np.inf for other in alone]
    best = int(np.argmin(away))
    return best if away[best] < 0.01 else -1
