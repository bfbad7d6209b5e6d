"""SSRN: the coarse mel to the full-rate magnitude (spectrogram super-resolution, arXiv:1710.08969, section 3.3)."""

from __future__ import annotations

import torch
from torch import nn

from voicebank.config import SSRNConfig
from voicebank.dctts import shapes
from voicebank.dctts.layers import Stack


class SSRN(nn.Module):
    """Every layer sees past and future; two upsamplings make four frames of one.

    ``paper`` sizes follow appendix A; normalisation as in :class:`voicebank.dctts.text2mel.Text2Mel`.
    """

    def __init__(self, config: SSRNConfig, n_mels: int = 80, bins: int = 513, reduction: int = 4) -> None:
        super().__init__()
        self.config = config
        self.reduction = reduction
        *stages, top = shapes.ssrn(config, n_mels, bins, reduction).values()
        self.stages = nn.ModuleList(Stack(layers) for layers in stages)
        self.top = Stack(top)

    def forward(self, mel: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Logits of the magnitude ``(batch, reduction * frames, bins)`` for a coarse mel ``(batch, frames, n_mels)``.

        ``mask`` ``(batch, frames)`` is false on padding.
        """
        valid = None if mask is None else mask[..., None].to(mel.dtype)
        x = mel
        for i, stage in enumerate(self.stages):
            x = stage(x, None, valid)
            if i and valid is not None:
                valid = valid.repeat_interleave(2, 1)
        return self.top(x, None, valid)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def magnitude(self, mel: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Normalised magnitude ``(batch, reduction * frames, bins)``."""
        return torch.sigmoid(self(mel, mask))
