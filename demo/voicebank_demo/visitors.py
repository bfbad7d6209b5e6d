"""Each visitor's own folder: unguessable, found again after a reload, gone after they leave."""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from voicebank.errors import BadData

log = logging.getLogger("voicebank.demo")
TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
SPEECHES = 6  # spoken texts whose sound is kept for a visitor


@dataclass
class Visitor:
    """One browser. ``token`` is its secret; whoever knows it may see its folder."""

    token: str
    folder: Path
    sessions: set[str] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    """Pages that seemed to close. A phone that slept comes back as one of them."""
    left: float = field(default_factory=time.monotonic)
    seen: float = field(default_factory=time.monotonic)
    uploads: set[Path] = field(default_factory=set)
    """Files that wait where Gradio put them; they go with the visitor."""

    def new_speech(self) -> Path:
        """A folder for the sound of one text; the oldest ones go."""
        speeches = self.folder / "speech"
        speeches.mkdir(exist_ok=True)
        known = sorted(speeches.iterdir(), key=lambda p: p.stat().st_mtime)
        for old in known[: max(0, len(known) - SPEECHES + 1)]:
            shutil.rmtree(old, ignore_errors=True)
        made = speeches / secrets.token_hex(8)
        made.mkdir()
        return made

    def check_room(self, megabytes: float) -> None:
        """Raise BadData if the folder is full."""
        size = sum(path.lstat().st_size for path in self.folder.rglob("*") if path.is_file())
        if size > megabytes * 1e6:
            raise BadData(f"your folder here holds more than {megabytes:g} MB: start over to empty it")


def remove_uploads(paths: Iterable[Path]) -> None:
    """Remove uploaded files, each of which has a folder of its own."""
    for path in paths:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
            path.parent.rmdir()


class Visitors:
    """Everybody who is here, and for a while everybody who was.

    Args:
        root: where their folders are.
        grace: seconds that a visitor's files stay after they left.
        age: seconds that they stay if nothing is heard of a visitor who did not leave.
        keep: asked for a visitor who left; True lets their folder stay longer (a voice is being made).
    """

    def __init__(
        self, root: Path, grace: float, age: float, keep: Callable[[Visitor], bool] = lambda visitor: False
    ) -> None:
        self.root, self.grace, self.age, self.keep = root, grace, age, keep
        self.lock = threading.Lock()
        self.known: dict[str, Visitor] = {}
        root.mkdir(parents=True, exist_ok=True)

    def arrive(self, session: str, token: str | None = None) -> Visitor:
        """The visitor of a page: the one that the browser remembers, if the folder is still there."""
        with self.lock:
            for visitor in self.known.values():
                if token in (None, visitor.token) and session in visitor.sessions | visitor.closed:
                    visitor.seen = visitor.left = time.monotonic()
                    return visitor
            found = self.known.get(token) if isinstance(token, str) and TOKEN.fullmatch(token) else None
            if found is None:
                token = secrets.token_urlsafe(24)
                found = self.known[token] = Visitor(token, self.root / token)
                found.folder.mkdir(mode=0o700)
            found.sessions.add(session)
            found.seen = time.monotonic()
            return found

    def leave(self, session: str) -> None:
        """A page was closed or is being reloaded."""
        with self.lock:
            for visitor in self.known.values():
                if session in visitor.sessions:
                    visitor.sessions.discard(session)
                    visitor.closed.add(session)
                    visitor.left = time.monotonic()

    def sweep(self) -> None:
        """Remove the folders of those who left long enough ago."""
        with self.lock:
            gone = [visitor for visitor in self.known.values() if self._gone(visitor)]
            for visitor in gone:
                del self.known[visitor.token]
        for visitor in gone:
            shutil.rmtree(visitor.folder, ignore_errors=True)
            remove_uploads(visitor.uploads)

    def _gone(self, visitor: Visitor) -> bool:
        now = time.monotonic()
        if self.keep(visitor):
            return False
        return now - visitor.seen > self.age or (not visitor.sessions and now - visitor.left > self.grace)

    def start_sweeping(self) -> None:
        """Sweep from now on, in a thread that ends with the program."""

        def forever() -> None:
            while True:
                time.sleep(min(10.0, max(0.5, self.grace / 4)))
                try:
                    self.sweep()
                except OSError as error:
                    log.warning("a folder could not be removed: %s", error)

        threading.Thread(target=forever, name="sweep", daemon=True).start()
