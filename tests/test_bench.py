"""``python -m benchmarks``: that it measures and reports; how fast things are is for a quiet machine to say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks import report, texts
from benchmarks.__main__ import app
from benchmarks.speed import measure_speech, measure_training
from benchmarks.steps import CROP, FRAMES, SYMBOLS, random_batch
from typer.testing import CliRunner

from voicebank.errors import BadData, BadText


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    return measure_speech(["us-male"], others=False, page=["One.", "Two."], rounds=1, book_minutes=0.02, patience=0)


@pytest.mark.long
def test_a_voice_is_measured(measured: dict[str, Any]) -> None:
    row = measured["engines"]["voicebank:us-male"]
    assert 4 < row["speech_seconds"] < 9
    for key in ("sentence", "sentence_cpu", "page", "page_cpu", "first_sound_seconds", "cold_start_seconds"):
        assert 0 < row[key] < 60
    assert 50 < row["peak_mb"] < 2000
    assert measured["growth"]["second_60"] > 0
    assert measured["threads"] >= 1 and measured["machine"]["python"]


@pytest.mark.long
def test_it_is_reported(measured: dict[str, Any], tmp_path: Path) -> None:
    report.save(measured, tmp_path / "new", "speech")
    table, shown = ((tmp_path / "new" / f"speech.{kind}").read_text() for kind in ("json", "md"))
    assert json.loads(table) == measured
    assert "| us-male |" in shown
    assert "| a sentence, against Piper |  | ≤ 0.6 | not measured |" in shown


def result(**engines: dict[str, float]) -> dict[str, Any]:
    return {"engines": engines, "growth": {"second_6": 0.01, "second_60": 0.012}, "book": {"peaks_mb": [480, 500, 501]}}


def test_bars() -> None:
    ours = {"sentence": 0.012, "page": 0.008, "first_sound_seconds": 0.03}
    slow = {"sentence": 0.024, "page": 0.012, "first_sound_seconds": 0.02}
    piper = {"sentence": 0.035, "page": 0.035, "first_sound_seconds": 0.35}
    engines = {"voicebank:a": ours, "voicebank:b": slow, "piper:": piper, "dctts-small:x": {"sentence": 0.9}}
    met = {bar.what: bar.met for bar in report.bars(result(**engines))}
    assert met["a sentence, against Piper"] is False  # the slower voice counts
    assert met["first sound, against Piper"] is True
    assert met["times faster than pytorch-dc-tts"] is True
    assert met["a frame in the 60th second, against the 6th"] is False
    assert met["peak MB, reading a book"] is True

    steps = {"seconds_per_step": 1.0}
    training = {f"voicebank {p} {n}": steps for p in ("float32", "auto") for n in ("text2mel", "ssrn")}
    assert [bar.met for bar in report.bars({"training": training})] == [None] * 4
    training |= {f"dctts float32 {n}": {"seconds_per_step": 1.6} for n in ("text2mel", "ssrn")}
    assert [bar.met for bar in report.bars({"training": training})] == [True] * 4


def test_the_same_batch_for_all() -> None:
    symbols, mel, magnitude = random_batch()
    assert symbols.shape[1] == SYMBOLS and mel.shape[1] == FRAMES and magnitude.shape[1] == 4 * CROP
    assert (symbols == random_batch()[0]).all()


def test_what_is_no_checkout_and_no_page(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no checkout of github.com/tugstugi/pytorch-dc-tts"):
        measure_training(tmp_path)
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(BadText, match="holds no sentence"):
        texts.read_page(tmp_path / "empty.txt")


def test_a_voice_that_is_not_there() -> None:
    with pytest.raises(BadData, match="unknown voice 'nobody'"):
        measure_speech(["nobody"], others=False, rounds=1)


def test_a_digest_tells_whether_sound_changed(tmp_path: Path) -> None:
    sentences, before = tmp_path / "sentences.txt", tmp_path / "before.json"
    sentences.write_text("One.\nTwo.\n")
    command = ["sound", str(sentences), "--voice", "us-male"]
    first = CliRunner().invoke(app, command)
    assert list(json.loads(first.stdout)) == ["us-male"]
    before.write_text(first.stdout)
    assert CliRunner().invoke(app, [*command, "--against", str(before)]).exit_code == 0
    before.write_text(json.dumps({"us-male": "0" * 16}))
    changed = CliRunner().invoke(app, [*command, "--against", str(before)])
    assert changed.exit_code == 1 and changed.stderr == "changed: us-male\n"
