"""The tab Was this made here: whether one of our voices said what is heard in a file, where, and who signed it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import gradio as gr

from voicebank import Audio, provenance
from voicebank.errors import VoicebankError
from voicebank.plugins import Detection
from voicebank_demo import voices
from voicebank_demo.page import clip_tab, render
from voicebank_demo.visitors import Demo

LEAD = """What our voices say carries a mark that nobody hears. Choose a file, such as one that you saved under Speak,
and see whether one of them said it."""
NOBODY: Mapping[int, str] = MappingProxyType({})
SUREST = 12  # powers of ten: "one in a million million" is as much as anybody needs
NUMBERS = {6: "a million", 9: "a billion", 12: "a million million"}


class Place(NamedTuple):
    """A stretch in which one voice speaks, in seconds."""

    start: float
    end: float
    speaker: str


def speaker(payload: int | None, own: Mapping[int, str] = NOBODY) -> str:
    """Who left a mark: a bundled voice, or one of the visitor's own by its payload."""
    if payload is None:
        return "an unknown voice"
    bundled = provenance.voice_of(payload)
    return voices.title(bundled) if bundled else own.get(payload, "a voice from elsewhere")


def payloads(own: Mapping[str, Path]) -> dict[int, str]:
    """What the marks of a visitor's own voices say."""
    found = {}
    for name in own:
        with contextlib.suppress(VoicebankError):  # deleted or damaged since
            found[voices.get(f"own:{name}", dict(own)).payload] = f"your voice {name}"
    return found


def places(found: Detection, own: Mapping[int, str] = NOBODY) -> list[Place]:
    """Where the mark is: windows that touch and say the same are one."""
    merged: list[Place] = []
    for window in found.windows:
        if window.payload is None:
            continue
        who = speaker(window.payload, own)
        if merged and window.start <= merged[-1].end and merged[-1].speaker == who:
            merged[-1] = merged[-1]._replace(end=window.end)
        else:
            merged.append(Place(window.start, window.end, who))
    return merged


def odds(p_value: float) -> str:
    """A probability as the number of recordings of which at most one has it: "a million"."""
    power = min(SUREST, math.floor(-math.log10(max(p_value, 10.0**-SUREST))))
    step = max((least for least in NUMBERS if least <= power), default=0)
    factor = 10 ** (power - step)
    if not step:
        return f"{factor:,}"
    return NUMBERS[step] if factor == 1 else f"{factor} {NUMBERS[step].removeprefix('a ')}"


def result(sound: Audio, found: Detection, file: Path, own: Mapping[int, str]) -> str:
    """What was found in a file."""
    return render(
        "detected.html",
        found=found,
        speaker=speaker(found.payload, own),
        odds=odds(found.p_value),
        places=places(found, own),
        sound=sound,
        credentials=provenance.credentials(file),
        tag=provenance.tag(file),
    )


def build(demo: Demo) -> None:
    """The tab."""

    def answer(sound: Audio, file: Path, request: gr.Request, progress: gr.Progress) -> str:
        return result(sound, provenance.detect(sound), file, payloads(demo.visitor(request).voices()))

    clip_tab(
        demo, "detect", demo.settings.search_seconds, answer, lead=LEAD, label="A recording", button="Look for the mark"
    )
