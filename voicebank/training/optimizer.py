"""The optimiser of the training loop."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.optim.adam import adam

EPSILON = 1e-8


class Adam:
    """Adam (arXiv:1412.6980, algorithm 1), by PyTorch's own function.

    ``torch.optim.Adam`` computes the same to the bit. It loads PyTorch's compiler first, which takes two seconds of
    every training, however short.

    Args:
        parameters: what is trained, by name.
        betas: decay of the moments, the first and the second.
        factor: of the rate.

    Attributes:
        slots: the step and both moments of each parameter that had a gradient, by its name.
    """

    def __init__(
        self, parameters: Iterable[tuple[str, nn.Parameter]], betas: tuple[float, float], factor: float = 1.0
    ) -> None:
        self.parameters, self.betas, self.factor = dict(parameters), betas, factor
        self.slots: dict[str, dict[str, torch.Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters.values():
            parameter.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move the parameters that have a gradient."""
        gradients = {name: p.grad for name, p in self.parameters.items() if p.grad is not None}
        for name, gradient in gradients.items():
            if name not in self.slots:
                moments = {moment: torch.zeros_like(self.parameters[name]) for moment in ("exp_avg", "exp_avg_sq")}
                self.slots[name] = {"step": torch.zeros((), device=gradient.device), **moments}
        slots = [self.slots[name] for name in gradients]
        adam(
            [self.parameters[name] for name in gradients],
            list(gradients.values()),
            [slot["exp_avg"] for slot in slots],
            [slot["exp_avg_sq"] for slot in slots],
            [],
            [slot["step"] for slot in slots],
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=self.factor * rate,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )

    def load(self, slots: dict[str, dict[str, torch.Tensor]]) -> None:
        """Take over :attr:`slots`, to each parameter's device."""
        self.slots = {
            name: {key: tensor.to(self.parameters[name].device) for key, tensor in slot.items()}
            for name, slot in slots.items()
            if slot
        }
