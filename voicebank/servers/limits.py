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

BACKLOG = 256  # connections that the system keeps until they are looked at
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def guard(settings: Settings) -> Callable[[Request], Awaitable[None]]:
    """Checks of every request: its key, and how many came before it."""
    seen: dict[str, deque[float]] = {}

    async def check(request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
        if settings.api_key is not None and not hmac.compare_digest(given, settings.api_key.encode()):
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


class LimitBody:
    """Middleware that reads no more of a body than a request can need.

    Args:
        app: what is wrapped.
        most: bytes of a body.
        uploads: bytes of a body that is a form with a file.
    """

    def __init__(self, app: ASGIApp, most: int, uploads: int) -> None:
        self.app, self.most, self.uploads = app, most, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0
        form = any(k == b"content-type" and v.startswith(b"multipart/") for k, v in scope.get("headers", ()))
        most, what = (self.uploads, "") if form else (self.most, ": send parts of the text")

        async def bounded() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > most:
                raise ApiError(413, f"the request is larger than {most} bytes{what}")
            return message

        await self.app(scope, bounded if scope["type"] == "http" else receive, send)


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
