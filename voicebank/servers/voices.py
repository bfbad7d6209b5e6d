"""The voices of a server over HTTP: those there are, and those that clients make of recordings."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, File, Form, Response, UploadFile
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from voicebank.config import first_error
from voicebank.errors import BadData, UnknownName
from voicebank.servers.clone_queue import CloneQueue
from voicebank.servers.clone_worker import EVERY, MadeVoice
from voicebank.servers.limits import VOICES
from voicebank.servers.requests import ApiError
from voicebank.servers.speakers import Speakers
from voicebank.synthesis.folder import SAMPLE

HEARTBEAT = 15.0  # seconds without news after which a comment keeps the connection of events open


class Deleted(BaseModel):
    """What is left of a voice."""

    id: str
    object: Literal["audio.voice.deleted"] = "audio.voice.deleted"
    deleted: bool = True


def voice_routes(speakers: Speakers, queue: CloneQueue | None) -> APIRouter:
    """The routes below ``/v1/audio/voices``.

    Args:
        speakers: the voices that speak.
        queue: where clients make voices; None if they may make none.
    """
    routes = APIRouter(prefix=VOICES)

    @routes.get("")
    def voices() -> dict[str, Any]:
        """The voices, each with the address of a sample; and those in the making, with how far they are."""
        rows: list[dict[str, Any]] = []
        for name in speakers.names:
            voice = speakers.get(name)
            fields = {key: getattr(voice.config, key) for key in ("language", "accent", "gender", "license")}
            rows.append({"id": name, "name": voice.name, **fields, "sample": f"/v1/audio/voices/{name}/sample"})
        return {"voices": rows + [made.model_dump() for made in (queue.all() if queue else ())]}

    @routes.get("/{name:path}/sample")
    def sample(name: str) -> Response:
        """A voice's sample, as Ogg Opus."""
        folder = speakers.get(name).folder
        if folder is None or not (folder / SAMPLE).is_file():
            raise ApiError(404, f"{name} has no sample")
        return FileResponse(folder / SAMPLE, media_type="audio/ogg")

    if queue is not None:
        _make_routes(routes, queue)
        _job_routes(routes, queue)
    else:

        @routes.post("", include_in_schema=False)
        def refused() -> None:
            raise ApiError(403, "this server makes no voices: it is started without --cloning")

    return routes


def _make_routes(routes: APIRouter, queue: CloneQueue) -> None:
    """The route by which clients make voices."""

    @routes.post("", status_code=201)
    async def make(
        audio_sample: Annotated[
            UploadFile, File(description="A zip of clips with their transcripts, or a recording of any length.")
        ],
        name: Annotated[str, Form(description="Of the voice.")],
        consent: Annotated[str, Form(description="Whose voice it is, and to what they agreed, in one line.")],
        language: Annotated[str, Form(description="en-us or en-gb.")] = "en-us",
        base: Annotated[str | None, Form(description="The voice to start from; the closest if left out.")] = None,
        steps: Annotated[int | None, Form(description="Steps of each training; as many as are worth it else.")] = None,
        rehearsal: Annotated[
            float | None, Form(description="Share of each batch that is the base's own speech, which keeps its words.")
        ] = None,
        type: Annotated[Literal["audio_sample"], Form()] = "audio_sample",
    ) -> MadeVoice:
        """Make a voice of recordings, in the background. Its `id` is spoken with once its `status` is `ready`."""

        def take() -> MadeVoice:
            with tempfile.TemporaryDirectory(prefix=".upload-", dir=queue.folder) as temporary:
                upload = Path(temporary) / "upload"
                with open(upload, "wb") as file:
                    shutil.copyfileobj(audio_sample.file, file)
                filename = os.path.basename(audio_sample.filename or "recording.wav")
                about = {"name": name, "consent": consent, "language": language, "base": base}
                return queue.add(upload, filename, **about, steps=steps, rehearsal=rehearsal)

        try:
            return await run_in_threadpool(take)
        except ValidationError as error:
            raise ApiError(400, first_error(error), param=str(error.errors()[0]["loc"][0])) from error
        except BadData as error:
            raise ApiError(400, str(error), param="consent" if "consent" in str(error) else "audio_sample") from error


def _job_routes(routes: APIRouter, queue: CloneQueue) -> None:
    """The routes of a voice that a client has made, or makes."""

    def one(number: str) -> MadeVoice:
        try:
            return queue.get(number)
        except UnknownName as error:
            raise ApiError(404, str(error), param="voice") from error

    @routes.get("/{number}")
    def state(number: str) -> MadeVoice:
        """How far a voice is."""
        return one(number)

    @routes.get("/{number}/events", response_class=StreamingResponse)
    async def events(number: str) -> Response:
        """How far a voice is, as server-sent events: `data: {"type": ..., "voice": {...}}`. The type is
        `audio.voice.progress`, and at the end `audio.voice.ready`, `audio.voice.failed` or `audio.voice.cancelled`."""
        await run_in_threadpool(one, number)
        return StreamingResponse(_events(lambda: run_in_threadpool(queue.get, number)), media_type="text/event-stream")

    @routes.post("/{number}/cancel")
    def cancel(number: str) -> MadeVoice:
        """End a job. What is there so far is removed."""
        one(number)
        return queue.cancel(number)

    @routes.delete("/{number}")
    def delete(number: str) -> Deleted:
        """Remove a voice that was made here, or is being made."""
        one(number)
        queue.delete(number)
        return Deleted(id=number)


async def _events(state: Callable[[], Awaitable[MadeVoice]]) -> AsyncIterator[str]:
    before, sent = "", time.monotonic()
    while True:
        try:
            made = await state()
        except UnknownName:
            return  # it was deleted
        now = made.model_dump_json()
        if now != before:
            kind = made.status if made.ended else "progress"
            yield f'data: {{"type": "audio.voice.{kind}", "voice": {now}}}\n\n'
            before, sent = now, time.monotonic()
        elif time.monotonic() - sent > HEARTBEAT:
            yield ": still at work\n\n"
            sent = time.monotonic()
        if made.ended:
            return
        await asyncio.sleep(EVERY)
