"""Settings of a cloning, and its two folders: the voice, whole at any moment, and beside it what it takes to go on."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import platformdirs
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from voicebank.audio import Audio
from voicebank.config import Config, VoiceConfig, words_in
from voicebank.data.dataset import Dataset
from voicebank.errors import BadData, BadVoice
from voicebank.files import atomic, remove_torn
from voicebank.hub.card import card
from voicebank.hub.merge import update
from voicebank.synthesis.folder import CARD, CONFIG, SAMPLE, read_config
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.training.runs import is_damaged

WORK = ".training"
STAGES = ("text2mel", "ssrn")
# Settings that another call may change, since the voice stays the same.
FREE = ("max_minutes", "checkpoint_seconds", "preview_every", "preview_text", "device", "precision", "threads")
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
    """Decay of the weights' moving average, which is what is validated, previewed and kept."""
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


class CloneState(BaseModel):
    """A cloning as it stands, in ``state.json``: all that is not in the checkpoints."""

    model_config = ConfigDict(extra="forbid")

    job: str
    """Digest of the base's weights, the clips and the settings: what may not change on the way."""
    parent: str
    """What the config calls the base."""
    base: str
    """Folder it was loaded from; empty if it was made in memory."""
    settings: CloneSettings
    about: Description
    minutes: float = 0.0
    """Of the speech that is used."""
    clips: int = 0
    dropped: dict[str, str] = {}
    """Clips that are left out, and why."""
    held_out: list[str] = []
    steps: dict[str, int] = {}
    """Steps of a stage, where ``max_minutes`` cut them."""
    reached: dict[str, int] = {}
    """Step of the best weights, by stage."""
    seconds: float = 0.0
    """Computing so far."""
    done: list[str] = []
    scores: dict[str, float] = {}
    finished: bool = False

    @classmethod
    def of(cls, folder: str | Path) -> CloneState | None:
        """The state of the cloning whose voice is, or will be, in a folder; None if none was begun or it is damaged."""
        try:
            return cls.model_validate_json(Store(Path(folder)).state_file.read_text(encoding="utf-8"))
        except (OSError, ValidationError, UnicodeDecodeError):
            return None


def job(base: Synthesizer, dataset: Dataset, settings: CloneSettings | Mapping[str, Any]) -> str:
    """Digest of what a cloning is made of. The settings are those that were asked for, before any was derived.

    Raises:
        BadData: a clip is gone.
    """
    digest = hashlib.sha256(weights_digest(base).encode())
    try:
        for clip in dataset.clips:
            digest.update(f"{clip.id}|{clip.text}|{clip.path.stat().st_size}\n".encode())
    except OSError as error:
        raise BadData(f"clip {clip.id} ({clip.path}) cannot be read: {error.strerror or error}") from error
    asked = settings.model_dump(mode="json") if isinstance(settings, CloneSettings) else settings
    digest.update(repr(sorted((k, v) for k, v in asked.items() if k not in FREE)).encode())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """``$VOICEBANK_CACHE``, else where the system has such things."""
    given = os.environ.get("VOICEBANK_CACHE")
    return Path(given) if given else Path(platformdirs.user_cache_dir("voicebank", appauthor=False))


def weights_digest(voice: Synthesizer) -> str:
    """Digest of a voice's weights and of what else its sound depends on."""
    digest = hashlib.sha256()
    for weights in voice.weights.values():
        for tensor in weights.values():
            digest.update(np.ascontiguousarray(tensor, np.float16).data)
    config = voice.config
    digest.update(f"{config.language}|{config.frontend.model_dump_json()}|{config.audio.model_dump_json()}".encode())
    return digest.hexdigest()[:16]


