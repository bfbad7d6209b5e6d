"""Voices that many clients share: loaded once, with a bound on how many speak at the same time."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import voicebank
from voicebank.errors import UnknownName, VoicebankError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from voicebank.bank import Voice
    from voicebank.synthesis.speech import Chunk, Options


Result = TypeVar("Result")


class Busy(VoicebankError):
    """More requests are being spoken than the server takes at once."""


class Speakers:
    """The voices of a server.

    All requests take turns, chunk by chunk, in as many threads as there are cores: a long text does not keep a short
    one waiting, and a client that reads slowly or has left costs no computing.

    Args:
        names: bundled voices, folders or repositories on the Hugging Face Hub; no others are ever loaded.
        most: requests that are spoken at the same time.
    """

    def __init__(self, names: Sequence[str], most: int = 64) -> None:
        self.names = list(names)
        self.most = most
        self.active = 0
        self._voices: dict[str, Voice] = {}
        self._loading = threading.Lock()
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="speaking")

    def get(self, name: str) -> Voice:
        """A voice, loaded on first use.

        Raises:
            UnknownName: it is none of this server's.
        """
        if name not in self.names:
            raise UnknownName(f"unknown voice {name[:100]!r}: this server has {', '.join(self.names)}")
        with self._loading:
            if name not in self._voices:
                self._voices[name] = voicebank.load(name)
            return self._voices[name]

    def warm(self) -> None:
        """Load all voices and say a word, so that no client waits for it."""
        for name in self.names:
            next(self.get(name).stream("Yes."))

    async def speak(self, name: str, text: str, **options: Unpack[Options]) -> AsyncGenerator[Chunk, None]:
        """Speak as :meth:`voicebank.Voice.stream` does.

        Raises:
            Busy: too many requests are being spoken.
            VoicebankError: as :meth:`voicebank.Voice.stream`.
        """
        if self.active >= self.most:
            raise Busy(f"the server speaks {self.most} texts already: try again in a moment")
        self.active += 1
        try:
            # In a cancelled request the chunk in the making is made to its end, and nothing after it.
            stream: Iterator[Chunk] = await self._do(lambda: self.get(name).stream(text, **options))
            while (chunk := await self._do(lambda: next(stream, None))) is not None:
                yield chunk
        finally:
            self.active -= 1

    async def _do(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
