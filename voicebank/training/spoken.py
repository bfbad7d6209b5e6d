"""What voices say themselves, as training material: spoken once, kept as features without samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch

from voicebank.dctts.decoder import decode
from voicebank.errors import BadData
from voicebank.signal.spectrogram import denormalise_magnitude, normalised_mel
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.text.frontend import Frontend, MixedUnit, join
from voicebank.text.symbols import encode
from voicebank.training import checkpoint
from voicebank.training.features import ClipFeatures, Features, word_units

BATCH = 16  # sentences spoken at a time


def speak(
    voice: Synthesizer,
    phones: Frontend,
    texts: Sequence[str],
    path: Path,
    name: str,
    progress: Callable[[int, int], None] | None = None,
) -> Features | None:
    """A voice's own speech, from ``path`` where it was spoken before.

    Args:
        voice: who speaks.
        phones: the frontend it reads with.
        texts: sentences; read only if they were not spoken before.
        path: file to keep it in.
        name: of the features.
        progress: told sentences done and sentences in all.

    Returns:
        None if the voice did not find the end of a single sentence.

    Raises:
        BadData: its weights give numbers that are not finite.
    """
    if not path.exists():
        _speak(voice, phones, texts, path, progress)
    tensors, state = checkpoint.load(path)
    clips = [
        ClipFeatures(str(i), c["text"], (0, 0), tuple(c["frames"]), [MixedUnit(*u) for u in c["units"]])
        for i, c in enumerate(state["clips"])
    ]
    if not clips:
        return None
    config = voice.config
    mel = tensors["mel"].numpy()
    return Features(name, config.language, np.zeros(0, np.int16), mel, clips, config.audio.frame_rate)


def _speak(
    voice: Synthesizer, phones: Frontend, texts: Sequence[str], path: Path, progress: Callable[[int, int], None] | None
) -> None:
    units = {text: word_units(text, phones) for text in texts}
    symbols = {text: encode(join(unit.unit() for unit in units[text])) for text in texts}
    ordered = sorted(symbols, key=lambda text: len(symbols[text]))
    mels: list[torch.Tensor] = []
    clips: list[dict[str, object]] = []
    at = 0
    for first in range(0, len(ordered), BATCH):
        batch = ordered[first : first + BATCH]
        longest = [voice.longest_frames(len(symbols[text])) for text in batch]
        for text, one in zip(batch, decode(voice.text2mel, [symbols[t] for t in batch], longest), strict=True):
            if not one.ended:
                continue  # what it cannot say is nothing to learn from
            mels.append(_full_rate(voice, one.mel).half())
            clips.append({"text": text, "units": units[text], "frames": (at, at + len(mels[-1]))})
            at += len(mels[-1])
        if progress:
            progress(first + len(batch), len(ordered))
    every = torch.cat(mels) if mels else torch.zeros(0, voice.config.audio.n_mels).half()
    if not bool(torch.isfinite(every).all()):
        raise BadData(f"{voice.name} speaks in numbers that are not finite, its weights are damaged: fetch it again")
    checkpoint.save(path, {"mel": every}, {"clips": clips})


@torch.inference_mode()
def _full_rate(voice: Synthesizer, mel: torch.Tensor) -> torch.Tensor:
    """Normalised mel ``(4 * frames, n_mels)`` of a coarse one ``(frames, n_mels)``, by way of SSRN."""
    audio = voice.config.audio
    linear = denormalise_magnitude(voice.ssrn.magnitude(mel[None])[0].T, audio)
    return normalised_mel(linear, audio).T.clone()
