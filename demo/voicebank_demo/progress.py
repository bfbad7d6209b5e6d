"""Checks, live progress and results as HTML."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from voicebank_demo.player import address

STAGES = {
    "features": "Your clips are analysed",
    "base speech": "The base voice speaks, so that it forgets nothing",
    "text2mel": "It learns your way of speaking",
    "ssrn": "It learns the sound of your voice",
    "packing": "It is packed",
}
_COLOURS = {"training": "var(--neutral-400)", "held back": "var(--primary-600)"}


def working(
    phase: str, state: dict[str, Any], waiting: int, wait_seconds: float | None, *, stopping: bool = False
) -> str:
    """How far a job is: its place in the queue, or its stage, curves and previews, and whether it was told to stop."""
    if waiting:
        time = f"; the one at work takes about {duration(wait_seconds)} more" if wait_seconds else ""
        return (
            f'<div class="vb-card"><h3>You are number {waiting} in the queue</h3>'
            f'<p class="vb-note">Voices are made one after another, first come, first served{time}. You may close this '
            "page and come back.</p></div>"
        )
    stage, step, steps = state.get("stage", ""), state.get("step", 0), state.get("steps", 0)
    title = STAGES.get(stage, stage[:1].upper() + stage[1:]) or "It starts"
    left = state.get("seconds_left")
    time_left = f"about {duration(left)} left" if left else ""
    facts = [f"{step} of {steps}" if steps else "", "it stops" if stopping else time_left]
    width = f"{100 * step / steps:.1f}%" if steps else "0"
    return (
        f'<div class="vb-card">{stages(stage) if phase == "train" else ""}<h3>{escape(title)}</h3>'
        f'<div class="vb-progress{"" if steps else " unknown"}"><i style="width:{width}"></i></div>'
        f'<p class="vb-note">{" · ".join(filter(None, facts)) or "&nbsp;"}</p>'
        f"{note(state)}{curves(state)}{previews(state)}</div>"
    )


def stages(now: str) -> str:
    """The four stages, the present one marked."""
    names = list(STAGES)[:-1]
    at = names.index(now) if now in names else len(names) if now == "packing" else -1
    marks = (
        f'<li class="{"now" if i == at else ""}">{"✓" if i < at else "●" if i == at else "○"} {name}</li>'
        for i, name in enumerate(names)
    )
    return f'<ul class="vb-stages">{"".join(marks)}</ul>'


def note(state: dict[str, Any]) -> str:
    """What the training has to say, and which state is the best so far."""
    lines = [state.get("note"), f"best so far: {state['best']}" if state.get("best") else None]
    return "".join(f'<p class="vb-note">{escape(line)}</p>' for line in lines if line)


def curves(state: dict[str, Any]) -> str:
    """The loss of each stage."""
    found = [curve(stage, lines) for stage, lines in (state.get("curves") or {}).items() if any(lines.values())]
    return f'<div class="vb-curves">{"".join(found)}</div>' if found else ""


def curve(stage: str, lines: dict[str, list[list[float]]]) -> str:
    """One chart: the loss over steps, on the clips that are learned from and on those held back."""
    points = [point for line in lines.values() for point in line]
    last = max(max(p[0] for p in points), 1)
    low, high = min(p[1] for p in points), max(p[1] for p in points)
    span = max(high - low, 1e-6)
    drawn, names = [], []
    for kind, line in lines.items():
        if not line:
            continue
        places = " ".join(f"{300 * x / last:.1f},{8 + 104 * (high - y) / span:.1f}" for x, y in line)
        colour = _COLOURS.get(kind, "currentColor")
        drawn.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="2" vector-effect="non-scaling-stroke" '
            f'points="{places}"/>'
        )
        if len(line) < 30:
            drawn += [
                f'<circle r="2.5" fill="{colour}" cx="{300 * x / last:.1f}" cy="{8 + 104 * (high - y) / span:.1f}"/>'
                for x, y in line
            ]
        names.append(f'<span style="color:{colour}">{escape(kind)} {line[-1][1]:.4f}</span>')
    return (
        f'<figure><svg viewBox="0 0 300 120" preserveAspectRatio="none" role="img" aria-label="loss">'
        f"{''.join(drawn)}</svg><figcaption>loss of {escape(stage)} over {last:.0f} steps · {' · '.join(names)}"
        "</figcaption></figure>"
    )


def previews(state: dict[str, Any]) -> str:
    """What the voice sounded like on the way, the newest on top; added at the end, so that none stops playing."""
    found = []
    for entry in state.get("previews") or ():
        picture = ""
        if entry.get("attention"):
            picture = f'<img alt="attention" loading="lazy" src="{escape(address(Path(entry["attention"])))}">'
        found.append(
            f'<div class="preview"><b>{escape(entry["stage"])}, step {entry["step"]}</b>'
            f'<audio controls preload="none" src="{escape(address(Path(entry["audio"])))}"></audio>{picture}</div>'
        )
    return f'<div class="vb-previews">{"".join(found)}</div>' if found else ""


def checks(state: dict[str, Any]) -> str:
    """What was found in the recordings."""
    rows = "".join(
        f'<tr><td>{escape(f["clip"]) or "all"}</td><td class="{"vb-bad" if f["serious"] else ""}">{escape(f["kind"])}'
        f"{'' if f['serious'] else ' (perhaps)'}</td><td>{escape(f['reason'])}</td><td>{escape(f['advice'])}</td></tr>"
        for f in state.get("findings") or ()
    )
    head = "<tr><th>clip</th><th>what</th><th>why</th><th>what to do</th></tr>"
    more = f'<p class="vb-note">… and {state["hidden"]} more.</p>' if state.get("hidden") else ""
    table = f'<div class="vb-scroll"><table class="vb-table">{head}{rows}</table></div>{more}' if rows else ""
    fine = "" if rows else '<p class="vb-good">Nothing is wrong with them.</p>'
    notes = "".join(f'<p class="vb-note">{escape(line)}</p>' for line in state.get("notes") or ())
    if state.get("report"):
        link = escape(address(Path(state["report"])))
        notes += f'<p><a href="{link}" target="_blank">The whole report, with every clip to hear</a></p>'
    return f'<div class="vb-card"><h3>{escape(state.get("summary", ""))}</h3>{fine}{table}{notes}</div>'


def downloads(work: Path, state: dict[str, Any]) -> str:
    """The finished voice: what became of it, and its zip."""
    found = next(iter(sorted(work.glob("*.zip"))), None)
    if found is None:
        return ""
    link = f'<a href="{escape(address(found))}" download="{escape(found.name)}">Download {escape(found.name)}</a>'
    size = found.stat().st_size / 1e6
    title = "Stopped: this is the best so far" if state.get("stopped") else "Your voice is ready"
    return (
        f'<div class="vb-card"><h3>{title}</h3><p>{link} <span class="vb-note">({size:.0f} MB; unpack it, then '
        f"<code>voicebank say -v {escape(found.stem)}/ …</code>)</span></p>{curves(state)}{previews(state)}</div>"
    )


def duration(seconds: float | None) -> str:
    """A time as people say it."""
    if seconds is None:
        return "a while"
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
