"""The recorder of prompts (its other half is ``static/recorder.js``). Its value is :meth:`Recordings.value`."""

from __future__ import annotations

import gradio as gr

from voicebank_demo.theme import script

HTML = """<div class="vb-recorder"><p class="count"></p><div class="goal"><div class="goal-fill"></div></div>
<p class="prompt"></p><div class="meter" role="img" aria-label="level"><div class="meter-fill"></div></div>
<p class="message">Record shows how loud you are. Read as you would to a friend, in a quiet room.</p>
<div class="buttons"><button class="record">● Record</button><button class="listen" disabled>▶ Listen</button>
<button class="again" disabled>↻ Again</button><button class="next" disabled>Next →</button></div>
<div class="buttons small"><button class="back">← Back</button>
<button class="skip">Skip this one</button></div></div>"""


def recorder(elem_id: str) -> gr.HTML:
    """Shows one prompt at a time; its event ``recorded`` brings ``number`` and ``wav`` (base64)."""
    return gr.HTML(
        value={}, html_template=HTML, js_on_load=script("recorder.js"), elem_id=elem_id, apply_default_css=False
    )
