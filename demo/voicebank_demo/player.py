"""The player of a speech that is still being made (its other half is ``static/player.js``)."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import gradio as gr

from voicebank_demo.theme import script

PLAYER = """<div class="vb-player" role="group" aria-label="player"><div class="row">
<button aria-label="pause" disabled>❚❚</button><div class="status">
<div class="text">&nbsp;</div><div class="track"><div class="done"></div></div></div></div>
<div class="after"><audio controls></audio><a download="speech.wav">Save</a></div></div>"""


def player(elem_id: str) -> gr.HTML:
    """A player of a speech that is still being made. Its value is what :func:`speaking` yields."""
    return gr.HTML(
        value={},
        html_template=PLAYER,
        js_on_load=script("player.js"),
        elem_id=elem_id,
        apply_default_css=False,
    )


def stop_player(elem_id: str) -> str:
    """JavaScript that silences a player and lets it keep what it has."""
    box = f"document.querySelector('#{elem_id} .vb-player').parentElement"
    return f"() => {{ {box}.dispatchEvent(new Event('voicebank-stop')); }}"


def address(path: Path) -> str:
    """Where the page finds a file of a visitor's folder."""
    return "gradio_api/file=" + quote(str(path))
