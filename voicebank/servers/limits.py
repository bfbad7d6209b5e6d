"""What a server allows its clients: requests a minute, sizes of bodies, and connections."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from voicebank.servers.requests import ApiError, Settings

VOICES = "/v1/audio/voices"  # where uploads go
BACKLOG = 256  # connections that the system keeps until they are looked at
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def guard(settings: Settings) -> Callable[[Request], Awaitable[None]]:
    """Checks of every request: its key, and how many came before it."""
    seen: dict[str, deque[float]] = {}

    async def check(request: Request) -> None:
        if not has_key(settings, request.headers.get("authorization", "").encode()):
            raise ApiError(401, "the API key is missing or wrong", kind="authentication_error", code="invalid_api_key")
        if settings.per_minute:
            now = time.monotonic()
            for address in [a for a, times in seen.items() if times[-1] < now - 60]:
                del seen[address]
            times = seen.setdefault(request.client.host if request.client else "", deque())
            while times and times[0] < now - 60:
                times.popleft()
            if len(times) >= settings.per_minute:
                message = f"more than {settings.per_minute} requests in a minute: wait"
                raise ApiError.busy(message, int(times[0] + 61 - now))
            times.append(now)

    return check


def has_key(settings: Settings, authorization: bytes) -> bool:
    """Whether a header has the server's key, if it has one."""
    given = authorization.removeprefix(b"Bearer ")
    return settings.api_key is None or hmac.compare_digest(given, settings.api_key.encode())


class LimitBody:
    """Middleware that reads no more of a body than a request can need.

    Args:
        app: what is wrapped.
        settings: of the server.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # JSON may write a character in 12 bytes.
        size, most, what = 0, 12 * self.settings.characters + 100_000, ": send parts of the text"
        if scope["type"] == "http" and scope["path"] == VOICES and self.settings.cloning and self._may(scope):
            most, what = self.settings.upload_megabytes * 1_000_000, ""

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                raise ApiError(413, f"the request is larger than {most} bytes{what}")
            return message

        await self.app(scope, bounded if scope["type"] == "http" else receive, send)

    def _may(self, scope: Scope) -> bool:
        """Whether the key is right: bodies are read before it is checked."""
        return has_key(self.settings, dict(scope["headers"]).get(b"authorization", b""))


class Connections:
    """The connections of a server process, so many at most.

    A connection waits while no whole request has come. It may wait for some seconds. Where there are too many, the one
    that has waited longest makes room: however many send nothing, one that asks for something is answered. A client
    that takes nothing of its answer for some seconds is cut off.

    Args:
        most: connections at the same time.
        patience: seconds without a byte.
    """

    def __init__(self, most: int, patience: float) -> None:
        self.most, self.patience = most, patience
        self.open: set[Connection] = set()
        self.waiting: dict[Connection, asyncio.TimerHandle] = {}  # the one that has waited longest first

    def opened(self, connection: Connection) -> bool:
        """Count a new connection; False if there is no room for it."""
        if len(self.open) >= self.most:
            if not self.waiting:
                return False
            self.drop(next(iter(self.waiting)))
        self.open.add(connection)
        self.wait(connection)
        return True

    def wait(self, connection: Connection) -> None:
        """It is its turn to send something."""
        if (timer := self.waiting.get(connection)) is not None:
            timer.cancel()
        self.waiting[connection] = connection.loop.call_later(self.patience, self.drop, connection)

    def busy(self, connection: Connection) -> None:
        """Its request has come: it waits for us now."""
        if (timer := self.waiting.pop(connection, None)) is not None:
            timer.cancel()

    def closed(self, connection: Connection) -> None:
        """It is no more."""
        self.busy(connection)
        self.open.discard(connection)

    def drop(self, connection: Connection) -> None:
        """Cut it off."""
        self.closed(connection)
        connection.transport.abort()


class Connection(H11Protocol):
    """One connection, which the process's :class:`Connections` keep an eye on."""

    loop: asyncio.AbstractEventLoop
    _stalled: asyncio.TimerHandle | None = None

    @property
    def _all(self) -> Connections:
        connections = self.app_state["connections"]
        assert isinstance(connections, Connections)
        return connections

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._all.opened(self):
            transport.write(_FULL)
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.closed(self)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look(self.cycle is not None)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._look(True)

    def _look(self, begun: bool) -> None:
        if self not in self._all.open:
            return
        if self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body:
            self._all.busy(self)
        elif begun:  # each part of a body earns new time, the parts of a header do not
            self._all.wait(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stalled is None:
            self._stalled = self.loop.call_later(self._all.patience, self._all.drop, self)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None


def raise_file_limit(connections: int) -> None:
    """Let this process open as many files as its connections need, as far as the system allows."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # not on Windows; not allowed
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = connections + BACKLOG + 256
        if soft != resource.RLIM_INFINITY and soft < wanted:
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def resident_megabytes() -> float:
    """Memory of this process that is in use, 0 where the system does not say (Linux)."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0
