"""OpenAI's audio API over HTTP: https://platform.openai.com/docs/api-reference/audio/createSpeech."""

from __future__ import annotations

import base64
import json
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import prometheus_client
from fastapi import Depends, FastAPI, Response
from fastapi.responses import StreamingResponse
from prometheus_client.multiprocess import MultiProcessCollector

from voicebank import __version__
from voicebank.errors import VoicebankError
from voicebank.servers.clone_queue import CloneQueue
from voicebank.servers.limits import Connections, LimitBody, guard, resident_megabytes
from voicebank.servers.requests import (
    ALIASES,
    DESCRIPTION,
    ERRORS,
    MIME,
    MODEL,
    ApiError,
    Settings,
    SpeechRequest,
    answer_errors,
)
from voicebank.servers.speakers import Speakers
from voicebank.servers.voices import voice_routes

log = logging.getLogger("voicebank.serve")
SETTINGS = "VOICEBANK_SERVE"
METRICS = "PROMETHEUS_MULTIPROC_DIR"  # of prometheus_client: where several processes count together

_registry = prometheus_client.CollectorRegistry()
prometheus_client.ProcessCollector(registry=_registry)
REQUESTS = prometheus_client.Counter(
    "voicebank_requests", "Requests for speech", ["voice", "outcome"], registry=_registry
)
SPEECH = prometheus_client.Counter("voicebank_speech_seconds", "Seconds of speech made", ["voice"], registry=_registry)
FIRST = prometheus_client.Histogram(
    "voicebank_first_sound_seconds", "Time from a request to its first sound", registry=_registry
)


_SOUND: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The sound as it is made; or server-sent events, each `data: {...}` with a `type`: "
        "`speech.audio.delta` has base64 in `audio`; `speech.audio.words` has `words` as `[[word, start, end]]`, "
        "after each sentence if `timestamps` is true; `speech.audio.done` is the last.",
        "content": {mime: {} for mime in (*MIME.values(), "text/event-stream")},
    }
}


def create_app(settings: Settings) -> FastAPI:
    """The web application; its OpenAPI page is at ``/docs``."""
    queue = CloneQueue(settings.cloning, settings.voices, settings.clone_minutes) if settings.cloning else None

    def full() -> bool:
        return 0 < settings.memory < resident_megabytes()

    speakers = Speakers(settings.voices, settings.at_once, full, queue.voices if queue else dict)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        speakers.warm()
        if queue is not None:
            queue.open()
        yield {"connections": Connections(settings.connections, settings.patience)}
        if queue is not None:
            queue.close()

    app = FastAPI(title="voicebank", version=__version__, description=DESCRIPTION, lifespan=lifespan)
    app.add_middleware(LimitBody, settings=settings)
    app.state.speakers = speakers
    answer_errors(app)
    checks = [Depends(guard(settings))]
    app.include_router(voice_routes(speakers, queue), dependencies=checks, responses=ERRORS)

    @app.post("/v1/audio/speech", dependencies=checks, responses=_SOUND | ERRORS, response_class=StreamingResponse)
    async def speech(body: SpeechRequest) -> Response:
        """Speak. The sound comes as it is made, from the first quarter of a second on."""
        if len(body.input) > settings.characters:
            message = f"the text has {len(body.input)} characters, and {settings.characters} is the most: send parts"
            raise ApiError(400, message, param="input", code="string_above_max_length")
        return await _speak(speakers, body)

    @app.get("/v1/models", dependencies=checks, responses=ERRORS)
    async def models() -> dict[str, Any]:
        """The one model, which has all voices."""
        model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "voicebank"}
        return {"object": "list", "data": [model]}

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Whether the server is there."""
        return {"status": "ok", "voices": speakers.names, "active": speakers.active}

    @app.get("/metrics")
    async def metrics() -> Response:
        """For Prometheus; of all processes, if there are several."""
        registry = _registry
        if METRICS in os.environ:
            registry = prometheus_client.CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return Response(prometheus_client.generate_latest(registry), media_type=prometheus_client.CONTENT_TYPE_LATEST)

    return app


def from_environment() -> FastAPI:
    """The application of a worker process, whose settings its parent has left in the environment."""
    return create_app(Settings.model_validate_json(os.environ[SETTINGS]))


class _Part(NamedTuple):
    """Bytes of sound; after the last ones of a sentence with its words, if they were asked for."""

    data: bytes
    words: list[list[Any]] | None = None


async def _speak(speakers: Speakers, body: SpeechRequest) -> Response:
    asked = body.voice_name
    name = asked if asked in speakers.names else ALIASES.get(asked, asked)
    began = time.monotonic()
    parts = speakers.speak(
        name,
        body.input,
        body.response_format,
        speed=body.speed,
        frontend=body.frontend,
        lexicon=body.lexicon,
        volume=body.volume,
        sentence_silence=body.sentence_silence,
        seed=body.seed,
    )
    try:
        first = await anext(parts)  # what is wrong with the request shows here
    except VoicebankError as error:
        REQUESTS.labels(name if name in speakers.names else "unknown", "refused").inc()
        raise ApiError.of(error) from error
    FIRST.observe(time.monotonic() - began)
    label = name if name in speakers.names else "made"

    async def sound() -> AsyncIterator[_Part]:
        seconds, outcome = 0.0, "cancelled"
        try:
            if first.chunk is not None:
                seconds += first.chunk.duration
            yield _Part(first.data)
            async for chunk, data in parts:
                words = None
                if chunk is not None:
                    seconds += chunk.duration
                    if body.timestamps and (spoken := chunk.spoken) is not None:
                        start = seconds - spoken.audio.duration
                        words = [[w.text, round(start + w.start, 3), round(start + w.end, 3)] for w in spoken.words]
                yield _Part(data, words)
            outcome = "spoken"
        except VoicebankError:
            outcome = "failed"
            raise
        finally:
            await parts.aclose()
            REQUESTS.labels(label, outcome).inc()
            SPEECH.labels(label).inc(seconds)
            fields = {"voice": name, "characters": len(body.input), "speech_seconds": round(seconds, 2)}
            log.info(json.dumps({"outcome": outcome, **fields, "seconds": round(time.monotonic() - began, 3)}))

    if body.stream_format == "sse":
        return StreamingResponse(_events(sound()), media_type="text/event-stream")
    return StreamingResponse((part.data async for part in sound() if part.data), media_type=MIME[body.response_format])


async def _events(sound: AsyncIterator[_Part]) -> AsyncIterator[str]:
    """Server-sent events, as OpenAI names them."""

    def event(kind: str, **fields: Any) -> str:
        return f"data: {json.dumps({'type': kind, **fields})}\n\n"

    try:
        async for part in sound:
            if part.data:
                yield event("speech.audio.delta", audio=base64.b64encode(part.data).decode())
            if part.words is not None:
                yield event("speech.audio.words", words=part.words)
        yield event("speech.audio.done", usage={"input_tokens": 0, "output_tokens": 0, "total_tokens": 0})
    except VoicebankError as error:
        yield event("error", error=ApiError.of(error).body)
