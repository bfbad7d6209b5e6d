"""The process that measures one engine: ``python -m benchmarks.worker '{"engine": ..., "what": ...}'``.

It runs with ``tests/`` on the path. Its last line on standard output is the result, as JSON.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import texts
from benchmarks.engines import Engine, create


def main() -> None:
    """Measure what the first argument asks for."""
    task = json.loads(sys.argv[1])
    began = time.perf_counter()
    if task["what"] in ("text2mel", "ssrn"):
        from benchmarks.steps import measure_steps

        result = measure_steps(task)
    elif task["what"] == "linear":
        result = measure_growth(task["engine"].partition(":")[2], task["patience"])
    else:
        engine = create(task["engine"])
        result = {"load": time.perf_counter() - began}
        result |= measure_speech(engine, task) if task["what"] == "speech" else measure_book(engine, task)
    print(json.dumps(result | {"peak_mb": peak_memory()}))


def peak_memory() -> float:
    """The most memory that this process has held, in megabytes."""
    try:
        with open("/proc/self/status") as status:  # what the parent held before is not in it, as it is in getrusage
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def measure_speech(engine: Engine, task: dict[str, Any]) -> dict[str, Any]:
    """Computing for a second of speech: of a sentence, of a page; and the time to the first sound of a long one."""
    result: dict[str, Any] = {
        "sentence": costs(lambda: engine.say(texts.SENTENCE), task["patience"]),
        "first_sound": first_sounds(lambda: engine.stream(texts.LONG), task["patience"]),
    }
    page = task.get("page") or texts.PAGE
    if engine.page(page[:2]) is not None:
        result["page"] = costs(lambda: engine.page(page) or 0.0, task["patience"])
    return result


def costs(speak: Callable[[], float], patience: float) -> list[dict[str, float]]:
    """Seconds on the clock, and of all cores, for a second of speech, again and again. The first time is no measure."""
    speak()
    rows = []
    for _ in repeated(patience):
        wall, cpu = time.perf_counter(), time.process_time()
        seconds = speak()
        rows.append(
            {"wall": (time.perf_counter() - wall) / seconds, "cpu": (time.process_time() - cpu) / seconds}
            | {"speech": seconds}
        )
    return rows


def first_sounds(stream: Callable[[], Iterator[float]], patience: float) -> list[float]:
    """Seconds until a stream gives its first sound, again and again."""
    rows = []
    for _ in repeated(patience):
        began = time.perf_counter()
        chunks = stream()
        next(chunks)
        rows.append(time.perf_counter() - began)
        for _ in chunks:  # as whoever listens would
            pass
    return rows


def repeated(patience: float) -> Iterator[int]:
    """At least twice, and for so many seconds: what is fast is measured more often."""
    began = time.perf_counter()
    for i in range(1000):
        if i >= 2 and time.perf_counter() - began > patience:
            return
        yield i


def measure_book(engine: Engine, task: dict[str, Any]) -> dict[str, Any]:
    """Peak memory while the page is streamed over and over, after each minute of speech."""
    peaks: list[float] = []
    spoken = 0.0
    for sentence in itertools.cycle(texts.PAGE):
        if spoken >= 60 * task["minutes"]:
            break
        spoken += sum(engine.stream(sentence))
        while len(peaks) < spoken // 60:
            peaks.append(peak_memory())
    return {"peaks_mb": peaks}


def measure_growth(voice: str, patience: float) -> dict[str, Any]:
    """Seconds for a coarse frame in the sixth and in the sixtieth second of one sentence.

    The sentence has no end, or the voice would find it.
    """
    import voicebank
    from voicebank.dctts.decoder import Decoding
    from voicebank.text.symbols import encode

    loaded = voicebank.load(voice)
    rate = loaded.config.audio.coarse_rate
    symbols = encode(" ".join(["and so on"] * 120))
    rows: dict[str, list[float]] = {"second_6": [], "second_60": []}
    for _ in repeated(patience):
        decodings = [
            (name, Decoding(loaded.networks.text2mel, symbols, int(61 * rate)), second)
            for name, second in (("second_6", 6), ("second_60", 60))
        ]
        for _, decoding, second in decodings:
            decoding.advance(int(second * rate))
        # Frame by frame in turns: what else the machine does meanwhile meets both.
        for _ in range(int(rate)):
            for name, decoding, _ in decodings:
                began, before = time.perf_counter(), decoding.frames
                decoding.advance(1)
                if decoding.frames == before:
                    return {}  # it did find an end
                rows[name].append(time.perf_counter() - began)
    return rows


if __name__ == "__main__":
    main()
