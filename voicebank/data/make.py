"""From what people have to a dataset: heard, cut, checked, levelled and written, resumable at any moment."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from voicebank import plugins
from voicebank.audio import Audio
from voicebank.data import captions as caption_files
from voicebank.data import media, sources
from voicebank.data.cutting import REACH, Cut, cut
from voicebank.data.examine import LONGEST, compare_rows, examine
from voicebank.data.hearing import listen
from voicebank.data.measure import levels, measure, silences
from voicebank.data.media import Sound
from voicebank.data.page import page
from voicebank.data.rows import Finding, Report, Row
from voicebank.data.sources import Source
from voicebank.data.workspace import Workspace, digest, written
from voicebank.errors import BadAudio, BadData
from voicebank.transcript import Transcriber, Transcript, Word

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
class _Listener:
    """Who listens, and who tells speakers apart; None for nobody."""

    transcriber: Transcriber | None
    speakers: bool

    def needed(self, what: str) -> Transcriber:
        if self.transcriber is None:
            raise BadData(f"{what} needs a transcriber: install voicebank-whisper, or name one that is installed")
        return self.transcriber


def make(
    place: Path,
    out: Path,
    *,
    captions: Path | None = None,
    transcriber: str | Transcriber | None = "whisper",
    language: str = "en-us",
    progress: Progress | None = None,
) -> Report:
    """Make a dataset (see :meth:`voicebank.Dataset.make`). The report stands in the folder, too.

    Raises:
        BadData: the input holds nothing usable, the captions do not fit, or the folder cannot be written.
        UnknownName, PluginError: the transcriber is not installed or does not load.
    """
    found, general = sources.find(place, captions)
    name = transcriber if isinstance(transcriber, str) else type(transcriber).__name__ if transcriber else None
    job = digest(found, {"transcriber": name, "language": language})
    space = Workspace(out, job)
    if space.finished is not None:
        return space.finished
    listener = _listener(transcriber)
    rows, done, findings = space.noted()
    for i, source in enumerate(found):
        if progress:
            progress("recordings", i, len(found))
        if source.id in done:
            continue
        faults: list[Finding] = []
        with written(out):
            for row in _recording(source, listener, space, rows, faults, single=len(found) == 1, progress=progress):
                rows[row.id] = row
                space.note(row=row.model_dump())
            space.note(done=source.id, findings=[fault.model_dump() for fault in faults])
        findings += faults
    if progress:
        progress("recordings", len(found), len(found))
    report = _report(out.resolve().name, list(rows.values()), [*general, *findings], listener, name)
    report.job, report.language = job, language
    with written(out):
        _settle(report, out)
        if not report.kept:
            raise BadData(f"no clip of {place} can be used: {_why_none(report)}")
        if progress:
            progress("report", 0, 1)
        space.finish(report, page(report, out))
    return report


def check(
    folder: Path, *, transcriber: str | Transcriber | None = "whisper", progress: Progress | None = None
) -> Report:
    """Look for everything that is wrong with the clips of a folder (see :meth:`voicebank.Dataset.check`).

    Raises:
        BadData: there are no clips in it.
        UnknownName, PluginError: the transcriber is not installed or does not load.
    """
    found, general = sources.find(folder)
    listener = _listener(transcriber)
    rows = []
    for i, source in enumerate(found):
        if progress:
            progress("clips", i, len(found))
        row = Row(id=source.id, source=source.path.name, text=source.text or "")
        row.file = os.path.relpath(source.path, folder if folder.is_dir() else folder.parent)
        rows.append(row)
        try:
            sound = media.read(source.path)
        except BadAudio as error:
            row.findings.append(Finding.of("unreadable", source.id, str(error)))
            continue
        row.end = sound.duration
        if source.text is None:
            row.findings.append(Finding.of("missing", source.id, "it has no transcript"))
            continue
        _examine(row, sound.piece(0, sound.duration), len(sound.clipped), listener)
    if progress:
        progress("clips", len(found), len(found))
    name = transcriber if isinstance(transcriber, str) else None
    return _report(folder.resolve().name, rows, general, listener, name)


def _listener(transcriber: str | Transcriber | None) -> _Listener:
    from voicebank import speaker

    made = plugins.create("transcriber", transcriber) if isinstance(transcriber, str) else transcriber
    return _Listener(made, speaker.available())


def _report(name: str, rows: list[Row], general: list[Finding], listener: _Listener, transcriber: str | None) -> Report:
    for row in rows:  # faults that were found among the clips of an earlier run
        row.findings = [f for f in row.findings if f.kind not in ("duplicate", "speaker")]
    notes = []
    if listener.transcriber is None:
        notes.append("Nobody listened: whether the transcripts match was not checked.")
    if not listener.speakers:
        notes.append("Speakers were not told apart: install 'voicebank[evaluate]' for that.")
    rows = sorted(rows, key=lambda row: row.id)
    return Report(name=name, transcriber=transcriber, notes=notes, rows=rows, general=[*compare_rows(rows), *general])


def _recording(
    source: Source,
    listener: _Listener,
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
    source: Source, sound: Sound, listener: _Listener, memory: Path, progress: Progress | None
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


def _clip(source: Source, piece: Piece, sound: Sound, listener: _Listener, out: Path) -> Row:
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
        _examine(row, audio, sound.clipped_between(start, end), listener, transcribe=piece.text is None)
    if len(audio.samples):
        row.file = f"{'wavs' if row.kept else 'rejected'}/{row.id}.wav"
        _levelled(audio).save(out / row.file)
    return row


def _examine(row: Row, audio: Audio, clipped: int, listener: _Listener, *, transcribe: bool = False) -> None:
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
        from voicebank import speaker

        embedding = speaker.embed(audio)
        row.embedding = None if embedding is None else [round(float(v), 4) for v in embedding]


def _certainty(words: list[Word]) -> float:
    return sum(word.probability for word in words) / len(words) if words else 1.0


def _levelled(audio: Audio) -> Audio:
    """At the level of all datasets, with ends that do not click."""
    from voicebank.config import AudioConfig
    from voicebank.signal.spectrogram import level

    samples = level(audio.samples, AudioConfig()).copy()
    fade = min(len(samples) // 2, int(FADE * audio.sample_rate))
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    samples[:fade] *= ramp
    samples[len(samples) - fade :] *= ramp[::-1]
    return Audio(samples, audio.sample_rate)


def _settle(report: Report, out: Path) -> None:
    """Move each clip to where its findings say that it belongs."""
    for row in report.rows:
        if row.file is None:
            continue
        wanted = f"{'wavs' if row.kept else 'rejected'}/{Path(row.file).name}"
        for folder in ("wavs", "rejected"):
            stands = out / folder / Path(row.file).name
            if stands.is_file() and stands != out / wanted:
                os.replace(stands, out / wanted)
        row.file = wanted
    for folder in ("wavs", "rejected"):
        for torn in (out / folder).glob(".*.part"):  # of a run that was killed
            torn.unlink(missing_ok=True)


def _why_none(report: Report) -> str:
    serious = [f for f in report.findings if f.serious and f.clip]
    if not serious:
        return "there is none"
    kinds = sorted({f.kind for f in serious}, key=lambda k: -sum(f.kind == k for f in serious))
    counts = ", ".join(f"{sum(f.kind == k for f in serious)} {k}" for k in kinds)
    return f"{counts}; first: {serious[0]}"
