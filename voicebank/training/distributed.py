"""What the processes of one training share, in the words of `torch.distributed`. A process alone is a group of one.

Ray starts them (:mod:`voicebank.training.cluster`). Gradients are averaged by DistributedDataParallel
(arXiv:2006.15704): over gloo on CPUs, over NCCL on GPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import distributed, nn


def _grouped() -> bool:
    return distributed.is_available() and distributed.is_initialized()


def rank() -> int:
    """Number of this process in its group, from 0."""
    return distributed.get_rank() if _grouped() else 0


def world() -> int:
    """Processes in the group."""
    return distributed.get_world_size() if _grouped() else 1


class Loss(nn.Module):
    """The loss of a task as a module, whose call is the whole forward pass: what a parallel wrapper needs to see.

    Called with the step and the device, it gives the loss and its parts, of which the loss alone has a gradient.

    Args:
        loss: see :meth:`voicebank.training.tasks.Task.loss`.
        model: the network that is trained.
        critic: one that is trained beside it.
    """

    def __init__(
        self,
        loss: Callable[[nn.Module, int, torch.device], dict[str, torch.Tensor]],
        model: nn.Module,
        critic: nn.Module | None,
    ) -> None:
        super().__init__()
        self.loss, self.model, self.critic = loss, model, critic

    def forward(self, step: int, device: torch.device) -> dict[str, torch.Tensor]:
        """The loss and its parts on the batch of a step."""
        return {k: v if k == "loss" else v.detach() for k, v in self.loss(self.model, step, device).items()}


def parallel(module: nn.Module) -> nn.Module:
    """The module with gradients that are those of the whole group after each backward pass."""
    if world() == 1:
        return module
    # Not every step uses every parameter: letters are read in every other one.
    return nn.parallel.DistributedDataParallel(module, find_unused_parameters=True)


def mean(metrics: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Scalars averaged over the group, without gradients. Every process must have the same names."""
    values = {name: value.detach() for name, value in metrics.items()}
    if world() == 1:
        return values
    together = torch.stack([value.float() for value in values.values()])
    distributed.all_reduce(together)
    return dict(zip(values, together / world(), strict=True))


def of_first(values: Sequence[float], device: torch.device) -> list[float]:
    """The numbers that the first process has: what only it can know, or what all must decide alike."""
    if world() == 1:
        return list(values)
    shared = torch.tensor(values, dtype=torch.float64, device=device)
    distributed.broadcast(shared, 0)
    return [float(value) for value in shared.cpu()]


@contextmanager
def first_alone() -> Iterator[None]:
    """A block that the first process runs before all others do: it computes the files that they then find."""
    if rank():
        distributed.barrier()
    yield
    if not rank() and world() > 1:
        distributed.barrier()
