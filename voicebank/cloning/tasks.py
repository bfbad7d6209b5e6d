"""What is trained when a voice is cloned: both networks, on the new speaker's clips and the base's own speech."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import torch

from voicebank.cloning.rehearsal import NAME as BASE
from voicebank.cloning.settings import CloneSettings
from voicebank.config import AudioConfig
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.training.batches import LONGEST_SECONDS, Item, MixedOrder, Order
from voicebank.training.features import ClipFeatures, Features
from voicebank.training.tasks import SSRNTask, Text2MelTask

SPEAKER = "speaker"
FEWEST_HELD_OUT, MOST_HELD_OUT = 2, 20


def usable(features: Features) -> list[ClipFeatures]:
    """The clips that are trained on: those with words, and not too long for a batch."""
    limit = LONGEST_SECONDS * features.frame_rate
    return [c for c in features.clips if c.units and c.frames[1] - c.frames[0] <= limit]


def hold_out(clips: Sequence[ClipFeatures], share: float) -> list[str]:
    """Ids of the clips to validate on, chosen by a hash of the id: the same ones every time."""
    n = min(MOST_HELD_OUT, max(FEWEST_HELD_OUT, round(share * len(clips))))
    return sorted((c.id for c in clips), key=lambda id: hashlib.sha256(id.encode()).digest())[:n]


def freeze(model: Text2Mel, what: str) -> None:
    """Keep a part of the network as it is, see :attr:`CloneSettings.frozen`."""
    for name, parameter in model.named_parameters():
        text = not name.startswith(("audio_encoder.", "audio_decoder.", "flow."))
        parameter.requires_grad_(not (what == "text" and text) and (what != "weights" or name.endswith(".bias")))


class Text2MelClone(Text2MelTask):
    """Fine-tuning of Text2Mel. With a rehearsal the model has two rows, the base's first; else one.

    Args:
        model: the network, see :func:`voicebank.training.start.with_rows`.
        own: features of the new speaker.
        rehearsal: what the base said, see :mod:`voicebank.cloning.rehearsal`.
        held_out: ids of the clips to validate on.
        audio: spectrogram settings.
        settings: of the cloning.
    """

    def __init__(
        self,
        model: Text2Mel,
        own: Features,
        rehearsal: Features | None,
        held_out: Collection[str],
        audio: AudioConfig,
        settings: CloneSettings,
    ) -> None:
        # Names tell the rows apart, whatever the dataset is called.
        corpora = [replace(own, name=SPEAKER, clips=usable(own))]
        if rehearsal is not None:
            corpora.insert(0, replace(rehearsal, name=BASE))
        super().__init__(
            model,
            corpora,
            audio,
            batch_size=settings.batch_size,
            held_back=0,
            seed=settings.seed,
            # A few minutes hold too few words to learn letters from: what reads them alone would only forget.
            phones=1.0 if model.config.letters_channels else Text2MelTask.PHONES,
        )
        mine = [item for item in self.train if item.features is corpora[-1]]
        theirs = [item for item in self.train if item.features is not corpora[-1]]
        self.validation, self.train = _divided(mine, held_out)
        self.order = (
            MixedOrder(self.train, theirs, settings.batch_size, settings.rehearsal, settings.seed)
            if theirs
            else Order(self.train, settings.batch_size, settings.seed)
        )


class SSRNClone(SSRNTask):
    """Fine-tuning of SSRN on the new speaker's clips.

    Args:
        model: the network.
        own, held_out, audio, settings: as for :class:`Text2MelClone`.
        text2mel: the clone's, for mels as it predicts them; None trains on true mels alone.
    """

    def __init__(
        self,
        model: SSRN,
        own: Features,
        held_out: Collection[str],
        audio: AudioConfig,
        settings: CloneSettings,
        text2mel: Text2Mel | None,
    ) -> None:
        corpus = replace(own, name=SPEAKER, clips=usable(own))
        super().__init__(
            model,
            [corpus],
            audio,
            batch_size=settings.batch_size,
            held_back=0,
            seed=settings.seed,
            text2mel=text2mel,
        )
        self.validation, self.train = _divided(self.train, held_out)
        self.order = Order(self.train, settings.batch_size, settings.seed)


def _divided(items: Sequence[Item], held_out: Collection[str]) -> tuple[list[Item], list[Item]]:
    return (
        [item for item in items if item.clip.id in held_out],
        [item for item in items if item.clip.id not in held_out],
    )


def averaged_text2mel(model: Text2Mel, average: Mapping[str, torch.Tensor]) -> Text2Mel:
    """A network of one speaker, the last row, with these weights."""
    whole = Text2Mel(model.config, model.n_mels)
    whole.load_state_dict({k: v.cpu() for k, v in average.items()})
    return whole.keep_speaker(model.config.speakers - 1)
