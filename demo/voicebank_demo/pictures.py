"""Pictures of speech as HTML that needs no files: a waveform drawn as SVG, spectrograms as small PNGs."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

# Night to paper, through the theme's teal and amber: readable in grey, too.
_STOPS = np.array([(11, 29, 38), (13, 79, 86), (23, 144, 134), (214, 168, 74), (255, 247, 225)], float)
_COLOURS = np.stack(
    [np.interp(np.linspace(0, 1, 256), np.linspace(0, 1, len(_STOPS)), _STOPS[:, c]) for c in range(3)], axis=1
).astype(np.uint8)
_POINTS = 400  # columns of a waveform


def picture(values: np.ndarray) -> str:
    """A data address of ``values`` ``(rows, columns)`` in 0..1, the first row at the bottom."""
    colours = _COLOURS[(np.clip(np.nan_to_num(values), 0, 1) * 255).astype(np.uint8)]
    memory = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(colours[::-1])).save(memory, "PNG", optimize=False)
    return "data:image/png;base64," + base64.b64encode(memory.getvalue()).decode("ascii")


def mel_picture(mel: np.ndarray) -> str:
    """A mel spectrogram ``(frames, n_mels)``: time runs to the right, pitch upwards."""
    return picture(mel.T)


def attention_picture(attention: np.ndarray) -> str:
    """Attention ``(frames, symbols)``: time runs to the right, the text upwards."""
    return picture(np.sqrt(np.clip(attention.T, 0, 1)))  # the root shows where it hesitates


def waveform(samples: np.ndarray, height: int = 56) -> tuple[int, str]:
    """Width and points of an SVG polygon: the highest and lowest sample in each of 400 columns."""
    if not len(samples):
        return 1, ""
    columns = np.array_split(samples, min(_POINTS, len(samples)))
    high, low = [float(column.max()) for column in columns], [float(column.min()) for column in columns]
    scale = 0.48 * height / max(1e-3, *map(abs, high), *map(abs, low))
    middle = height / 2
    top = [f"{i},{middle - scale * v:.1f}" for i, v in enumerate(high)]
    bottom = [f"{i},{middle - scale * v + 0.5:.1f}" for i, v in enumerate(low)]
    return len(columns), " ".join(top + bottom[::-1])


def spans(symbols: str, attention: np.ndarray) -> list[tuple[str, float, float]]:
    """Each word's symbols, with where the attention ``(frames, symbols)`` begins and ends to read them, 0..1."""
    if not len(attention):
        return []
    path = np.maximum.accumulate(attention.argmax(1))
    marks, at = [], 0
    for word in symbols.split(" "):
        start, end = np.searchsorted(path, [at, at + len(word)])
        at += len(word) + 1
        if any(c.isalpha() for c in word):
            marks.append((word, start / len(path), end / len(path)))
    return marks


def curve(lines: dict[str, list[tuple[int, float]]]) -> tuple[int, dict[str, str]]:
    """A chart 300 wide and 120 high: the last step, and the points of each line that has any."""
    points = [point for line in lines.values() for point in line]
    last = max(max(step for step, _ in points), 1)
    low, high = min(value for _, value in points), max(value for _, value in points)
    span = max(high - low, 1e-6)
    drawn = {
        kind: " ".join(f"{300 * x / last:.1f},{8 + 104 * (high - y) / span:.1f}" for x, y in line)
        for kind, line in lines.items()
        if line
    }
    return last, drawn
