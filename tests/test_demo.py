"""The demo's parts without a page: uploads and their bounds, visitors, recordings, pictures."""

from __future__ import annotations

import ast
import base64
import io
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

gr = pytest.importorskip("gradio", reason="the demo is a package of its own: pip install ./demo")
pytest.importorskip("voicebank_demo", reason="the demo is a package of its own: pip install ./demo")

import voicebank  # noqa: E402
from voicebank.audio import Audio  # noqa: E402
from voicebank.data import sources  # noqa: E402
from voicebank.errors import BadAudio, BadData, BadText, UnknownName  # noqa: E402
from voicebank_demo import pictures, prompts, uploads, voices  # noqa: E402
from voicebank_demo.page import errors_shown, render  # noqa: E402
from voicebank_demo.recordings import Recordings  # noqa: E402
from voicebank_demo.settings import Settings  # noqa: E402
from voicebank_demo.speech import check_text, speaking  # noqa: E402
from voicebank_demo.state import Match  # noqa: E402
from voicebank_demo.visitors import Visitors  # noqa: E402
from voicebank_demo.whose import result  # noqa: E402
from voicebank_demo.worker import without_places  # noqa: E402

CLIPS = Path(__file__).parent / "data" / "clips" / "us-male" / "wavs"
CLIP = CLIPS / "us-male-00040.ogg"


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return path


def taken(tmp_path: Path, *files: Path, bounds: Settings | None = None) -> tuple[Path, Path | None]:
    return uploads.take(files, [file.name for file in files], tmp_path / "upload", bounds or Settings())


# Uploads


def test_a_zip_with_one_folder_in_it_is_that_folder(tmp_path: Path) -> None:
    sound = CLIP.read_bytes()
    entries = {"mine/a.ogg": sound, "mine/a.txt": b"A white silk jacket.", "mine/.hidden": b"x", "mine/run.exe": b"MZ"}
    place, captions = taken(tmp_path, zipped(tmp_path / "clips.zip", entries))
    assert captions is None
    assert sorted(path.name for path in place.iterdir()) == ["a.ogg", "a.txt"]


def test_a_recording_with_captions(tmp_path: Path) -> None:
    captions = tmp_path / "talk.vtt"
    captions.write_text("WEBVTT\n\n00:00.000 --> 00:02.000\nA white silk jacket\n")
    place, beside = taken(tmp_path, CLIP, captions)
    assert place.name == CLIP.name
    assert beside is not None and beside.name == "talk.vtt"


def test_clips_beside_their_metadata(tmp_path: Path) -> None:
    files = [CLIPS.parent / "metadata.csv", *sorted(CLIPS.glob("*.ogg"))]
    place, _ = taken(tmp_path, *files)
    found, findings = sources.find(place)
    assert len(found) == 6 and findings == []
    assert all(source.text for source in found)


def test_an_audio_folder_names_no_file_outside_itself(tmp_path: Path) -> None:
    rows = b"file_name,transcription\na.ogg,A white silk jacket.\n../../../secret.ogg,no\n/etc/secret.ogg,no\n"
    for secret in (tmp_path / "secret.ogg", tmp_path.parent / "secret.ogg"):
        secret.write_bytes(CLIP.read_bytes())
    place, _ = taken(tmp_path, zipped(tmp_path / "a.zip", {"a.ogg": CLIP.read_bytes(), "metadata.csv": rows}))
    found, findings = sources.find(place)
    assert [source.path.name for source in found] == ["a.ogg"]
    assert len(findings) == 2


@pytest.mark.parametrize("name", ["../evil.wav", "/etc/evil.wav", "a/../../evil.wav", "..\\evil.wav", "C:\\evil.wav"])
def test_no_entry_of_a_zip_leaves_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadData, match="outside"):
        taken(tmp_path, zipped(tmp_path / "evil.zip", {name: CLIP.read_bytes()}))
    assert not list(tmp_path.rglob("evil.wav"))
    assert not (tmp_path / "upload").exists()


