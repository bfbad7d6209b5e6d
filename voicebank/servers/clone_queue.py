"""Voices that clients make, one after the other, each in a folder whose files tell everything.

A server that was killed goes on with them when it is started again. Of several server processes the one that holds the
lock makes them.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from voicebank import uploads
from voicebank.config import words_in
from voicebank.errors import BadData, UnknownName
from voicebank.files import atomic
from voicebank.servers.clone_worker import (
    ASKED,
    EVERY,
    RECORDINGS,
    STATE,
    VOICE,
    CloneRequest,
    MadeVoice,
    finish,
    read,
    tidy,
)
from voicebank.servers.speakers import Busy

CANCEL, LOG = "cancel", "worker.log"
WAITING = 20  # voices that may wait
_ID = re.compile(r"voice_[0-9a-f]{16}")


class CloneQueue:
    """The voices that clients make, in a folder, and those that wait for it.

    Args:
        folder: of them all; made if need be.
        bases: voices that they are made of.
        minutes: of computing for each.
    """

    def __init__(self, folder: Path, bases: Sequence[str], minutes: float) -> None:
        self.folder, self.bases, self.minutes = folder, tuple(bases), minutes
        self._lock = FileLock(folder / ".lock")
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="clone-queue", daemon=True)

    def open(self) -> None:
        """Make what is waiting, from now on."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for made in self.all():
            if made.ended:  # a kill may have come before the end of it
                tidy(self.folder / made.id, made)
        self._thread.start()

    def close(self) -> None:
        """End, also what is being made: another start goes on with it."""
        self._closing.set()
        self._thread.join()

    def add(self, upload: Path, filename: str, **fields: object) -> MadeVoice:
        """Take recordings in.

        Args:
            upload: a zip of clips with transcripts, or a recording; it is moved away.
            filename: what the client calls it.
            fields: of :class:`CloneRequest`.

        Raises:
            Busy: too many voices are waiting.
            BadData: there is no consent, nothing of use in the upload, or too much.
            UnknownName: there is no such base.
        """
        if sum(not made.ended for made in self.all()) >= WAITING:
            raise Busy(f"{WAITING} voices are waiting to be made: try again in an hour")
        if words_in(str(fields.get("consent", ""))) < 3:
            raise BadData("consent is missing: say in one line whose voice it is, and to what they agreed")
        if (base := fields.get("base")) is not None and base not in self.bases:
            raise UnknownName(f"unknown voice {str(base)[:100]!r} as base: there are {', '.join(self.bases)}")
        number = f"voice_{secrets.token_hex(8)}"
        folder = self.folder / number
        folder.mkdir()
        try:
            source, captions = uploads.take([upload], [filename], folder / RECORDINGS)
            known = {"id": number, "created_at": int(time.time()), "bases": self.bases, "minutes": self.minutes}
            known |= {"source": source.relative_to(folder), "captions": captions and captions.relative_to(folder)}
            request = CloneRequest.model_validate(known | fields)
            made = MadeVoice(id=number, name=request.name, created_at=request.created_at, base=request.base)
            atomic(folder / STATE, made.model_dump_json())
            atomic(folder / ASKED, request.model_dump_json())  # with it the voice is there
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return made

    def all(self) -> list[MadeVoice]:
        """Every voice, in the order in which they were asked for."""
        asked = []
        for path in self.folder.glob(f"voice_*/{ASKED}"):
            with contextlib.suppress(OSError):  # it was removed just now
                asked.append((path.stat().st_mtime_ns, path.parent))
        return [made for _, folder in sorted(asked) if (made := read(folder)) is not None]

    def get(self, number: str) -> MadeVoice:
        """One voice.

        Raises:
            UnknownName: there is none of this number.
        """
        made = read(self.folder / number) if _ID.fullmatch(number) else None
        if made is None:
            raise UnknownName(f"unknown voice {number[:100]!r}: nobody has made it here")
        return made

    def voices(self) -> dict[str, Path]:
        """The folders of those that speak."""
        return {made.id: self.folder / made.id / VOICE for made in self.all() if made.status == "ready"}

    def cancel(self, number: str) -> MadeVoice:
        """Ask for the end of a job; what is there is thrown away.

        Raises:
            UnknownName: there is none of this number.
        """
        made = self.get(number)
        if not made.ended:
            (self.folder / number / CANCEL).touch()
            for _ in range(round(10 / EVERY)):
                if (made := self.get(number)).ended:
                    break
                time.sleep(EVERY)
        return made

    def delete(self, number: str) -> None:
        """Remove a voice and all that belongs to it. One in the making is cancelled first.

        Raises:
            UnknownName: there is none of this number.
        """
        self.cancel(number)
        (self.folder / number / ASKED).unlink(missing_ok=True)  # from here on it is not there
        shutil.rmtree(self.folder / number, ignore_errors=True)

    def _work(self) -> None:
        process: uploads.Background | None = None
        number = ""  # of the voice that is being made
        while not self._closing.wait(EVERY):
            with contextlib.suppress(Timeout):
                self._lock.acquire(timeout=0)
            if not self._lock.is_locked:
                continue
            left = [made.id for made in self.all() if not made.ended]
            cancelled = {one for one in left if (self.folder / one / CANCEL).exists()}
            for one in cancelled - {number}:
                self._ended(one)
            if process is not None:
                if number in cancelled:
                    process.kill()
                    process.wait()
                if process.poll() is not None:
                    self._ended(number)
                    process, number = None, ""
            elif waiting := [one for one in left if one not in cancelled]:
                number = waiting[0]
                folder = self.folder / number
                process = uploads.Background("voicebank.servers.clone_worker", folder, folder / LOG)
        if process is not None:
            process.kill()
            process.wait()
        self._lock.release()

    def _ended(self, number: str) -> None:
        """Note how a job has ended, if its process did not."""
        folder = self.folder / number
        made = read(folder)
        if made is None or made.ended:
            return
        if (folder / CANCEL).exists():
            made.status = "cancelled"
        else:
            made.status, made.error = "failed", "it ended without a result"
        finish(folder, made)
