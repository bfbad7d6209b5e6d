"""``voicebank demo``: the web demo, which is a package of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from voicebank.errors import PluginError


def demo(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on: 0.0.0.0 lets other machines in; 127.0.0.1 if left out.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Port; the first free one from 7860 if left out.")
    ] = None,
    browser: Annotated[bool, typer.Option("--open/--no-open", help="Open it in a browser.")] = True,
) -> None:
    """Open the web demo: try the voices, compare them, make your own."""
    try:
        from voicebank_demo.app import serve
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "voicebank_demo":
            raise
        raise PluginError("the demo is a package of its own: pip install voicebank-demo") from error

    serve(host, port, browser)
