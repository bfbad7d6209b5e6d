"""What a voice is asked for (options) and what it returns (speech, sentences, chunks)."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from voicebank import plugins
from voicebank.audio import Audio, StrPath
from voicebank.config import VoiceConfig
from voicebank.errors import BadText, PluginError, UnknownName
from voicebank.plugins import Floats, Frontend, Vocoder, Watermark
from voicebank.synthesis.timing import SpokenWord, cues, subtitles, words
from voicebank.text.lexicon import Lexicon
from voicebank.text.pipeline import Sentence

if TYPE_CHECKING:
    from typing_extensions import Unpack

# Least and most of each option.
SPEEDS = (0.5, 2.0)
VOLUMES = (0.0, 4.0)
SILENCES = (0.0, 60.0)
# Silence between two sentences, on top of what the network speaks itself.
GAP_SECONDS = 0.12


@dataclass(frozen=True)
class SpokenSentence:
    """One sentence, as it was spoken."""

    sentence: Sentence
    audio: Audio
    mel: Floats
    """Coarse mel ``(frames, n_mels)``, 0..1."""
    attention: Floats
    """``(frames, symbols)``, the end symbol last."""
    symbols: tuple[str, ...] = ()
    """What was spoken in one piece: the sentence's symbols; several strings if it ran away as a whole."""

    @property
    def pieces(self) -> int:
        """More than one if the sentence ran away as a whole and was spoken in pieces."""
        return max(1, len(self.symbols))

    @property
    def words(self) -> list[SpokenWord]:
        """The words as they are written, with the seconds between which they are spoken, from the sentence's start."""
        return words(self)


@dataclass(frozen=True)
class Speech:
    """The sound of a text, and its sentences one by one."""

    audio: Audio
    sentences: list[SpokenSentence] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    """Seconds at which each sentence begins."""

    @property
    def words(self) -> list[SpokenWord]:
        """The words as they are written, with the seconds between which they are spoken, from the start."""
        return [
            SpokenWord(word.text, round(start + word.start, 3), round(start + word.end, 3))
            for start, sentence in zip(self.starts, self.sentences, strict=True)
            for word in sentence.words
        ]

    def subtitles(self, format: str = "srt") -> str:
        """Subtitles, as the text of a file in the format srt or vtt."""
        return subtitles(cues(zip(self.starts, self.sentences, strict=True)), f".{format}")

    @classmethod
    def of(cls, chunks: Iterable[Chunk]) -> Speech:
        """The speech of whole sentences and silences."""
        chunks = list(chunks)
        ends = itertools.accumulate(chunk.duration for chunk in chunks)
        spoken = [(chunk.spoken, end - chunk.duration) for chunk, end in zip(chunks, ends, strict=True) if chunk.spoken]
        return cls(Audio.join(chunks), [one for one, _ in spoken], [start for _, start in spoken])


@dataclass(eq=False, repr=False)
class Chunk(Audio):
    """The next piece of speech that is still being made: sound, with the sentence it belongs to.

    All chunks joined (``Audio.join``) are the whole speech.
    """

    sentence: Sentence | None = None
    """None for silence: a pause that the text asks for, or the gap between two sentences."""
    index: int = 0
    """Number of the sentence in the text, from 0. Silence counts to the sentence before it."""
    spoken: SpokenSentence | None = None
    """The whole sentence, in the last of its chunks; None in all others."""

    @property
    def ends_sentence(self) -> bool:
        """Whether this is the last chunk of its sentence."""
        return self.spoken is not None


class Options(TypedDict, total=False):
    """Options of ``say``, ``say_detailed`` and ``stream``, described at :meth:`voicebank.Voice.say`. None is needed."""

    frontend: str | Frontend | None
    vocoder: str | Vocoder | None
    speed: float | None
    lexicon: Lexicon | Mapping[str, str] | StrPath | None
    volume: float | None
    sentence_silence: float | None
    seed: int
    strict: bool
    watermark: str | Watermark | bool


