"""What a cloning is given beside base and recordings: its settings, and what describes the voice."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from voicebank.config import Config, VoiceConfig, words_in

PREVIEW = "Hello, this is how I sound so far, and I am still learning."


Words = Annotated[str | None, BeforeValidator(lambda text: text if text is None else " ".join(str(text).split()))]


class Description(Config):
    """What describes a clone, fields of its config that do not touch the training. None keeps what there is."""

    name: Words = None
    consent: Words = None
    """Who agreed to the voice being made and used, and to what. Without it the clone is marked as for private use."""
    accent: Words = None
    gender: Words = None
    origin: Words = None
    """What the recordings are."""

    def updated(self, newer: Description) -> Description:
        """This one with whatever a newer one says."""
        return self.model_copy(update=newer.model_dump(exclude_none=True))

    def applied(self, config: VoiceConfig) -> VoiceConfig:
        """A voice's config with this description.

        Raises:
            pydantic.ValidationError: it is too long, or holds characters that are not printable.
        """
        training = {k: v for k, v in config.training.items() if k != "private_use"}
        if words_in(self.consent or "") < 3:
            training["private_use"] = True
        fields = self.model_dump(exclude_none=True)
        return VoiceConfig.model_validate({**config.model_dump(), **fields, "training": training})


class CloneSettings(Config):
    """Settings of one cloning; :meth:`for_minutes` gives those for an amount of speech.

    They are part of what a cloning is: one that was interrupted goes on with the same settings only. ``max_minutes``
    may be changed.
    """

    text2mel_steps: int = Field(800, ge=1)
    ssrn_steps: int = Field(500, ge=0)
    """0 keeps the base's SSRN."""
    rate: float = Field(4e-4, gt=0)
    """Peak learning rate of Text2Mel."""
    ssrn_rate: float = Field(5e-4, gt=0)
    batch_size: int = Field(16, ge=1)
    """Clips a step, those of the rehearsal among them; crops a step for SSRN."""
    frozen: Literal["nothing", "text", "weights"] = "nothing"
    """What of Text2Mel stays as the base has it: ``text`` its text side (embedding and text encoder), ``weights`` all
    but the biases, of which each layer has one a speaker."""
    rehearsal: float = Field(0.25, ge=0, lt=1)
    """Share of each Text2Mel batch that is speech of the base voice itself, in a row of its own of the speaker table:
    the shared weights keep the words that the recordings lack, the new row learns the speaker. 0 leaves it out."""
    rehearsal_sentences: int = Field(160, ge=1)
    """Sentences that the base speaks for it, as many as there are at most."""
    ssrn_predicted: bool = True
    """Train every other step of SSRN on mels as the clone's Text2Mel predicts them."""
    held_out: float = Field(0.1, gt=0, le=0.5)
    """Share of the clips to validate on, at least 2 and at most 20 of them."""
    average: float = Field(0.995, ge=0, lt=1)
    """Decay of the weights' moving average, which is what is validated, heard and kept."""
    validate_every: int = Field(100, ge=1)
    patience: int = Field(4, ge=0)
    """Validations without improvement after which a network is done; 0 never stops early."""
    preview_every: int = Field(200, ge=0)
    """Steps between two previews, each at a validation; 0 speaks none."""
    preview_text: str = Field(PREVIEW, min_length=1, max_length=300)
    max_minutes: float | None = Field(None, gt=0)
    """Minutes that computing may take, all calls together: the steps are then cut to what is possible in them."""
    checkpoint_seconds: float = Field(60.0, ge=0)
    """Seconds between checkpoints: what a kill can cost."""
    device: str = "auto"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    threads: int | None = Field(None, ge=1)
    seed: int = 0

    @classmethod
    def for_minutes(cls, minutes: float, **given: Any) -> CloneSettings:
        """Settings for an amount of speech; what is given is taken as it is.

        Few clips are soon learned by heart, and what they lack is soon forgotten. So with less speech there are
        fewer steps, smaller ones, and more of the base's own speech in each.

        Raises:
            ValueError: a setting that is given is out of its range (pydantic's ValidationError).
        """
        m = min(60.0, max(0.3, minutes))
        derived: dict[str, Any] = {
            "text2mel_steps": _rounded(300 * m**0.45, 200, 2000),
            "ssrn_steps": _rounded(200 * m**0.4, 200, 1000),
            "rate": _significant(min(6e-4, 2e-4 * m**0.3)),
            "ssrn_rate": _significant(min(8e-4, 3e-4 * m**0.3)),
            "rehearsal": 0.4 if m < 2 else 0.3 if m < 6 else 0.25,
            "average": 0.99 if m < 6 else 0.995,
        }
        return cls(**(derived | given))


def _rounded(steps: float, least: int, most: int) -> int:
    return min(most, max(least, 100 * round(steps / 100)))


def _significant(value: float) -> float:
    """Two significant digits."""
    return round(value, 1 - math.floor(math.log10(value)))
