"""Losses of both networks: L1, binary divergence, guided attention (arXiv:1710.08969, sections 3.4, 4.1), and what
an adversary says."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import ClassVar, TypeVar, cast

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import weight_norm

from voicebank.dctts.text2mel import Text2Mel
from voicebank.training.batches import Text2MelBatch

# Those that judged the base voices at the end of their training, as float16.
SHIPPED = Path(__file__).with_name("discriminators.safetensors")


def spectrogram_loss(
    logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """L1 and binary divergence between a predicted and a true spectrogram, means over the unmasked frames.

    Args:
        logits: ``(batch, frames, bands)``, before the sigmoid.
        target: the same shape, 0..1.
        mask: ``(batch, frames)``, false on padding.
    """
    logits = logits.float()
    l1 = (torch.sigmoid(logits) - target).abs().mean(-1)
    # Cross entropy less the target's own entropy: zero when the prediction is exact.
    entropy = -(torch.xlogy(target, target) + torch.xlogy(1 - target, 1 - target))
    divergence = (F.binary_cross_entropy_with_logits(logits, target, reduction="none") - entropy).mean(-1)
    if mask is None:
        return l1.mean(), divergence.mean()
    weight = mask / mask.sum()
    return (l1 * weight).sum(), (divergence * weight).sum()


def guided_attention_weight(
    symbol_lengths: torch.Tensor, frame_lengths: torch.Tensor, symbols: int, frames: int, g: float = 0.2
) -> torch.Tensor:
    """Penalty ``(batch, frames, symbols)`` that grows away from the diagonal; 0 on padding (paper, section 4.1)."""
    n = torch.arange(symbols, device=symbol_lengths.device)[None, None] / symbol_lengths[:, None, None]
    t = torch.arange(frames, device=frame_lengths.device)[None, :, None] / frame_lengths[:, None, None]
    weight = 1 - torch.exp(-((n - t) ** 2) / (2 * g * g))
    return weight * (n < 1) * (t < 1)


def guided_attention_loss(
    attention: torch.Tensor, symbol_lengths: torch.Tensor, frame_lengths: torch.Tensor, g: float = 0.2
) -> torch.Tensor:
    """Mean over true frames of the attention off the diagonal; ``attention`` is ``(batch, frames, symbols)``."""
    _, frames, symbols = attention.shape
    weight = guided_attention_weight(symbol_lengths, frame_lengths, symbols, frames, g)
    return (attention * weight).sum() / frame_lengths.sum()


def alignment_loss(attention: torch.Tensor, positions: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean cross entropy between attention and where the speech really is.

    Args:
        attention: ``(batch, frames, symbols)``, rows sum to 1.
        positions: ``(batch, frames)``, the symbol that is being spoken.
        mask: ``(batch, frames)``, false on padding.
    """
    chosen = attention.float().gather(-1, positions[..., None])[..., 0]
    return -((chosen + 1e-6).log() * mask).sum() / mask.sum()


def letters_loss(
    model: Text2Mel, written: Text2MelBatch, spoken: Text2MelBatch, previous: torch.Tensor
) -> torch.Tensor:
    """Distance between what letters and what phones give the decoder (distillation, arXiv:1503.02531).

    Mean L1 of what its first layer makes of both, frame by frame. Only the encoder for letters gets a gradient.

    Args:
        model: the network.
        written: clips in letters, some of them mixed with phones.
        spoken: the same clips in phones.
        previous: the mel shifted by one frame, ``(batch, frames, n_mels)``.
    """
    first = next(iter(model.audio_decoder))
    fixed = {name: parameter.detach() for name, parameter in first.named_parameters()}

    def response(batch: Text2MelBatch) -> torch.Tensor:
        keys, values = model.encode_text(batch.symbols, batch.symbol_mask, batch.speaker)
        context = torch.bmm(model.attend(queries, keys, batch.symbol_mask).to(values.dtype), values)
        inputs = torch.cat([context, queries], -1), batch.speaker
        return functional_call(first, fixed, inputs)  # type: ignore[no-any-return]

    with torch.no_grad():
        queries = model.audio_encoder(previous, spoken.speaker)
        target = response(spoken)
    distance = (response(written) - target).float().abs().mean(-1)
    return (distance * spoken.frame_mask).sum() / spoken.frame_mask.sum()