class Store:
    """``folder`` with the voice, and ``folder.training`` with state, features, checkpoints and previews.

    Raises:
        BadData: one of them holds something else, or cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder.with_name(folder.name + WORK)
        self.state_file = self.work / "state.json"
        self._fresh = self.work / "voice"

    def open(self, job: str) -> CloneState | None:
        """The state of a cloning that was begun here; None if there is none yet."""
        if not self.state_file.is_file():
            if self.folder.exists() and (not self.folder.is_dir() or any(self.folder.iterdir())):
                raise BadData(f"{self.folder} is there and holds something else: name a new folder for the voice")
            self.work.mkdir(parents=True, exist_ok=True)
            return None
        try:
            state = CloneState.model_validate_json(self.state_file.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError) as error:
            raise BadData(f"{self.state_file} is damaged or of another voicebank: remove {self.work}") from error
        if state.job != job:
            raise BadData(
                f"{self.work} holds a cloning of other recordings, another base or other settings: "
                f"name a new folder for the voice, or remove {self.folder} and {self.work}"
            )
        for folder in (self.work, self.folder):
            remove_torn(folder)
        return state

    def write(self, state: CloneState) -> None:
        """Note the state, atomically."""
        atomic(self.state_file, state.model_dump_json(indent=1))

    @property
    def has_voice(self) -> bool:
        """Whether the folder holds a voice yet."""
        return (self.folder / CONFIG).is_file()

    def publish(self, voice: Synthesizer, sample: Audio | None = None) -> None:
        """Put a voice into the folder, with a card. A kill leaves the old files, the new ones or some of both, which is
        a voice all the same: nothing but the weights' values changes from one to the next."""
        shutil.rmtree(self._fresh, ignore_errors=True)
        voice.save(self._fresh, sample=sample)
        if not self.has_voice:
            atomic(self._fresh / CARD, card(voice.config, sample=(self._fresh / SAMPLE).exists()))
            if self.folder.exists():
                self.folder.rmdir()
            os.replace(self._fresh, self.folder)
            return
        before = read_config(self.folder)
        for path in sorted(self._fresh.iterdir()):
            os.replace(path, self.folder / path.name)
        shutil.rmtree(self._fresh)
        self._card(before, voice.config)

    def describe(self, config: VoiceConfig) -> None:
        """Write only config and card of the voice that is there."""
        before = read_config(self.folder)
        atomic(self.folder / CONFIG, config.model_dump_json(indent=2) + "\n")
        self._card(before, config)

    def _card(self, before: VoiceConfig, config: VoiceConfig) -> None:
        path, sample = self.folder / CARD, (self.folder / SAMPLE).exists()
        text = path.read_text(encoding="utf-8") if path.exists() else None
        with contextlib.suppress(BadVoice):  # a card that a person has edited just there is theirs
            atomic(path, card(config, sample=sample) if text is None else update(text, before, config, sample=sample))

    def remove_damaged(self) -> list[str]:
        """Remove stages whose weights are not numbers, as an older voicebank could leave them; returns their names.

        A checkpoint that cannot be read is reported where it is read.
        """
        damaged = []
        for stage in STAGES:
            files = [self.work / stage / name for name in ("checkpoint.safetensors", "best.safetensors")]
            if any(map(is_damaged, files)):
                shutil.rmtree(self.work / stage)
                damaged.append(stage)
        return damaged

    def tidy(self) -> None:
        """Remove what a finished voice has no use for. Previews, curves and the best weights stay."""
        for stage in STAGES:
            (self.work / stage / "checkpoint.safetensors").unlink(missing_ok=True)
        shutil.rmtree(self.work / "features", ignore_errors=True)
        shutil.rmtree(self._fresh, ignore_errors=True)
        remove_torn(self.work)
        (self.work / "base-speech.safetensors").unlink(missing_ok=True)


def _rounded(steps: float, least: int, most: int) -> int:
    return min(most, max(least, 100 * round(steps / 100)))


def _significant(value: float) -> float:
    """Two significant digits."""
    return round(value, 1 - math.floor(math.log10(value)))
