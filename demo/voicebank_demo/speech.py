"""Speaking for the page: sound, words and pictures as they are made."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from voicebank import Audio, Chunk, SpokenSentence, Voice, provenance
from voicebank.errors import BadData, BadText, VoicebankError
from voicebank_demo.page import render
from voicebank_demo.voices import address

log = logging.getLogger("voicebank.demo")
PICTURED = 12  # sentences whose pictures are drawn


def check_text(text: str, longest: int) -> str:
    """The text, if it can be taken.

    Raises:
        BadText: there is none, or it is too long for a shared machine.
    """
    text = (text or "").strip()
    if not text:
        raise BadText("write a sentence first")
    if len(text) > longest:
        raise BadText(
            f"the text has {len(text)} characters, and {longest} is the most here: shorten it, or read it with "
            "`voicebank say -f`, which takes whole books"
        )
    return text


@dataclass
class Progress:
    """A speech as far as it was made; :meth:`value` is what the player on the page shows."""

    folder: Path
    characters: int
    run: str = field(default_factory=lambda: secrets.token_hex(4))
    state: str = "working"
    parts: list[Path] = field(default_factory=list)
    lines: list[dict[str, Any]] = field(default_factory=list)
    sentences: list[SpokenSentence] = field(default_factory=list)
    seconds: float = 0.0
    computed: float = 0.0
    read: int = 0
    files: dict[str, Path] = field(default_factory=dict)
    """The whole, by format."""
    waiting: list[Audio] = field(default_factory=list)

    def add(self, chunk: Chunk) -> bool:
        """Take the next chunk; whether there is something new to hear."""
        self.waiting.append(chunk)
        if chunk.spoken is not None:
            self.sentences.append(chunk.spoken)
            self.read += len(chunk.spoken.sentence.text)
            length = chunk.spoken.audio.duration
            end = self.seconds + sum(part.duration for part in self.waiting)
            self.lines.append({"at": round(end - length, 3), "words": list(map(tuple, chunk.spoken.words))})
        # The first sentence is heard while it is made; later ones are there before they are due.
        if not self.sentences or chunk.spoken is not None:
            self.flush()
            return True
        return False

    def flush(self) -> None:
        """Write what waits as the next part."""
        if self.waiting:
            audio = Audio.join(self.waiting)
            self.parts.append(audio.save(self.folder / f"{len(self.parts):04d}.wav"))
            self.seconds += audio.duration
            self.waiting = []

    def finish(self, state: str, voice: Voice | None) -> None:
        """Put the whole beside its parts, in files that say who spoke."""
        self.flush()
        self.state = state
        if self.parts and voice is not None:
            whole = Audio.join(Audio.read(part) for part in self.parts)
            for kind in ("wav", "mp3"):
                self.files[kind] = whole.save(self.folder / f"speech.{kind}", provenance.comment(voice))
                try:
                    provenance.sign(self.files[kind], voice)
                except BadData as error:  # the sound carries its mark without it
                    log.warning("%s", error)

    def value(self) -> dict[str, Any]:
        """Value of the player."""
        number = len(self.sentences)
        started = f"sentence {number + 1}" if number else ""
        return {
            "run": self.run,
            "state": self.state,
            "parts": [address(part) for part in self.parts],
            "lines": self.lines,
            "fraction": min(1.0, round(self.read / max(1, self.characters), 3)),
            "message": "" if self.state != "working" else started if self.parts else "the voice gets ready",
            "files": {kind: address(file) for kind, file in self.files.items()},
            "speed": round(self.seconds / self.computed, 1) if self.computed and self.seconds else 0,
        }

    def details(self) -> str:
        """The sentences as they were read, with their pictures."""
        return render("reading.html", sentences=self.sentences, pictured=PICTURED) if self.sentences else ""


def speaking(
    folder: Path,
    text: str,
    load: Callable[[], Voice],
    *,
    frontend: str | None = None,
    vocoder: str | None = None,
    speed: float = 1.0,
) -> Iterator[Progress]:
    """Speak into a folder, and yield whenever there is something new.

    Raises:
        VoicebankError: the voice cannot be had, or does not speak the text. What was spoken so far was yielded.
    """
    progress = Progress(folder, len(text))
    yield progress
    voice: Voice | None = None
    try:
        voice = load()
        chunks = voice.stream(text, frontend=frontend, vocoder=vocoder, speed=speed)
        while True:
            begun = time.perf_counter()
            chunk = next(chunks, None)
            progress.computed += time.perf_counter() - begun
            if chunk is None:
                break
            if progress.add(chunk):
                yield progress
    except VoicebankError:
        progress.finish("done" if progress.parts else "failed", voice)
        yield progress
        raise
    progress.finish("done", voice)
    yield progress


def as_int16(audio: Audio) -> np.ndarray:
    """Samples as Gradio takes them."""
    return np.round(audio.samples * 32767).astype(np.int16)
