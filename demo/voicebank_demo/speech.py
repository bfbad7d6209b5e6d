"""Speaking sentence by sentence, with all that is to be seen of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from voicebank.audio import Audio
from voicebank.bank import Voice
from voicebank.errors import BadText
from voicebank.synthesis.speech import SpokenSentence
from voicebank.text.sentences import split_sentences

GAP = 0.12  # seconds between sentences


@dataclass(frozen=True)
class Spoken:
    """A part of a text: its sound, its sentences, and how much of the text has been spoken with it (0..1)."""

    audio: Audio
    sentences: list[SpokenSentence]
    number: int
    total: int
    fraction: float


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
            f"the text has {len(text)} characters, and {longest} is the most here: `voicebank say -f` reads whole books"
        )
    return text


def speak(voice: Voice, text: str, **options: Any) -> Iterator[Spoken]:
    """Speak a text; the first part is there after its own time, however long the text is.

    Raises:
        BadText: nothing in the text can be spoken.
        VoicebankError: as :meth:`voicebank.Voice.say`.
    """
    parts = [part for part in split_sentences(text) if part.strip()]
    total = sum(map(len, parts))
    done, refused = 0, None
    speed = float(options.get("speed", 1.0))
    for number, part in enumerate(parts, 1):
        done += len(part)
        try:
            speech = voice.say_detailed(part, **options)
        except BadText as error:  # a line of dots among sentences is no reason to stop
            if not _decorative(part):
                raise
            refused = error
            continue
        audio = speech.audio
        if number < len(parts):
            audio = Audio.join([audio, Audio.silence(GAP / speed, audio.sample_rate)])
        refused = None
        yield Spoken(audio, speech.sentences, number, len(parts), done / total)
    if refused is not None and not parts[:-1]:
        raise refused


def _decorative(part: str) -> bool:
    return not re.search(r"\w", part)
