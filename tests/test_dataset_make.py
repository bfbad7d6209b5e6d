"""Datasets made of what people have, with the recogniser that listens for real where words matter."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("voicebank_whisper")

import soundfile  # noqa: E402
from benchmarks.recordings import CASES  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

import voicebank  # noqa: E402
from voicebank import plugins  # noqa: E402
from voicebank.audio import Audio  # noqa: E402
from voicebank.cli import app  # noqa: E402
from voicebank.data import make as making  # noqa: E402
from voicebank.data.dataset import Dataset  # noqa: E402
from voicebank.data.report import Report, Row  # noqa: E402
from voicebank.errors import BadData  # noqa: E402
from voicebank.plugins import Transcriber, Transcript, Word  # noqa: E402

CLIPS = Path(__file__).parent / "data" / "clips"
TEXTS = {
    fields[0]: fields[1]
    for folder in CLIPS.iterdir()
    for fields in (line.split("|") for line in (folder / "metadata.csv").read_text().splitlines())
}
MALE = sorted(name for name in TEXTS if name.startswith("us-male"))


def clip(name: str) -> Audio:
    return Audio.read(CLIPS / name[:-6] / "wavs" / f"{name}.ogg")


class Counting:
    """A transcriber that counts, and can be made to fail as a kill would."""

    name = "counting"

    def __init__(self, inner: Transcriber) -> None:
        self.inner = inner
        self.calls = 0
        self.dies_at = -1

    def transcribe(self, audio: Audio | str) -> Transcript:  # type: ignore[override]
        self.calls += 1
        if self.calls == self.dies_at:
            raise KeyboardInterrupt
        return self.inner.transcribe(audio)


class Deaf:
    """Hears one thing, or nothing, whatever is said: for tests in which words do not matter."""

    def __init__(self, text: str = "") -> None:
        self.text = text

    def transcribe(self, audio: Audio | str) -> Transcript:  # type: ignore[override]
        return Transcript(self.text, [Word(w, 0.1 * i, 0.1 * i + 0.1, 0.9) for i, w in enumerate(self.text.split())])


@pytest.fixture(scope="module")
def whisper() -> Transcriber:
    return plugins.create("transcriber", "whisper")


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six sentences in one noisy stereo recording at 48 kHz, and captions that are late, as one SRT."""
    folder = tmp_path_factory.mktemp("talk")
    random = np.random.default_rng(0)
    parts, cues, at = [np.zeros(12000, np.float32)], [], 0.5
    for number, name in enumerate(MALE, 1):
        samples = clip(name).samples
        start, end = at + 0.6, at + len(samples) / 24000 + 0.5
        stamps = [f"00:00:{t:06.3f}".replace(".", ",") for t in (start, end)]
        cues.append(f"{number}\n{stamps[0]} --> {stamps[1]}\n{TEXTS[name]}\n")
        parts += [samples, np.zeros(14400, np.float32)]
        at += len(samples) / 24000 + 0.6
    sound = np.concatenate(parts)
    sound += 0.001 * random.standard_normal(len(sound)).astype(np.float32)
    wide = Audio(sound, 24000).resample(48000).samples
    soundfile.write(folder / "talk.flac", np.stack([wide, 0.5 * wide], 1), 48000)
    (folder / "talk.srt").write_text("\n".join(cues))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three clips, one with .txt, one with .lab, and a corrupt file."""
    place = tmp_path / "clips"
    place.mkdir()
    for name, suffix in zip(MALE[:2], (".txt", ".lab"), strict=True):
        clip(name).save(place / f"{name}.wav")
        (place / f"{name}{suffix}").write_text(TEXTS[name] + "\n")
    (place / "broken.wav").write_bytes(b"RIFF no sound at all" * 50)
    (place / "broken.txt").write_text("Nothing.")
    return place


def files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_a_recording_with_captions_killed_and_started_again(talk: Path, tmp_path: Path, whisper: Transcriber) -> None:
    out = tmp_path / "me"
    before = (talk / "talk.flac").read_bytes()
    counting = Counting(whisper)
    counting.dies_at = 3
    with pytest.raises(KeyboardInterrupt):
        Dataset.make(talk / "talk.flac", out, transcriber=counting)
    with pytest.raises(BadData, match=r"no metadata\.csv"):
        Dataset.read(out)
    (row,) = (out / ".make").glob("*.heard.jsonl")
    row.write_text(row.read_text() + '{"window": [0, ')  # a line torn by the kill
    counting.dies_at = -1
    first = counting.calls
    made = Dataset.make(talk / "talk.flac", out, transcriber=counting)
    assert made.report is not None and len(made.report.kept) == len(made.clips)
    pieces = len(json.loads((out / "dataset.json").read_text())["rows"])
    assert counting.calls - first <= pieces + 1  # what was heard before is not heard again
    calls = counting.calls
    assert Dataset.make(talk / "talk.flac", out, transcriber=counting) == made  # done: nothing is repeated
    assert counting.calls == calls

    assert before == (talk / "talk.flac").read_bytes()
    said = " ".join(c.text for c in made.clips)
    written = " ".join(TEXTS[name] for name in MALE)
    assert len(said.split()) >= 0.8 * len(written.split())
    assert all(sentence.rstrip(",.") in written for sentence in (c.text for c in made.clips))
    for c in made.clips:
        info = soundfile.info(c.path)
        assert (info.samplerate, info.channels, info.subtype) == (24000, 1, "PCM_16")
        assert 1.5 <= info.duration <= 12
    lines = [line.split("|") for line in (out / "metadata.csv").read_text().splitlines()]
    assert all(len(line) == 3 for line in lines)
    page = (out / "report.html").read_text()
    assert "<svg" in page and "http" not in page and "minutes" in page
    assert not (out / ".make").exists() and not any(name.endswith(".part") for name in files(out))


def test_rolling_captions_that_are_late(tmp_path: Path, whisper: Transcriber) -> None:
    clips = Dataset.read(CLIPS / "us-male").clips
    talk = CASES["rolling captions"].make(clips, tmp_path / "talk")
    made = Dataset.make(talk, tmp_path / "me", transcriber=whisper)
    said, written = (" ".join(c.text for c in part).split() for part in (made.clips, clips))
    assert 0.8 * len(written) <= len(said) <= len(written)


def test_captions_of_another_video(talk: Path, tmp_path: Path, whisper: Transcriber) -> None:
    (tmp_path / "other.vtt").write_text(
        "WEBVTT\n\n00:00.000 --> 00:15.000\n" + "Parliament has rejected every motion about fishing rights. " * 4
    )
    with pytest.raises(BadData, match="captions those of another") as caught:
        Dataset.make(talk / "talk.flac", tmp_path / "me", captions=tmp_path / "other.vtt", transcriber=whisper)
    assert "\n" not in str(caught.value)


def test_untranscribed_recording(talk: Path, tmp_path: Path, whisper: Transcriber) -> None:
    shutil.copy(talk / "talk.flac", tmp_path / "alone.flac")
    made = Dataset.make(tmp_path / "alone.flac", tmp_path / "me", transcriber=whisper)
    assert "silk jacket" in " ".join(c.text for c in made.clips)


def test_a_folder_with_a_corrupt_file(folder: Path, tmp_path: Path, whisper: Transcriber) -> None:
    before = {name: (folder / name).read_bytes() for name in files(folder)}
    result = CliRunner().invoke(app, ["dataset", "make", str(folder), "-o", str(tmp_path / "me")])
    assert result.exit_code == 0, result.output
    assert "broken.wav" in result.stderr
    assert "only 5 seconds" in result.stderr or "seconds of speech" in result.stderr
    made = Dataset.read(tmp_path / "me")
    assert {c.id: c.text for c in made.clips} == {name: TEXTS[name] for name in MALE[:2]}
    assert before == {name: (folder / name).read_bytes() for name in files(folder)}


def test_wrong_transcripts_are_found_and_dropped(tmp_path: Path, whisper: Transcriber) -> None:
    place = tmp_path / "mine"
    (place / "wavs").mkdir(parents=True)
    lines = []
    for name, text in ((MALE[0], TEXTS[MALE[1]]), (MALE[1], TEXTS[MALE[1]]), (MALE[2], TEXTS[MALE[2]])):
        clip(name).save(place / "wavs" / f"{name}.wav")
        lines.append(f"{name}|{text}")
    shutil.copy(place / "wavs" / f"{MALE[1]}.wav", place / "wavs" / "copy.wav")
    lines += [f"copy|{TEXTS[MALE[1]]}", "gone|There is no such clip."]
    (place / "metadata.csv").write_text("\n".join(lines) + "\n")
    found = Dataset.check(place, transcriber=whisper)
    assert {(f.clip, f.kind) for f in found.findings if f.serious and f.kind != "too little"} == {
        (MALE[0], "mismatch"),
        (MALE[1], "duplicate"),
        ("gone", "missing"),
    }
    fixed = CliRunner().invoke(app, ["dataset", "check", str(place), "--fix", str(tmp_path / "fixed")])
    assert fixed.exit_code == 0, fixed.output
    assert {c.id for c in Dataset.read(tmp_path / "fixed").clips} == {MALE[2], "copy"}
    checked = CliRunner().invoke(app, ["dataset", "check", str(place), "--transcriber", "none"])
    assert checked.exit_code == 1
    assert "gone: there is no sound file" in checked.output


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_audio_folder(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "hub"
    (place / "train").mkdir(parents=True)
    entries = [{"file_name": f"train/{n}.flac", "transcription": TEXTS[n]} for n in MALE[:2]]
    for name in MALE[:2]:
        clip(name).save(place / "train" / f"{name}.flac")
    if kind == "jsonl":
        (place / "metadata.jsonl").write_text("".join(json.dumps(e) + "\n" for e in entries))
    else:
        rows = [f'{e["file_name"]},"{e["transcription"]}"' for e in entries]
        (place / "metadata.csv").write_text("\n".join(["file_name,transcription", *rows]) + "\n")
    made = Dataset.make(place, tmp_path / "me", transcriber=None)
    assert [c.text for c in made.clips] == [TEXTS[name] for name in MALE[:2]]


def test_places_that_hold_nothing(tmp_path: Path, tone: Audio) -> None:
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "none"):
        with pytest.raises(BadData, match="no recording in|no file or folder") as caught:
            Dataset.make(place, tmp_path / "me", transcriber=None)
        assert "\n" not in str(caught.value)
    tone.save(tmp_path / "tone.wav")
    with pytest.raises(BadData, match="needs a transcriber"):
        Dataset.make(tmp_path / "tone.wav", tmp_path / "me", transcriber=None)
    with pytest.raises(BadData, match="no clip of .* can be used"):
        Dataset.make(tmp_path / "tone.wav", tmp_path / "me2", transcriber=Deaf())


def test_a_folder_that_holds_something_else_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "me").mkdir()
    (tmp_path / "me" / "diary.txt").write_text("mine")
    with pytest.raises(BadData, match="not empty"):
        Dataset.make(folder, tmp_path / "me", transcriber=None)
    assert files(tmp_path / "me") == {"diary.txt"}
    Dataset.make(folder, tmp_path / "new", transcriber=None)
    (folder / f"{MALE[0]}.txt").write_text("Another text.")
    with pytest.raises(BadData, match="holds a dataset already"):
        Dataset.make(folder, tmp_path / "new", transcriber=None)


def test_twenty_seconds_of_data(tmp_path: Path) -> None:
    place = tmp_path / "clips"
    place.mkdir()
    for name in MALE[:6]:
        clip(name).save(place / f"{name}.wav")
        (place / f"{name}.txt").write_text(TEXTS[name])
    unheard = ["--transcriber", "none"]
    result = CliRunner().invoke(app, ["dataset", "make", str(place), "-o", str(tmp_path / "me"), *unheard])
    assert result.exit_code == 0, result.output
    assert re.search(r"only \d\d seconds of speech \(too little\): record more: 1 minute", result.stderr)
    assert 10 < sum(soundfile.info(c.path).duration for c in Dataset.read(tmp_path / "me").clips) < 25
    result = CliRunner().invoke(app, ["dataset", "check", str(tmp_path / "me"), *unheard])
    assert result.exit_code == 1
    assert "too little" in result.output


def test_a_dataset_may_be_made_in_the_folder_of_its_recordings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("voicebank.data.make.page", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            Dataset.make(folder, folder / "me", transcriber=None)
    first = Dataset.make(folder, folder / "me", transcriber=None)
    assert len(first.clips) == 2
    assert Dataset.make(folder, folder / "me", transcriber=None) == first


def test_a_full_disk(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(BadData, match="No space left on device") as caught:
            Dataset.make(folder, tmp_path / "me", transcriber=None)
    assert "\n" not in str(caught.value)
    assert len(Dataset.make(folder, tmp_path / "me", transcriber=None).clips) == 2


def test_two_speakers_mixed(tmp_path: Path) -> None:
    pytest.importorskip("resemblyzer")
    place = tmp_path / "mixed"
    place.mkdir()
    for name in (*MALE[:6], *sorted(n for n in TEXTS if n.startswith("gb-female"))[:3]):
        clip(name).save(place / f"{name}.wav")
        (place / f"{name}.txt").write_text(TEXTS[name])
    found = Dataset.check(place, transcriber=None)
    marked = {f.clip for f in found.findings if f.kind == "speaker"}
    assert marked == {n for n in TEXTS if n.startswith("gb-female") and (place / f"{n}.wav").exists()}


@pytest.fixture
def examined() -> Iterator[Row]:
    yield Row(id="a", source="a.wav", text=TEXTS[MALE[0]])


def kinds(row: Row, audio: Audio, clipped: int = 0, heard: str | None = None) -> set[str]:
    from voicebank.data.checks import check_clip

    check_clip(row, audio, clipped, None if heard is None else Transcript(heard))
    return {finding.kind for finding in row.findings}


def test_sound_that_is_bad(examined: Row) -> None:
    audio = clip(MALE[0])
    fresh = examined.model_copy(deep=True)
    assert kinds(examined, audio) == set()
    noise = np.random.default_rng(0).standard_normal(len(audio.samples)).astype(np.float32)
    loud = Audio(audio.samples + 0.05 * noise, 24000)
    assert kinds(fresh.model_copy(deep=True), loud) == {"noise"}
    times = np.arange(len(audio.samples)) / 24000
    chord = sum(np.sin(2 * np.pi * hertz * times) for hertz in (220.0, 277.2, 329.6, 440.0))
    music = Audio(audio.samples + 0.03 * np.asarray(chord, np.float32), 24000)
    assert kinds(fresh.model_copy(deep=True), music) == {"noise"}
    assert kinds(fresh.model_copy(deep=True), Audio.silence(2, 24000)) == {"silence"}
    halves = Audio.join([audio, Audio.silence(2, 24000), audio])
    assert kinds(fresh.model_copy(deep=True), halves) == {"pause"}
    assert kinds(fresh.model_copy(deep=True), audio, clipped=50) == {"clipping"}
    assert "length" in kinds(fresh.model_copy(deep=True), Audio.join([audio] * 9))


@pytest.mark.parametrize(
    ("text", "heard", "kind"),
    [
        ("Das ist ja eine ganz andere Sprache hier.", "That's yeah I'm gans under Spark a here", "language"),
        ("Это совсем другой язык.", None, "language"),
        ("I paid ☃ for it all.", None, "characters"),
        ("I paid for it.", "I um paid for it", "corrected"),
        ("I paid for it.", "I paid paid for it", "corrected"),
        ("I paid for it.", "I um bought it", "disfluency"),
        ("I paid for all of it yesterday.", "I paid for all", "mismatch"),
    ],
)
def test_words_that_are_bad(examined: Row, text: str, heard: str | None, kind: str) -> None:
    examined.text = text
    assert kind in kinds(examined, clip(MALE[0]), heard=heard)


def test_the_public_names(tmp_path: Path) -> None:
    assert voicebank.Dataset is Dataset
    assert isinstance(making.check(CLIPS / "us-male", transcriber=None), Report)
