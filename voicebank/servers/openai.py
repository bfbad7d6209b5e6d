"""OpenAI's audio API over HTTP: https://platform.openai.com/docs/api-reference/audio/createSpeech."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import prometheus_client
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from voicebank import __version__
from voicebank.audio import StreamEncoder
from voicebank.config import Config
from voicebank.errors import UnknownName, VoicebankError
from voicebank.servers.speakers import Busy, Speakers
from voicebank.synthesis.folder import SAMPLE

log = logging.getLogger("voicebank.serve")
MODEL = "voicebank"
SETTINGS = "VOICEBANK_SERVE"
MIME = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
# What programs written for OpenAI ask for unless told otherwise.
ALIASES = {
    **dict.fromkeys(("alloy", "coral", "nova", "marin"), "us-female"),
    **dict.fromkeys(("ash", "echo", "onyx", "verse", "cedar"), "us-male"),
    **dict.fromkeys(("sage", "shimmer"), "gb-female"),
    **dict.fromkeys(("ballad", "fable"), "gb-male"),
}

_registry = prometheus_client.CollectorRegistry()
REQUESTS = prometheus_client.Counter(
    "voicebank_requests", "Requests for speech", ["voice", "outcome"], registry=_registry
)
SPEECH = prometheus_client.Counter("voicebank_speech_seconds", "Seconds of speech made", ["voice"], registry=_registry)
FIRST = prometheus_client.Histogram(
    "voicebank_first_sound_seconds", "Time from a request to its first sound", registry=_registry
)


class Settings(Config):
    """What a server allows."""

    voices: tuple[str, ...]
    api_key: str | None = None
    characters: Annotated[int, Field(ge=1)] = 100_000
    """The longest text of one request."""
    at_once: Annotated[int, Field(ge=1)] = 64
    """Requests that are spoken at the same time."""
    per_minute: Annotated[int, Field(ge=0)] = 0
    """Requests a minute that one address may make; 0 for any number."""


class VoiceId(BaseModel):
    """A voice as an object, which the API allows, too."""

    id: str


class SpeechRequest(BaseModel):
    """The body of ``POST /v1/audio/speech``: OpenAI's fields, then those of this server."""

    model: str = MODEL
    input: str = Field(description="English text. It may hold pauses, as [pause:0.5], SSML, and IPA, as [[ˈnʊɹəl]].")
    voice: str | VoiceId
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = "mp3"
    speed: float = Field(1.0, ge=0.5, le=2.0)
    stream_format: Literal["audio", "sse"] = "audio"
    instructions: str | None = Field(None, description="Accepted and not used.")

    frontend: str | None = Field(None, description="What reads the text: graphemes or phonemizer.")
    lexicon: dict[str, str] | None = Field(None, description="Pronunciations in IPA, by word.")
    volume: float = Field(1.0, ge=0, le=4)
    sentence_silence: float | None = Field(None, ge=0, le=60)
    seed: int = Field(0, ge=0)
    timestamps: bool = Field(False, description="With stream_format sse: an event with the words of each sentence.")

    @property
    def voice_name(self) -> str:
        return self.voice if isinstance(self.voice, str) else self.voice.id


class ApiError(Exception):
    """An error in OpenAI's shape."""

    def __init__(self, status: int, message: str, *, kind: str = "invalid_request_error", **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        self.headers: Mapping[str, str] = fields.pop("headers", {})
        self.body = {"message": message, "type": kind, "param": None, "code": None, **fields}

    def response(self) -> JSONResponse:
        return JSONResponse({"error": self.body}, self.status, headers=dict(self.headers))

    @classmethod
    def of(cls, error: VoicebankError) -> ApiError:
        """What an error of the library is to a client."""
        if isinstance(error, Busy):
            headers = {"Retry-After": "1"}
            return cls(429, str(error), kind="rate_limit_error", code="rate_limit_exceeded", headers=headers)
        if isinstance(error, UnknownName):
            return cls(400, str(error), param="voice" if "voice" in str(error)[:20] else None, code="invalid_value")
        return cls(400, str(error), param="input")


def create_app(settings: Settings) -> FastAPI:
    """The web application; its OpenAPI page is at ``/docs``."""
    speakers = Speakers(settings.voices, settings.at_once)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        speakers.warm()
        yield

    app = FastAPI(title="voicebank", version=__version__, lifespan=lifespan)
    app.add_middleware(LimitBody, most=12 * settings.characters + 100_000)  # JSON may write a character in 12 bytes
    app.state.speakers = speakers
    _errors(app)
    guard = [Depends(_guard(settings))]

    @app.post("/v1/audio/speech", dependencies=guard, response_class=StreamingResponse)
    async def speech(body: SpeechRequest) -> Response:
        """Speak. The sound comes as it is made, from the first quarter of a second on."""
        if len(body.input) > settings.characters:
            message = f"the text has {len(body.input)} characters, and {settings.characters} is the most: send parts"
            raise ApiError(400, message, param="input", code="string_above_max_length")
        return await _speak(speakers, body)

    @app.get("/v1/models", dependencies=guard)
    async def models() -> dict[str, Any]:
        """The one model, which has all voices."""
        model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "voicebank"}
        return {"object": "list", "data": [model]}

    @app.get("/v1/audio/voices", dependencies=guard)
    def voices() -> dict[str, Any]:
        """The voices, each with the address of a sample."""
        rows = []
        for name in speakers.names:
            voice = speakers.get(name)
            fields = {key: getattr(voice.config, key) for key in ("language", "accent", "gender", "license")}
            rows.append({"id": name, "name": voice.name, **fields, "sample": f"/v1/audio/voices/{name}/sample"})
        return {"voices": rows}

    @app.get("/v1/audio/voices/{name:path}/sample", dependencies=guard)
    def sample(name: str) -> Response:
        """A voice's sample, as Ogg Opus."""
        folder = speakers.get(name).folder
        if folder is None or not (folder / SAMPLE).is_file():
            raise ApiError(404, f"{name} has no sample")
        return FileResponse(folder / SAMPLE, media_type="audio/ogg")

    @app.get("/health")
    async def health() -> dict[str, Any]:
        """Whether the server is there."""
        return {"status": "ok", "voices": speakers.names, "active": speakers.active}

    @app.get("/metrics")
    async def metrics() -> Response:
        """For Prometheus."""
        return Response(prometheus_client.generate_latest(_registry), media_type=prometheus_client.CONTENT_TYPE_LATEST)

    return app


