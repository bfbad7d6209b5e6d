"""Captions: words with their times, from VTT, SRT, ASS, YouTube's automatic captions and its json3."""

from __future__ import annotations

import html
import json
import re
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from voicebank.errors import BadData
from voicebank.plugins import Word

SUFFIXES = (".vtt", ".srt", ".ass", ".ssa", ".json3", ".srv3.json", ".json")
ENCODINGS = ("utf-8-sig", "utf-16", "cp1252")
FORMATS = {".vtt": "vtt", ".srt": "srt", ".ass": "ass", ".ssa": "ssa"}

STAMP = re.compile(r"<(?:(\d+):)?(\d\d):(\d\d)[.,](\d{3})>")
# How they are written for the parser, which would take a line with two of them for the times of a cue.
MARK = re.compile(r"<@(\d+)>")
TAG = re.compile(r"<[^>]*>|\{\\[^}]*\}")
# What is not said: [Music], ♪ songs ♪, (laughs), >> and - at a change of speaker, and a speaker's name.
UNSAID = re.compile(r"\[[^\]]*\]|♪[^♪]*♪?|♫[^♫]*♫?|^\s*\([^)]*\)\s*$|\([A-Z\s]+\)|(?:^|\s)>>+|^\s*[-–—]\s+")
SPEAKER = re.compile(r"^\s*[A-Z][A-Z .'-]{1,24}:\s+")
SLOWEST = 1.0  # seconds: a word of automatic captions, whose end is not given, lasts no longer


class Cue(NamedTuple):
    """Text shown from one second to another. ``words`` where each has a time of its own."""

    start: float
    end: float
    text: str
    words: list[Word] = []


def read_captions(path: Path) -> list[Word]:
    """The words of a caption file in order, each once, with times.

    Where a cue has no times of words, they are spread over it by their length.

    Raises:
        BadData: the file is missing, of an unknown kind, has no times, or has no words.
    """
    if not path.is_file():
        raise BadData(f"cannot read captions {path}: there is no such file")
    text = _decoded(path)
    if path.suffix.lower() == ".json" or path.name.lower().endswith("json3"):
        cues = _json3(path, text)
    elif path.suffix.lower() in FORMATS:
        cues = _subtitles(path, text)
    elif path.suffix.lower() in (".txt", ".lab", ""):
        raise _no_times(path)
    else:
        raise BadData(f"captions {path}: unknown kind of file, use one of {', '.join(FORMATS)}, .json3")
    words = [word for cue in _unrolled(sorted(cues, key=lambda c: c.start)) for word in _words(cue)]
    if not words:
        raise BadData(f"captions {path}: there are no words in it")
    if max(word.end for word in words) <= 0:
        raise _no_times(path)
    return words


def spread(text: str, start: float, end: float) -> list[Word]:
    """Words of a text, each with a share of the time by its length."""
    tokens = text.split()
    total = sum(len(token) + 1 for token in tokens)
    words, at = [], start
    for token in tokens:
        until = at + (end - start) * (len(token) + 1) / total
        words.append(Word(token, at, until, 1.0))
        at = until
    return words


def said(text: str) -> str:
    """What of a caption is spoken: without tags, sounds in brackets and names of speakers."""
    plain = html.unescape(TAG.sub("", text)).replace("\u200b", "")
    lines = [SPEAKER.sub("", UNSAID.sub(" ", line)) for line in plain.splitlines()]
    return " ".join(token for token in " ".join(lines).split() if any(c.isalnum() for c in token))


def _no_times(path: Path) -> BadData:
    return BadData(
        f"captions {path} have no times: give VTT, SRT, ASS or json3 with them, "
        "or leave --captions out to transcribe the recording"
    )


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    for encoding in ENCODINGS:
        if encoding == "utf-16" and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
            continue
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("utf-8", "replace")


def _subtitles(path: Path, text: str) -> list[Cue]:
    import pysubs2

    if not text.strip():
        raise BadData(f"captions {path}: the file is empty")
    kind = FORMATS[path.suffix.lower()]
    options: dict[str, Any] = {"keep_unknown_html_tags": True} if kind in ("vtt", "srt") else {}
    try:
        events = list(pysubs2.SSAFile.from_string(STAMP.sub(_mark, text), format_=kind, **options))
    except Exception as error:  # whatever a broken file does to the parser
        raise BadData(f"captions {path}: not a readable .{kind} file ({error})") from error
    if not events:
        raise _no_times(path)
    cues = []
    for event in events:
        shown = event.text.replace(r"\N", "\n").replace(r"\h", " ")
        if kind == "vtt":
            shown = shown.partition("\n\n")[0]  # what follows is a note or the name of the next cue
        if not event.is_comment:
            cues.append(_stamped(Cue(event.start / 1000, event.end / 1000, shown)))
    return cues


