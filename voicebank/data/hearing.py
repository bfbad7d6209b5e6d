"""A long recording, heard by the transcriber window by window, each remembered as soon as it is heard."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from voicebank.data.measure import Silence
from voicebank.data.media import Sound
from voicebank.errors import PluginError
from voicebank.plugins import Transcriber, Word

LONGEST = 28.0  # seconds: what Whisper hears at once is 30
SHORTEST = 12.0
OVERSHOOT = 0.3  # seconds by which a word may seem to last beyond its window

Window = tuple[float, float]


def windows(silences: Sequence[Silence], duration: float) -> list[Window]:
    """Stretches of at most 28 seconds that end in the longest pause of their second half."""
    found: list[Window] = []
    start = 0.0
    while duration - start > LONGEST:
        pauses = [s for s in silences if start + SHORTEST < (s.start + s.end) / 2 < start + LONGEST]
        longest = max(pauses, key=lambda s: s.length, default=None)
        end = (longest.start + longest.end) / 2 if longest else start + LONGEST
        found.append((round(start, 3), round(end, 3)))
        start = end
    return [*found, (round(start, 3), round(duration, 3))]


def listen(
    sound: Sound,
    silences: Sequence[Silence],
    transcriber: Transcriber,
    memory: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Word]:
    """All words of a recording with times from its start.

    Args:
        memory: file of what was heard before; a listening that was interrupted goes on from it.

    Raises:
        PluginError: the transcriber gives no times of words.
    """
    known = _remembered(memory)
    words: list[Word] = []
    wanted = windows(silences, sound.duration)
    for i, window in enumerate(wanted):
        if window not in known:
            known[window] = _hear(sound, window, transcriber)
            if memory is not None:
                remember(memory, {"window": window, "words": known[window]})
        words += [Word(str(t), float(s), float(e), float(p)) for t, s, e, p in known[window]]
        if progress:
            progress(i + 1, len(wanted))
    return _in_order(words)


def remember(memory: Path, line: object) -> None:
    """Append one line of JSON that survives a power cut."""
    with open(memory, "a", encoding="utf-8") as file:
        if file.tell() and not _ends_well(memory):
            file.write("\n")  # the line before was torn by a kill
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def lines(memory: Path) -> list[dict[str, Any]]:
    """What was remembered; a line that was torn by a kill is left out."""
    found = []
    for line in memory.read_text(encoding="utf-8", errors="replace").splitlines() if memory.is_file() else []:
        value = _parsed(line)
        if isinstance(value, dict):
            found.append(value)
    return found


def _parsed(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _ends_well(memory: Path) -> bool:
    with open(memory, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _remembered(memory: Path | None) -> dict[Window, list[tuple[str, float, float, float]]]:
    found: dict[Window, list[tuple[str, float, float, float]]] = {}
    for line in lines(memory) if memory else []:
        window, words = line["window"], line["words"]
        found[(window[0], window[1])] = [(word[0], word[1], word[2], word[3]) for word in words]
    return found


def _hear(sound: Sound, window: Window, transcriber: Transcriber) -> list[tuple[str, float, float, float]]:
    start, end = window
    heard = transcriber.transcribe(sound.piece(start, end))
    if heard.text.strip() and not heard.words:
        raise PluginError("the transcriber gives no times of words, which cutting needs: use another one")
    return [
        (w.text, round(start + w.start, 3), round(min(start + w.end, end + OVERSHOOT), 3), round(w.probability, 3))
        for w in heard.words
        if start + w.start < end + OVERSHOOT
    ]


def _in_order(words: list[Word]) -> list[Word]:
    """The words with times that never go back, which a recogniser's sometimes do."""
    found: list[Word] = []
    at = 0.0
    for word in words:
        start = max(at, word.start)
        found.append(Word(word.text, start, max(start, word.end), word.probability))
        at = start
    return found
