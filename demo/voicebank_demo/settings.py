"""What the demo allows. Every number can be set with an environment variable, so that a Space can be smaller."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from voicebank import uploads


def _number(name: str, value: float) -> float:
    return field(default_factory=lambda: float(os.environ.get(f"VOICEBANK_DEMO_{name}", value)))


@dataclass(frozen=True)
class Settings(uploads.Bounds):
    """Bounds of one demo, as the environment sets them."""

    text: float = _number("TEXT", 5000)
    """Characters of one text."""
    speaking: float = _number("SPEAKING", 2)
    """Texts that are spoken at the same time; others wait."""
    waiting: float = _number("WAITING", 200)
    """Requests that may wait; the next one is asked to come back later."""
    upload_megabytes: float = _number("UPLOAD_MB", 200)
    """The largest file that is taken."""
    zip_entries: float = _number("ZIP_ENTRIES", 2000)
    zip_megabytes: float = _number("ZIP_MB", 800)
    minutes: float = _number("MINUTES", 60)
    """Speech for a voice, all recordings together."""
    clip_seconds: float = _number("CLIP_SECONDS", 60)
    """The longest clip of "Whose voice?"."""
    search_seconds: float = _number("SEARCH_SECONDS", 300)
    """The longest recording of "Was this made here?"."""
    visitor_megabytes: float = _number("VISITOR_MB", 1500)
    """What a visitor's folder may hold."""
    grace: float = _number("GRACE", 300)
    """Seconds after which the files of a visitor who left are removed; a reload comes back sooner."""
    job_grace: float = _number("JOB_GRACE", 3600)
    """The same for a visitor whose voice is waiting, in training or just made: closing the page does not stop it."""
    age: float = _number("AGE", 86400)
    """Seconds after which the files of a visitor without a sign of life are removed in any case."""
    job_minutes: float = _number("JOB_MINUTES", 180)
    """The longest that one voice may take."""
    listen: float = _number("LISTEN", 1)
    """0: no recogniser compares clips with their transcripts."""
    steps: float = _number("STEPS", 0)
    """Steps of both trainings; 0 derives them from the minutes of speech."""
