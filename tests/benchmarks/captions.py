"""How much of a recording with bad captions becomes a dataset, how much of it is right, and are words cut in half?

A word that was cut in half is misheard, not heard, or heard beside the words that are written: so 30 of the clips are
listened to again, by themselves and as they were written, and their first and last words compared. The sound itself is
looked at too: at both ends of a clip there must be silence.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from voicebank import plugins
from voicebank.audio import Audio
from voicebank.data.dataset import Clip, Dataset
from voicebank.data.make import make
from voicebank.data.matching import ALIKE, alike, compare, keys
from voicebank.data.measure import levels

RATE = 24000
WRONG = 0.7  # seconds by which captions are off at most
LISTENED = 30  # clips of which the first and the last word are compared
EDGE = 0.03  # seconds at both ends of a clip that must be silent
SILENT = 20.0  # dB below the speech


def spoken(text: str) -> list[str]:
    return [key for token in text.split() for key in keys(token)]


def join(clips: list[Clip], minutes: float, loudness: float) -> tuple[np.ndarray, list[tuple[float, float, str]]]:
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
    return sound + np.float32(loudness) * noise.standard_normal(len(sound)).astype(np.float32), places


def caption_events(places: list[tuple[float, float, str]], wrong: float) -> str:
    """json3 with a time for each word, without punctuation, each cue off by up to 0.7 s, some words others."""
    chance, events = random.Random(1), []
    every = [w.strip('.,!?;:"()').lower() for _, _, text in places for w in text.split()]
    for start, end, text in places:
        words = [w.strip('.,!?;:"()').lower() for w in text.split()]
        words = [chance.choice(every) if wrong and chance.random() < wrong else w for w in words]
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


def edges(clips: Sequence[Clip]) -> tuple[list[str], list[str]]:
    """Clips whose first or last word is not heard as written, and clips that begin or end within sound."""
    whisper = plugins.create("transcriber", "whisper")
    halved, loud = [], []
    for clip in clips:
        audio = Audio.read(clip.path)
        heard = whisper.transcribe(audio).text
        written, got = spoken(clip.text), spoken(heard)
        same = bool(got) and all(alike(written[i], got[i]) >= ALIKE for i in (0, -1))
        # Another spelling of the same words (foot ball) is none; a word too many or too few at an end is.
        if not same and any(gap.first or gap.last for gap in compare(clip.text, heard).gaps):
            halved.append(f"{clip.id}: {clip.text!r}, heard {heard!r}")
        decibels = levels(audio.samples, audio.sample_rate)
        speech, width = float(np.percentile(decibels, 90)), max(1, round(EDGE * 100))
        if max(decibels[:width].max(), decibels[-width:].max()) > speech - SILENT:
            loud.append(clip.id)
    return halved, loud


def captions(
    corpus: Annotated[Path, typer.Argument(help="Clips in LJSpeech layout.")],
    out: Annotated[Path, typer.Argument(help="Folder to work in; an interrupted command goes on from it.")],
    minutes: Annotated[float, typer.Option(help="Length of the recording.")] = 15,
    wrong: Annotated[float, typer.Option(help="Share of the captions' words that are other words.")] = 0,
    noise: Annotated[float, typer.Option(help="Amplitude of the noise: 54 dB below full scale.")] = 0.002,
) -> None:
    """Make a dataset of a recording with bad captions, and count how much of it is kept and right."""
    out.mkdir(parents=True, exist_ok=True)
    sound, places = join(Dataset.read(corpus).clips, minutes, noise)
    if not (out / "talk.mp4").exists():
        (out / "talk.json3").write_text(caption_events(places, wrong))
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
    clips = Dataset.read(out / "made").clips
    chosen = [clips[i * len(clips) // LISTENED] for i in range(min(LISTENED, len(clips)))]
    halved, loud = edges(chosen)
    print(f"of {len(chosen)} clips listened to, {len(halved)} with a word cut in half, {len(loud)} cut within sound")
    print("\n".join([*halved, *loud]))
