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
        parameters: what is trained.
        betas: decay of the moments, the first and the second.

    Attributes:
        slots: the step and both moments of each parameter that had a gradient, by its index.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], betas: tuple[float, float]) -> None:
        self.parameters, self.betas = list(parameters), betas
        self.slots: dict[int, dict[str, torch.Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move the parameters that have a gradient."""
        moved = {i: p for i, p in enumerate(self.parameters) if p.grad is not None}
        for i, parameter in moved.items():
            if i not in self.slots:
                moments = {name: torch.zeros_like(parameter) for name in ("exp_avg", "exp_avg_sq")}
                self.slots[i] = {"step": torch.zeros((), device=parameter.device), **moments}
        slots = [self.slots[i] for i in moved]
        adam(
            list(moved.values()),
            [p.grad for p in moved.values() if p.grad is not None],
            [slot["exp_avg"] for slot in slots],
            [slot["exp_avg_sq"] for slot in slots],
            [],
            [slot["step"] for slot in slots],
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=rate,
            weight_decay=0.0,
            eps=EPSILON,
            maximize=False,
        )

    def load(self, slots: dict[int, dict[str, torch.Tensor]]) -> None:
        """Take over :attr:`slots`, to each parameter's device."""
        self.slots = {
            i: {name: tensor.to(self.parameters[i].device) for name, tensor in slot.items()}
            for i, slot in slots.items()
            if slot
        }
