"""What visitors upload to the demo: whatever it is, it is bounded, and nothing leaves its folder."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

pytest.importorskip("voicebank_demo", reason="the demo is a package of its own: pip install ./demo")

from voicebank import uploads  # noqa: E402
from voicebank.audio import Audio  # noqa: E402
from voicebank.data import sources  # noqa: E402
from voicebank.errors import BadAudio, BadData  # noqa: E402
from voicebank_demo.settings import Settings  # noqa: E402

CLIPS = Path(__file__).parent / "data" / "clips" / "us-male" / "wavs"
CLIP = CLIPS / "us-male-00040.ogg"


def zipped(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return path


def taken(tmp_path: Path, *files: Path, bounds: Settings | None = None) -> tuple[Path, Path | None]:
    return uploads.take(files, [file.name for file in files], tmp_path / "upload", bounds or Settings())


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
