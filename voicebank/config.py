"""Configurations: what a voice, its networks and its spectrograms are made of. Versioned and validated."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

# Version of the voice folder's layout and of the networks' arithmetic. A newer one is refused, never guessed at.
FORMAT_VERSION = 1

Channels = Annotated[int, Field(ge=8, le=2048)]
Dilations = Annotated[tuple[Annotated[int, Field(ge=1, le=243)], ...], Field(max_length=32)]


class Config(BaseModel):
    """Base of all configurations: immutable, and unknown fields are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AudioConfig(Config):
    """How a waveform becomes a mel and a magnitude spectrogram, both normalised to 0..1."""

    sample_rate: Annotated[int, Field(ge=8000, le=48000)] = 24000
    n_fft: Annotated[int, Field(ge=256, le=4096)] = 1024
    hop: Annotated[int, Field(ge=64, le=1024)] = 256
    n_mels: Annotated[int, Field(ge=20, le=256)] = 80
    reduction: Annotated[int, Field(ge=1, le=8)] = 4
    """Full-rate frames for each coarse frame that Text2Mel predicts."""
    level_db: float = -23.0
    """Root mean square level, dB of full scale, to which every clip is brought before analysis."""
    mel_top_db: float = 40.0
    """Mel amplitude, in dB, that is normalised to 1."""
    mel_range_db: Annotated[float, Field(gt=0)] = 65.0
    """Mel amplitudes this far below the top, or further, are normalised to 0: inaudible noise costs no loss."""
    magnitude_top: Annotated[float, Field(gt=0)] = 80.0
    """Magnitude that is normalised to 1."""
    magnitude_power: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Exponent that compresses magnitudes (paper, section 4.1, uses 0.6)."""

    @property
    def bins(self) -> int:
        """Frequency bins of the magnitude."""
        return self.n_fft // 2 + 1

    @property
    def coarse_rate(self) -> float:
        """Coarse mel frames for one second."""
        return self.sample_rate / self.hop / self.reduction


class Text2MelConfig(Config):
    """Sizes of Text2Mel (arXiv:1710.08969, section 3.2 and appendix A)."""

    embedding: Channels = 128
    text_channels: Channels = 256
    channels: Channels = 192
    """d of the paper: channels of keys, values, queries and of both audio networks."""
    text_dilations: Dilations = (1, 3, 9, 27)
    audio_dilations: Dilations = (1, 3, 9, 27, 1, 3, 9, 27, 3, 3)
    decoder_dilations: Dilations = (1, 3, 9, 27, 1, 1)
    speakers: Annotated[int, Field(ge=1, le=4096)] = 1
    """Rows of the speaker table. A shipped voice has one."""


class SSRNConfig(Config):
    """Sizes of the spectrogram super-resolution network (arXiv:1710.08969, section 3.3 and appendix A)."""

    channels: Channels = 256
    top_channels: Channels = 320
    """Channels at full rate; 2c in the paper."""


PRESETS: dict[str, tuple[Text2MelConfig, SSRNConfig]] = {
    "paper": (
        Text2MelConfig(
            embedding=128, text_channels=512, channels=256, text_dilations=(1, 3, 9, 27, 1, 3, 9, 27)
        ),
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


class FrontendConfig(Config):
    """The frontend a voice speaks with when none is asked for."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")] = "graphemes"
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[a-z0-9]{2,8})*$")] = "en-us"
    options: dict[str, str | int | float | bool] = {}


class VoiceConfig(Config):
    """``config.json`` of a voice folder."""

    format_version: Literal[1] = 1
    name: Annotated[str, Field(min_length=1, max_length=96)]
    language: str = "en-us"
    accent: str = ""
    gender: str = ""
    origin: str = ""
    """What the voice was trained on, in one line."""
    license: str = "apache-2.0"
    parent: str | None = None
    """The base voice a clone was fine-tuned from."""
    frontend: FrontendConfig = FrontendConfig()
    lexicon: dict[str, str] = {}
    """Words of this voice that are spelled out in IPA, whatever the frontend."""
    audio: AudioConfig = AudioConfig()
    text2mel: Text2MelConfig = Text2MelConfig()
    ssrn: SSRNConfig = SSRNConfig()
    seconds_per_symbol: Annotated[float, Field(gt=0, le=2)] = 0.075
    """Mean length of a symbol in the training speech; the longest plausible sentence follows from it."""
    training: dict[str, Any] = {}
    """Free notes: minutes of speech, steps, scores."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_newer(cls, data: Any) -> Any:
        version = data.get("format_version", FORMAT_VERSION) if isinstance(data, dict) else FORMAT_VERSION
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise ValueError(
                f"this voice has format version {version}, newer than {FORMAT_VERSION}: upgrade voicebank"
            )
        return data