class Discriminator(nn.Module):
    """A network that tells a model's spectrograms from true ones (least squares, arXiv:1611.04076).

    Trained beside the model, which learns from it what a mean over all that might be true, as L1 wants it, lacks.
    A voice has none.
    """

    FEATURES_WEIGHT = 2.0  # of feature matching (arXiv:1512.09300), beside the adversarial loss
    network: ClassVar[str]
    """The network that is judged, ``text2mel`` or ``ssrn``."""

    @classmethod
    def shipped(cls) -> dict[str, torch.Tensor]:
        """Weights of the one that judged the base voices."""
        return {k.partition(".")[2]: v.float() for k, v in _shipped().items() if k.startswith(f"{cls.network}.")}

    def begin_as(self, weights: dict[str, torch.Tensor]) -> bool:
        """Take the weights of one that is trained, if it is of this size; whether it is.

        Speakers that are new to it begin as the mean of those that it knows.

        Args:
            weights: of its ``state_dict``.
        """
        current = self.state_dict()
        weights = {
            k: v if k not in current or len(v) == len(current[k]) else v.mean(0).expand(len(current[k]), *v.shape[1:])
            for k, v in weights.items()
        }
        fits = {k: v.shape for k, v in weights.items()} == {k: v.shape for k, v in current.items()}
        if fits:
            self.load_state_dict(weights)
        return fits

    def critic_loss(
        self, made: torch.Tensor, judged: list[torch.Tensor], speaker: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Loss that trains the discriminator alone.

        Args:
            made: spectrograms ``(batch, frames, bands)`` of a network.
            judged: what the discriminator gives for those of the recordings.
            speaker: ``(batch,)`` rows of the speaker table.
        """
        judged_made: torch.Tensor = self(made.detach(), speaker)[-1].float()
        return (judged[-1].float() - 1).square().mean() + judged_made.square().mean()

    def adversarial_loss(
        self, made: torch.Tensor, judged: list[torch.Tensor], speaker: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Loss that trains the network alone: to be judged as true, and to give the layers' outputs of the truth.

        Args:
            made, judged, speaker: as for :meth:`critic_loss`.
        """
        fixed = {name: parameter.detach() for name, parameter in self.named_parameters()}
        made_outputs: list[torch.Tensor] = functional_call(self, fixed, (made, speaker))
        *outputs, last = made_outputs
        loss: torch.Tensor = (last.float() - 1).square().mean()
        for output, true_output in zip(outputs, judged[:-1], strict=True):
            loss += self.FEATURES_WEIGHT * (output.float() - true_output.detach().float()).abs().mean()
        return loss


@lru_cache(maxsize=1)
def _shipped() -> dict[str, torch.Tensor]:
    return load_file(SHIPPED)


_Kind = TypeVar("_Kind", bound=Discriminator)


class MagnitudeDiscriminator(Discriminator):
    """Judges magnitudes, for an SSRN that is to be crisp.

    Five 2-D convolutions over time and frequency, as those of Encodec's spectrograms (arXiv:2210.13438). They see the
    magnitude, and how far it stands above or below the spectral envelope: harmonics look alike there at every level.

    Args:
        channels: of all but the last.
    """

    network = "ssrn"
    ENVELOPE = 11  # bins on which the envelope is the root mean square, more than a harmonic apart
    FLOOR = 1e-4  # of the linear magnitude: what is below is as good as silent
    window: torch.Tensor

    def __init__(self, channels: int = 32) -> None:
        super().__init__()
        c = channels
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(*sizes))
            for sizes in (
                (2, c, (3, 9), (1, 2), (1, 4)),
                (c, c, (3, 9), (2, 2), (1, 4)),
                (c, c, (3, 9), (1, 2), (1, 4)),
                (c, c, (3, 3), (2, 2), 1),
                (c, 1, 3, 1, 1),
            )
        )
        window = torch.hann_window(self.ENVELOPE + 2, periodic=False)[1:-1]
        self.register_buffer("window", (window / window.sum())[None, None], persistent=False)

    def forward(self, magnitude: torch.Tensor, speaker: torch.Tensor | None = None) -> list[torch.Tensor]:
        """Outputs of each layer for magnitudes ``(batch, frames, bins)``; the last is high where they look true.

        One SSRN speaks for all speakers: it does not know which, nor does its judge.
        """
        x = torch.stack([magnitude.float(), self._contrast(magnitude.float())], 1)
        outputs = []
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x), 0.1)
            outputs.append(x)
        return [*outputs, self.layers[-1](x)]

    def _contrast(self, magnitude: torch.Tensor) -> torch.Tensor:
        """Logarithm of the magnitude over its envelope, ``(batch, frames, bins)``."""
        linear = magnitude.square()
        reach = self.ENVELOPE // 2
        power = F.pad(linear.square().flatten(0, 1)[:, None], (reach, reach), mode="reflect")
        envelope = F.conv1d(power, self.window).view_as(linear).clamp(min=1e-12).sqrt()
        contrast: torch.Tensor = ((linear + self.FLOOR) / (envelope + self.FLOOR)).log()
        return contrast / 2


