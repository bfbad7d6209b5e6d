"""The two folders of a cloning: the voice, whole at any moment, and beside it what it takes to go on."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from voicebank.audio import Audio
from voicebank.cloning.settings import CloneSettings, Description
from voicebank.config import VoiceConfig
from voicebank.data.dataset import Dataset
from voicebank.errors import BadData, BadVoice
from voicebank.files import atomic, remove_torn
from voicebank.hub.card import card
from voicebank.hub.merge import update
from voicebank.synthesis.folder import CARD, CONFIG, SAMPLE, read_config
from voicebank.synthesis.synthesizer import Synthesizer

WORK = ".training"
# Settings that another call may change, since the voice stays the same.
FREE = ("max_minutes", "checkpoint_seconds", "preview_every", "preview_text", "device", "precision", "threads")


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


def weights_digest(voice: Synthesizer) -> str:
    """Digest of a voice's weights and of what else its sound depends on."""
    digest = hashlib.sha256()
    for network in (voice.text2mel, voice.ssrn):
        for tensor in network.state_dict().values():
            digest.update(tensor.detach().cpu().to(torch.float16).contiguous().numpy().tobytes())
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

    def tidy(self) -> None:
        """Remove what a finished voice has no use for. Previews, curves and the best weights stay."""
        for stage in ("text2mel", "ssrn"):
            (self.work / stage / "checkpoint.safetensors").unlink(missing_ok=True)
        shutil.rmtree(self.work / "features", ignore_errors=True)
        shutil.rmtree(self._fresh, ignore_errors=True)
        remove_torn(self.work)
        (self.work / "base-speech.safetensors").unlink(missing_ok=True)
