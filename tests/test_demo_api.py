"""The demo's calls for programs, and that nobody gets at what is not theirs."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

gradio_client = pytest.importorskip("gradio_client", reason="the demo is a package of its own: pip install ./demo")

from demo_server import Server  # noqa: E402

import voicebank  # noqa: E402
from voicebank.audio import Audio  # noqa: E402

CLIP = Path(__file__).parent / "data" / "clips" / "us-male" / "wavs" / "us-male-00040.ogg"


@pytest.fixture(scope="module")
def client(demo: Server, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return gradio_client.Client(demo.url, download_files=str(tmp_path_factory.mktemp("got")), verbose=False)


def call(demo: Server, name: str, data: list[Any]) -> tuple[str, Any]:
    """A call over plain HTTP, where nothing is checked on this side: the event and what came with it."""
    post = urllib.request.Request(
        f"{demo.url}/gradio_api/call/{name}",
        json.dumps({"data": data}).encode(),
        {"Content-Type": "application/json"},
    )
    event = json.load(urllib.request.urlopen(post, timeout=30))["event_id"]
    answer = urllib.request.urlopen(f"{demo.url}/gradio_api/call/{name}/{event}", timeout=120).read().decode()
    blocks = [
        block.split("\n", 1) for block in answer.strip().split("\n\n") if not block.startswith("event: heartbeat")
    ]
    kind, data_line = blocks[-1]
    return kind.removeprefix("event: "), json.loads(data_line.removeprefix("data: "))


def test_the_calls_are_named_and_described(demo: Server, client: Any) -> None:
    endpoints = client.view_api(return_format="dict")["named_endpoints"]
    assert set(endpoints) == {"/speak", "/closest", "/detect", "/voices"}
    schema = json.load(urllib.request.urlopen(f"{demo.url}/gradio_api/mcp/schema", timeout=30))
    tools = {tool["name"]: tool for tool in schema}
    assert {"speak", "closest", "detect", "voices"} <= set(tools)
    assert "IPA" in tools["speak"]["inputSchema"]["properties"]["text"]["description"]


def test_voices(client: Any) -> None:
    rows = client.predict(api_name="/voices")
    assert [row["name"] for row in rows] == ["gb-female", "gb-male", "us-female", "us-male"]
    assert {row["accent"] for row in rows} == {"British", "US"}


def test_what_it_says_is_marked(client: Any) -> None:
    text = "The train to London leaves at noon from the second platform."
    said = client.predict(text, "us-male", api_name="/speak")
    assert voicebank.detect(said).payload == voicebank.load("us-male").payload


def test_closest(client: Any) -> None:
    rows = client.predict(gradio_client.handle_file(CLIP), api_name="/closest")
    assert rows[0]["name"] == "us-male"
    scores = [row["score"] for row in rows]
    assert len(scores) == 4 and scores == sorted(scores, reverse=True)
    assert rows[0]["similarity"] > 0.6 and 70 < rows[0]["pitch_hz"] < 180


def test_what_was_made_here_is_found(client: Any) -> None:
    spoken = client.predict("This was made here, and a mark says so.", "gb-male", api_name="/speak")
    found = client.predict(gradio_client.handle_file(spoken), api_name="/detect")
    assert found["marked"] and found["p_value"] < 1e-5 and [place["speaker"] for place in found["places"]] == ["George"]
    assert not client.predict(gradio_client.handle_file(CLIP), api_name="/detect")["marked"]


def test_assistants_get_json_and_may_give_the_address_of_their_upload(demo: Server) -> None:
    boundary, name = "b", CLIP.name
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + CLIP.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    post = urllib.request.Request(
        f"{demo.url}/gradio_api/upload", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    (path,) = json.load(urllib.request.urlopen(post, timeout=30))
    known = asyncio.run(tool(demo, "voices", {}))
    assert [row["name"] for row in json.loads(known)] == ["gb-female", "gb-male", "us-female", "us-male"]
    found = asyncio.run(tool(demo, "closest", {"clip": f"{demo.url}/gradio_api/file={path}"}))
    assert json.loads(found)[0]["name"] == "us-male"
    refused = asyncio.run(tool(demo, "closest", {"clip": f"{demo.url}/gradio_api/file=/etc/passwd"}))
    assert "similarity" not in refused


async def tool(demo: Server, name: str, arguments: dict[str, Any]) -> str:
    """What an assistant reads after it called a tool."""
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    async with (
        streamablehttp_client(f"{demo.url}/gradio_api/mcp/") as (incoming, outgoing, _),
        ClientSession(incoming, outgoing) as session,
    ):
        await session.initialize()
        result = await session.call_tool(name, arguments)
        return "".join(getattr(part, "text", "") for part in result.content)


def test_nobody_reads_how_the_demo_is_used(demo: Server) -> None:
    for place in ("monitoring", "monitoring/summary"):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(f"{demo.url}/gradio_api/{place}", timeout=30)
        assert error.value.code in (403, 404)


def test_twenty_at_once_are_all_answered_and_none_mixed_up(client: Any) -> None:
    """Each asks for another speed or voice; alone, each gets the same. How fast: `python -m benchmarks demo`."""
    asked = [("Count to four.", voice, "graphemes", speed) for voice in ("us-male", "gb-female") for speed in _speeds()]
    with ThreadPoolExecutor(20) as pool:
        got = list(pool.map(lambda a: client.submit(*a, api_name="/speak").result(timeout=300), asked))
    together = [Audio.read(path) for path in got]
    for some in (0, 9, 13):
        alone = Audio.read(client.predict(*asked[some], api_name="/speak"))
        assert len(alone.samples) == len(together[some].samples)
        assert np.abs(alone.samples - together[some].samples).max() < 0.01
    assert len({len(audio.samples) for audio in together[:10]}) == 10


def _speeds() -> list[float]:
    return [round(0.7 + 0.1 * i, 1) for i in range(10)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["", "us-male"], "write a sentence"),
        (["Hello.", "/etc"], "there is no voice"),
        (["Hello.", "us-male", "nothing"], "unknown frontend"),
        (["Hello.", "us-male", "graphemes", 9], "out of range"),
        (["x" * 6000, "us-male"], "6000 characters"),
    ],
)
def test_a_bad_request_gives_a_message_and_one_line_in_the_log(
    demo: Server, client: Any, arguments: list[Any], message: str
) -> None:
    before = len(demo.log)
    with pytest.raises(Exception, match=message):
        client.predict(*arguments, api_name="/speak")
    assert len(demo.log) == before + 1
    assert message in demo.log[-1]


def test_a_bad_file_gives_a_message_and_one_line_in_the_log(demo: Server, client: Any, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"#EXTM3U\nfile:///etc/passwd\n")
    before = len(demo.log)
    with pytest.raises(Exception, match="not a sound file"):
        client.predict(gradio_client.handle_file(bad), api_name="/closest")
    assert len(demo.log) == before + 1
    long = Audio.silence(30, 8000).save(tmp_path / "long.wav")
    with pytest.raises(Exception, match="longer than 20 seconds"):
        client.predict(gradio_client.handle_file(long), api_name="/closest")


def test_a_file_that_is_too_large_is_refused(demo: Server, tmp_path: Path) -> None:
    boundary = "b"
    body = (
        (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="a.wav"\r\n'
            f"Content-Type: audio/wav\r\n\r\n"
        ).encode()
        + b"RIFF"
        + bytes(10_000_000)
        + f"\r\n--{boundary}--\r\n".encode()
    )
    post = urllib.request.Request(
        f"{demo.url}/gradio_api/upload", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    )
    with pytest.raises((urllib.error.HTTPError, urllib.error.URLError, ConnectionError)) as error:
        urllib.request.urlopen(post, timeout=30)
    if isinstance(error.value, urllib.error.HTTPError):
        assert error.value.code == 413


@pytest.mark.parametrize("place", ["/etc/passwd", "/proc/self/environ", str(CLIP), "/etc/../etc/passwd", "~/.bashrc"])
def test_no_call_reads_a_file_of_the_machine(demo: Server, place: str) -> None:
    data = [{"path": place, "meta": {"_type": "gradio.FileData"}}]
    kind, answer = call(demo, "closest", data)
    assert kind == "error"
    assert "similarity" not in json.dumps(answer)


@pytest.mark.parametrize("place", ["/etc/passwd", str(CLIP), "/proc/self/environ", "..%2f..%2fetc/passwd"])
def test_no_address_serves_a_file_of_the_machine(demo: Server, place: str) -> None:
    for route in ("file=", "file/"):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(f"{demo.url}/gradio_api/{route}{place}", timeout=30)
        assert error.value.code in (403, 404, 405)


def test_no_address_lists_visitors(demo: Server) -> None:
    for folder in (demo.temporary, *demo.temporary.glob("voicebank-demo-*"), *demo.visitors):
        for place in (str(folder), str(folder) + "/", str(folder / ".." / "..")):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"{demo.url}/gradio_api/file={urllib.parse.quote(place)}", timeout=30)


def test_programs_leave_nothing(demo: Server, client: Any) -> None:
    """What pages leave is looked at in the browser's test."""
    before = demo.visitors
    client.predict("Hello.", api_name="/speak")
    assert set(demo.visitors) <= set(before)
