"""What clients may ask for, how they are answered when something is wrong, and the settings of a server."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from voicebank.config import Config
from voicebank.errors import UnknownName, VoicebankError
from voicebank.servers.speakers import Busy

MODEL = "voicebank"
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
# The first text of the page at /docs.
DESCRIPTION = """
OpenAI's audio API, spoken by the voices of this server. Every client of that API works as it is.

Beyond it:

- **SSML** in `input`: `<speak>`, `<break time="500ms"/>`, `<prosody rate="90%" volume="80%">`, `<phoneme ph="...">`,
  `<sub alias="...">` and more; and the marks `[pause:0.5]`.
- **IPA** in `input`, between double brackets: `the [[ˈnʊɹəl]] network`.
- **lexicon**: `{"GIF": "dʒˈɪf"}` spells words in IPA, for one request.
- **timestamps**: with `"stream_format": "sse"`, an event `speech.audio.words` comes after each sentence. It has
  `[word, start, end]`, in seconds from the start of the sound.
- **frontend**, **volume**, **sentence_silence**, **seed**: as in the library.
- **POST /v1/audio/voices**, where the server allows it: recordings become a voice.

Errors have OpenAI's shape: `{"error": {"message", "type", "param", "code"}}`.
"""


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
    memory: Annotated[int, Field(ge=0)] = 0
    """Megabytes in use, beyond which one request is spoken after the other; 0 for any number."""
    connections: Annotated[int, Field(ge=1)] = 512
    """Connections at the same time."""
    patience: Annotated[float, Field(gt=0)] = 30.0
    """Seconds after which a connection that sends nothing, or takes nothing, is cut off."""
    cloning: Path | None = None
    """Where the voices that clients make are kept; None: they may make none."""
    upload_megabytes: Annotated[int, Field(ge=1)] = 500
    """The largest upload."""
    clone_minutes: Annotated[float, Field(gt=0)] = 120.0
    """Minutes of computing for one voice."""


class VoiceId(BaseModel):
    """A voice as an object, which the API allows, too."""

    id: str


class SpeechRequest(BaseModel):
    """The body of ``POST /v1/audio/speech``: OpenAI's fields, then those of this server."""

    model: str = Field(MODEL, description="Any name: there is one model, which has all voices.")
    input: str = Field(
        description="English text. It may hold SSML, pauses as [pause:0.5], and IPA as [[ˈnʊɹəl]].",
        examples=['<speak>Wait. <break time="500ms"/> Here is the [[ˈnʊɹəl]] network.</speak>'],
    )
    voice: str | VoiceId = Field(description="Of `GET /v1/audio/voices`; or one of OpenAI's, which stands for one.")
    response_format: Literal["mp3", "opus", "aac", "flac", "wav", "pcm"] = Field(
        "mp3", description="All mono, 24 kHz; pcm is 16 bit, little-endian, without a header."
    )
    speed: float = Field(1.0, ge=0.5, le=2.0)
    stream_format: Literal["audio", "sse"] = Field("audio", description="The sound as it is; or server-sent events.")
    instructions: str | None = Field(None, description="Accepted and not used.")

    frontend: str | None = Field(None, description="What reads the text: graphemes or phonemizer.")
    lexicon: dict[str, str] | None = Field(
        None, description="Pronunciations in IPA, by word.", examples=[{"GIF": "dʒˈɪf"}]
    )
    volume: float = Field(1.0, ge=0, le=4, description="Factor of the amplitude.")
    sentence_silence: float | None = Field(None, ge=0, le=60, description="Seconds between two sentences.")
    seed: int = Field(0, ge=0, description="The same text and seed give the same sound.")
    timestamps: bool = Field(
        False, description="With stream_format sse: an event speech.audio.words with the words of each sentence."
    )

    @property
    def voice_name(self) -> str:
        return self.voice if isinstance(self.voice, str) else self.voice.id


class ErrorBody(BaseModel):
    """What is wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorResponse(BaseModel):
    """An error in OpenAI's shape."""

    error: ErrorBody


ERRORS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "Something in the request is wrong: `param` names it."},
    401: {"model": ErrorResponse, "description": "The API key is missing or wrong."},
    413: {"model": ErrorResponse, "description": "The request is too large."},
    429: {"model": ErrorResponse, "description": "Too much at once: try again after `Retry-After` seconds."},
}


class ApiError(HTTPException):
    """An error in OpenAI's shape."""

    def __init__(self, status: int, message: str, *, kind: str = "invalid_request_error", **fields: Any) -> None:
        headers: Mapping[str, str] = fields.pop("headers", {})
        super().__init__(status, message, dict(headers))
        self.body = {"message": message, "type": kind, "param": None, "code": None, **fields}

    def response(self) -> JSONResponse:
        return JSONResponse({"error": self.body}, self.status_code, headers=self.headers)

    @classmethod
    def busy(cls, message: str, seconds: int = 1) -> ApiError:
        """Too much is asked for: come again after so many seconds."""
        headers = {"Retry-After": str(seconds)}
        return cls(429, message, kind="rate_limit_error", code="rate_limit_exceeded", headers=headers)

    @classmethod
    def of(cls, error: VoicebankError) -> ApiError:
        """What an error of the library is to a client."""
        if isinstance(error, Busy):
            return cls.busy(str(error))
        if isinstance(error, UnknownName):
            return cls(400, str(error), param="voice" if "voice" in str(error)[:20] else None, code="invalid_value")
        return cls(400, str(error), param="input")


def answer_errors(app: FastAPI) -> None:
    """Let an application answer what goes wrong in OpenAI's shape."""

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        known = error if isinstance(error, ApiError) else ApiError(error.status_code, str(error.detail))
        return known.response()

    @app.exception_handler(VoicebankError)
    async def library(request: Request, error: VoicebankError) -> Response:
        return ApiError.of(error).response()

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = [str(part) for part in first["loc"] if part != "body"]
        message = f"{'.'.join(place) or 'body'}: {textwrap.shorten(first['msg'], 300)}"
        return ApiError(400, message, param=place[0] if place else None).response()
