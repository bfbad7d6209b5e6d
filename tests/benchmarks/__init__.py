"""Measurements of the whole library: ``python -m benchmarks``, run in ``tests/``. None of it is in the wheel.

``speed`` and ``training`` measure the clock, each engine (``engines``) in processes of its own (``processes`` starts
them, ``worker`` is what runs in them, ``steps`` its training steps), and write tables (``report``). The other modules
are a command each.
"""

from typing import Annotated

import typer

Voices = Annotated[
    list[str] | None, typer.Option("--voice", "-v", help="A voice, again for each [default: the bundled ones]")
]
Count = Annotated[int, typer.Option(help="So many of the sentences.")]