def test_a_link_in_a_zip_is_no_link(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("secret.wav")
    entry.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(BadAudio, match="not a sound file"):
        taken(tmp_path, tmp_path / "link.zip")


def test_a_zip_that_grows_is_stopped_whatever_it_says_of_its_size(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "bomb.zip", {"a.wav": b"RIFF" + bytes(30_000_000)})
    data = bytearray(bomb.read_bytes())
    at = data.rindex(b"PK\x01\x02")
    data[at + 24 : at + 28] = (1000).to_bytes(4, "little")  # the directory claims a thousand bytes
    bomb.write_bytes(bytes(data))
    with pytest.raises(BadData):
        taken(tmp_path, bomb, bounds=Settings(zip_megabytes=5))
    assert not (tmp_path / "upload").exists()


def test_bounds_of_entries_and_of_minutes(tmp_path: Path) -> None:
    many = zipped(tmp_path / "many.zip", {f"{i}.txt": b"x" for i in range(20)})
    with pytest.raises(BadData, match="20 files"):
        taken(tmp_path, many, bounds=Settings(zip_entries=10))
    long = Audio.silence(90, 8000).save(tmp_path / "long.flac")
    with pytest.raises(BadData, match="more than 1 minutes"):
        taken(tmp_path, long, bounds=Settings(minutes=1))
    with pytest.raises(BadAudio, match="longer than 60 seconds"):
        uploads.read_clip(long, "long.flac", 60)


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile /etc/passwd\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
        b"",
        b"hello",
    ],
)
def test_a_playlist_that_is_called_sound_is_not_opened(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "song.wav"
    path.write_bytes(content)
    with pytest.raises(BadAudio, match="not a sound file"):
        uploads.read_clip(path, path.name, 60)
    with pytest.raises(BadAudio, match="not a sound file"):
        taken(tmp_path, path)


def test_a_broken_file_is_named_as_the_visitor_names_it(tmp_path: Path) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(b"RIFF\x00\x00\x00\x00WAVEbroken")
    with pytest.raises(BadAudio) as error:
        uploads.read_clip(path, "my song.wav", 60)
    assert "my song.wav" in str(error.value)
    assert str(tmp_path) not in str(error.value)


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<script>")
    with pytest.raises(BadData, match="of no use"):
        taken(tmp_path, tmp_path / "page.html")
    with pytest.raises(BadData, match="choose"):
        uploads.take([], [], tmp_path / "x", Settings())


def test_messages_name_no_folder_of_the_machine() -> None:
    assert without_places("no clip of /tmp/x-1/visitors/tok_en/voice can be used") == "no clip of voice can be used"


# The package


def test_the_demo_imports_public_names_only() -> None:
    package = Path(pictures.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "voicebank":
                assert {alias.name for alias in node.names} <= {*voicebank.__all__, "plugins"}, path.name
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("voicebank."):
                assert node.module in ("voicebank.errors", "voicebank.plugins", "voicebank.files"), path.name
            elif isinstance(node, ast.Import):
                assert not [a.name for a in node.names if a.name.startswith("voicebank.")], path.name


def test_the_command_says_what_is_missing() -> None:
    code = (
        "import sys; sys.modules['voicebank_demo'] = None; sys.argv[1:] = ['demo']; import voicebank.cli as c; c.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["voicebank: the demo is a package of its own: pip install voicebank-demo"]


# Voices and speech


@pytest.mark.parametrize("name", ["", ".", "..", "/etc", "../voices/us-male", "voices/us-male", "~/x", "a/b/c", "x\0y"])
def test_a_voice_is_never_a_folder(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parent.parent)
    with pytest.raises(UnknownName):
        voices.get(name)


def test_a_text_is_bounded() -> None:
    with pytest.raises(BadText, match="write"):
        check_text("  \n", 10)
    with pytest.raises(BadText, match="11 characters"):
        check_text("x" * 11, 10)


def test_a_text_is_spoken_part_by_part(tmp_path: Path) -> None:
    text = "Yes.\n\n***\n\nNo, I do not."
    *_, last = speaking(tmp_path, text, lambda: voices.get(voices.first()), frontend="graphemes")
    value = last.value()
    assert [spoken.sentence.text for spoken in last.sentences] == ["Yes.", "No, I do not."]
    assert value["state"] == "done" and len(value["parts"]) >= 2
    whole = Audio.join(Audio.read(part) for part in last.parts)
    assert Audio.read(tmp_path / "speech.mp3").duration == pytest.approx(whole.duration, abs=0.2)
    line = value["lines"][1]
    assert [word for word, _, _ in line["words"]] == ["No,", "I", "do", "not."]
    times = [time for _, start, end in line["words"] for time in (start, end)]
    assert times == sorted(times) and line["at"] + times[-1] <= whole.duration + 0.1
    drawn = last.details()
    assert drawn.count("data:image/png;base64,") == 4
    assert "YES." in drawn
    with pytest.raises(BadText):
        list(speaking(tmp_path, "***", lambda: voices.get(voices.first())))


def test_pictures_of_nothing() -> None:
    assert pictures.waveform(np.zeros(0, np.float32)) == (1, "")
    assert pictures.spans("A B", np.zeros((0, 4))) == []


def test_the_closest_voice_is_the_one_with_the_longest_bar() -> None:
    likeness = {"us-male": 0.42, "gb-male": 0.44, "us-female": 0.1, "gb-female": 0.2}
    empty = {"pitch_hz": 100, "base_pitch_hz": 100, "accent_probability": None}
    rows = [Match(name=name, similarity=s, score=1 - i, **empty) for i, (name, s) in enumerate(likeness.items())]
    html = result(rows)
    assert [html.index(name) for name in ("George", "Michael", "Emma", "Sarah")] == sorted(
        html.index(name) for name in ("George", "Michael", "Emma", "Sarah")
    )
    assert "width:42%" in html and "width:44%" in html


def test_messages_are_text_and_not_html() -> None:
    with pytest.raises(gr.Error) as error, errors_shown("test"):
        raise BadText("there is no voice '<img src=x onerror=alert(1)>'")
    assert error.value.message == "there is no voice '&lt;img src=x onerror=alert(1)&gt;'"
    assert "<img" not in render("failed.html", error="<img src=x>")


# Recordings


def test_prompts_cover_the_phones_of_english_early() -> None:
    pytest.importorskip("voicebank_phonemizer")
    sentences = prompts.prompts()
    assert len(sentences) == len(set(sentences)) >= 100
    early = {sound for sentence in sentences[:25] for sound in prompts.phones(sentence)}
    everything = {sound for sentence in sentences for sound in prompts.phones(sentence)}
    assert everything - early == set()
    assert early >= set("pbtdkɡfvθðszʃʒhmnŋlɹjwiɪɛæɑɔʊuʌəɚɜ")


def test_recordings_are_kept_prompt_by_prompt(tmp_path: Path) -> None:
    kept = Recordings(tmp_path / "recordings", minutes=1)
    wav = base64.b64encode(Audio.read(CLIP).to_bytes("wav")).decode()
    kept.add(3, wav)
    kept.add(0, wav)
    kept.add(3, wav)
    value = Recordings(tmp_path / "recordings", minutes=1).value(arrived=True)
    assert set(value["done"]) == {"0", "3"} and value["index"] == 1
    assert value["seconds"] == pytest.approx(2 * Audio.read(CLIP).duration, abs=0.01)
    lines = (tmp_path / "recordings" / "metadata.csv").read_text().splitlines()
    assert lines == [f"prompt-0001|{prompts.prompts()[0]}", f"prompt-0004|{prompts.prompts()[3]}"]


@pytest.mark.parametrize("number", [-1, 10**6, "0", 0.5, None, True, "../../x"])
def test_only_prompts_can_be_recorded(tmp_path: Path, number: object) -> None:
    with pytest.raises(BadData, match="prompt"):
        Recordings(tmp_path, 1).add(number, "")


@pytest.mark.parametrize("wav", ["", "!", "x" * 10**7, base64.b64encode(b"RIFFnothing").decode(), None, ["a"]])
def test_only_sound_can_be_recorded(tmp_path: Path, wav: object) -> None:
    with pytest.raises(BadAudio):
        Recordings(tmp_path, 1).add(0, wav)
    assert not list(tmp_path.rglob("*.wav"))


def test_recordings_are_bounded(tmp_path: Path) -> None:
    memory = io.BytesIO(Audio.silence(25, 8000).to_bytes("wav"))
    with pytest.raises(BadAudio, match="0.2 minutes"):
        Recordings(tmp_path, 0.2).add(0, base64.b64encode(memory.getvalue()).decode())


# Visitors


def test_a_visitor_is_found_again_and_then_forgotten(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path, grace=0.2, age=100)
    first = visitors.arrive("one")
    (first.folder / "x").write_text("x")
    assert visitors.arrive("one") is first
    visitors.leave("one")
    visitors.sweep()
    assert visitors.arrive("two", first.token) is first  # a reload
    other = visitors.arrive("three", "../../etc" + "x" * 23)
    assert other is not first and other.folder.parent == tmp_path
    visitors.leave("two")
    time.sleep(0.3)
    visitors.sweep()
    assert not first.folder.exists() and other.folder.exists()
    assert visitors.arrive("four", first.token) is not first


def test_a_file_that_two_visitors_uploaded_stays_with_the_second(tmp_path: Path) -> None:
    """Gradio gives the same content the same path."""
    visitors = Visitors(tmp_path / "visitors", grace=0.1, age=100)
    shared = tmp_path / "uploads" / "hash" / "clip.wav"
    shared.parent.mkdir(parents=True)
    shared.write_bytes(CLIP.read_bytes())
    for session in ("one", "two"):
        visitors.arrive(session).uploads.add(shared)
    visitors.leave("one")
    time.sleep(0.2)
    visitors.sweep()
    assert shared.exists()
    visitors.leave("two")
    time.sleep(0.2)
    visitors.sweep()
    assert not shared.exists()


def test_what_was_deleted_can_be_had_back_once(tmp_path: Path) -> None:
    visitor = Visitors(tmp_path, 1, 1).arrive("one")
    visitor.recordings.mkdir()
    (visitor.recordings / "a").write_text("a")
    visitor.discard(visitor.recordings)
    assert not visitor.recordings.exists()
    assert visitor.restore(visitor.recordings) and (visitor.recordings / "a").is_file()
    assert not visitor.restore(visitor.recordings)


def test_a_visitor_can_have_several_voices(tmp_path: Path) -> None:
    visitor = Visitors(tmp_path, 1, 1).arrive("one")
    for name in ("first", "second"):
        (visitor.work / "clone").mkdir(parents=True)
        (visitor.work / "clone" / "config.json").write_text("{}")
        (visitor.work / f"{name}.zip").touch()
        visitor.keep_voice()
    assert set(visitor.voices()) == {"first", "second"} and not visitor.work.exists()
    assert [face.id for face in voices.faces({"first": visitor.voices()["first"]})][0] == "own:first"


def test_a_phone_that_slept_finds_its_folder(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path, grace=0.2, age=100)
    asleep = visitors.arrive("one")
    visitors.leave("one")
    assert visitors.arrive("one") is asleep
    time.sleep(0.3)
    visitors.sweep()
    assert not asleep.folder.exists()


def test_a_visitor_who_never_says_goodbye_is_forgotten_by_age(tmp_path: Path) -> None:
    visitors = Visitors(tmp_path, grace=100, age=0.1)
    silent = visitors.arrive("one")
    time.sleep(0.2)
    visitors.sweep()
    assert not silent.folder.exists()


def test_speeches_do_not_pile_up(tmp_path: Path) -> None:
    visitor = Visitors(tmp_path, 1, 1).arrive("one")
    for _ in range(10):
        visitor.new_speech()
    assert len(list((visitor.folder / "speech").iterdir())) <= 6
