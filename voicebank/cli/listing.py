"""``voicebank voices`` and ``voicebank plugins``."""

from __future__ import annotations

from collections.abc import Sequence


def voices() -> None:
    """List the voices that are here: accent, gender, size, origin."""
    import voicebank

    found = [(v.name, v.config, v.megabytes) for v in voicebank.voices()]
    rows = [(name, c.accent, c.gender, f"{size:.1f} MB", c.origin) for name, c, size in found]
    table(("name", "accent", "gender", "size", "origin"), rows)


def plugins() -> None:
    """List the plugins: what they are, where they come from, whether they load."""
    from voicebank.plugins import known

    rows = [(p.kind, p.name, p.package, p.version, p.error or "yes") for p in known()]
    table(("kind", "name", "package", "version", "loads"), rows)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns; where the output is no terminal, on one long line each, for grep and awk."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=10_000)
    table = Table(*header, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
