"""The Wyoming protocol, by which Home Assistant speaks: https://github.com/OHF-Voice/wyoming."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterable
from functools import partial
from urllib.parse import urlparse

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Attribution, Describe, Info, TtsProgram, TtsVoice
from wyoming.server import AsyncEventHandler, AsyncServer
from wyoming.tts import (
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)
from wyoming.zeroconf import HomeAssistantZeroconf

from voicebank import __version__
from voicebank.errors import BadText, VoicebankError
from voicebank.servers.speakers import Speakers
from voicebank.text.sentences import SentenceSplitter

log = logging.getLogger("voicebank.serve")
LONGEST = 100_000  # characters of one text
ATTRIBUTION = Attribution("voicebank", "https://pypi.org/project/voicebank/")


class Handler(AsyncEventHandler):
    """One connection."""

    def __init__(self, speakers: Speakers, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer)
        self.speakers = speakers
        self.voice: SynthesizeVoice | None = None
        self.splitter: SentenceSplitter | None = None  # while a text comes in parts
        self.started = False
        self.characters = 0

    async def handle_event(self, event: Event) -> bool:
        """Answer one event. False ends the connection."""
        try:
            await self._answer(event)
        except VoicebankError as error:
            log.warning("refused: %s", type(error).__name__)
            await self.write_event(Error(text=str(error), code=type(error).__name__).event())
            return False
        except (KeyError, TypeError, ValueError):
            await self.write_event(Error(text=f"malformed {event.type}", code="malformed").event())
            return False
        return True

    async def _answer(self, event: Event) -> None:
        if Describe.is_type(event.type):
            await self.write_event(info(self.speakers).event())
        elif Synthesize.is_type(event.type):
            # Clients that stream send the whole text once more, for servers that cannot.
            if self.splitter is None:
                one = Synthesize.from_event(event)
                self._count(one.text)
                self.voice = one.voice
                await self._speak([one.text])
                await self._stop()
        elif SynthesizeStart.is_type(event.type):
            self.voice = SynthesizeStart.from_event(event).voice
            self.splitter, self.characters = SentenceSplitter(), 0
        elif SynthesizeChunk.is_type(event.type) and self.splitter is not None:
            text = SynthesizeChunk.from_event(event).text
            self._count(text)
            await self._speak(self.splitter.push(text))
        elif SynthesizeStop.is_type(event.type) and self.splitter is not None:
            splitter, self.splitter = self.splitter, None
            await self._speak(splitter.end())
            await self._stop()
            await self.write_event(SynthesizeStopped().event())

    def _count(self, text: str) -> None:
        self.characters += len(text)
        if self.characters > LONGEST:
            raise VoicebankError(f"the text is longer than {LONGEST} characters: send parts of it")

    async def _speak(self, texts: Iterable[str]) -> None:
        for text in texts:
            spoken = self.speakers.speak(self._name(), text)
            async with contextlib.aclosing(spoken):
                try:
                    async for chunk, data in spoken:
                        if chunk is not None:
                            await self._send(data, chunk.sample_rate)
                except BadText:  # a line of dots among sentences is no reason to stop
                    if not self.started and self.splitter is None:
                        raise

    async def _send(self, samples: bytes, rate: int) -> None:
        format = {"rate": rate, "width": 2, "channels": 1}
        if not self.started:
            self.started = True
            await self.write_event(AudioStart(**format).event())
        await self.write_event(AudioChunk(audio=samples, **format).event())

    async def _stop(self) -> None:
        if self.started:
            await self.write_event(AudioStop().event())
        self.started, self.characters = False, 0

    def _name(self) -> str:
        """The voice that was asked for; by its language where it has no name; else the first."""
        if self.voice is None or not (self.voice.name or self.voice.language):
            return self.speakers.names[0]
        if self.voice.name:
            return self.voice.name
        wanted = (self.voice.language or "").replace("_", "-").lower()
        names = self.speakers.names
        return next((n for n in names if self.speakers.get(n).config.language == wanted), names[0])


def info(speakers: Speakers) -> Info:
    """What this server has."""
    voices = []
    for name in speakers.names:
        config = speakers.get(name).config
        language, _, region = config.language.partition("-")
        voices.append(
            TtsVoice(
                name=name,
                description=" ".join(filter(None, (config.name, config.accent, config.gender))),
                attribution=ATTRIBUTION,
                installed=True,
                version=__version__,
                languages=[f"{language}_{region.upper()}" if region else language],
            )
        )
    program = TtsProgram(
        name="voicebank",
        description="Base voices, British and US, male and female",
        attribution=ATTRIBUTION,
        installed=True,
        version=__version__,
        voices=voices,
        supports_synthesize_streaming=True,
    )
    return Info(tts=[program])


async def serve(uri: str, speakers: Speakers, *, zeroconf: bool = False) -> None:
    """Answer at an address such as ``tcp://0.0.0.0:10200`` until cancelled.

    Args:
        uri: where to listen.
        speakers: the voices.
        zeroconf: announce the server, so that Home Assistant finds it.
    """
    server = AsyncServer.from_uri(uri)
    if zeroconf and (address := urlparse(uri)).scheme == "tcp":
        host = None if address.hostname in (None, "0.0.0.0") else socket.gethostbyname(address.hostname)
        name = f"voicebank-{socket.gethostname()}".partition(".")[0]  # another machine may have voices, too
        try:
            await HomeAssistantZeroconf(port=address.port or 10200, host=host, name=name).register_server()
        except OSError as error:
            log.warning("Home Assistant will not find this server by itself: %s", error)
    await server.run(partial(Handler, speakers))
