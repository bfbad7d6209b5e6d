"""``voicebank serve``: voices for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicebank.errors import BadData, needs_extra

if TYPE_CHECKING:
    from voicebank.servers.requests import Settings


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on: 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the HTTP server.")] = 8000,
    voice: Annotated[
        list[str] | None,
        typer.Option("--voice", "-v", help="A voice that clients may ask for: name, folder, or repository on the Hub."),
    ] = None,
    api_key: Annotated[
        str | None, typer.Option(envvar="VOICEBANK_API_KEY", help="Key that clients must send; any if left out.")
    ] = None,
    characters: Annotated[int, typer.Option(min=1, help="The longest text of one request.")] = 100_000,
    at_once: Annotated[int, typer.Option(min=1, help="Requests that are spoken at the same time.")] = 64,
    per_minute: Annotated[int, typer.Option(min=0, help="Requests a minute for each address; 0 is any number.")] = 0,
    connections: Annotated[int, typer.Option(min=1, help="Connections at the same time.")] = 512,
    patience: Annotated[float, typer.Option(min=1, help="Seconds without a byte that end a connection.")] = 30.0,
    memory: Annotated[
        int, typer.Option(min=0, help="MB in use, beyond which texts are spoken one by one; 0 is any number.")
    ] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes, each with voices of its own.")] = 1,
    cloning: Annotated[
        Path | None, typer.Option(help="Let clients make voices of recordings; they are kept in this folder.")
    ] = None,
    upload_megabytes: Annotated[int, typer.Option(min=1, help="With --cloning: the largest upload.")] = 500,
    clone_minutes: Annotated[
        float, typer.Option(min=0.1, help="With --cloning: minutes of computing that a voice may take.")
    ] = 120.0,
    wyoming: Annotated[
        str | None, typer.Option(help="Speak the Wyoming protocol in place of HTTP, at such as tcp://0.0.0.0:10200.")
    ] = None,
    zeroconf: Annotated[bool, typer.Option(help="With --wyoming: let Home Assistant find this server.")] = True,
) -> None:
    """Serve voices: over HTTP as OpenAI's audio API, or to Home Assistant over Wyoming."""
    from voicebank import bank

    names = voice or [info.name for info in bank.voices()]
    with needs_extra("serve"):
        if wyoming is not None:
            _wyoming(wyoming, names, at_once, zeroconf)
            return
        from voicebank.servers.requests import Settings

        settings = Settings(
            voices=tuple(names),
            api_key=api_key,
            characters=characters,
            at_once=at_once,
            per_minute=per_minute,
            connections=connections,
            patience=patience,
            memory=memory,
            cloning=cloning,
            upload_megabytes=upload_megabytes,
            clone_minutes=clone_minutes,
        )
        _http(settings, host, port, workers)


def _http(settings: Settings, host: str, port: int, workers: int) -> None:
    import logging
    import os
    import tempfile

    import uvicorn

    from voicebank.servers.limits import BACKLOG, raise_file_limit

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    raise_file_limit(settings.connections)
    os.environ["VOICEBANK_SERVE"] = settings.model_dump_json()  # for the worker processes
    with tempfile.TemporaryDirectory(prefix="voicebank-metrics-") as counts:
        if workers > 1:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = counts
        uvicorn.run(
            "voicebank.servers.openai:from_environment",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            http="voicebank.servers.limits:Connection",
            backlog=BACKLOG,
        )


def _wyoming(uri: str, names: list[str], at_once: int, zeroconf: bool) -> None:
    import asyncio
    import logging

    from voicebank.servers.speakers import Speakers
    from voicebank.servers.wyoming import serve

    if not uri.startswith(("tcp://", "unix://")):
        raise BadData(f"--wyoming takes tcp://HOST:PORT or unix://PATH, not {uri!r}")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    speakers = Speakers(names, at_once)
    speakers.warm()
    typer.echo(f"Wyoming at {uri}: {', '.join(names)}", err=True)
    asyncio.run(serve(uri, speakers, zeroconf=zeroconf))
