"""What a base voice sounds like: its embedding and its pitch, found once and kept in the user's cache."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import platformdirs
from pydantic import BaseModel, ValidationError

from voicebank.cloning.likeness import SENTENCES, embedding, median_pitch, speak
from voicebank.cloning.store import weights_digest
from voicebank.files import atomic
from voicebank.signal import speaker
from voicebank.synthesis.synthesizer import Synthesizer

VERSION = 1  # raise it when SENTENCES or how they are compared change


class Reference(NamedTuple):
    """How a voice sounds. None is what could not be found out."""

    embedding: np.ndarray | None
    pitch: float | None
    """Median, in Hz."""


class _Kept(BaseModel):
    embedding: list[float] | None
    pitch: float | None


def reference(voice: Synthesizer) -> Reference:
    """How a voice sounds when it says :data:`SENTENCES`; from the cache where it was found out before.

    The name in the cache is a digest of the weights: other weights under the same name are another voice.
    """
    heard = speaker.available()
    path = folder() / "references" / f"{VERSION}-{weights_digest(voice)}{'' if heard else '-pitch'}.json"
    with contextlib.suppress(OSError, ValidationError):
        kept = _Kept.model_validate_json(path.read_bytes())
        return Reference(None if kept.embedding is None else np.array(kept.embedding, np.float32), kept.pitch)
    said = speak(voice, sentences=SENTENCES)
    found = Reference(embedding(said) if heard else None, median_pitch(said))
    kept = _Kept(embedding=None if found.embedding is None else found.embedding.tolist(), pitch=found.pitch)
    with contextlib.suppress(OSError):  # a home that cannot be written to costs time, not the answer
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic(path, kept.model_dump_json())
    return found


def folder() -> Path:
    """The cache: ``$VOICEBANK_CACHE``, else where the system has such things."""
    own = os.environ.get("VOICEBANK_CACHE")
    return Path(own) if own else Path(platformdirs.user_cache_dir("voicebank", appauthor=False))
