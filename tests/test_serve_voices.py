"""Voices that clients make over HTTP, by OpenAI's client."""

from __future__ import annotations

import io
import json
import os
import signal
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("uvicorn")
openai = pytest.importorskip("openai")

from clones import doubled  # noqa: E402
from servers import http, process  # noqa: E402

import voicebank  # noqa: E402
from voicebank.audio import Audio  # noqa: E402
from voicebank.audio.encoding import wav_header  # noqa: E402

CONSENT = "Jane Doe, my own voice, for anything."
TEXTS = [
    "The first snow of the winter fell on the quiet town, and nobody was awake to see it.",
    "Every evening he climbs a hundred steps, lights the lamp, and looks out over the water.",
    "She put the letter back into its envelope and said nothing at all for a long time.",
    "What the captain wrote in his book that night was never read by anyone but his wife.",
    "In the morning the whole valley was white, and the road to the village had disappeared.",
    "Bread, cheese, apples and a bottle of milk were all that they had left on the table.",
]
FEW = {"base": "us-male", "steps": 1, "rehearsal": 0}
CLIP = Path(__file__).parent / "data" / "clips" / "us-male" / "wavs" / "us-male-00040.ogg"


def zipped(folder: Path) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder.parent))
    return memory.getvalue()


def recorded(folder: Path) -> Path:
    """Half a minute of one speaker, no clip twice."""
    (folder / "wavs").mkdir(parents=True)
    for number, audio in enumerate(voicebank.load("us-male").say(TEXTS)):
        audio.save(folder / "wavs" / f"{number}.wav")
    lines = "".join(f"{number}|{text}\n" for number, text in enumerate(TEXTS))
    (folder / "metadata.csv").write_text(lines, encoding="utf-8")
    return folder


def client_of(address: str) -> Any:
    return openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0)


def events(address: str, number: str) -> Iterator[dict[str, Any]]:
    with urllib.request.urlopen(f"{address}/v1/audio/voices/{number}/events", timeout=600) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        for line in answer:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


def listed(address: str) -> dict[str, dict[str, Any]]:
    voices = json.load(urllib.request.urlopen(f"{address}/v1/audio/voices", timeout=60))["voices"]
    return {voice["id"]: voice for voice in voices}


@pytest.mark.long
def test_a_voice_is_made_although_the_server_is_killed(tmp_path: Path) -> None:
    sample = ("me.zip", zipped(recorded(tmp_path / "me")))
    options = ["--cloning", str(tmp_path / "voices")]
    with process(tmp_path / "log", *options) as (address, server):
        made = client_of(address).audio.voices.create(name="Jane", consent=CONSENT, audio_sample=sample, extra_body=FEW)
        assert made.object == "audio.voice" and made.name == "Jane"
        folder = tmp_path / "voices" / made.id
        for event in events(address, made.id):
            assert event["type"] == "audio.voice.progress"
            if (folder / "dataset" / "dataset.json").exists():
                break
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
    assert json.loads((folder / "state.json").read_text())["status"] == "working"

    with process(tmp_path / "log", *options) as (address, server):
        assert listed(address)[made.id]["status"] != "ready"
        *before, last = events(address, made.id)
        assert last["type"] == "audio.voice.ready", last["voice"]["error"]
        assert not any(event["voice"]["stage"] == "recordings" for event in before[1:]), "it went on, and did not begin"
        kept = {"asked.json", "state.json", "voice", "worker.log"}
        for _ in range(100):  # recordings, dataset and training are not kept
            if {path.name for path in folder.iterdir()} <= kept:
                break
            time.sleep(0.1)
        assert {path.name for path in folder.iterdir()} <= kept
        client = client_of(address)
        spoken = client.audio.speech.create(
            model="voicebank", voice={"id": made.id}, input="One house.", response_format="pcm"
        )
        assert Audio.read(io.BytesIO(wav_header(24000) + spoken.content)).duration > 0.3
        assert client.audio.voices.delete(made.id).deleted
        assert made.id not in listed(address) and not folder.exists()
        with pytest.raises(openai.BadRequestError, match="unknown voice"):
            client.audio.speech.create(model="voicebank", voice={"id": made.id}, input="One house.")


def test_what_is_refused_and_what_is_cancelled(tmp_path: Path) -> None:
    with http(cloning=tmp_path / "voices") as address:
        client = client_of(address)

        def make(data: bytes, consent: str = CONSENT, name: str = "me.zip", **body: Any) -> Any:
            return client.audio.voices.create(
                name="Jane", consent=consent, audio_sample=(name, data), extra_body=FEW | body
            )

        good = zipped(doubled(tmp_path / "me"))
        away = io.BytesIO()
        with zipfile.ZipFile(away, "w") as archive:
            archive.writestr("../../outside.wav", CLIP.read_bytes())
        for data, options, param in (
            (good, {"consent": " "}, "consent"),
            (b"", {}, "audio_sample"),
            (b"no sound", {"name": "me.wav"}, "audio_sample"),
            (away.getvalue(), {}, "audio_sample"),
            (good, {"base": "gb-male"}, "voice"),
            (good, {"base": "/etc"}, "voice"),
            (good, {"steps": 0}, "steps"),
            (good, {"language": "fr"}, "language"),
        ):
            with pytest.raises(openai.BadRequestError) as caught:
                make(data, **options)  # type: ignore[arg-type]
            assert caught.value.param == param, caught.value.message
        assert list(listed(address)) == ["us-male"]
        assert not list((tmp_path / "voices").glob("voice_*"))

        made = make(good, steps=5000)
        waiting = make(good)  # one is made after the other
        assert listed(address)[waiting.id]["status"] == "waiting"
        with urllib.request.urlopen(
            urllib.request.Request(f"{address}/v1/audio/voices/{made.id}/cancel", method="POST"), timeout=60
        ) as answer:
            assert json.load(answer)["status"] == "cancelled"
        assert [event["type"] for event in events(address, made.id)] == ["audio.voice.cancelled"]
        for number in (made.id, waiting.id):
            assert client.audio.voices.delete(number).deleted
        assert list(listed(address)) == ["us-male"]
        for number in ("voice_0123456789abcdef", "..%2F..", made.id):
            with pytest.raises(urllib.error.HTTPError) as missing:
                urllib.request.urlopen(f"{address}/v1/audio/voices/{number}")
            assert missing.value.code == 404 and json.loads(missing.value.read())["error"]["message"]


def test_without_cloning_no_voice_is_made() -> None:
    with http() as address, pytest.raises(openai.PermissionDeniedError, match="without --cloning"):
        client_of(address).audio.voices.create(name="Jane", consent=CONSENT, audio_sample=("me.zip", b""))


def test_a_recording_that_is_no_speech_fails_with_a_reason(tmp_path: Path) -> None:
    with http(cloning=tmp_path / "voices") as address:
        Audio.silence(2, 24000).save(tmp_path / "silence.wav")
        sample = ("silence.wav", (tmp_path / "silence.wav").read_bytes())
        made = client_of(address).audio.voices.create(name="Nobody", consent=CONSENT, audio_sample=sample)
        *_, last = events(address, made.id)
        assert last["type"] == "audio.voice.failed"
        assert last["voice"]["error"] and str(tmp_path) not in last["voice"]["error"]
        assert listed(address)[made.id]["status"] == "failed"
