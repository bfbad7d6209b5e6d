"""Text2Mel: symbols to the coarse mel spectrogram, one frame after the other (arXiv:1710.08969, section 3.2)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import nn

from voicebank.config import Text2MelConfig
from voicebank.dctts import shapes
from voicebank.dctts.inference import Text2MelInference
from voicebank.dctts.layers import FlowHead, Stack, unfilled
from voicebank.text.symbols import LETTERS, TABLE_SIZE

# Euler steps of a new flow: trained on samples of so many, it needs no more.
FLOW_STEPS = 2


class Text2MelOutput(NamedTuple):
    """What a teacher-forced pass returns."""

    logits: torch.Tensor
    """``(batch, frames, n_mels)``; the sigmoid of it is the mel."""
    attention: torch.Tensor
    """``(batch, frames, symbols)``, each row sums to 1."""
    hidden: torch.Tensor
    """What the decoder's last layer or the flow makes the frame of: ``(batch, frames, d)``, and with
    ``config.flow_previous`` the frame before it, ``(batch, frames, d + n_mels)``."""


class Text2Mel(nn.Module):
    """Text encoder, audio encoder, attention and audio decoder.

    ``paper`` sizes follow appendix A of the paper; the layer normalisation before every convolution, which every
    working implementation had to add, the speaker table, the second text encoder and the flow are additions.

    With ``config.letters_channels`` a sentence that has letters in it, all or some among phones, is read by a text
    encoder of its own: English letters say much less of a sound than phones do, and one encoder that learned thousands
    of words by their letters made phones less clear.

    With ``config.flow_channels`` a frame is not what the decoder's last layer predicts, but sampled by a
    :class:`voicebank.dctts.layers.FlowHead`. The last layer stays: in training it helps the layers below.
    """

    def __init__(self, config: Text2MelConfig, n_mels: int = 80) -> None:
        super().__init__()
        self.config = config
        self.n_mels = n_mels
        s = config.speakers
        self.embedding = nn.Embedding(TABLE_SIZE, config.embedding)
        self.text_encoder = Stack(shapes.text_encoder(config), speakers=s)
        if config.letters_channels:
            self.letters_embedding = nn.Embedding(TABLE_SIZE, config.embedding)
            self.letters_encoder = Stack(shapes.text_encoder(config, letters=True), speakers=s)
        self.audio_encoder = Stack(shapes.audio_encoder(config, n_mels), causal=True, speakers=s)
        self.audio_decoder = Stack(shapes.audio_decoder(config, n_mels), causal=True, speakers=s)
        self.flow: FlowHead | None = None
        if config.flow_channels:
            hidden = shapes.flow_of(config, n_mels)["condition"].inputs
            self.flow = FlowHead(hidden, n_mels, config.flow_channels, config.flow_blocks, s)

    def inference(self) -> Text2MelInference:
        """The network as it speaks, with the weights that it has now; of several speakers the first."""
        state = self.state_dict()
        # An optimiser's step and load_state_dict raise a tensor's version.
        versions = [(t.data_ptr(), 0 if t.is_inference() else t._version) for t in state.values()]
        known = _inferences.get(self)
        if known is None or known[0] != versions:
            weights = {name: t.detach().float().cpu().numpy() for name, t in state.items()}
            known = _inferences[self] = versions, Text2MelInference(self.config, self.n_mels, weights)
        return known[1]

    def encode_text(
        self, symbols: torch.Tensor, mask: torch.Tensor, speaker: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values, each ``(batch, symbols, d)``, of symbol indices ``(batch, symbols)``.

        ``mask`` ``(batch, symbols)`` is false where the batch is padded.
        """
        if not self.config.letters_channels:
            return self._encode(symbols, mask, speaker, False)
        written = ((symbols >= LETTERS[0]) & (symbols <= LETTERS[1])).any(1)
        if written.all() or not written.any():
            return self._encode(symbols, mask, speaker, bool(written[0]))
        rows = [(~written).nonzero()[:, 0], written.nonzero()[:, 0]]
        parts = [
            self._encode(symbols[row], mask[row], None if speaker is None else speaker[row], bool(letters))
            for letters, row in enumerate(rows)
        ]
        back = torch.cat(rows).argsort()
        return torch.cat([keys for keys, _ in parts])[back], torch.cat([values for _, values in parts])[back]

    def _encode(
        self, symbols: torch.Tensor, mask: torch.Tensor, speaker: torch.Tensor | None, letters: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        embedding = self.letters_embedding if letters else self.embedding
        encoder = self.letters_encoder if letters else self.text_encoder
        keys, values = encoder(embedding(symbols), speaker, mask[..., None]).chunk(2, -1)
        return keys, values

    def attend(self, queries: torch.Tensor, keys: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Attention ``(batch, frames, symbols)`` of queries ``(batch, frames, d)`` (paper, equation 2)."""
        scores = torch.bmm(queries, keys.transpose(1, 2)) / math.sqrt(self.config.channels)
        return scores.float().masked_fill(~mask[:, None], -torch.inf).softmax(-1)

    def forward(
        self,
        symbols: torch.Tensor,
        symbol_mask: torch.Tensor,
        previous: torch.Tensor,
        speaker: torch.Tensor | None = None,
    ) -> Text2MelOutput:
        """One teacher-forced pass.

        Args:
            symbols: indices ``(batch, symbols)``.
            symbol_mask: ``(batch, symbols)``, false on padding.
            previous: the mel shifted by one frame, ``(batch, frames, n_mels)``: frame t is predicted from
                frames before t.
            speaker: ``(batch,)`` rows of the speaker table.
        """
        keys, values = self.encode_text(symbols, symbol_mask, speaker)
        queries = self.audio_encoder(previous, speaker)
        attention = self.attend(queries, keys, symbol_mask)
        return self.decode(attention, values, queries, previous, speaker)

    def decode(
        self,
        attention: torch.Tensor,
        values: torch.Tensor,
        queries: torch.Tensor,
        previous: torch.Tensor,
        speaker: torch.Tensor | None = None,
    ) -> Text2MelOutput:
        """The audio decoder's part of :meth:`forward`.

        Args:
            attention: ``(batch, frames, symbols)``.
            values: ``(batch, symbols, d)``, see :meth:`encode_text`.
            queries: of the audio encoder, ``(batch, frames, d)``.
            previous, speaker: as for :meth:`forward`.
        """
        context = torch.bmm(attention.to(values.dtype), values)
        hidden = self.audio_decoder(torch.cat([context, queries], -1), speaker, layers=slice(-1))
        logits = self.audio_decoder[-1](hidden, speaker)
        if self.config.flow_previous:
            hidden = torch.cat([hidden, previous.to(hidden.dtype)], -1)
        return Text2MelOutput(logits, attention, hidden)

    def mel(
        self,
        output: Text2MelOutput,
        speaker: torch.Tensor | None = None,
        noise: torch.Tensor | None = None,
        steps: int | None = None,
    ) -> torch.Tensor:
        """The mel ``(batch, frames, n_mels)`` of a pass, 0..1: sampled, or predicted where there is no flow.

        Args:
            output: what :meth:`forward` returned.
            speaker: as it was for the pass.
            noise: ``(batch, frames, n_mels)``, which the samples start from; drawn if left out.
            steps: Euler steps; those of the config if left out.
        """
        if self.flow is None:
            return torch.sigmoid(output.logits.float())
        if noise is None:
            noise = torch.randn(output.logits.shape, device=output.logits.device) * self.config.flow_noise
        return self.flow.sample(output.hidden, noise, steps or self.config.flow_steps, speaker)

    @torch.no_grad()
    def with_letters(self, layers: int | None = None) -> Text2Mel:
        """A copy with an encoder for letters that is to be trained; the network itself if it has one of this size.

        It begins as the encoder for phones, as wide, and every further layer carries most of its input through.

        Args:
            layers: highway blocks, at least as many as the encoder for phones has, which is what is meant if this is
                left out.
        """
        config = self.config
        dilations = (config.text_dilations * (layers or 1))[: layers or None]
        known = config.letters_channels, config.letters_dilations or config.text_dilations
        if known == (config.text_channels, dilations) or (config.letters_channels and layers is None):
            return self
        sizes = {"letters_channels": config.text_channels, "letters_dilations": dilations}
        wide = Text2Mel(config.model_copy(update=sizes), self.n_mels)
        kept = {name: tensor for name, tensor in self.state_dict().items() if not name.startswith("letters_")}
        wide.load_state_dict({**wide.state_dict(), **kept})
        wide.letters_embedding.load_state_dict(self.embedding.state_dict())
        own = list(wide.letters_encoder)
        more = slice(2 + len(config.text_dilations), 2 + len(dilations))  # highway blocks that phones do not have
        for layer, of_phones in zip(own[: more.start] + own[more.stop :], self.text_encoder, strict=True):
            layer.load_state_dict(of_phones.state_dict())
        return wide

    @torch.no_grad()
    def with_flow(self, mean: torch.Tensor, deviation: torch.Tensor, channels: int = 384, blocks: int = 3) -> Text2Mel:
        """A copy with an untrained flow that sees the frame before; the network itself if it has one of these sizes.

        Args:
            mean, deviation: of the mels of each speaker, ``(speakers, n_mels)``.
            channels, blocks: of the flow.
        """
        sizes = {"flow_channels": channels, "flow_blocks": blocks, "flow_previous": True}
        if self.flow is not None and all(getattr(self.config, key) == size for key, size in sizes.items()):
            return self
        wide = Text2Mel(self.config.model_copy(update={**sizes, "flow_steps": FLOW_STEPS}), self.n_mels)
        kept = {name: tensor for name, tensor in self.state_dict().items() if not name.startswith("flow.")}
        wide.load_state_dict({**wide.state_dict(), **kept})
        assert wide.flow is not None
        wide.flow.mean.copy_(mean)
        wide.flow.deviation.copy_(deviation)
        return wide

    @torch.no_grad()
    def keep_speaker(self, row: int) -> Text2Mel:
        """A copy with one speaker only: that row of every table is folded into the weights."""
        single = unfilled(Text2Mel, self.config.model_copy(update={"speakers": 1}), self.n_mels)
        state = {k: v[row : row + 1].clone() if is_table(k) else v.clone() for k, v in self.state_dict().items()}
        single.load_state_dict(state, assign=True)
        return single


def is_table(name: str) -> bool:
    """Whether a tensor of Text2Mel has a row for each speaker: biases, and the mels' means and deviations."""
    return name.endswith((".bias", ".mean", ".deviation"))


_inferences: WeakKeyDictionary[Text2Mel, tuple[Any, Text2MelInference]] = WeakKeyDictionary()
