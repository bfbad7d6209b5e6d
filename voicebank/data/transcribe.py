"""Transcribing a long recording window by window, each kept in a journal as soon as it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

from voicebank.data.measure import Silence
from voicebank.data.media import Sound
from voicebank.data.progress import Progress
from voicebank.errors import PluginError
from voicebank.files import append_line, read_lines
from voicebank.plugins import Transcriber, Word

LONGEST = 28.0  # seconds: what Whisper transcribes at once is 30
SHORTEST = 12.0
OVERSHOOT = 0.3  # seconds by which a word may seem to last beyond its window

Window = tuple[float, float]


def transcribe(
    sound: Sound,
    silences: Sequence[Silence],
    transcriber: Transcriber,
    journal: Path,
    name: str,
    progress: Progress,
) -> list[Word]:
    """Transcribe a recording of any length.

    Args:
        sound: the recording.
        silences: its pauses, in which it is divided into windows.
        transcriber: gives words with times.
        journal: file of the windows that are done; a call that was interrupted goes on from it.
        name: of the recording, for progress.
        progress: callbacks.

    Returns:
        All words in order, in seconds from the start of the recording.

    Raises:
        PluginError: the transcriber gives no times of words.
        OSError: the journal cannot be written.
    """
    done = {tuple(line["window"]): [Word(*word) for word in line["words"]] for line in read_lines(journal)}
    words: list[Word] = []
    every = windows(silences, sound.duration)
    for window in progress.track(f"listening to {name}", every, len(every)):
        if window not in done:
            done[window] = _window(sound, window, transcriber)
            append_line(journal, {"window": window, "words": [astuple(word) for word in done[window]]})
        words += done[window]
    return _in_order(words)


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


def _window(sound: Sound, window: Window, transcriber: Transcriber) -> list[Word]:
    start, end = window
    transcript = transcriber.transcribe(sound.piece(start, end))
    if transcript.text.strip() and not transcript.words:
        raise PluginError("the transcriber gives no times of words, which cutting needs: use another one")
    return [
        Word(w.text, round(start + w.start, 3), round(min(start + w.end, end + OVERSHOOT), 3), round(w.probability, 3))
        for w in transcript.words
        if start + w.start < end + OVERSHOOT
    ]


def _in_order(words: list[Word]) -> list[Word]:
    """The words with times that never decrease, which a recogniser's sometimes do."""
    ordered: list[Word] = []
    at = 0.0
    for word in words:
        start = max(at, word.start)
        ordered.append(Word(word.text, start, max(start, word.end), word.probability))
        at = start
    return ordered