def _mark(stamp: re.Match[str]) -> str:
    hours, minutes, seconds, thousandths = (int(group or 0) for group in stamp.groups())
    return f"<@{((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths}>"


def _stamped(cue: Cue) -> Cue:
    """A cue of automatic captions: ``first<00:00:01.200><c> second</c>`` on the line that is new."""
    if not MARK.search(cue.text):
        return cue
    lines = [line for line in cue.text.splitlines() if line.strip()]
    new = next(i for i, line in enumerate(lines) if MARK.search(line))
    pieces: list[tuple[float, str]] = []
    at, last = cue.start, 0
    line = "\n".join(lines[new:])
    for mark in MARK.finditer(line):
        pieces.append((at, line[last : mark.start()]))
        at, last = int(mark[1]) / 1000, mark.end()
    pieces.append((at, line[last:]))
    words = _timed([(start, said(piece)) for start, piece in pieces], cue.end)
    # The lines above are those that were on the screen already.
    return Cue(cue.start, cue.end, " ".join(word.text for word in words), words)


def _json3(path: Path, text: str) -> list[Cue]:
    try:
        events = json.loads(text)["events"]
        cues = []
        for event in events:
            start = event.get("tStartMs", 0) / 1000
            end = start + event.get("dDurationMs", 0) / 1000
            segments = event.get("segs") or []
            pieces = [(start + s.get("tOffsetMs", 0) / 1000, s.get("utf8", "")) for s in segments]
            whole = "".join(piece for _, piece in pieces)
            timed = any("tOffsetMs" in s for s in segments)
            words = _timed([(at, said(piece)) for at, piece in pieces], end) if timed and "[" not in whole else []
            if said(whole):
                cues.append(Cue(start, end, whole, words))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadData(f"captions {path}: not a json3 file (no list of events with segments)") from error
    return cues


def _timed(pieces: list[tuple[float, str]], end: float) -> list[Word]:
    words: list[Word] = []
    pieces = [(start, text) for start, text in pieces if text]
    ends = [start for start, _ in pieces[1:]] + [max(end, pieces[-1][0])] if pieces else []
    for (start, text), until in zip(pieces, ends, strict=True):
        words += spread(text, start, min(until, start + SLOWEST * len(text.split())))
    return words


def _unrolled(cues: list[Cue]) -> list[Cue]:
    """Cues without what rolling captions repeat: lines that the cue before has shown, and cues that overlap."""
    unrolled: list[Cue] = []
    shown: list[str] = []  # lines of the cue before, as they stood
    until = 0.0
    for cue in cues:
        lines = [line for line in (said(raw) for raw in cue.text.splitlines()) if line]
        rolling = cue.start <= until + 0.05
        fresh = lines
        if rolling and not cue.words:
            while fresh and fresh[0] in shown:
                fresh = fresh[1:]
            fresh = _without_overlap(" ".join(shown), fresh)
        # A cue of a hundredth of a second only holds the line that stays while the next rolls in.
        if fresh and (cue.words or cue.end - cue.start > 0.02):
            unrolled.append(Cue(cue.start, cue.end, "\n".join(fresh), cue.words))
        if lines:
            shown = (shown + lines)[-3:] if rolling else lines
            until = max(until, cue.end)
    return [_clipped(cue, later) for cue, later in zip_longest(unrolled, unrolled[1:])]


def _without_overlap(before: str, lines: list[str]) -> list[str]:
    """Lines whose first words are the last of the cue before (roll-up captions of a word or two) without them."""
    words, old = " ".join(lines).split(), before.split()
    for size in range(min(len(words), len(old)), 2, -1):
        if old[-size:] == words[:size]:
            rest = " ".join(words[size:])
            return [rest] if rest else []
    return lines


def _clipped(cue: Cue, later: Cue | None) -> Cue:
    """A rolling cue stays on the screen while the next is spoken: it ends where that begins."""
    if later is not None and cue.start < later.start < cue.end:
        return cue._replace(end=later.start)
    return cue


def _words(cue: Cue) -> list[Word]:
    return cue.words or spread(said(cue.text), cue.start, max(cue.end, cue.start))
