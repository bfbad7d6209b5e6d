"""Reading letters: the text encoder learns from what voices say to read the words that recordings lack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from voicebank.config import AudioConfig
from voicebank.dctts.text2mel import Text2Mel
from voicebank.training.batches import Item, MixedOrder, Text2MelBatch, speaker_names, text2mel_batch
from voicebank.training.features import Features
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
        super().__init__(model, corpora, audio, **{"phones": 0.0, "aligned": False, **options})
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith("letters_"))
        names = speaker_names(corpora)
        said = [Item(names.index(features.name), features, clip) for features in spoken for clip in features.clips]
        if said:
            self.order = MixedOrder(self.train, said, self.batch_size, spoken_share, self.seed)

    def loss(self, model: nn.Module, step: int, device: torch.device) -> Metrics:
        """See :meth:`Task.loss`; ``l1`` is that of what the decoder's first layer makes of the text."""
        rng = np.random.default_rng((self.seed, 1, step))
        l1 = self._compare(model, self.order[step], rng, self.phones, device)
        return {"loss": l1, "l1": l1}

    def validate(self, model: nn.Module, device: torch.device) -> Metrics:
        """See :meth:`Task.validate`: in letters alone."""
        items = sorted(self.validation, key=lambda item: item.frames)
        groups = [items[i : i + 16] for i in range(0, len(items), 16)]
        return self._mean([{"l1": self._compare(model, group, None, 0.0, device)} for group in groups])

    def _compare(
        self,
        model: nn.Module,
        items: Sequence[Item],
        rng: np.random.Generator | None,
        phones: float,
        device: torch.device,
    ) -> torch.Tensor:
        """Mean distance of what the decoder hears from what it hears of the phones."""
        model = cast(Text2Mel, model)
        batch = text2mel_batch(items, self.audio, rng, phones).to(device)
        same = text2mel_batch(items, self.audio, None, 1.0).to(device)
        with torch.no_grad():
            queries = model.audio_encoder(shift(batch.mel), batch.speaker)
            wanted = self._heard(model, same, queries)
        distance = (self._heard(model, batch, queries) - wanted).float().abs().mean(-1)
        return (distance * batch.frame_mask).sum() / batch.frame_mask.sum()

    @staticmethod
    def _heard(model: Text2Mel, batch: Text2MelBatch, queries: torch.Tensor) -> torch.Tensor:
        """What the decoder's first layer makes of the text, ``(batch, frames, d)``."""
        keys, values = model.encode_text(batch.symbols, batch.symbol_mask, batch.speaker)
        context = torch.bmm(model.attend(queries, keys, batch.symbol_mask).to(values.dtype), values)
        return cast(torch.Tensor, next(iter(model.audio_decoder))(torch.cat([context, queries], -1), batch.speaker))
