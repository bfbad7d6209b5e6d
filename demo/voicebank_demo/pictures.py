"""Pictures of speech as HTML that needs no files: a waveform drawn as SVG, spectrograms as small PNGs."""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
from PIL import Image

from voicebank.synthesis.speech import SpokenSentence

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


def waveform(samples: np.ndarray, height: int = 56) -> str:
    """An SVG of the loudest and lowest sample in each of 400 columns."""
    columns = (
        np.array_split(samples, _POINTS)
        if len(samples) >= _POINTS
        else [samples[i : i + 1] for i in range(len(samples))]
    )
    high = [float(column.max()) if len(column) else 0.0 for column in columns]
    low = [float(column.min()) if len(column) else 0.0 for column in columns]
    scale = 0.48 * height / max(1e-3, *map(abs, high), *map(abs, low)) if columns else 0
    middle = height / 2
    top = [f"{i},{middle - scale * v:.1f}" for i, v in enumerate(high)]
    bottom = [f"{i},{middle - scale * v + 0.5:.1f}" for i, v in enumerate(low)]
    return (
        f'<svg viewBox="0 0 {max(1, len(columns))} {height}" preserveAspectRatio="none" style="height:{height}px" '
        f'role="img" aria-label="waveform"><polygon fill="currentColor" points="{" ".join(top + bottom[::-1])}"/></svg>'
    )


def attention_picture(attention: np.ndarray) -> str:
    """Attention ``(frames, symbols)``: time runs to the right, the text upwards."""
    return picture(np.sqrt(np.clip(attention.T, 0, 1)))  # the root shows where it hesitates


def figure(spoken: SpokenSentence) -> str:
    """Waveform, mel and attention of a sentence above each other on one axis of time, with the words below."""
    mel = spoken.mel.float().numpy()
    attention = spoken.attention.float().numpy()
    mel_lane = f'<img style="height:90px" alt="mel spectrogram" src="{picture(mel.T)}"><span>mel spectrogram</span>'
    lanes = [
        f'<div class="lane wave">{waveform(spoken.audio.samples)}<span>waveform</span></div>',
        f'<div class="lane">{mel_lane}</div>',
        f'<div class="lane"><img style="height:110px" alt="attention" src="{attention_picture(attention)}">'
        "<span>attention: text upwards, time to the right</span></div>",
    ]
    return f'<figure class="vb-figure">{"".join(lanes)}{words(spoken.sentence.symbols, attention)}</figure>'


def words(symbols: str, attention: np.ndarray) -> str:
    """Each word's symbols where the attention ``(frames, symbols)`` reads them."""
    if not len(attention):
        return ""
    path = np.maximum.accumulate(attention.argmax(1))
    frames = len(path)
    marks, at = [], 0
    for word in symbols.split(" "):
        start, end = np.searchsorted(path, [at, at + len(word)])
        at += len(word) + 1
        if end > start:
            place = f"left:{100 * start / frames:.1f}%;width:{100 * (end - start) / frames:.1f}%"
            marks.append(f'<i style="{place}">{escape(word)}</i>')
    return f'<div class="vb-words" aria-hidden="true">{"".join(marks)}</div>'
