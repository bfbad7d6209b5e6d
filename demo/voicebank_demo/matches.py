"""The closest base voices, as bars and as a table."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import voicebank
from voicebank_demo import bank

if TYPE_CHECKING:
    from voicebank.audio import Audio

SHOWN = ("name", "accent", "gender", "similarity", "pitch_hz", "base_pitch_hz")


def closest(source: Any, progress: Any = None) -> list[dict[str, Any]]:
    """Rows of ``voicebank.closest``, as plain values, best first."""
    found = voicebank.closest(source, [bank.get(name) for name in bank.names()], progress=progress)
    rows = []
    for match in found.rows:
        row = {key: getattr(match, key, None) for key in (*SHOWN, "l1", "attention", "score")}
        rows.append({key: _plain(value) for key, value in row.items()})
    return rows


def of_clip(clip: Audio, progress: Any = None) -> list[dict[str, Any]]:
    """The base voices by likeness to one clip."""
    return closest([clip], progress)


def _plain(value: Any) -> Any:
    return round(float(value), 4) if isinstance(value, (int, float)) or hasattr(value, "item") else value


def bars(rows: list[dict[str, Any]]) -> str:
    """One bar a voice, as long as the likeness; below 0.5 nobody sounds alike, so the bars begin there."""
    lines = []
    for i, row in enumerate(rows):
        likeness = row["similarity"] or 0.0
        width = max(2.0, min(100.0, 100 * (likeness - 0.4) / 0.6))
        kind = " ".join(filter(None, (row["accent"], row["gender"])))
        lines.append(
            f'<span><b>{escape(row["name"])}</b><br><span class="vb-note">{escape(kind)}</span></span>'
            f'<span class="bar{" best" if i == 0 else ""}"><i style="width:{width:.0f}%"></i></span>'
            f"<span>{likeness:.2f}</span>"
        )
    pitch = next((row["pitch_hz"] for row in rows if row["pitch_hz"]), None)
    note = f'<p class="vb-note">Pitch of the clip: {pitch:.0f} Hz.</p>' if pitch else ""
    return f'<div class="vb-card"><div class="vb-bars">{"".join(lines)}</div>{note}</div>'


def table(rows: list[dict[str, Any]]) -> str:
    """All that was measured of each base voice."""
    heads = {
        "name": "base voice",
        "accent": "accent",
        "gender": "gender",
        "similarity": "likeness",
        "base_pitch_hz": "pitch, Hz",
        "l1": "error on your clips",
        "attention": "attention",
        "score": "score",
    }
    used = [key for key in heads if any(row[key] not in (None, "") for row in rows)]
    head = "".join(f"<th>{heads[key]}</th>" for key in used)
    body = "".join("<tr>" + "".join(f"<td>{_cell(key, row[key])}</td>" for key in used) + "</tr>" for row in rows)
    return f'<div class="vb-scroll"><table class="vb-table"><tr>{head}</tr>{body}</table></div>'


def _cell(key: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if key.endswith("hz") else f"{value:.3f}"
    return escape(str(value))