class MelDiscriminator(Discriminator):
    """Judges the mels that a flow samples: one frame alone, and some in a row.

    A frame is seen whole, so that harmonics must fit together from the lowest band to the highest.

    Args:
        n_mels: mel bands.
        speakers: rows of the bias tables.
        channels: of all layers but the last.
    """

    network = "text2mel"
    WINDOWS = (1, 3, 6)  # coarse frames

    def __init__(self, n_mels: int, speakers: int = 1, channels: int = 384) -> None:
        super().__init__()
        self.speakers = nn.ParameterList(nn.Parameter(torch.zeros(speakers, channels)) for _ in self.WINDOWS)
        self.stacks = nn.ModuleList(
            nn.ModuleList(
                weight_norm(nn.Linear(*sizes))
                for sizes in ((window * n_mels, channels), (channels, channels), (channels, channels), (channels, 1))
            )
            for window in self.WINDOWS
        )

    def forward(self, mel: torch.Tensor, speaker: torch.Tensor | None = None) -> list[torch.Tensor]:
        """Outputs of each layer for standardised mels ``(batch, frames, n_mels)``; the last is high for true ones."""
        outputs, judged = [], []
        for window, table, layers in zip(self.WINDOWS, self.speakers, self.stacks, strict=True):
            if window > mel.shape[1]:
                continue
            stack = cast(nn.ModuleList, layers)
            x = mel.unfold(1, window, 1).transpose(2, 3).flatten(2)
            bias = table[0] if speaker is None else table[speaker][:, None]
            for i, layer in enumerate(stack):
                x = layer(x) if i else layer(x) + bias
                if i < len(stack) - 1:
                    x = F.leaky_relu(x, 0.1)
                    outputs.append(x)
            judged.append(x.flatten())
        return [*outputs, torch.cat(judged)]


def untrained(kind: type[_Kind], *sizes: int, seed: int) -> _Kind:
    """A discriminator of this kind and these sizes, its weights drawn from the seed alone: runs are repeatable."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return kind(*sizes)


def balanced(loss: torch.Tensor, other: torch.Tensor, at: torch.Tensor, share: float) -> torch.Tensor:
    """A second loss whose gradient is this share of the first one's, whatever the scales of the two.

    Source: Esser, Rombach, Ommer, "Taming transformers for high-resolution image synthesis", arXiv:2012.09841,
    equation 7; here the gradients are compared at the network's output.

    Args:
        loss: scalar, the loss that is not changed.
        other: scalar, the one that is scaled.
        at: the output that both were computed from.
        share: norm of its gradient over that of ``loss``.
    """
    gradients = [torch.autograd.grad(one, at, retain_graph=True)[0].float() for one in (loss, other)]
    scale: torch.Tensor = share * gradients[0].norm() / gradients[1].norm().clamp(min=1e-12)
    return other * scale
