"""A discriminator of magnitude spectrograms, for an SSRN that is to be crisp (least squares, arXiv:1611.04076)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call
from torch.nn.utils.parametrizations import weight_norm


class Discriminator(nn.Module):
    """Five 2-D convolutions over time and frequency, as those of Encodec's spectrograms (arXiv:2210.13438).

    Args:
        channels: of all but the last.
    """

    def __init__(self, channels: int = 24) -> None:
        super().__init__()
        c = channels
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(*sizes))
            for sizes in (
                (1, c, (3, 9), (1, 2), (1, 4)),
                (c, c, (3, 9), (2, 2), (1, 4)),
                (c, c, (3, 9), (1, 2), (1, 4)),
                (c, c, (3, 3), (2, 2), 1),
                (c, 1, 3, 1, 1),
            )
        )

    def forward(self, magnitude: torch.Tensor) -> list[torch.Tensor]:
        """What each layer makes of magnitudes ``(batch, frames, bins)``; the last is high where they look true."""
        x = magnitude[:, None]
        outputs = []
        for layer in self.layers[:-1]:
            x = F.leaky_relu(layer(x), 0.1)
            outputs.append(x)
        return [*outputs, self.layers[-1](x)]

    def losses(self, made: torch.Tensor, true: torch.Tensor) -> dict[str, torch.Tensor]:
        """Losses of magnitudes ``(batch, frames, bins)`` that a network made, beside true ones.

        ``critic`` trains the discriminator alone; ``adversarial`` and ``features`` (mean distance of the layers'
        outputs, arXiv:1512.09300) train the network alone. So all can be added up and go through one optimiser's step.
        """
        true_outputs, made_outputs = self(true), self(made.detach())
        critic = (true_outputs[-1].float() - 1).square().mean() + made_outputs[-1].float().square().mean()
        fixed = {name: parameter.detach() for name, parameter in self.named_parameters()}
        judged: list[torch.Tensor] = functional_call(self, fixed, (made,))
        distances = [
            (a.float() - b.detach().float()).abs().mean() for a, b in zip(judged[:-1], true_outputs[:-1], strict=True)
        ]
        return {
            "critic": critic,
            "adversarial": (judged[-1].float() - 1).square().mean(),
            "features": torch.stack(distances).sum(),
        }
