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
CHARACTERS = 58  # that stand side by side below the narrowest figure, see ``.vb-figure`` in demo.css


_COLOURS_OF_FACES = ("#0f766e", "#9a3412", "#1d4ed8", "#7e22ce", "#be123c", "#4d7c0f")
_HAIR = {"female": "M9 38V21a15 15 0 0 1 30 0v17H9z", "": "M13 22v-3a11 11 0 0 1 22 0v3z"}
_LOOKS = (("#3b2314", "#f3c9a5"), ("#8a4b1f", "#fbdcc0"), ("#e0b04a", "#fde3cd"), ("#1f1a17", "#c68a5e"))
_FLAGS = {
    "us": '<path fill="#fff" d="M0 0h30v20H0z"/><path stroke="#b22234" stroke-width="1.54" '
    'd="M0 .8h30M0 3.9h30M0 7h30M0 10h30M0 13.1h30M0 16.2h30M0 19.2h30"/><path fill="#3c3b6e" d="M0 0h13v10.8H0z"/>',
    "gb": '<path fill="#012169" d="M0 0h30v20H0z"/><path stroke="#fff" stroke-width="4" d="M0 0l30 20M30 0L0 20"/>'
    '<path stroke="#c8102e" stroke-width="1.5" d="M0 0l30 20M30 0L0 20"/><path stroke="#fff" stroke-width="6.5" '
    'd="M15 0v20M0 10h30"/><path stroke="#c8102e" stroke-width="4" d="M15 0v20M0 10h30"/>',
}


def portrait(gender: str, country: str, number: int) -> str:
    """The face of a voice, with a flag for its accent. What it shows is written beside it, too."""
    hair, skin = _LOOKS[number % len(_LOOKS)]
    flag = f'<svg class="flag" viewBox="0 0 30 20">{_FLAGS[country]}</svg>' if country in _FLAGS else ""
    return (
        '<span class="vb-portrait" aria-hidden="true"><svg class="face" viewBox="0 0 48 48">'
        '<circle cx="24" cy="24" r="24" fill="#dceef0"/>'
        f'<path d="{_HAIR.get(gender, _HAIR[""])}" fill="{hair}"/>'
        f'<path d="M7 48c1-9 8-12 17-12s16 3 17 12z" fill="{_COLOURS_OF_FACES[number % len(_COLOURS_OF_FACES)]}"/>'
        f'<path d="M20 28h8v8a4 4 0 0 1-8 0z" fill="{skin}"/><ellipse cx="24" cy="23" rx="8.5" ry="9.5" fill="{skin}"/>'
        f'<path d="M15 21c1-10 17-10 18 0-4-1-7-2-9-5-2 3-5 4-9 5z" fill="{hair}"/>'
        '<path d="M20.5 23v1.5M27.5 23v1.5M21 28c2 1.6 4 1.6 6 0" stroke="#3b2314" stroke-width="1.3" fill="none" '
        f'stroke-linecap="round"/></svg>{flag}</span>'
    )


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


def rows(marks: list[tuple[str, float, float]]) -> tuple[int, list[tuple[str, float, int]]]:
    """How many rows the words of :func:`spans` need, and each with its place along time and a row in which it covers
    no other; without those that were not spoken."""
    ends: list[float] = []
    placed = []
    for word, start, end in marks:
        if end <= start:
            continue
        row = next((i for i, taken in enumerate(ends) if taken <= start), len(ends))
        ends[row : row + 1] = [start + (len(word) + 2) / CHARACTERS]
        placed.append((word, start, row))
    return len(ends), placed


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
