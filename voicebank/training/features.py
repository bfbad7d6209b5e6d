"""Features of a dataset, computed once and memory-mapped: levelled samples, mels, and the symbols of each clip."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from voicebank.audio import Audio
from voicebank.config import AudioConfig
from voicebank.data.dataset import Clip, Dataset
from voicebank.errors import BadData
from voicebank.files import replacing_folder
from voicebank.signal.spectrogram import level, linear_magnitude, normalised_mel
from voicebank.text.frontend import Frontend, Graphemes, MixedUnit, Unit, join
from voicebank.text.normalise import normalise
from voicebank.text.symbols import STRESS, is_sound

# Part of the cache key: raise it when what is computed below changes.
VERSION = 2
TRIM_DB = 45
OFFSET = 0.002  # mean of the samples from which it is a fault of the recorder, which would hide the silence
# Silence kept at both ends. The end is long enough for attention to come to rest on the end symbol.
MARGIN_START, MARGIN_END = 0.06, 0.25

Times = list[list[float]]
"""For each unit of a clip, the frame in which each of its phones starts, and last the frame in which it ends."""


@dataclass(frozen=True)
class ClipFeatures:
    """Where a clip lies in the arrays, and its words, each as graphemes and as phones."""

    id: str
    text: str
    samples: tuple[int, int]
    frames: tuple[int, int]
    units: list[MixedUnit]


@dataclass(frozen=True)
class Features:
    """Memory-mapped features of one speaker.

    ``samples`` is int16 ``(total,)``; ``mel`` is float16 ``(total frames, n_mels)`` at full rate, normalised.
    """

    name: str
    language: str
    samples: np.ndarray
    mel: np.ndarray
    clips: list[ClipFeatures]
    frame_rate: float = AudioConfig().frame_rate
    """Frames of ``mel`` for one second."""

    @property
    def minutes(self) -> float:
        """Minutes of speech, after trimming."""
        return len(self.mel) / self.frame_rate / 60

    def clip_mel(self, clip: ClipFeatures) -> np.ndarray:
        """Full-rate normalised mel ``(frames, n_mels)`` of a clip, float32."""
        return np.asarray(self.mel[slice(*clip.frames)], np.float32)

    def clip_samples(self, clip: ClipFeatures) -> np.ndarray:
        """Samples of a clip, float32 in -1..1."""
        return np.asarray(self.samples[slice(*clip.samples)], np.float32) / 32768


def prepare_samples(samples: np.ndarray, config: AudioConfig) -> np.ndarray:
    """Trim silence at both ends to fixed margins and bring the clip to the configured level.

    Raises:
        BadData: nothing but silence is left.
    """
    if samples.size == 0 or float(np.abs(samples).max()) < 1e-4:
        raise BadData("the clip is silent")
    offset = float(samples.mean())
    if abs(offset) > OFFSET:
        samples = samples - np.float32(offset)
    start, end = _loud(samples, config)
    speech = level(samples[start:end], config)
    rate = config.sample_rate
    before, after = int(MARGIN_START * rate), int(MARGIN_END * rate)
    return np.pad(speech, (before, after))


def _loud(samples: np.ndarray, config: AudioConfig) -> tuple[int, int]:
    """The first sample and the one after the last of what is at most ``TRIM_DB`` below the loudest frame.

    As ``librosa.effects.trim``, which takes two seconds of computing to load.
    """
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(samples, config.n_fft // 2), config.n_fft)
    power = np.square(windows[:: config.hop]).mean(-1)
    loud = np.flatnonzero(power > power.max() * 10 ** (-TRIM_DB / 10))
    return int(loud[0]) * config.hop, min(len(samples), (int(loud[-1]) + 1) * config.hop)


def word_units(text: str, phones: Frontend | None) -> list[MixedUnit]:
    """The words and marks of a transcript, each as graphemes and as phones.

    Without a phone frontend the phones are graphemes too, so that training still runs on graphemes alone.
    """
    graphemes = Graphemes(dictionary=False)
    sentence = normalise(text)
    units = (phones or graphemes).units(sentence)
    return [MixedUnit(u.graphemes, _spelled(graphemes, u), u.symbols) for u in units if u.symbols]


def _spelled(graphemes: Graphemes, unit: Unit) -> str:
    return " ".join(u.symbols for u in graphemes.units(unit.graphemes)) if unit.is_word else unit.symbols


def build(
    dataset: Dataset,
    config: AudioConfig,
    phones: Frontend | None,
    cache: str | Path,
    progress: Callable[[int, int], None] | None = None,
) -> Features:
    """Compute the features of a dataset, or open them where they were computed before.

    The cache folder's name holds a digest of the configuration and of every clip's name, size and transcript:
    a changed dataset is computed anew. An interrupted build leaves nothing under the final name.

    Raises:
        BadData: a clip is silent or unreadable.
    """
    folder = Path(cache) / f"{dataset.name}-{_digest(dataset, config, phones)}"
    if not folder.is_dir():
        for torn in folder.parent.glob(f".{folder.stem}.*.part*"):  # of a build that was killed
            shutil.rmtree(torn, ignore_errors=True)
        with replacing_folder(folder) as partial:
            _compute(dataset, config, phones, partial, progress)
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    clips = [
        ClipFeatures(c["id"], c["text"], tuple(c["samples"]), tuple(c["frames"]), [MixedUnit(*u) for u in c["units"]])
        for c in index["clips"]
    ]
    samples, mel = opened(folder, config.n_mels)
    return Features(dataset.name, dataset.language, samples, mel, clips, config.frame_rate)


@contextmanager
def written(folder: Path) -> Iterator[Callable[[np.ndarray, np.ndarray], None]]:
    """A function that appends the samples and the mel of a clip to the arrays in a folder."""
    with open(folder / "samples.i16", "wb") as sample_file, open(folder / "mel.f16", "wb") as mel_file:

        def append(samples: np.ndarray, mel: np.ndarray) -> None:
            sample_file.write((samples * 32767).astype(np.int16).tobytes())
            mel_file.write(mel.astype(np.float16).tobytes())

        yield append


def opened(folder: Path, n_mels: int) -> tuple[np.ndarray, np.ndarray]:
    """The arrays of a folder, memory-mapped: ``samples`` and ``mel`` of :class:`Features`."""
    mel = np.memmap(folder / "mel.f16", np.float16, "r").reshape(-1, n_mels)
    return np.memmap(folder / "samples.i16", np.int16, "r"), mel


def _digest(dataset: Dataset, config: AudioConfig, phones: Frontend | None) -> str:
    frontend = f"{phones.name}/{phones.language}" if phones else "none"
    digest = hashlib.sha256(f"{VERSION}|{config.model_dump_json()}|{frontend}".encode())
    for clip in dataset.clips:
        digest.update(f"{clip.id}|{clip.text}|{clip.path.stat().st_size}\n".encode())
    return digest.hexdigest()[:12]


def _compute(
    dataset: Dataset,
    config: AudioConfig,
    phones: Frontend | None,
    folder: Path,
    progress: Callable[[int, int], None] | None,
) -> None:
    clips: list[dict[str, object]] = []
    n_samples = n_frames = 0
    with written(folder) as append:
        for i, clip in enumerate(dataset.clips):
            samples = _load(clip, config)
            mel = normalised_mel(linear_magnitude(torch.from_numpy(samples), config), config).T
            append(samples, mel.numpy())
            clips.append(
                {
                    "id": clip.id,
                    "text": clip.text,
                    "samples": (n_samples, n_samples + len(samples)),
                    "frames": (n_frames, n_frames + len(mel)),
                    "units": word_units(clip.text, phones),
                }
            )
            n_samples += len(samples)
            n_frames += len(mel)
            if progress:
                progress(i + 1, len(dataset.clips))
    (folder / "index.json").write_text(json.dumps({"clips": clips}, ensure_ascii=False), encoding="utf-8")


def _load(clip: Clip, config: AudioConfig) -> np.ndarray:
    try:
        return prepare_samples(Audio.read(clip.path, config.sample_rate).samples, config)
    except BadData as error:
        raise BadData(f"clip {clip.id} ({clip.path}): {error}") from error


def symbol_starts(units: Sequence[MixedUnit], phones: Sequence[bool], times: Times) -> tuple[str, np.ndarray]:
    """The symbol string of a clip and the full-rate frame in which each symbol starts, the end symbol's last.

    Args:
        units: of the clip.
        phones: for each unit, whether it is shown as phones, else as graphemes.
        times: of the clip, from :func:`voicebank.training.alignment.align`.

    Returns:
        The string (without the end symbol) and ``(symbols + 1,)`` frames that never fall.
    """
    shown = [unit.unit(phones=use) for unit, use in zip(units, phones, strict=True)]
    text = join(shown)
    starts = np.full(len(text) + 1, np.nan)
    at = 0
    end = 0.0
    for unit, use, sounds in zip(shown, phones, times, strict=True):
        at = text.index(unit.symbols, at)
        if len(sounds) > 1 and unit.is_word:
            if at and text[at - 1] == " ":
                starts[at - 1] = end  # a space takes the pause before the word
            if use:
                starts[at : at + len(unit.symbols)] = _within(unit.symbols, sounds)
            else:
                starts[at : at + len(unit.symbols)] = np.linspace(sounds[0], sounds[-1], len(unit.symbols) + 1)[:-1]
            end = sounds[-1]
        else:
            starts[at] = end  # a mark takes the pause after the word
        at += len(unit.symbols)
    starts[-1] = end
    starts[0] = 0.0
    known = np.flatnonzero(~np.isnan(starts))
    return text, np.maximum.accumulate(np.interp(np.arange(len(starts)), known, starts[known]))


def _within(symbols: str, sounds: Sequence[float]) -> np.ndarray:
    """Starts of the symbols of one word: a stress mark takes a third of its vowel, a length mark half."""
    starts = np.zeros(len(symbols))
    sounding = [i for i, s in enumerate(symbols) if is_sound(s)]
    for k, i in enumerate(sounding):
        start, end = sounds[k], sounds[k + 1]
        if i and symbols[i - 1] in STRESS[:2]:
            starts[i - 1], start = start, start + (end - start) / 3
        starts[i] = start
        for j in range(i + 1, sounding[k + 1] if k + 1 < len(sounding) else len(symbols)):
            starts[j] = (start + end) / 2 if symbols[j] not in STRESS[:2] else end
    return starts
