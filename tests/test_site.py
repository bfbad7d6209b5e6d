"""The documentation as a site, and its notebook."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parent.parent


class Html(HTMLParser):
    """What a page links to, what can be linked to in it, and what it lacks."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.bare: list[str] = []
        self.title, self.in_title = "", False
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.anchors |= {found[key] or "" for key in ("id", "name") if key in found}
        self.links += [found[key] or "" for key in ("href", "src") if found.get(key)]
        if tag == "img" and not found.get("alt"):
            self.bare.append(str(found.get("src")))
        self.in_title = tag == "title" or (self.in_title and tag != "body")

    def handle_endtag(self, tag: str) -> None:
        self.in_title = self.in_title and tag != "title"

    def handle_data(self, data: str) -> None:
        self.title += data.strip() if self.in_title else ""


def test_the_site_is_whole(tmp_path: Path) -> None:
    """``mkdocs build --strict`` passes; no link is broken, no page without a title, no image without a description."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "--site-dir", str(tmp_path)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    pages = {path: Html(path.read_text(encoding="utf-8")) for path in tmp_path.rglob("*.html") if path.stem != "404"}
    assert len(pages) > 15
    titles = [page.title for page in pages.values()]
    assert all(titles) and len(set(titles)) == len(titles)
    broken = []
    for path, page in pages.items():
        broken += [f"{path}: {src} has no description" for src in page.bare]
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                broken.append(f"{path}: {link}")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                broken.append(f"{path}: {link}, which has no such part")
    assert not broken, "\n".join(broken)


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(ROOT / "docs" / "tour.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "clear the outputs before you commit it"
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(tmp_path)}}).execute()
