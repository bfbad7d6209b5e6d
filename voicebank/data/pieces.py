"""From one recording to its clips: transcribed, cut in pauses, trimmed, checked, levelled and written."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from voicebank import plugins
from voicebank.audio import Audio
from voicebank.config import AudioConfig
from voicebank.data import captions as caption_files
from voicebank.data import media
from voicebank.data.checks import CLICKS, LONGEST, ROOM, check_clip
from voicebank.data.cutting import REACH, cut
from voicebank.data.measure import Silence, clicks, levels, measure, reverberation, silences
from voicebank.data.media import Sound
from voicebank.data.progress import Progress
from voicebank.data.report import Finding, Row
from voicebank.data.sources import Source
from voicebank.errors import BadAudio, BadData, PluginError
from voicebank.files import append_line, read_lines
from voicebank.plugins import Transcriber, Transcript, Word
from voicebank.signal import speaker
from voicebank.signal.spectrogram import level

BEFORE, AFTER = 0.1, 0.2  # seconds of silence that stay around a clip
FADE = 0.005  # seconds, so that a cut never clicks
MAYBE_CLIP = 60.0  # seconds that a clip may last with the silence at its ends
CLEAN_BELOW = 35.0  # dB from the noise to the speech
UNCERTAIN = 0.5  # mean probability of the words below which a recogniser's transcript is not to be trusted
SHOWN = 30.0  # seconds of a stretch that was left out which can still be heard in the report
LONGEST_WINDOW = 28.0  # seconds: what Whisper transcribes at once is 30
SHORTEST_WINDOW = 12.0
OVERSHOOT = 0.3  # seconds by which a word may seem to last beyond its window

Window = tuple[float, float]


class Piece(NamedTuple):
    """A part of a recording that becomes a clip, or does not and ``reason`` says why."""

    name: str
    start: float
    end: float
    text: str | None
    reason: str = ""


@dataclass
class Recognisers:
    """What listens to clips: a transcriber or None, whether speakers are compared, whether noisy clips are cleaned."""

    transcriber: Transcriber | None
    speakers: bool
    clean: bool = False

    @classmethod
    def of(cls, transcriber: str | Transcriber | None, clean: bool = False) -> Recognisers:
        """A transcriber, given itself or by its plugin's name.

        Raises:
            UnknownName, PluginError: it is not installed or does not load.
        """
        created = plugins.create("transcriber", transcriber) if isinstance(transcriber, str) else transcriber
        if clean:
            media.require_clean()
        return cls(created, speaker.available(), clean)

    def required(self, what: str) -> Transcriber:
        """The transcriber, without which ``what`` cannot be done.

        Raises:
            BadData: there is none.
        """
        if self.transcriber is None:
            raise BadData(f"{what} needs a transcriber: install voicebank-whisper, or name one that is installed")
        return self.transcriber


def recording(
    source: Source,
    recognisers: Recognisers,
    cache: Path,
    out: Path,
    known: Collection[str],
    faults: list[Finding],
    *,
    single: bool,
    progress: Progress,
) -> Iterator[Row]:
    """Make the clips of one recording that are not known yet.

    Args:
        source: the recording.
        recognisers: what listens.
        cache: where its sound and words are kept, without suffix.
        out: folder of the dataset.
        known: names of the clips that are done.
        faults: gets a finding where the recording is unusable.
        single: raise then instead.
        progress: callbacks.

    Yields:
        A row a clip, whose file is written.

    Raises:
        BadAudio, BadData: it is unusable, and the only one.
    """
    samples = cache.with_suffix(".s16")
    try:
        sound = media.read_cached(source.path, samples)
    except BadAudio as error:
        if single:
            raise
        faults.append(Finding.of("unreadable", source.path.name, str(error)))
        return
    try:
        pieces = list(_pieces(source, sound, recognisers, cache.with_suffix(".heard.jsonl"), progress))
    except BadData as error:
        if single:
            raise
        faults.append(Finding.of("mismatch", source.path.name, str(error)))
        pieces = []
    for piece in progress.track(f"clips of {source.path.name}", pieces, len(pieces)):
        if piece.name not in known:
            yield _clip(source, piece, sound, recognisers, out)
    del sound
    samples.unlink(missing_ok=True)


def _pieces(
    source: Source, sound: Sound, recognisers: Recognisers, journal: Path, progress: Progress
) -> Iterator[Piece]:
    if source.captions is None and _spoken_seconds(sound) <= LONGEST:
        yield Piece(source.id, 0.0, sound.duration, source.text)
        return
    transcriber = recognisers.required(f"cutting {source.path.name}, which lasts {sound.duration:.0f} s,")
    written_words = caption_files.read_captions(source.captions) if source.captions else []
    pauses = silences(levels(sound.samples, sound.rate))
    recognised = transcribe(sound, pauses, transcriber, journal, source.path.name, progress)
    if not recognised:
        raise BadData(f"no speech is heard in {source.path}: is it the right recording?")
    reach = REACH
    if not written_words and source.text:
        written_words = caption_files.spread(source.text, recognised[0].start, recognised[-1].end)
        reach = max(REACH, 0.15 * sound.duration) if sound.duration > 120 else math.inf
    cuts = cut(written_words or recognised, recognised, pauses, sound.duration, reach)
    for i, one in enumerate((c for c in cuts if c.text and (c.end > c.start or c.reason)), 1):
        yield Piece(f"{source.id}-{i:04d}", one.start, one.end, one.text, one.reason)


def _spoken_seconds(sound: Sound) -> float:
    """From the first word to the last of what may be a clip with long silence around it; else the whole length."""
    if not LONGEST < sound.duration <= MAYBE_CLIP:
        return sound.duration
    return measure(sound.piece(0, sound.duration).samples, sound.rate).span.length or sound.duration


def _clip(source: Source, piece: Piece, sound: Sound, recognisers: Recognisers, out: Path) -> Row:
    """Check and write one clip: as ``wavs/name.wav``, or as ``rejected/name.wav`` if it is of no use."""
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
        if recognisers.clean and _noisy(audio):
            audio, row.cleaned = media.clean(audio), True
        analyse(row, audio, sound.clipped_between(start, end), recognisers, write=piece.text is None)
    if len(audio.samples):
        row.file = f"{'wavs' if row.kept else 'rejected'}/{row.id}.wav"
        _levelled(audio).save(out / row.file)
    return row


def analyse(row: Row, audio: Audio, clipped: int, recognisers: Recognisers, *, write: bool = False) -> None:
    """Fill in all measures of a clip and its findings; with ``write`` the recogniser's transcript becomes its text."""
    transcript: Transcript | None = None
    silent = not np.any(np.abs(audio.samples) > 1e-3)
    if recognisers.transcriber is not None and not silent:
        transcript = recognisers.transcriber.transcribe(audio)
    if write:
        row.text = " ".join((transcript or Transcript("")).text.split())
        if recognisers.transcriber is None:
            recognisers.required(f"{row.source} has no transcript, and to write one")
        if transcript is not None and _certainty(transcript.words) < UNCERTAIN:
            row.findings.append(Finding.of("mismatch", row.id, "the recogniser is unsure of what is said"))
    check_clip(row, audio, clipped, transcript)
    if recognisers.speakers and row.kept and row.seconds >= 1:
        embedding = speaker.embed(audio)
        row.embedding = None if embedding is None else [round(float(v), 4) for v in embedding]


