"""The servers, driven by the clients that people have: OpenAI's, and Wyoming's."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("uvicorn")
openai = pytest.importorskip("openai")
pytest.importorskip("wyoming")

from servers import free_port, http  # noqa: E402
from wyoming.audio import AudioChunk, AudioStart, AudioStop  # noqa: E402
from wyoming.client import AsyncTcpClient  # noqa: E402
from wyoming.error import Error  # noqa: E402
from wyoming.info import Describe, Info  # noqa: E402
from wyoming.tts import (  # noqa: E402
    Synthesize,
    SynthesizeChunk,
    SynthesizeStart,
    SynthesizeStop,
    SynthesizeStopped,
    SynthesizeVoice,
)

import voicebank  # noqa: E402
from voicebank.audio import Audio  # noqa: E402
from voicebank.audio.encoding import wav_header  # noqa: E402
from voicebank.servers.openai import create_app  # noqa: E402
from voicebank.servers.requests import Settings  # noqa: E402
from voicebank.servers.speakers import Speakers  # noqa: E402
from voicebank.servers.wyoming import serve  # noqa: E402

TEXT = "One house. Two houses."
LONG = "The train to London leaves at noon from the second platform."
ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with http(characters=500, api_key="secret") as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Any:
    return openai.OpenAI(base_url=f"{address}/v1", api_key="secret", max_retries=0)


@pytest.fixture(scope="module")
def spoken() -> Audio:
    return voicebank.load("us-male").say(TEXT)


@pytest.mark.parametrize("format", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
def test_the_client_of_openai_speaks_in_all_formats(client: Any, spoken: Audio, format: str) -> None:
    response = client.audio.speech.create(model="tts-1", voice="us-male", input=TEXT, response_format=format)
    data = wav_header(24000) + response.content if format == "pcm" else response.content
    heard = Audio.read(io.BytesIO(data))
    assert heard.duration == pytest.approx(spoken.duration, abs=0.15)
    if format in ("wav", "pcm"):
        n = min(len(heard.samples), len(spoken.samples))
        assert np.corrcoef(heard.samples[:n], spoken.samples[:n])[0, 1] > 0.999


def test_what_it_says_is_marked(client: Any) -> None:
    options = {"model": "tts-1", "voice": "us-male", "input": LONG, "speed": 1.25}
    said = client.audio.speech.create(**options, response_format="opus").content
    with client.audio.speech.with_streaming_response.create(**options, response_format="pcm") as response:
        streamed = wav_header(24000) + b"".join(response.iter_bytes())
    answers = asyncio.run(conversation(Synthesize(LONG)))
    chunks = [AudioChunk.from_event(a).audio for a in answers if AudioChunk.is_type(a.type)]
    payload = voicebank.load("us-male").payload
    for sound in (said, streamed, wav_header(24000) + b"".join(chunks)):
        assert voicebank.detect(Audio.read(io.BytesIO(sound))).payload == payload


def test_the_client_streams(client: Any, spoken: Audio) -> None:
    # A voice of OpenAI's, which programs that know nothing of ours ask for.
    options = {"model": "tts-1", "voice": "onyx", "input": TEXT, "response_format": "pcm"}
    with client.audio.speech.with_streaming_response.create(**options) as response:
        blocks = list(response.iter_bytes())
    assert len(blocks) > 3
    assert len(b"".join(blocks)) / 48000 == pytest.approx(spoken.duration, abs=0.01)


def test_events_with_the_times_of_words(address: str, spoken: Audio) -> None:
    body = {"voice": "us-male", "input": TEXT, "response_format": "pcm", "stream_format": "sse", "timestamps": True}
    events = [json.loads(line[6:]) for line in post(address, body).read().decode().split("\n\n") if line]
    assert events[-1]["type"] == "speech.audio.done"
    sound = b"".join(base64.b64decode(e["audio"]) for e in events if e["type"] == "speech.audio.delta")
    assert len(sound) / 48000 == pytest.approx(spoken.duration, abs=0.01)
    words = [word for e in events if e["type"] == "speech.audio.words" for word in e["words"]]
    assert [word[0] for word in words] == TEXT.split()
    assert [word[1] for word in words] == sorted(word[1] for word in words)


def post(address: str, body: Any, key: str = "secret") -> Any:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    return urllib.request.urlopen(urllib.request.Request(f"{address}/v1/audio/speech", data, headers), timeout=60)


def test_errors_are_typed(client: Any, address: str) -> None:
    speak = client.audio.speech.create
    with pytest.raises(openai.BadRequestError) as caught:
        speak(model="tts-1", voice="nobody", input="Hi.")
    assert caught.value.param == "voice" and "this server has us-male" in caught.value.message
    for text, code in ((" ", None), ("a" * 501, "string_above_max_length")):
        with pytest.raises(openai.BadRequestError) as caught:
            speak(model="tts-1", voice="us-male", input=text)
        assert (caught.value.param, caught.value.code) == ("input", code)
    with pytest.raises(openai.BadRequestError, match="speed"):
        speak(model="tts-1", voice="us-male", input="Hi.", speed=3.5)
    with pytest.raises(openai.AuthenticationError, match="API key"):
        openai.OpenAI(base_url=f"{address}/v1", api_key="wrong", max_retries=0).models.list()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        ({"voice": "../../etc/passwd", "input": "Hi."}, 400),
        ({"voice": "us-male", "input": "a" * 1_000_000}, 413),
        ({"voice": "us-male", "input": "Hi.", "frontend": "klingon"}, 400),
    ],
)
def test_bad_requests(address: str, body: Any, status: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(address, body)
    error = json.loads(caught.value.read())["error"]
    assert caught.value.code == status
    assert error["type"] == "invalid_request_error" and "\n" not in error["message"]


def test_what_else_there_is(client: Any, address: str) -> None:
    assert [model.id for model in client.models.list()] == ["voicebank"]
    get = urllib.request.Request(f"{address}/v1/audio/voices", headers={"Authorization": "Bearer secret"})
    (voice,) = json.load(urllib.request.urlopen(get))["voices"]
    assert (voice["id"], voice["language"]) == ("us-male", "en-us")
    get = urllib.request.Request(address + voice["sample"], headers={"Authorization": "Bearer secret"})
    assert urllib.request.urlopen(get).read(4) == b"OggS"
    assert json.load(urllib.request.urlopen(f"{address}/health"))["status"] == "ok"
    assert (
        b'voicebank_requests_total{outcome="spoken",voice="us-male"}'
        in urllib.request.urlopen(f"{address}/metrics").read()
    )


def test_bounds() -> None:
    with http(per_minute=2, at_once=1) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0)
        options = {"model": "tts-1", "voice": "us-male", "response_format": "pcm"}
        long = "The first snow of the winter fell on the quiet town. " * 400
        with client.audio.speech.with_streaming_response.create(input=long, **options) as response:
            blocks = response.iter_bytes()
            next(blocks)
            with pytest.raises(openai.RateLimitError) as caught:  # one is being spoken
                client.audio.speech.create(input="Hi.", **options)
            assert caught.value.response.headers["retry-after"] == "1"
        with pytest.raises(openai.RateLimitError, match="more than 2 requests"):
            client.models.list()
        for _ in range(100):  # who has left is not spoken to
            if not (active := json.load(urllib.request.urlopen(f"{address}/health"))["active"]):
                break
            time.sleep(0.1)
        assert active == 0


async def conversation(*events: Any) -> list[Any]:
    """What a Wyoming server answers to events, up to the last of an answer."""
    port = free_port()
    task = asyncio.create_task(serve(f"tcp://127.0.0.1:{port}", Speakers(["us-male"])))
    answers: list[Any] = []
    try:
        for _ in range(100):
            with contextlib.suppress(OSError):
                client = AsyncTcpClient("127.0.0.1", port)
                await client.connect()
                break
            await asyncio.sleep(0.05)
        for event in events:
            await client.write_event(event.event())
        last = SynthesizeStopped if isinstance(events[-1], SynthesizeStop) else AudioStop
        while (answer := await asyncio.wait_for(client.read_event(), 60)) is not None:
            answers.append(answer)
            if last.is_type(answer.type) or Info.is_type(answer.type) or Error.is_type(answer.type):
                break
        await client.disconnect()
    finally:
        task.cancel()
    return answers


def sound(answers: list[Any]) -> float:
    """Seconds of sound in answers of a Wyoming server."""
    return sum(AudioChunk.from_event(a).seconds for a in answers if AudioChunk.is_type(a.type))


def test_wyoming_describes_its_voices() -> None:
    (answer,) = asyncio.run(conversation(Describe()))
    (program,) = Info.from_event(answer).tts
    assert program.supports_synthesize_streaming
    assert [(voice.name, voice.languages) for voice in program.voices] == [("us-male", ["en_US"])]


def test_wyoming_speaks(spoken: Audio) -> None:
    for voice in (None, SynthesizeVoice(name="us-male"), SynthesizeVoice(language="en_US")):
        answers = asyncio.run(conversation(Synthesize(TEXT, voice)))
        assert AudioStart.is_type(answers[0].type) and AudioStop.is_type(answers[-1].type)
        assert sound(answers) == pytest.approx(spoken.duration, abs=0.01)


def test_wyoming_speaks_a_text_that_comes_in_parts(spoken: Audio) -> None:
    parts = [SynthesizeChunk(TEXT[i : i + 5]) for i in range(0, len(TEXT), 5)]
    answers = asyncio.run(conversation(SynthesizeStart(), *parts, Synthesize(TEXT), SynthesizeStop()))
    assert [a.type for a in answers[-2:]] == [AudioStop().event().type, SynthesizeStopped().event().type]
    assert sound(answers) == pytest.approx(spoken.duration, abs=0.3)


def test_wyoming_says_what_is_wrong() -> None:
    answer = asyncio.run(conversation(Synthesize("Hi.", SynthesizeVoice(name="nobody"))))[-1]
    assert "this server has us-male" in Error.from_event(answer).text


def test_home_assistant_finds_the_server() -> None:
    zeroconf = pytest.importorskip("zeroconf.asyncio")

    async def found() -> tuple[str, int]:
        uri = f"tcp://127.0.0.1:{free_port()}"
        task = asyncio.create_task(serve(uri, Speakers(["us-male"]), zeroconf=True))
        names: asyncio.Queue[str] = asyncio.Queue()

        def changed(zeroconf: Any, service_type: str, name: str, state_change: Any) -> None:
            names.put_nowait(name)

        async with zeroconf.AsyncZeroconf() as network:
            zeroconf.AsyncServiceBrowser(network.zeroconf, "_wyoming._tcp.local.", handlers=[changed])
            while not (name := await asyncio.wait_for(names.get(), 30)).startswith("voicebank-"):
                pass
            service = await network.async_get_service_info("_wyoming._tcp.local.", name)
        task.cancel()
        return f"tcp://{service.parsed_addresses()[0]}:{service.port}", uri

    announced, uri = asyncio.run(found())
    assert announced == uri


def test_the_add_on_is_of_this_version() -> None:
    yaml = pytest.importorskip("yaml")
    addon = yaml.safe_load((ROOT / "docker" / "addon" / "config.yaml").read_text(encoding="utf-8"))
    assert {"name", "version", "slug", "description", "arch"} <= set(addon)
    assert addon["version"] in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert addon["environment"]["VOICEBANK_OPTIONS"].endswith(addon["watchdog"].rpartition(":")[2])
    assert "$VOICEBANK_OPTIONS" in (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")


def test_the_page_describes_what_is_beyond_openai() -> None:
    page = create_app(Settings(voices=("us-male",))).openapi()
    body = page["components"]["schemas"]["SpeechRequest"]["properties"]
    for field in ("lexicon", "timestamps", "frontend", "sentence_silence", "seed", "volume"):
        assert body[field]["description"], field
    assert "SSML" in body["input"]["description"] and "IPA" in body["input"]["description"]
    for word in ("SSML", "IPA", "lexicon", "timestamps"):
        assert word in page["info"]["description"]
    answers = page["paths"]["/v1/audio/speech"]["post"]["responses"]
    assert {"audio/mpeg", "text/event-stream"} <= set(answers["200"]["content"])
    assert {"400", "401", "413", "429"} <= set(answers)