def from_environment() -> FastAPI:
    """The application of a worker process, whose settings its parent has left in the environment."""
    return create_app(Settings.model_validate_json(os.environ[SETTINGS]))


def _errors(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def api(request: Request, error: ApiError) -> Response:
        return error.response()

    @app.exception_handler(VoicebankError)
    async def library(request: Request, error: VoicebankError) -> Response:
        return ApiError.of(error).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = [str(part) for part in first["loc"] if part != "body"]
        return ApiError(
            400, f"{'.'.join(place) or 'body'}: {first['msg']}", param=place[0] if place else None
        ).response()

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        return ApiError(error.status_code, str(error.detail)).response()


def _guard(settings: Settings) -> Any:
    """Checks of every request: its key, its size, and how many came before it."""
    seen: dict[str, deque[float]] = {}

    async def guard(request: Request) -> None:
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
                headers = {"Retry-After": str(int(times[0] + 61 - now))}
                message = f"more than {settings.per_minute} requests in a minute: wait"
                raise ApiError(429, message, kind="rate_limit_error", code="rate_limit_exceeded", headers=headers)
            times.append(now)

    return guard


class LimitBody:
    """Middleware that reads no more of a body than the longest text can take."""

    def __init__(self, app: Any, most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        size = 0

        async def bounded() -> Any:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self.most:
                raise HTTPException(413, f"the request is larger than {self.most} bytes: send parts of the text")
            return message

        await self.app(scope, bounded if scope["type"] == "http" else receive, send)


async def _speak(speakers: Speakers, body: SpeechRequest) -> Response:
    asked = body.voice_name
    name = asked if asked in speakers.names else ALIASES.get(asked, asked)
    began = time.monotonic()
    chunks = speakers.speak(
        name,
        body.input,
        speed=body.speed,
        frontend=body.frontend,
        lexicon=body.lexicon,
        volume=body.volume,
        sentence_silence=body.sentence_silence,
        seed=body.seed,
    )
    label = name if name in speakers.names else "unknown"
    try:
        first = await anext(chunks)  # what is wrong with the request shows here
    except VoicebankError as error:
        REQUESTS.labels(label, "refused").inc()
        raise ApiError.of(error) from error
    FIRST.observe(time.monotonic() - began)
    encoder = StreamEncoder(body.response_format, first.sample_rate)

    async def sound() -> AsyncIterator[tuple[bytes, Any]]:
        seconds, outcome = 0.0, "cancelled"
        try:
            seconds += first.duration
            yield encoder.push(first), None
            async for chunk in chunks:
                seconds += chunk.duration
                words = None
                if body.timestamps and chunk.spoken is not None:
                    start = seconds - chunk.spoken.audio.duration
                    words = [[w.text, round(start + w.start, 3), round(start + w.end, 3)] for w in chunk.spoken.words]
                yield encoder.push(chunk), words
            yield encoder.finish(), None
            outcome = "spoken"
        except VoicebankError:
            outcome = "failed"
            raise
        finally:
            await chunks.aclose()
            REQUESTS.labels(label, outcome).inc()
            SPEECH.labels(label).inc(seconds)
            fields = {"voice": label, "characters": len(body.input), "speech_seconds": round(seconds, 2)}
            log.info(json.dumps({"outcome": outcome, **fields, "seconds": round(time.monotonic() - began, 3)}))

    if body.stream_format == "sse":
        return StreamingResponse(_events(sound()), media_type="text/event-stream")
    return StreamingResponse((data async for data, _ in sound() if data), media_type=MIME[body.response_format])


async def _events(sound: AsyncIterator[tuple[bytes, Any]]) -> AsyncIterator[str]:
    """Server-sent events, as OpenAI names them."""

    def event(kind: str, **fields: Any) -> str:
        return f"data: {json.dumps({'type': kind, **fields})}\n\n"

    try:
        async for data, words in sound:
            if data:
                yield event("speech.audio.delta", audio=base64.b64encode(data).decode())
            if words is not None:
                yield event("speech.audio.words", words=words)
        yield event("speech.audio.done", usage={"input_tokens": 0, "output_tokens": 0, "total_tokens": 0})
    except VoicebankError as error:
        yield event("error", error=ApiError.of(error).body)