def _noisy(audio: Audio) -> bool:
    """Whether there is something to take out: cleaning costs a clean clip a little."""
    decay = reverberation(audio.samples, audio.sample_rate)
    noisy = measure(audio.samples, audio.sample_rate).ratio < CLEAN_BELOW or (decay or 0.0) > ROOM
    return noisy or clicks(audio.samples, audio.sample_rate) >= CLICKS


def _certainty(words: list[Word]) -> float:
    return sum(word.probability for word in words) / len(words) if words else 1.0


def _levelled(audio: Audio) -> Audio:
    """At the level of all datasets, with ends that do not click."""
    samples = level(audio.samples - audio.samples.mean(), AudioConfig()).copy()
    fade = min(len(samples) // 2, int(FADE * audio.sample_rate))
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    samples[:fade] *= ramp
    samples[len(samples) - fade :] *= ramp[::-1]
    return Audio(samples, audio.sample_rate)


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
    stretches = windows(silences, sound.duration)
    for window in progress.track(f"listening to {name}", stretches, len(stretches)):
        if window not in done:
            done[window] = _transcribe_window(sound, window, transcriber)
            append_line(journal, {"window": window, "words": [astuple(word) for word in done[window]]})
        words += done[window]
    return _in_order(words)


def windows(silences: Sequence[Silence], duration: float) -> list[Window]:
    """Stretches of at most 28 seconds that end in the longest pause of their second half."""
    divided: list[Window] = []
    start = 0.0
    while duration - start > LONGEST_WINDOW:
        pauses = [s for s in silences if start + SHORTEST_WINDOW < (s.start + s.end) / 2 < start + LONGEST_WINDOW]
        longest = max(pauses, key=lambda s: s.length, default=None)
        end = (longest.start + longest.end) / 2 if longest else start + LONGEST_WINDOW
        divided.append((round(start, 3), round(end, 3)))
        start = end
    return [*divided, (round(start, 3), round(duration, 3))]


def _transcribe_window(sound: Sound, window: Window, transcriber: Transcriber) -> list[Word]:
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
