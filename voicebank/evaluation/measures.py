"""What is measured on sound alone (opinions, whose voice it is, how lively), and which sentences and clips."""

from __future__ import annotations

import contextlib
import io
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
import torch

from voicebank.audio import Audio
from voicebank.data.dataset import SUFFIXES
from voicebank.data.measure import levels
from voicebank.data.progress import Progress
from voicebank.errors import BadData, needs_extra
from voicebank.signal.speaker import Embedding, embed, mean_embedding, stand_ins

RATE = 16000  # Hz, the rate of the networks
REFERENCE_CLIPS = 40  # a centroid moves by less than 0.01 when more are added
PITCH_RANGE = (60.0, 420.0)  # Hz
QUIET = 40.0  # dB below the loud parts of a clip: what is quieter is a pause

References = str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None
"""A folder of clips of a speaker, or several by name."""

_LOADING = threading.Lock()
Sentences = str | os.PathLike[str] | Sequence[str] | Mapping[str, str]
"""A text file (a sentence a line, or ``id|text`` lines), a list of sentences, or id to text."""


class Quality(NamedTuple):
    """Mean opinion scores, 1..5: overall, of the speech itself, of the absence of noise."""

    overall: float
    signal: float
    background: float


def quality(audio: Audio) -> Quality | None:
    """DNSMOS of a clip, None when there is no sound in it.

    A clip shorter than the 9 s that the networks look at is repeated, a longer one is scored in windows.
    """
    # Resampling may overshoot full scale, which speechmos refuses.
    samples = np.clip(audio.resample(RATE).samples, -1, 1)
    if not np.any(samples):
        return None
    with _LOADING:
        dnsmos = _dnsmos()
    scores = dnsmos(samples, RATE, False)
    return Quality(*(float(scores[key]) for key in ("ovrl_mos", "sig_mos", "bak_mos")))


def naturalness(audio: Audio) -> float | None:
    """DistillMOS of a clip, 1..5. None when there is no sound in it, or the package ``distillmos`` is not installed.

    Source: Stahl and Gamper, "Distillation and Pruning for Scalable Self-Supervised Representation-Based Speech
    Quality Assessment", arXiv:2502.05356. A clip shorter than the 7.7 s that the network looks at is followed by
    silence, a longer one is scored in windows.
    """
    samples = audio.resample(RATE).samples
    if not np.any(samples) or find_spec("distillmos") is None:
        return None
    with _LOADING:
        distillmos = _distillmos()
    with torch.inference_mode():
        return float(distillmos(torch.from_numpy(np.ascontiguousarray(samples, np.float32))[None]))


class Prosody(NamedTuple):
    """How much pitch (semitones) and level (dB) vary within a clip. None is what could not be measured.

    A spread is half the distance between the 16th and the 84th percentile: the standard deviation of a normal
    distribution, but octave errors of the pitch do not move it.
    """

    pitch: float | None
    energy: float | None


def prosody(audio: Audio) -> Prosody:
    """Spread of the pitch over the voiced frames (pYIN), and of the level over all frames that are no pause."""
    with needs_extra("evaluate"):
        import librosa
    samples = audio.resample(RATE).samples
    if len(samples) < RATE // 4 or not np.any(samples):
        return Prosody(None, None)
    low, high = PITCH_RANGE
    pitch, voiced, _ = librosa.pyin(samples, fmin=low, fmax=high, sr=RATE, frame_length=1024, resolution=0.25)
    level = levels(samples, RATE)
    semitones = 12 * np.log2(pitch[voiced & ~np.isnan(pitch)])
    return Prosody(_spread(semitones), _spread(level[level > np.percentile(level, 95) - QUIET]))


def _spread(values: np.ndarray) -> float | None:
    if len(values) < 2:
        return None
    low, high = np.percentile(values, (16, 84))
    return float(high - low) / 2


