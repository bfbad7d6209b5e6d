"""What a voice returns, and what it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from voicebank import plugins
from voicebank.audio import Audio
from voicebank.config import VoiceConfig
from voicebank.errors import BadText
from voicebank.text.frontend import Frontend
from voicebank.text.lexicon import Lexicon
from voicebank.text.pipeline import Sentence

if TYPE_CHECKING:
    import torch

SPEEDS = (0.5, 2.0)


@dataclass(frozen=True)
class SpokenSentence:
    """One sentence, as it was spoken."""

    sentence: Sentence
    audio: Audio
    mel: torch.Tensor
    """Coarse mel ``(frames, n_mels)``, 0..1."""
    attention: torch.Tensor
    """``(frames, symbols)``, the end symbol last."""
    pieces: int = 1
    """More than one if the sentence ran away as a whole and was spoken in pieces."""


@dataclass(frozen=True)
class Speech:
    """What :meth:`voicebank.Voice.say_detailed` returns: the sound and how it came about."""

    audio: Audio
    sentences: list[SpokenSentence] = field(default_factory=list)


class Manner(NamedTuple):
    """How a text is to be spoken: the options of :meth:`voicebank.Voice.say`, made ready."""

    frontend: Frontend
    vocoder: Any
    speed: float
    lexicon: Lexicon

    @classmethod
    def of(
        cls,
        config: VoiceConfig,
        *,
        frontend: str | Frontend | None = None,
        vocoder: str | Any | None = None,
        speed: float = 1.0,
        lexicon: Lexicon | Mapping[str, str] | None = None,
    ) -> Manner:
        """The manner of a voice where nothing else is asked for.

        Raises:
            BadText: the speed is out of range.
            UnknownName: no such frontend or vocoder.
        """
        if not SPEEDS[0] <= speed <= SPEEDS[1]:
            raise BadText(f"speed {speed:g} is out of range: it goes from {SPEEDS[0]:g} to {SPEEDS[1]:g}")
        words = Lexicon(config.lexicon)
        if lexicon is not None:
            words |= lexicon if isinstance(lexicon, Lexicon) else Lexicon(lexicon)
        return cls(_create_frontend(config, frontend), create_vocoder(vocoder), speed, words)


def _create_frontend(config: VoiceConfig, frontend: str | Frontend | None) -> Frontend:
    if isinstance(frontend, Frontend):
        return frontend
    own = config.frontend
    name = frontend or own.name
    options = own.options if name == own.name else {}
    created: Frontend = plugins.create("frontend", name, language=config.language, **options)
    return created


def create_vocoder(vocoder: str | Any | None = None) -> Any:
    """The vocoder of a name, or the built-in one; itself if it is none of both."""
    return (
        plugins.create("vocoder", vocoder or "griffin-lim") if vocoder is None or isinstance(vocoder, str) else vocoder
    )


def halves(symbols: str) -> list[str]:
    """Cut at the space nearest the middle; a string of one word stays whole."""
    spaces = [i for i, c in enumerate(symbols) if c == " "]
    if not spaces:
        return [symbols]
    cut = min(spaces, key=lambda i: abs(i - len(symbols) / 2))
    first = symbols[:cut].rstrip()
    return [first if first[-1:] in ".,!?;:" else first + ",", symbols[cut:].strip()]
