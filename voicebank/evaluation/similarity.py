"""Whose voice it is: mean speaker embeddings of reference speakers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np

from voicebank.audio import Audio
from voicebank.errors import BadData
from voicebank.evaluation.progress import bar
from voicebank.evaluation.sources import audio_files
from voicebank.signal.speaker import Embedding, embed

REFERENCE_CLIPS = 40  # a centroid moves by less than 0.01 when more are added

References = str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None


@lru_cache(maxsize=32)
def centroid(folder: Path, clips: int = REFERENCE_CLIPS) -> Embedding:
    """Mean embedding, of norm 1, of clips spread evenly over a folder (or over its ``wavs``).

    Raises:
        BadData: there is no speech in the folder.
    """
    paths = audio_files(folder)
    step = max(1, len(paths) / clips)
    chosen = [paths[int(i * step)] for i in range(min(clips, len(paths)))]
    found = [e for e in (embed(Audio.read(path)) for path in chosen) if e is not None]
    if not found:
        raise BadData(f"{folder} holds no speech to compare with")
    mean = np.mean(found, axis=0)
    return mean / np.linalg.norm(mean)


def centroids(references: References, workers: int = 1, progress: bool = False) -> dict[str, Embedding]:
    """Centroids by name. A reference that is only a path is named as its folder."""
    if references is None:
        return {}
    if not isinstance(references, Mapping):
        references = {Path(references).resolve().name: references}
    with ThreadPoolExecutor(workers) as pool, bar("references", len(references), progress) as advance:
        found = {}
        folders = [Path(folder) for folder in references.values()]
        for name, mean in zip(references, pool.map(centroid, folders), strict=True):
            found[name] = mean
            advance()
    return found
