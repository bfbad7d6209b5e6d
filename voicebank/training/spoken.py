"""What voices say themselves, as training material: spoken once, kept as features without samples.

From it a clone keeps the words that its recordings lack, and the encoder of letters learns to read them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from voicebank.config import AudioConfig
from voicebank.dctts.decoder import decode
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadData
from voicebank.interfaces import Floats
from voicebank.signal.magnitudes import denormalise_magnitude
from voicebank.signal.spectrogram import normalised_mel
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.text.frontend import Frontend, MixedUnit, join
from voicebank.text.symbols import encode
from voicebank.training.batches import Item, MixedOrder, speaker_names, text2mel_batch
from voicebank.training.features import ClipFeatures, Features, word_units
from voicebank.training.losses import letters_loss
from voicebank.training.runs import load_checkpoint, save_checkpoint
from voicebank.training.tasks import Metrics, Text2MelTask, shift

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
        progress: callback with the sentences done and in all.

    Returns:
        None if the voice did not find the end of a single sentence.

    Raises:
        BadData: its weights give numbers that are not finite.
    """
    if not path.exists():
        _speak(voice, phones, texts, path, progress)
    tensors, state = load_checkpoint(path)
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
    mels: list[np.ndarray] = []
    clips: list[dict[str, object]] = []
    at = 0
    for first in range(0, len(ordered), BATCH):
        batch = ordered[first : first + BATCH]
        longest = [voice.longest_frames(len(symbols[text])) for text in batch]
        for text, one in zip(batch, decode(voice.networks.text2mel, [symbols[t] for t in batch], longest), strict=True):
            if not one.ended:
                continue  # what it cannot say is nothing to learn from
            mels.append(_full_rate(voice, one.mel).astype(np.float16))
            clips.append({"text": text, "units": units[text], "frames": (at, at + len(mels[-1]))})
            at += len(mels[-1])
        if progress:
            progress(first + len(batch), len(ordered))
    mel = np.concatenate(mels) if mels else np.zeros((0, voice.config.audio.n_mels), np.float16)
    if not np.isfinite(mel).all():
        raise BadData(f"{voice.name} speaks in numbers that are not finite, its weights are damaged: fetch it again")
    save_checkpoint(path, {"mel": torch.from_numpy(mel)}, {"clips": clips})


def _full_rate(voice: Synthesizer, mel: Floats) -> Floats:
    """Normalised mel ``(4 * frames, n_mels)`` of a coarse one ``(frames, n_mels)``, by way of SSRN."""
    audio = voice.config.audio
    linear = denormalise_magnitude(voice.networks.ssrn.magnitude(mel), audio)
    return normalised_mel(torch.from_numpy(linear.T), audio).T.numpy()


class LettersTask(Text2MelTask):
    """Text2Mel learns to read words of which only the phones are known.

    Recordings hold few of the words of English, so a voice guesses how the others sound from their letters. From phones
    it says them well. So the encoder that reads letters is trained alone, on what the voices said from phones: the
    decoder is to get from it what it gets from the phones, frame by frame (distillation, arXiv:1503.02531). A third
    of the clips has letters and phones mixed.

    Args:
        model: the network; see :meth:`voicebank.dctts.text2mel.Text2Mel.with_letters`.
        corpora: features of the recordings, see :class:`Text2MelTask`; their held-back clips are validated on.
        spoken: what each voice said, features of their names.
        audio: spectrogram settings.
        spoken_share: of those clips in each batch.
        options: of :class:`Text2MelTask`.
    """

    def __init__(
        self,
        model: Text2Mel,
        corpora: Sequence[Features],
        spoken: Sequence[Features],
        audio: AudioConfig,
        *,
        spoken_share: float = 0.75,
        **options: Any,
    ) -> None:
        # Where the sounds lie is what attention to the phones says.
        self.share = options.pop("phones", 0.0)
        super().__init__(model, corpora, audio, **{"aligned": False, **options})
        self.criterion = "l1"
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith("letters_"))
        names = speaker_names(corpora)
        items = [Item(names.index(features.name), features, clip) for features in spoken for clip in features.clips]
        if items:
            self.order = MixedOrder(self.train, items, self.batch_size, spoken_share, self.seed)

    def loss(self, model: nn.Module, step: int, device: torch.device) -> Metrics:
        """Loss on the batch of a step; ``l1`` is that of what the decoder's first layer makes of the text."""
        items, rng = self._drawn(step)
        written = text2mel_batch(items, self.audio, rng, self.share).to(device)
        spoken = text2mel_batch(items, self.audio, None, 1.0).to(device)
        l1 = letters_loss(cast(Text2Mel, model), written, spoken, shift(spoken.mel))
        return {"loss": l1, "l1": l1}

    def validate(self, model: nn.Module, device: torch.device) -> Metrics:
        """Mean loss over the held-back clips, in letters alone."""
        items = sorted(self.validation, key=lambda item: item.frames)
        rows = []
        for i in range(0, len(items), 16):
            written, spoken = (
                text2mel_batch(items[i : i + 16], self.audio, None, phones).to(device) for phones in (0.0, 1.0)
            )
            rows.append({"l1": letters_loss(cast(Text2Mel, model), written, spoken, shift(spoken.mel))})
        return self._mean(rows)
