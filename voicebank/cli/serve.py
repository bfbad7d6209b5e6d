"""``voicebank serve``: voices for other programs."""

from __future__ import annotations

from typing import Annotated

import typer

from voicebank.errors import BadData, needs_extra


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
    workers: Annotated[int, typer.Option(min=1, help="Processes, each with voices of its own.")] = 1,
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
        else:
            from voicebank.servers.openai import Settings

            limits = {"characters": characters, "at_once": at_once, "per_minute": per_minute}
            _http(Settings(voices=tuple(names), api_key=api_key, **limits), host, port, workers)


def _http(settings: object, host: str, port: int, workers: int) -> None:
    import logging
    import os

    import uvicorn

    from voicebank.servers.openai import SETTINGS, Settings

    assert isinstance(settings, Settings)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    os.environ[SETTINGS] = settings.model_dump_json()  # for the worker processes
    uvicorn.run("voicebank.servers.openai:from_environment", factory=True, host=host, port=port, workers=workers)


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
