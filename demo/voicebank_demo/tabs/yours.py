"""Your voice, once it is made: speak with it, and push it to the Hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr

import voicebank
from voicebank.errors import BadData, HubError, VoicebankError
from voicebank_demo import bank
from voicebank_demo.context import Demo
from voicebank_demo.messages import told
from voicebank_demo.player import player, stop_player
from voicebank_demo.speech import check_text
from voicebank_demo.tabs.speak import speaking

TEXT = "This is my own voice. It says things that I have never said."


def clone_of(demo: Demo, request: gr.Request) -> Path:
    """Where the visitor's voice is.

    Raises:
        BadData: there is none.
    """
    folder = demo.visitor(request).folder / "voice" / "clone"
    if not (folder / "config.json").is_file():
        raise BadData("there is no voice yet: make one first")
    return folder


def build(demo: Demo) -> None:
    """The part of the page."""

    def say(text: str, frontend: str, request: gr.Request) -> Iterator[tuple[Any, ...]]:
        with told("own voice"):
            text = check_text(text, int(demo.settings.text))
            folder = clone_of(demo, request)
            speech = demo.visitor(request).new_speech()
            yield from speaking(speech, text, lambda: voicebank.load(folder), frontend=frontend)

    def push(repo: str, token: str, private: bool, request: gr.Request) -> tuple[str, str]:
        """Push; the token goes to the Hub's client and nowhere else, and out of the field."""
        token, repo = (token or "").strip(), (repo or "").strip()
        with told("push"):
            if not bank.HUB_ID.fullmatch(repo) or "@" in repo:
                raise BadData("give the repository as owner/name")
            if not token:
                raise BadData("give a token of huggingface.co that may write")
            try:
                done = voicebank.load(clone_of(demo, request)).push_to_hub(repo, token=token, private=bool(private))
            except VoicebankError as error:
                raise HubError(str(error).replace(token, "the token")) from None
        return f"Pushed: {done}", ""

    with gr.Row():
        text = gr.Textbox(TEXT, label="Let it speak", lines=2, scale=3, min_width=260, elem_id="yours-text")
        frontend = gr.Dropdown(bank.frontends(), label="Reads the text", scale=1, min_width=140)
    with gr.Row():
        start = gr.Button("Speak", variant="primary", scale=3, elem_id="yours-start")
        stop = gr.Button("Stop", scale=1, min_width=80)
    sound = player("yours-player")
    read = gr.HTML(apply_default_css=False)
    with gr.Accordion("Push it to the Hugging Face Hub", open=False, elem_id="yours-hub"):
        with gr.Row():
            repo = gr.Textbox(label="Repository", placeholder="me/my-voice", min_width=180, elem_id="yours-repo")
            token = gr.Textbox(
                label="Token", type="password", info="used once, kept nowhere", min_width=180, elem_id="yours-token"
            )
        private = gr.Checkbox(True, label="Private repository")
        send = gr.Button("Push", elem_id="yours-push")
        pushed = gr.Markdown(elem_id="yours-pushed")

    clicked = start.click(
        say,
        [text, frontend],
        [sound, read],
        show_progress="hidden",
        concurrency_limit=int(demo.settings.speaking),
        concurrency_id="speaking",
        api_visibility="private",
    )
    stop.click(None, js=stop_player("yours-player"), cancels=[clicked])
    send.click(push, [repo, token, private], [pushed, token], concurrency_limit=2, api_visibility="private")
