"""``voicebank demo``: the web demo. It is an application beside the library, in ``demo/`` or in the wheel."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from voicebank.errors import PluginError

_PACKAGE = Path(__file__).parent.parent


def folder() -> Path:
    """Where the demo is: inside an installed package, or in the repository of an editable install."""
    installed = _PACKAGE / "_demo"
    return installed if installed.is_dir() else _PACKAGE.parent / "demo"


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
    if find_spec("gradio") is None:
        raise PluginError("the demo needs the package gradio: pip install 'voicebank[demo]'")
    if not (folder() / "app.py").is_file():
        raise PluginError(
            f"the demo is not in {folder()}: install voicebank again, or run demo/app.py of its repository"
        )
    sys.path.insert(0, str(folder()))
    from voicebank_demo.app import serve

    serve(host, port, browser)
