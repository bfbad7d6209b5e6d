"""Each visitor's folder: unguessable, the same after a reload, removed after they leave."""

from __future__ import annotations

import contextlib
import logging
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from voicebank.errors import BadData
from voicebank_demo.settings import Settings

if TYPE_CHECKING:
    from voicebank_demo.jobs import Jobs

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
    """Files where Gradio put them; they are removed with the visitor."""

    @property
    def recordings(self) -> Path:
        """What was recorded prompt by prompt."""
        return self.folder / "recordings"

    @property
    def work(self) -> Path:
        """The voice that is being made: checks, dataset, training."""
        return self.folder / "voice"

    @property
    def archive(self) -> Path | None:
        """The zip of the voice that was made last."""
        return next(iter(sorted(self.work.glob("*.zip"))), None)

    def voices(self) -> dict[str, Path]:
        """The folders of the voices made here, by name, the newest first."""
        archive = self.archive
        newest = {archive.stem: self.work / "clone"} if archive else {}
        return {**newest, **{zipped.stem: zipped.with_suffix("") for zipped in self.kept()}}

    def kept(self) -> list[Path]:
        """The zips of the voices that were made before the last."""
        return sorted((self.folder / "voices").glob("*.zip"))

    def keep_voice(self) -> None:
        """Put the voice that was made last beside the earlier ones, so that another can be made."""
        archive = self.archive
        if archive is None:
            return
        target = self.folder / "voices" / archive.stem
        target.parent.mkdir(exist_ok=True)
        shutil.rmtree(target, ignore_errors=True)
        (self.work / "clone").rename(target)
        archive.rename(target.with_suffix(".zip"))
        shutil.rmtree(self.work)

    def discard(self, folder: Path) -> None:
        """Move one of the visitor's folders out of the way; what was discarded before it is removed."""
        trash = self.folder / "trash"
        shutil.rmtree(trash, ignore_errors=True)
        if folder.is_dir():
            trash.mkdir()
            folder.rename(trash / folder.name)

    def restore(self, folder: Path) -> bool:
        """Undo the last :meth:`discard`, unless something new stands in its place."""
        discarded = self.folder / "trash" / folder.name
        if not discarded.is_dir() or folder.exists():
            return False
        discarded.rename(folder)
        return True

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
            # Gradio gives files of one content one path, whoever uploads them.
            needed = {path for visitor in self.known.values() for path in visitor.uploads}
            for path in {path for visitor in gone for path in visitor.uploads} - needed:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
                    path.parent.rmdir()
        for visitor in gone:
            shutil.rmtree(visitor.folder, ignore_errors=True)

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


@dataclass(frozen=True)
class Demo:
    """One running demo: what its tabs share."""

    settings: Settings
    visitors: Visitors
    jobs: Jobs
    on_load: list[tuple[Any, Any, Any]] = field(default_factory=list)
    """What fills a page when it is opened: function, inputs, outputs."""

    def visitor(self, request: gr.Request) -> Visitor:
        """The visitor whose page sent an event."""
        return self.visitors.arrive(request.session_hash or "")

    def uploaded(self, files: list[str] | str | None, request: gr.Request) -> None:
        """Note where Gradio put a visitor's files."""
        paths = [files] if isinstance(files, str) else files or []
        self.visitor(request).uploads.update(Path(path) for path in paths)

    def limits(self, at_once: float, group: str) -> dict[str, Any]:
        """Options of an event that shares its place in the queue with the others of a group."""
        return {"concurrency_limit": int(at_once), "concurrency_id": group, "api_visibility": "private"}