class Manner(NamedTuple):
    """How a text is to be spoken: the options of :meth:`voicebank.Voice.say`, checked and created."""

    frontend: Frontend
    vocoder: Vocoder
    speed: float
    lexicon: Lexicon
    volume: float = 1.0
    gap: float = GAP_SECONDS
    """Seconds of silence between two sentences."""
    seed: int = 0
    strict: bool = False
    watermark: Watermark | None = None

    @classmethod
    def of(cls, config: VoiceConfig, **options: Unpack[Options]) -> Manner:
        """The manner of a voice, with the options given in place of its defaults.

        Raises:
            TypeError: there is no such option.
            BadText: a number is out of range.
            BadData: the lexicon cannot be read.
            UnknownName: no such frontend, vocoder or watermark.
        """
        if unknown := options.keys() - Options.__annotations__.keys():
            raise TypeError(f"unknown option {min(unknown)!r}: known are {', '.join(Options.__annotations__)}")
        speed = _within("speed", options.get("speed"), 1.0, *SPEEDS)
        seed = options.get("seed", 0)
        if not isinstance(seed, int) or seed < 0:
            raise BadText(f"seed {seed!r} is out of range: it is a whole number, 0 or more")
        return cls(
            create_frontend(config, options.get("frontend")),
            create_vocoder(config, options.get("vocoder")),
            speed,
            _lexicon(config, options.get("lexicon")),
            _within("volume", options.get("volume"), 1.0, *VOLUMES),
            _within("sentence_silence", options.get("sentence_silence"), GAP_SECONDS / speed, *SILENCES),
            seed,
            options.get("strict", False),
            create_watermark(options.get("watermark", True)),
        )


def _within(name: str, value: float | None, default: float, low: float, high: float) -> float:
    if value is None:
        return default
    try:
        if low <= value <= high:
            return value
    except TypeError as error:
        raise BadText(f"{name} {value!r} is no number: it goes from {low:g} to {high:g}") from error
    raise BadText(f"{name} {value:g} is out of range: it goes from {low:g} to {high:g}")


def create_frontend(config: VoiceConfig, frontend: str | Frontend | None = None) -> Frontend:
    """The frontend of a name, with the options of the voice's config where it is the voice's own.

    Without a name it is the voice's own; where that is not installed, one that is built in, with a warning.

    Raises:
        UnknownName, PluginError: the frontend that was asked for by name is not installed, or does not load.
    """
    if isinstance(frontend, Frontend):
        return frontend
    own = config.frontend
    if frontend is not None and frontend != own.name:
        return plugins.create("frontend", frontend, language=config.language)
    try:
        return plugins.create("frontend", own.name, language=config.language, **own.options)
    except (UnknownName, PluginError) as error:
        if frontend is not None:
            raise
        return plugins.default("frontend", missing=error, language=config.language)


def check_options(config: VoiceConfig) -> None:
    """Refuse a config that hands a frontend options which the frontend does not declare safe.

    A plugin of a third party may take the name of a program, and the config may come from anybody.

    Raises:
        PluginError: it does.
    """
    if not config.frontend.options:
        return
    try:
        safe = plugins.safe_options(config.frontend.name)
    except (UnknownName, PluginError):
        return  # not installed: nothing gets them
    if odd := sorted(set(config.frontend.options) - safe):
        raise PluginError(
            f"{config.name} sets {', '.join(odd)} of the frontend {config.frontend.name!r}, which may do harm: "
            "if you trust who made the voice, load it with trust_options=True or set VOICEBANK_TRUST_OPTIONS=1"
        )


def create_vocoder(config: VoiceConfig, vocoder: str | Vocoder | None = None) -> Vocoder:
    """The vocoder of a name, or the built-in one as this voice needs it; a vocoder is returned as it is.

    Raises:
        UnknownName, PluginError: it is not installed, or does not load.
    """
    if vocoder is None:
        return plugins.default("vocoder", sharpening=config.sharpening)
    return plugins.create("vocoder", vocoder) if isinstance(vocoder, str) else vocoder


def create_watermark(watermark: str | Watermark | bool) -> Watermark | None:
    """The watermark of a name, or the built-in one for True; None for False; a watermark is returned as it is.

    Raises:
        UnknownName, PluginError: it is not installed, or does not load.
    """
    if isinstance(watermark, bool):
        return plugins.default("watermark") if watermark else None
    return plugins.create("watermark", watermark) if isinstance(watermark, str) else watermark


def _lexicon(config: VoiceConfig, lexicon: Lexicon | Mapping[str, str] | StrPath | None) -> Lexicon:
    """The voice's lexicon, and over it the one given."""
    words = Lexicon(config.lexicon)
    if lexicon is None:
        return words
    if isinstance(lexicon, (str, os.PathLike)):
        lexicon = Lexicon.read(lexicon)
    return words | (lexicon if isinstance(lexicon, Lexicon) else Lexicon(lexicon))
