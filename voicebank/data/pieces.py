"""From one recording to its clips: heard, cut in pauses, trimmed, examined, levelled and written."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from voicebank import plugins
from voicebank.audio import Audio
from voicebank.config import AudioConfig
from voicebank.data import captions as caption_files
from voicebank.data import media
from voicebank.data.cutting import REACH, Cut, cut
from voicebank.data.examine import LONGEST, examine
from voicebank.data.hearing import listen
from voicebank.data.measure import levels, measure, silences
from voicebank.data.media import Sound
from voicebank.data.rows import Finding, Row
from voicebank.data.sources import Source
from voicebank.data.workspace import Workspace
from voicebank.errors import BadAudio, BadData
from voicebank.plugins import Transcriber, Transcript, Word
from voicebank.signal.spectrogram import level

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is, and how much there is."""

BEFORE, AFTER = 0.1, 0.2  # seconds of silence that stay around a clip
FADE = 0.005  # seconds, so that a cut never clicks
UNCERTAIN = 0.5  # mean probability of the words below which a recogniser's transcript is not to be trusted
SHOWN = 30.0  # seconds of a stretch that was left out which can still be heard in the report


class Piece(NamedTuple):
    """A part of a recording that becomes a clip, or does not and ``reason`` says why."""

    name: str
    start: float
    end: float
    text: str | None
    reason: str = ""


@dataclass
class Listener:
    """Who listens, None for nobody; and whether speakers are told apart."""

    transcriber: Transcriber | None
    speakers: bool

    @classmethod
    def of(cls, transcriber: str | Transcriber | None) -> Listener:
        """A transcriber, given itself or by its plugin's name."""
        from voicebank.signal import speaker

        made = plugins.create("transcriber", transcriber) if isinstance(transcriber, str) else transcriber
        return cls(made, speaker.available())

    def needed(self, what: str) -> Transcriber:
        """The transcriber.

        Raises:
            BadData: there is none.
        """
        if self.transcriber is None:
            raise BadData(f"{what} needs a transcriber: install voicebank-whisper, or name one that is installed")
        return self.transcriber


def recording(
    source: Source,
    listener: Listener,
    space: Workspace,
    known: dict[str, Row],
    faults: list[Finding],
    *,
    single: bool,
    progress: Progress | None,
) -> Iterator[Row]:
    """The clips of one recording that are not known yet."""
    cache = space.memory(source)
    samples = cache.with_suffix(".s16")
    try:
        sound = media.read_cached(source.path, samples)
    except BadAudio as error:
        if single:
            raise
        faults.append(Finding.of("unreadable", source.path.name, str(error)))
        return
    try:
        pieces = list(_pieces(source, sound, listener, cache.with_suffix(".heard.jsonl"), progress))
    except BadData as error:
        if single:
            raise
        faults.append(Finding.of("mismatch", source.path.name, str(error)))
        pieces = []
    for i, piece in enumerate(pieces):
        if progress:
            progress(f"clips of {source.path.name}", i, len(pieces))
        if piece.name not in known:
            yield _clip(source, piece, sound, listener, space.out)
    del sound
    samples.unlink(missing_ok=True)


def _pieces(
    source: Source, sound: Sound, listener: Listener, memory: Path, progress: Progress | None
) -> Iterator[Piece]:
    if source.captions is None and sound.duration <= LONGEST:
        yield Piece(source.id, 0.0, sound.duration, source.text)
        return
    transcriber = listener.needed(f"cutting {source.path.name}, which lasts {sound.duration:.0f} s,")
    written_words = caption_files.read_captions(source.captions) if source.captions else []
    pauses = silences(levels(sound.samples, sound.rate))

    def heard_so_far(done: int, total: int) -> None:
        if progress:
            progress(f"listening to {source.path.name}", done, total)

    heard = listen(sound, pauses, transcriber, memory, heard_so_far)
    if not heard:
        raise BadData(f"no speech is heard in {source.path}: is it the right recording?")
    reach = REACH
    if not written_words and source.text:
        written_words = caption_files.spread(source.text, heard[0].start, heard[-1].end)
        reach = max(REACH, 0.15 * sound.duration) if sound.duration > 120 else math.inf
    for i, found in enumerate(_renamed(cut(written_words or heard, heard, pauses, sound.duration, reach)), 1):
        yield Piece(f"{source.id}-{i:04d}", found.start, found.end, found.text, found.reason)


def _renamed(cuts: list[Cut]) -> list[Cut]:
    return [c for c in cuts if c.text and (c.end > c.start or c.reason)]


def _clip(source: Source, piece: Piece, sound: Sound, listener: Listener, out: Path) -> Row:
    """Examine and write one clip: as ``wavs/name.wav``, or as ``rejected/name.wav`` if it is of no use."""
    row = Row(id=piece.name, source=source.path.name, start=piece.start, end=piece.end, text=piece.text or "")
    start, end = piece.start, piece.end
    if piece.reason:
        row.findings.append(Finding.of("uncut", piece.name, piece.reason))
        audio = sound.piece(max(0, start - 0.3), min(end + 0.3, start + SHOWN))
        row.seconds = round(end - start, 3)
    else:
        if source.captions is None and start == 0.0 and end == sound.duration:  # a clip as it came: trim it
            span = measure(sound.piece(start, end).samples, sound.rate).span
            if span.length:
                start, end = max(0.0, span.start - BEFORE), min(sound.duration, span.end + AFTER)
            row.start, row.end = round(start, 3), round(end, 3)
        audio = sound.piece(start, end)
        examined(row, audio, sound.clipped_between(start, end), listener, transcribe=piece.text is None)
    if len(audio.samples):
        row.file = f"{'wavs' if row.kept else 'rejected'}/{row.id}.wav"
        _levelled(audio).save(out / row.file)
    return row


def examined(row: Row, audio: Audio, clipped: int, listener: Listener, *, transcribe: bool = False) -> None:
    """Listen to a clip and fill in all that is found; with ``transcribe`` what is heard becomes its text."""
    heard: Transcript | None = None
    silent = not np.any(np.abs(audio.samples) > 1e-3)
    if listener.transcriber is not None and not silent:
        heard = listener.transcriber.transcribe(audio)
    if transcribe:
        row.text = " ".join((heard or Transcript("")).text.split())
        if listener.transcriber is None:
            listener.needed(f"{row.source} has no transcript, and to write one")
        if heard is not None and _certainty(heard.words) < UNCERTAIN:
            row.findings.append(Finding.of("mismatch", row.id, "the recogniser is unsure of what is said"))
    examine(row, audio, clipped, heard)
    if listener.speakers and row.kept and row.seconds >= 1:
        from voicebank.signal import speaker

        embedding = speaker.embed(audio)
        row.embedding = None if embedding is None else [round(float(v), 4) for v in embedding]


def _certainty(words: list[Word]) -> float:
    return sum(word.probability for word in words) / len(words) if words else 1.0


def _levelled(audio: Audio) -> Audio:
    """At the level of all datasets, with ends that do not click."""
    samples = level(audio.samples, AudioConfig()).copy()
    fade = min(len(samples) // 2, int(FADE * audio.sample_rate))
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    samples[:fade] *= ramp
    samples[len(samples) - fade :] *= ramp[::-1]
    return Audio(samples, audio.sample_rate)
