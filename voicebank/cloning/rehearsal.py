"""What the base voice itself says: spoken once before a cloning, and mixed into its batches.

A few minutes of recordings lack most words. A network that is trained on them alone forgets how the others are said;
one that keeps hearing its own old speech, beside the new speaker's, does not (rehearsal: Robins, "Catastrophic
forgetting, rehearsal and pseudorehearsal", Connection Science 7(2), 1995).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from voicebank.data.features import ClipFeatures, Features, word_units
from voicebank.dctts.decoder import decode
from voicebank.errors import BadData
from voicebank.signal.spectrogram import denormalise_magnitude, normalised_mel
from voicebank.text.frontend import Frontend, Unit, join
from voicebank.text.symbols import encode
from voicebank.training import checkpoint
from voicebank.voice import LONGEST_EXTRA, LONGEST_FACTOR, Voice

BATCH = 16  # sentences spoken at a time
NAME = "base"


@lru_cache(maxsize=1)
def sentences() -> list[str]:
    """Sentences with every English phone in many places, in none of the base voices' corpora."""
    return Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8").splitlines()


def rehearse(
    base: Voice, phones: Frontend, count: int, path: Path, progress: Callable[[int, int], None]
) -> Features | None:
    """The base's own speech as features without samples, from ``path`` where it was spoken before.

    Args:
        base: who speaks.
        phones: the frontend it reads with.
        count: of sentences.
        path: file to keep it in.
        progress: told sentences done and sentences in all.

    Returns:
        None if the base did not find the end of a single sentence.
    """
    if not path.exists():
        _speak(base, phones, sentences()[:count], path, progress)
    tensors, state = checkpoint.load(path)
    clips = [
        ClipFeatures(str(i), c["text"], (0, 0), tuple(c["frames"]), [tuple(u) for u in c["units"]])
        for i, c in enumerate(state["clips"])
    ]
    if not clips:
        return None
    config = base.config
    mel = tensors["mel"].numpy()
    return Features(NAME, config.language, np.zeros(0, np.int16), mel, clips, config.audio.frame_rate)


def _speak(base: Voice, phones: Frontend, texts: list[str], path: Path, progress: Callable[[int, int], None]) -> None:
    units = {text: word_units(text, phones) for text in texts}
    symbols = {text: encode(join(Unit(w, p) for w, _, p in units[text])) for text in texts}
    ordered = sorted(texts, key=lambda text: len(symbols[text]))
    mels: list[torch.Tensor] = []
    clips: list[dict[str, object]] = []
    at = 0
    for first in range(0, len(ordered), BATCH):
        batch = ordered[first : first + BATCH]
        longest = [_longest_frames(base, len(symbols[text])) for text in batch]
        for text, one in zip(batch, decode(base.text2mel, [symbols[t] for t in batch], longest), strict=True):
            if not one.ended:
                continue  # what it cannot say it need not remember
            mels.append(_full_rate(base, one.mel))
            clips.append({"text": text, "units": units[text], "frames": (at, at + len(mels[-1]))})
            at += len(mels[-1])
        progress(first + len(batch), len(ordered))
    every = torch.cat(mels) if mels else torch.zeros(0, base.config.audio.n_mels)
    if not bool(torch.isfinite(every).all()):
        raise BadData(f"{base.name} speaks in numbers that are not finite, its weights are damaged: fetch it again")
    checkpoint.save(path, {"mel": every.half()}, {"clips": clips})


@torch.inference_mode()
def _full_rate(base: Voice, mel: torch.Tensor) -> torch.Tensor:
    """Normalised mel ``(4 * frames, n_mels)`` of a coarse one ``(frames, n_mels)``, by way of SSRN."""
    audio = base.config.audio
    linear = denormalise_magnitude(base.ssrn.magnitude(mel[None])[0].T, audio)
    return normalised_mel(linear, audio).T.clone()


def _longest_frames(base: Voice, symbols: int) -> int:
    seconds = symbols * base.config.seconds_per_symbol * LONGEST_FACTOR + LONGEST_EXTRA
    return int(seconds * base.config.audio.coarse_rate)
