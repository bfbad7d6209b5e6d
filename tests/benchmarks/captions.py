"""How much of a recording with bad captions becomes a dataset, and how much of that is right.

python tests/benchmarks/captions.py CORPUS OUT [MINUTES]: CORPUS in LJSpeech layout; OUT is made, and goes on if it
was interrupted.
"""

from __future__ import annotations

import json
import random
import sys
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np

from voicebank.audio import Audio
from voicebank.data.dataset import Clip, Dataset
from voicebank.data.make import make
from voicebank.data.matching import keys

RATE = 24000
WRONG = 0.7  # seconds by which captions are off at most


def spoken(text: str) -> list[str]:
    return [key for token in text.split() for key in keys(token)]


def join(clips: list[Clip], minutes: float) -> tuple[np.ndarray, list[tuple[float, float, str]]]:
    """Clips with pauses and noise, and where each lies."""
    chance, noise = random.Random(0), np.random.default_rng(0)
    parts, places, at = [], [], 0.0
    for clip in clips:
        pause = np.zeros(int(chance.uniform(0.15, 1.2) * RATE), np.float32)
        speech = Audio.read(clip.path, RATE).samples
        at += len(pause) / RATE
        places.append((at, at + len(speech) / RATE, clip.text))
        at += len(speech) / RATE
        parts += [pause, speech]
        if at > minutes * 60:
            break
    sound = np.concatenate(parts)
    return sound + 0.002 * noise.standard_normal(len(sound)).astype(np.float32), places


def captions(places: list[tuple[float, float, str]]) -> str:
    """json3 with a time for each word, without punctuation, each cue off by up to 0.7 s."""
    chance, events = random.Random(1), []
    for start, end, text in places:
        words = [w.strip('.,!?;:"()').lower() for w in text.split()]
        step = 1000 * (end - start) / len(words)
        segments = [{"utf8": (" " if i else "") + w, "tOffsetMs": round(i * step)} for i, w in enumerate(words)]
        at = round(1000 * max(0.0, start + chance.uniform(-WRONG, WRONG)))
        events.append({"tStartMs": at, "dDurationMs": round(1000 * (end - start)), "segs": segments})
    return json.dumps({"events": events})


def encode(sound: np.ndarray, path: Path) -> None:
    """Write AAC in an mp4."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        for first in range(0, len(sound), 1024):
            frame = av.AudioFrame.from_ndarray(sound[None, first : first + 1024], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, first
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main(corpus: Path, out: Path, minutes: float = 15.0) -> None:
    out.mkdir(parents=True, exist_ok=True)
    sound, places = join(Dataset.read(corpus).clips, minutes)
    if not (out / "talk.mp4").exists():
        (out / "talk.json3").write_text(captions(places))
        encode(sound, out / "part.mp4")
        (out / "part.mp4").rename(out / "talk.mp4")
    report = make(out / "talk.mp4", out / "made", captions=out / "talk.json3")
    speech = sum(end - start for start, end, _ in places)
    kept = heard_right = words = 0.0
    for row in report.kept:
        kept += sum(max(0.0, min(row.end, end) - max(row.start, start)) for start, end, _ in places)
        # The truth: the clips of which the cut has the better part of a word, or all.
        inside = [text for start, end, text in places if min(row.end, end) - max(row.start, start) > 0.15]
        truth, mine = [k for text in inside for k in spoken(text)], spoken(row.text)
        right = sum(block.size for block in SequenceMatcher(None, truth, mine, False).get_matching_blocks())
        # A cut may end within a clip: then the truth is only what it has, and its words must be there in a row.
        whole = all(row.start <= start + 0.3 and row.end >= end - 0.3 for start, end, t in places if t in inside)
        words += max(len(mine), len(truth)) if whole else len(mine)
        heard_right += right
    print(f"speech kept: {100 * kept / speech:.1f} % of {speech / 60:.1f} minutes, {len(report.kept)} clips")
    print(f"kept words right: {100 * heard_right / max(1.0, words):.2f} % of {words:.0f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *map(float, sys.argv[3:]))
