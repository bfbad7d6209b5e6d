"""``report.html``: one page, without other files, that shows a dataset and lets its doubtful clips be heard."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from voicebank.audio import Audio
from voicebank.data.rows import Finding, Report, Row
from voicebank.errors import BadAudio

EMBEDDED = 32 << 20  # bytes of sound within the page; what is beyond is only linked to
STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222;background:#fff}
table{border-collapse:collapse;width:100%}td,th{padding:.3em .6em;text-align:left;vertical-align:top;
border-bottom:1px solid #ddd}svg{margin:.5em 1em .5em 0}svg rect{fill:#4477aa}svg text{font-size:11px;fill:#444}
.serious{color:#a11}.doubtful{color:#960}audio{width:15em;height:2em}.figures td{font-size:1.1em}
"""


def page(report: Report, folder: Path) -> str:
    """The page of a dataset whose clips lie in a folder."""
    kept = report.kept
    figures = [
        ("minutes", f"{report.minutes:.1f}"),
        ("clips kept", str(len(kept))),
        ("of them doubtful", str(sum(bool(row.findings) for row in kept))),
        ("clips rejected", str(len(report.rows) - len(kept))),
        ("clipped clips", str(sum(any(f.kind == "clipping" for f in row.findings) for row in report.rows))),
        ("words a second", _median([row.pace for row in kept], "{:.1f}")),
        ("level", _median([row.level for row in kept], "{:.0f} dB")),
        ("noise", _median([row.noise for row in kept], "{:.0f} dB")),
        ("heard by", report.transcriber or "nobody"),
    ]
    charts = [
        _histogram("seconds", [row.seconds for row in kept]),
        _histogram("words a second", [row.pace for row in kept]),
        _histogram("level, dB", [row.level for row in kept]),
        _histogram("noise, dB", [row.noise for row in kept]),
    ]
    sound = _Sound(folder)
    rejected = [_row(row, sound) for row in report.rows if not row.kept]
    doubtful = [_row(row, sound) for row in kept if row.findings]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f"<title>{escape(report.name)}</title><style>{STYLE}</style></head><body>",
        f"<h1>{escape(report.name)}</h1>",
        '<table class="figures"><tr>' + "".join(f"<th>{escape(name)}</th>" for name, _ in figures) + "</tr><tr>",
        "".join(f"<td>{escape(value)}</td>" for _, value in figures) + "</tr></table>",
        *charts,
        *(f"<p>{escape(note)}</p>" for note in report.notes),
        _general(report.general),
        _table("Rejected", rejected),
        _table("Doubtful, but kept", doubtful),
        "</body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


class _Sound:
    """Players, with the sound in the page as long as there is room."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.room = EMBEDDED

    def player(self, row: Row) -> str:
        if row.file is None or not (self.folder / row.file).is_file():
            return ""
        try:
            data = Audio.read(self.folder / row.file, 24000).to_bytes("mp3")
        except BadAudio:
            return ""
        source = escape(row.file, quote=True)
        if len(data) <= self.room:
            self.room -= len(data)
            source = "data:audio/mpeg;base64," + base64.b64encode(data).decode("ascii")
        return f'<audio controls preload="none" src="{source}"></audio>'


def _row(row: Row, sound: _Sound) -> str:
    reasons = "<br>".join(
        f'<span class="{"serious" if f.serious else "doubtful"}">{escape(f.kind)}: {escape(f.reason)}</span>'
        f"<br><small>{escape(f.advice)}</small>"
        for f in row.findings
    )
    place = f"{escape(row.id)}<br><small>{escape(row.source)}, {row.start:.1f} to {row.end:.1f} s</small>"
    return f"<tr><td>{place}</td><td>{escape(row.text)}</td><td>{reasons}</td><td>{sound.player(row)}</td></tr>"


def _table(title: str, rows: Sequence[str]) -> str:
    if not rows:
        return ""
    head = "<tr><th>clip</th><th>text</th><th>reason, and what to do</th><th></th></tr>"
    return f"<h2>{title}: {len(rows)}</h2><table>{head}{''.join(rows)}</table>"


def _general(findings: Sequence[Finding]) -> str:
    lines = "".join(f'<li class="{"serious" if f.serious else "doubtful"}">{escape(str(f))}</li>' for f in findings)
    return f"<ul>{lines}</ul>" if lines else ""


def _histogram(title: str, values: Sequence[float], width: int = 240, height: int = 90) -> str:
    if not values:
        return ""
    counts, edges = np.histogram(values, bins=12)
    step, top = width / len(counts), max(1, int(counts.max()))
    bars = "".join(
        f'<rect x="{i * step:.1f}" y="{height - height * c / top:.1f}" width="{step - 1:.1f}" '
        f'height="{height * c / top:.1f}"><title>{a:.1f} to {b:.1f}: {c}</title></rect>'
        for i, (c, a, b) in enumerate(zip(counts, edges, edges[1:], strict=False))
    )
    label = (
        f'<text x="0" y="{height + 14}">{edges[0]:.1f}</text>'
        f'<text x="{width}" y="{height + 14}" text-anchor="end">{edges[-1]:.1f}</text>'
        f'<text x="{width / 2}" y="{height + 14}" text-anchor="middle">{escape(title)}</text>'
    )
    return f'<svg role="img" aria-label="{escape(title)}" width="{width}" height="{height + 20}">{bars}{label}</svg>'


def _median(values: Sequence[float], form: str) -> str:
    return form.format(float(np.median(values))) if values else ""
