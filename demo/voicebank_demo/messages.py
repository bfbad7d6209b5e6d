"""What goes wrong, for the visitor in words and for the log in one line."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator

import gradio as gr

from voicebank.errors import VoicebankError

log = logging.getLogger("voicebank.demo")


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Turn the library's errors, which are about what the visitor gave, into a message on the page."""
    try:
        yield
    except VoicebankError as error:
        message = " ".join(str(error).split())
        log.warning("%s: %s", what, message)
        raise gr.Error(message, title="That did not work", duration=12, print_exception=False) from None
