"""Configurations: what a voice, its networks and its spectrograms are made of. Versioned and validated."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

# Version of the voice folder's layout and of the networks' arithmetic. A newer one is refused, never guessed at.
FORMAT_VERSION = 1

# Entries of one list or table among the notes of a training.
MAX_NOTES = 500
# Each bound of the audio configuration is wide; together they must not ask for more frames than speech has reason to.
MAX_FRAME_RATE, MAX_COARSE_RATE = 400, 100

Channels = Annotated[int, Field(ge=8, le=2048)]


# Letters by their category, and blank all the same: the fillers of Hangul.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")


def _one_line(text: str) -> str:
    """Refuse control characters: these texts are shown in terminals and cards, and may come from anybody."""
    if not text.isprintable():
        raise ValueError("holds characters that are not printable")
    return text


def words_in(text: str) -> int:
    """How many letters and digits a text has that can be seen."""
    return sum(c.isalnum() and c not in _FILLERS for c in text)


def _visible(text: str) -> str:
    if text and not words_in(text):
        raise ValueError("holds no letter and no digit")
    return text


def _notes(value: Any, depth: int = 0) -> Any:
    """Refuse notes that are no short printable texts, numbers, and a few levels of lists and tables of them."""
    if isinstance(value, str) and len(value) <= 2000:
        _one_line(value)
    elif isinstance(value, (list, dict)) and len(value) <= MAX_NOTES and depth < 4:
        for each in value.items() if isinstance(value, dict) else ((i, one) for i, one in enumerate(value)):
            _notes(str(each[0]), 4)
            _notes(each[1], depth + 1)
    elif not (value is None or (isinstance(value, (bool, int, float)) and -1e15 < value < 1e15)):
        raise ValueError("holds more than short texts and numbers")
    return value


Name = Annotated[str, Field(max_length=96), AfterValidator(_one_line), AfterValidator(_visible)]
Line = Annotated[str, Field(max_length=2000), AfterValidator(_one_line)]
Dilations = Annotated[tuple[Annotated[int, Field(ge=1, le=243)], ...], Field(max_length=32)]


def first_error(error: ValidationError) -> str:
    """The first thing that is wrong, in one line: ``audio.hop: Input should be ...``."""
    first = error.errors(include_url=False, include_input=False)[0]
    text = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return " ".join(text.strip(": ").split())[:300]


def renamed(data: Any, **names: str) -> Any:
    """Fields of a file that an older voicebank wrote, under the names that they have now (old name to new)."""
    return {names.get(key, key): value for key, value in data.items()} if isinstance(data, dict) else data


class Config(BaseModel):
    """Base of all configurations: immutable, and unknown fields are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class AudioConfig(Config):
    """How a waveform becomes a mel and a magnitude spectrogram, both normalised to 0..1."""

    sample_rate: Annotated[int, Field(ge=8000, le=48000)] = 24000
    n_fft: Annotated[int, Field(ge=256, le=4096)] = 1024
    hop: Annotated[int, Field(ge=64, le=1024)] = 256
    n_mels: Annotated[int, Field(ge=20, le=256)] = 80
    reduction: Literal[1, 2, 4, 8] = 4
    """Full-rate frames for each coarse frame that Text2Mel predicts."""
    level_db: Annotated[float, Field(ge=-80, le=0)] = -23.0
    """Root mean square level, dB of full scale, to which every clip is brought before analysis."""
    mel_top_db: Annotated[float, Field(ge=-200, le=200)] = 40.0
    """Mel amplitude, in dB, that is normalised to 1."""
    mel_range_db: Annotated[float, Field(ge=1, le=200)] = 65.0
    """Mel amplitudes this far below the top, or further, are normalised to 0: inaudible noise costs no loss."""
    magnitude_top: Annotated[float, Field(ge=1e-3, le=1e6)] = 80.0
    """Magnitude that is normalised to 1."""
    magnitude_power: Annotated[float, Field(ge=0.1, le=1)] = 0.5
    """Exponent that compresses magnitudes (paper, section 4.1, uses 0.6)."""

    @model_validator(mode="after")
    def _overlapping(self) -> AudioConfig:
        if self.hop > self.n_fft // 2:
            raise ValueError(f"hop {self.hop} leaves gaps between windows of n_fft {self.n_fft}")
        if self.frame_rate > MAX_FRAME_RATE or self.coarse_rate > MAX_COARSE_RATE:
            raise ValueError(
                f"{self.frame_rate:.0f} frames and {self.coarse_rate:.0f} coarse frames a second are more than "
                f"{MAX_FRAME_RATE} and {MAX_COARSE_RATE}"
            )
        return self

    @property
    def bins(self) -> int:
        """Frequency bins of the magnitude."""
        return self.n_fft // 2 + 1

    @property
    def frame_rate(self) -> float:
        """Full-rate frames for one second."""
        return self.sample_rate / self.hop

    @property
    def coarse_rate(self) -> float:
        """Coarse mel frames for one second."""
        return self.frame_rate / self.reduction