def mean_of(values: Iterable[float | None]) -> float | None:
    """Mean of what was measured; None if nothing was."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


@lru_cache(maxsize=1)
def _dnsmos() -> Any:
    with needs_extra("evaluate"):
        from speechmos import dnsmos
    folder = Path(dnsmos.__file__).parent / "dnsmos_models"
    # The class and not its run(), which keeps the model in a global that threads build several times.
    return dnsmos.DNSMOS(str(folder / "sig_bak_ovr.onnx"), str(folder / "model_v8.onnx"))


@lru_cache(maxsize=1)
def _distillmos() -> Any:
    # torchaudio only reads the files of its command line, and has no build for every torch. It prints where it loads
    # its weights from.
    with stand_ins({"torchaudio": {}}), contextlib.redirect_stdout(io.StringIO()):
        from distillmos import ConvTransformerSQAModel

        return ConvTransformerSQAModel().eval()


@lru_cache(maxsize=32)
def centroid(folder: Path, clips: int = REFERENCE_CLIPS) -> Embedding:
    """Mean embedding, of norm 1, of clips spread evenly over a folder (or over its ``wavs``).

    Raises:
        BadData: there is no speech in the folder.
    """
    centre = mean_embedding(map(embed, _spread_evenly(folder, clips)))
    if centre is None:
        raise BadData(f"{folder} holds no speech to compare with")
    return centre


@lru_cache(maxsize=32)
def reference_prosody(folder: Path, clips: int = REFERENCE_CLIPS) -> Prosody:
    """Mean prosody of clips spread evenly over a folder (or over its ``wavs``)."""
    measured = [prosody(audio) for audio in _spread_evenly(folder, clips)]
    return Prosody(mean_of(one.pitch for one in measured), mean_of(one.energy for one in measured))


def _spread_evenly(folder: Path, clips: int) -> Iterator[Audio]:
    paths = audio_files(folder)
    step = max(1, len(paths) / clips)
    return (Audio.read(paths[int(i * step)]) for i in range(min(clips, len(paths))))


def by_name(references: References) -> dict[str, Path]:
    """Reference folders by the name of their speaker; one that is only a path is named as its folder."""
    if references is None:
        return {}
    if isinstance(references, Mapping):
        return {name: Path(folder) for name, folder in references.items()}
    return {Path(references).resolve().name: Path(references)}


def centroids(references: References, workers: int = 1, progress: Progress | None = None) -> dict[str, Embedding]:
    """Centroids of reference speakers by name."""
    folders = by_name(references)
    with ThreadPoolExecutor(workers) as pool:
        means = pool.map(centroid, folders.values())
        return dict(zip(folders, (progress or Progress()).track("references", means, len(folders)), strict=True))


def read_sentences(sentences: Sentences) -> dict[str, str]:
    """Sentences by id. Where they have none, the id is their number.

    Raises:
        BadData: the file cannot be read, an id comes twice, or a sentence or the whole list is empty.
    """
    if isinstance(sentences, Mapping):
        pairs = [(str(key), text) for key, text in sentences.items()]
    elif isinstance(sentences, (str, os.PathLike)):
        pairs = _read_lines(Path(sentences))
    else:
        pairs = _numbered(list(sentences))
    if not pairs:
        raise BadData("there is no sentence to score: the list is empty")
    result: dict[str, str] = {}
    for key, text in pairs:
        if key in result:
            raise BadData(f"the sentence id {key!r} comes twice: give each its own")
        if not any(c.isalnum() for c in text):
            raise BadData(f"sentence {key!r} has no words: {text!r}")
        result[key] = text.strip()
    return result


def audio_files(folder: Path) -> list[Path]:
    """The clips of a folder, or of its subfolder ``wavs`` when it has none itself, ordered as people count.

    Raises:
        BadData: there is no such folder, or no clip in it.
    """
    for place in (folder, folder / "wavs"):
        if place.is_dir():
            visible = [path for path in place.iterdir() if not path.name.startswith(".")]
            if clips := [path for path in visible if path.suffix.lower() in SUFFIXES]:
                return sorted(clips, key=_counting)
    raise BadData(f"{folder} holds no clips: give a folder with {', '.join(SUFFIXES)} files")


def match_clips(folder: Path, sentences: Sentences | None) -> tuple[dict[str, tuple[Path, str]], int]:
    """Clips with their texts by id, and the number of sentences that have no clip.

    Clips are found by id (their name without the suffix). Where the sentences have no ids of their own, the
    clips are taken in the order of their names and there must be one for each sentence.

    Raises:
        BadData: a clip has no text, or the counts differ.
    """
    files = {path.stem: path for path in audio_files(folder)}
    if sentences is None:
        sentences = folder / "metadata.csv"
        if not sentences.is_file():
            raise BadData(f"{folder} has no metadata.csv: say which sentences its clips hold")
    texts = read_sentences(sentences)
    unknown = [name for name in files if name not in texts]
    if not unknown:
        return {name: (path, texts[name]) for name, path in files.items()}, len(texts) - len(files)
    if len(unknown) < len(files) or not all(key.isdigit() for key in texts):
        raise BadData(f"{len(unknown)} clips of {folder} have no sentence, first: {unknown[0]}")
    if len(files) != len(texts):
        raise BadData(f"{folder} has {len(files)} clips for {len(texts)} sentences: write the sentences as `id|text`")
    return {n: (p, text) for (n, p), text in zip(files.items(), texts.values(), strict=True)}, 0


def _read_lines(path: Path) -> list[tuple[str, str]]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BadData(f"cannot read the sentences in {path}: {reason}") from error
    lines = [line for line in lines if line.strip()]
    if lines and all("|" in line for line in lines):
        # The last column of LJSpeech metadata is the normalised text, which is what was read.
        return [(line.split("|")[0].strip(), line.split("|")[-1]) for line in lines]
    return _numbered(lines)


def _numbered(lines: Sequence[str]) -> list[tuple[str, str]]:
    width = max(3, len(str(len(lines))))
    return [(f"{i:0{width}}", line) for i, line in enumerate(lines, 1)]


def _counting(path: Path) -> list[tuple[int, str]]:
    """Sort key that puts clip 2 before clip 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", path.stem)]
