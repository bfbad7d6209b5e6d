"""Voices that many clients share: loaded once, with a bound on how many speak at the same time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import voicebank
from voicebank.audio import StreamEncoder
from voicebank.dctts.threads import cores, set_threads
from voicebank.errors import UnknownName, VoicebankError

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from voicebank.bank import Voice
    from voicebank.synthesis.speech import Chunk, Options


Result = TypeVar("Result")
KEPT = 4  # voices that clients have made and that stay loaded


class Busy(VoicebankError):
    """More requests are being spoken than the server takes at once."""


class Spoken(NamedTuple):
    """A chunk of speech, and its bytes in the format that was asked for; at the end perhaps bytes alone."""

    chunk: Chunk | None
    data: bytes


class Speakers:
    """The voices of a server.

    All requests take turns, chunk by chunk, in as many threads as there are cores: a long text does not keep a short
    one waiting, and a client that reads slowly or has left costs no computing.

    Args:
        names: bundled voices, folders or repositories on the Hugging Face Hub, which stay loaded.
        most: requests that are spoken at the same time.
        full: whether no more memory is to be used: then one request is spoken at a time.
        made: folders of further voices by their names, which change while the server runs.
    """

    def __init__(
        self,
        names: Sequence[str],
        most: int = 64,
        full: Callable[[], bool] = lambda: False,
        made: Callable[[], Mapping[str, Path]] = dict,
    ) -> None:
        self.names = list(names)
        self.most = most
        self.active = 0
        self._full, self._made = full, made
        self._voices: dict[str, Voice] = {}
        self._loading = threading.Lock()
        self._cores = cores()
        self._threads = ThreadPoolExecutor(self._cores, thread_name_prefix="speaking")

    def get(self, name: str) -> Voice:
        """A voice, loaded on first use.

        Raises:
            UnknownName: it is none of this server's.
        """
        made = {} if name in self.names else self._made()
        if name not in self.names and name not in made:
            raise UnknownName(f"unknown voice {name[:100]!r}: this server has {', '.join([*self.names, *made])[:1000]}")
        with self._loading:
            if name not in self._voices:
                self._voices[name] = voicebank.load(made.get(name, name))
            if name in made:
                self._voices[name] = self._voices.pop(name)  # the one used last is the last
                others = [known for known in self._voices if known not in self.names]
                for known in others[:-KEPT]:
                    del self._voices[known]
            return self._voices[name]

    def warm(self) -> None:
        """Load all voices and say a word, so that no client waits for it."""
        for name in self.names:
            next(self.get(name).stream("Yes."))

    async def speak(
        self, name: str, text: str, format: str = "pcm", **options: Unpack[Options]
    ) -> AsyncGenerator[Spoken, None]:
        """Speak as :meth:`voicebank.Voice.stream` does, in one of :data:`voicebank.audio.encoding.STREAM_FORMATS`.

        Raises:
            Busy: too many requests are being spoken.
            VoicebankError: as :meth:`voicebank.Voice.stream`.
        """
        if self.active >= self.most:
            raise Busy(f"the server speaks {self.most} texts already: try again in a moment")
        if self.active and self._full():
            raise Busy("the server has no memory for one more text: try again in a moment")
        self.active += 1
        try:
            # In a cancelled request the chunk in the making is made to its end, and nothing after it.
            stream = await self._do(lambda: _encoded(self.get(name).stream(text, **options), format))
            while (spoken := await self._do(lambda: next(stream, None))) is not None:
                yield spoken
        finally:
            self.active -= 1

    async def _do(self, work: Callable[[], Result]) -> Result:
        # One text has all cores; several have one each, since threads that wait for each other lose time.
        count = self._cores if self.active <= 1 else 1

        def timed() -> Result:
            set_threads(count)  # of this thread alone
            return work()

        return await asyncio.get_running_loop().run_in_executor(self._threads, timed)


def _encoded(chunks: Iterator[Chunk], format: str) -> Iterator[Spoken]:
    encoder: StreamEncoder | None = None
    for chunk in chunks:
        encoder = encoder or StreamEncoder(format, chunk.sample_rate)
        yield Spoken(chunk, encoder.push(chunk))
    if encoder is not None:
        yield Spoken(None, encoder.finish())