class Text2MelConfig(Config):
    """Sizes of Text2Mel (arXiv:1710.08969, section 3.2 and appendix A)."""

    embedding: Channels = 128
    text_channels: Channels = 256
    channels: Channels = 192
    """d of the paper: channels of keys, values, queries and of both audio networks."""
    text_dilations: Dilations = (1, 1, 3, 3)
    """The paper's reach forty symbols and more. A base voice sees about ten: what it is to say must be where it
    attends, or it loses its place when it hears itself."""
    audio_dilations: Dilations = (1, 3, 9, 27, 1, 3, 9, 27, 3, 3)
    decoder_dilations: Dilations = (1, 3, 9, 27, 1, 1)
    speakers: Annotated[int, Field(ge=1, le=4096)] = 1
    """Rows of the speaker table. A shipped voice has one."""
    letters_channels: Annotated[int, Field(ge=0, le=4096)] = 0
    """Channels of the text encoder of their own that sentences with letters in them have; 0 if they have none."""
    letters_dilations: Dilations = ()
    """Of that encoder; :attr:`text_dilations` if empty. How a word sounds is harder to tell from letters than from
    phones, so that it may need more layers."""
    flow_channels: Annotated[int, Field(ge=0, le=2048)] = 0
    """Channels of the flow that samples each frame (:mod:`voicebank.dctts.layers`); 0 if the decoder's last layer
    predicts it."""
    flow_blocks: Annotated[int, Field(ge=1, le=16)] = 3
    flow_previous: bool = False
    """Whether the flow sees the frame before, too, and not only the hidden state."""
    flow_steps: Annotated[int, Field(ge=1, le=64)] = 3
    """Euler steps of a frame."""
    flow_noise: Annotated[float, Field(ge=0, le=2)] = 0.3
    """Standard deviation of the noise a frame starts from; the flow is trained at 1. Less is calmer and clearer."""


class SSRNConfig(Config):
    """Sizes of the spectrogram super-resolution network (arXiv:1710.08969, section 3.3 and appendix A)."""

    channels: Channels = 256
    top_channels: Channels = 320
    """Channels at full rate; 2c in the paper."""


PRESETS: dict[str, tuple[Text2MelConfig, SSRNConfig]] = {
    "paper": (
        Text2MelConfig(embedding=128, text_channels=512, channels=256, text_dilations=(1, 3, 9, 27, 1, 3, 9, 27)),
        SSRNConfig(channels=512, top_channels=1024),
    ),
    "base": (Text2MelConfig(), SSRNConfig()),
    "tiny": (
        Text2MelConfig(
            embedding=32,
            text_channels=48,
            channels=32,
            text_dilations=(1, 3),
            audio_dilations=(1, 3, 9),
            decoder_dilations=(1, 3),
        ),
        SSRNConfig(channels=32, top_channels=32),
    ),
}


OptionText = Annotated[str, Field(max_length=1000)]


class FrontendConfig(Config):
    """The frontend a voice speaks with when none is asked for."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")] = "graphemes"
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z0-9]{2,8})*$")] = "en-us"
    options: Annotated[dict[str, OptionText | int | float | bool], Field(max_length=32)] = {}

    @field_validator("options")
    @classmethod
    def _keywords(cls, options: dict[str, Any]) -> dict[str, Any]:
        for key in options:
            # They become keyword arguments beside these three.
            if not key.isidentifier() or len(key) > 64 or key.startswith("_") or key in ("kind", "name", "language"):
                raise ValueError(f"{key[:64]!r} is no name of an option")
        return options


class VoiceConfig(Config):
    """``config.json`` of a voice folder."""

    format_version: Literal[1] = 1
    name: Annotated[Name, Field(min_length=1)]
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z0-9]{2,8})*$")] = "en-us"
    accent: Name = ""
    gender: Name = ""
    origin: Line = ""
    """What the voice was trained on, in one line."""
    consent: Line = ""
    """Who agreed to this voice being made and used, in one line."""
    license: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.+-]{0,63}$")] = "apache-2.0"
    parent: Line | None = None
    """The base voice a clone was fine-tuned from: a bundled name or a repository. Of a mixed voice two,
    with `` + `` between."""
    frontend: FrontendConfig = FrontendConfig()
    lexicon: Annotated[dict[str, Annotated[str, Field(max_length=200)]], Field(max_length=20_000)] = {}
    """Words of this voice that are spelled out in IPA, whatever the frontend."""
    audio: AudioConfig = AudioConfig()
    text2mel: Text2MelConfig = Text2MelConfig()
    ssrn: SSRNConfig = SSRNConfig()
    seconds_per_symbol: Annotated[float, Field(gt=0, le=0.5)] = 0.075
    """Mean length of a symbol in the training speech; the longest plausible sentence follows from it."""
    sharpening: Annotated[float, Field(ge=1, le=3)] = 1.5
    """How much the built-in vocoder thins what an SSRN trained on L1 fills between harmonics; 1 leaves it as it is."""
    training: Annotated[dict[str, Any], AfterValidator(_notes)] = {}
    """Free notes: minutes of speech, steps, scores; ``private_use`` marks a clone without consent."""

    @property
    def private_use(self) -> bool:
        """Whether this is a clone whose speaker's consent is not stored, which is not to be published.

        What was marked as private or names a parent is a clone; a consent has words.
        """
        return bool(self.training.get("private_use") or self.parent) and words_in(self.consent) < 3

    @model_validator(mode="before")
    @classmethod
    def _refuse_newer(cls, data: Any) -> Any:
        version = data.get("format_version", FORMAT_VERSION) if isinstance(data, dict) else FORMAT_VERSION
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise ValueError(f"this voice has format version {version}, newer than {FORMAT_VERSION}: upgrade voicebank")
        return data
