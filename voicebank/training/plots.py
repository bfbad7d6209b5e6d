"""Pictures of a training run: loss curve, attention, spectrograms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voicebank.files import replacing

if TYPE_CHECKING:
    import torch


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        figure.savefig(partial, dpi=90)


def _image(axis: Any, values: torch.Tensor | np.ndarray, title: str, label: str) -> None:
    image = values if isinstance(values, np.ndarray) else values.detach().float().cpu().numpy()
    axis.imshow(image.T, origin="lower", aspect="auto", interpolation="nearest")
    axis.set(title=title, xlabel="frame", ylabel=label)


def _figure(rows: int) -> tuple[Any, Any]:
    # The object interface: no window system, no global state, safe in a thread.
    from matplotlib.figure import Figure

    # Margins are given: to find them takes longer than to draw.
    figure = Figure(figsize=(9, 3 * rows))
    figure.subplots_adjust(left=0.08, right=0.98, top=1 - 0.3 / (3 * rows), bottom=0.5 / (3 * rows), hspace=0.4)
    return figure, figure.subplots(rows, 1, squeeze=False)[:, 0]


def attention(path: Path, values: torch.Tensor | np.ndarray, title: str = "attention") -> None:
    """Attention ``(frames, symbols)``."""
    figure, axes = _figure(1)
    _image(axes[0], values, title, "symbol")
    _save(figure, path)


def text2mel(path: Path, attention: torch.Tensor, true: torch.Tensor, predicted: torch.Tensor) -> None:
    """Attention ``(frames, symbols)`` above the true and the predicted mel ``(frames, n_mels)``."""
    figure, axes = _figure(3)
    _image(axes[0], attention, "attention", "symbol")
    _image(axes[1], true, "mel of the recording", "mel band")
    _image(axes[2], predicted, "mel, predicted with teacher forcing", "mel band")
    _save(figure, path)


def ssrn(path: Path, true: torch.Tensor, predicted: torch.Tensor) -> None:
    """True and predicted magnitude ``(frames, bins)``."""
    figure, axes = _figure(2)
    _image(axes[0], true, "magnitude of the recording", "bin")
    _image(axes[1], predicted, "magnitude, predicted", "bin")
    _save(figure, path)


def curves(path: Path, rows: Sequence[dict[str, Any]], criterion: str = "l1") -> None:
    """Training and validation loss over steps, from the rows of ``metrics.jsonl``."""
    figure, axes = _figure(1)
    for kind in ("train", "validation"):
        points = [(r["step"], r[criterion]) for r in rows if r["kind"] == kind]
        if points:
            axes[0].plot(*zip(*points, strict=True), label=kind, linewidth=1)
    axes[0].set(xlabel="step", ylabel=criterion, yscale="log")
    axes[0].grid(alpha=0.3)
    axes[0].legend()
    _save(figure, path)
