"""Twenty requests at once to the demo: how long each waits, and what memory does.

``python tests/benchmarks/demo.py``, on a machine that does nothing else.
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np  # noqa: E402
from demo_server import serving  # noqa: E402
from gradio_client import Client  # noqa: E402

from voicebank.audio import Audio  # noqa: E402

REQUESTS, ROUNDS = 20, 5
TEXT = "The lake was as smooth as a sheet of glass, and nobody spoke. Then request number {} arrived."


def main() -> None:
    """Print a line for each round."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        client = Client(server.url, download_files=folder, verbose=False)
        client.predict("Warm up.", api_name="/speak")
        print(f"memory before: {server.megabytes():.0f} MB")
        for number in range(1, ROUNDS + 1):
            begun = time.perf_counter()

            def one(i: int, begun: float = begun) -> tuple[float, float]:
                path = client.submit(TEXT.format(i), api_name="/speak").result()
                return time.perf_counter() - begun, Audio.read(path).duration

            with ThreadPoolExecutor(REQUESTS) as pool:
                got = list(pool.map(one, range(REQUESTS)))
            waits = np.array([wait for wait, _ in got])
            speech = sum(seconds for _, seconds in got)
            print(
                f"round {number}: {REQUESTS} answered in {waits.max():.1f} s, median {np.median(waits):.1f} s, first "
                f"{waits.min():.1f} s; {speech:.0f} s of speech; memory {server.megabytes():.0f} MB"
            )


if __name__ == "__main__":
    main()
