"""What MkDocs does besides: the table of licences, and docstrings without the roles of reStructuredText."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution

from packaging.requirements import Requirement

PLACE = "<!-- licences -->"


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put the licences of all that an installation brings in their place."""
    return markdown.replace(PLACE, licences()) if PLACE in markdown else markdown


def on_page_content(html: str, **_: object) -> str:
    """``:func:`name``` is a name."""
    return re.sub(r":(?:attr|class|data|func|meth|mod):(?=<code>)", "", html)


def licences() -> str:
    """A table in Markdown, by pip-licenses."""
    packages = brought("voicebank", frozenset({"all"})) - {"voicebank"}
    command = [sys.executable, "-m", "piplicenses", "--format=markdown", "--with-urls", "--packages", *sorted(packages)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def brought(package: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]] | None = None) -> set[str]:
    """Names of a package and of all installed ones that it needs, with extras."""
    seen = set() if seen is None else seen
    if (package, extras) in seen:
        return set()
    seen.add((package, extras))
    try:
        needed = [Requirement(line) for line in distribution(package).requires or []]
    except PackageNotFoundError:  # of another system, or of an extra that is not installed here
        return set()
    found = {package}
    for one in needed:
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            found |= brought(one.name, frozenset(one.extras), seen)
    return found
