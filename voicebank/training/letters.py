"""Reading letters: the text encoder learns from what voices say to read the words that recordings lack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from voicebank.config import AudioConfig
from voicebank.dctts.text2mel import Text2Mel
from voicebank.training.batches import Item, MixedOrder, speaker_names, text2mel_batch
from voicebank.training.features import Features
from voicebank.training.losses import letters_loss
from voicebank.training.tasks import Metrics, Text2MelTask, shift


class LettersTask(Text2MelTask):
    """Text2Mel learns to read words of which only the phones are known.

    Recordings hold few of the words of English, so a voice guesses how the others sound from their letters. From phones
    it says them well. So the encoder that reads letters is trained alone, on what the voices said from phones: the
    decoder is to hear from it what it heard from the phones, frame by frame (distillation, arXiv:1503.02531). A third
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
        said = [Item(names.index(features.name), features, clip) for features in spoken for clip in features.clips]
        if said:
            self.order = MixedOrder(self.train, said, self.batch_size, spoken_share, self.seed)

    def loss(self, model: nn.Module, step: int, device: torch.device) -> Metrics:
        """See :meth:`Task.loss`; ``l1`` is that of what the decoder's first layer makes of the text."""
        rng = np.random.default_rng((self.seed, 1, step))
        items = self.order[step]
        written = text2mel_batch(items, self.audio, rng, self.share).to(device)
        spoken = text2mel_batch(items, self.audio, None, 1.0).to(device)
        l1 = letters_loss(cast(Text2Mel, model), written, spoken, shift(spoken.mel))
        return {"loss": l1, "l1": l1}

    def validate(self, model: nn.Module, device: torch.device) -> Metrics:
        """See :meth:`Task.validate`: in letters alone."""
        items = sorted(self.validation, key=lambda item: item.frames)
        rows = []
        for i in range(0, len(items), 16):
            written, spoken = (
                text2mel_batch(items[i : i + 16], self.audio, None, phones).to(device) for phones in (0.0, 1.0)
            )
            rows.append({"l1": letters_loss(cast(Text2Mel, model), written, spoken, shift(spoken.mel))})
        return self._mean(rows)
