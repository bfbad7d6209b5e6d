"""Scoring: real clips, the real recogniser, the real quality and speaker networks."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

pytest.importorskip("jiwer")
pytest.importorskip("speechmos")
pytest.importorskip("voicebank_whisper")

from voicebank.audio import Audio  # noqa: E402
from voicebank.cli import app  # noqa: E402
from voicebank.config import VoiceConfig  # noqa: E402
from voicebank.data.dataset import audio_files, match_clips, read_sentences  # noqa: E402
from voicebank.errors import BadData  # noqa: E402
from voicebank.evaluation import compare_scores, evaluate_folder  # noqa: E402
from voicebank.evaluation.faults import path_faults, ran_away  # noqa: E402
from voicebank.evaluation.listening import compare, normalise_words  # noqa: E402
from voicebank.evaluation.measures import RATE, centroids, naturalness, prosody, quality  # noqa: E402
from voicebank.evaluation.scores import Scores  # noqa: E402
from voicebank.hub.card import card  # noqa: E402
from voicebank.signal import speaker  # noqa: E402
from voicebank.signal.speaker import embed  # noqa: E402

CLIPS = Path(__file__).parent / "data" / "clips"
TEXT = "The heap of fallen leaves was set on fire by the old man."


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scores, Path]:
    out = tmp_path_factory.mktemp("scores")
    references = {"gb-female": CLIPS / "gb-female", "us-male": CLIPS / "us-male"}
    return evaluate_folder(CLIPS / "us-male", references=references, out=out), out


def test_a_folder_of_good_clips_scores_well(scores: tuple[Scores, Path]) -> None:
    result, _ = scores
    assert result.sentences == 6
    assert result.wer <= 0.05
    assert result.cer <= result.wer + 0.02
    assert result.dnsmos is not None and 2.9 < result.dnsmos < 4.2
    assert result.distillmos is not None and 3.9 < result.distillmos < 4.7
    assert result.dnsmos_signal is not None and result.dnsmos_background is not None
    assert result.own == result.nearest == "us-male"
    assert result.nearest_own == 1
    assert result.similarity["us-male"] > 0.85 > result.similarity["gb-female"] + 0.1
    assert result.compute_per_second is None
    for value, own in (
        (result.pitch_spread, result.own_pitch_spread),
        (result.energy_spread, result.own_energy_spread),
    ):  # the reference is the same folder
        assert value is not None and value == pytest.approx(own)
    assert result.faulty == result.ran_away == result.repeated == result.skipped == result.stopped_early == 0


def test_the_report(scores: tuple[Scores, Path]) -> None:
    result, out = scores
    written = (out / "scores.json").read_text(encoding="utf-8")
    assert Scores.model_validate_json(written) == result
    assert Scores.model_validate_json(written.replace('"transcript":', '"heard":')) == result  # of before 1.0
    text = (out / "scores.md").read_text(encoding="utf-8")
    assert "| word error rate |" in text
    assert all(row.text in text for row in result.rows)
    assert "| DistillMOS | 4." in text
    lowest = min(result.rows, key=lambda row: row.distillmos or 0)
    assert result.least_natural()[0] == lowest
    assert f"| {lowest.id} | {lowest.distillmos:.2f} | {lowest.text} |" in text
    errors = [row.wer for row in result.rows]
    assert errors == sorted(errors, reverse=True)
    assert sorted(path.name for path in out.iterdir()) == ["scores.json", "scores.md"]
    assert json.loads((out / "scores.json").read_text())["transcriber"] == "whisper tiny.en"


def test_a_voice_that_says_all_on_one_note_is_flat() -> None:
    clip = Audio.read(CLIPS / "us-male" / "wavs" / "us-male-00008.ogg")
    time = np.arange(2 * RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * 120 * k * time) / k for k in range(1, 20))
    spoken, flat = prosody(clip), prosody(Audio(0.2 * buzz, RATE))
    assert spoken.pitch is not None and flat.pitch is not None and flat.pitch < 0.2 < 1 < spoken.pitch < 6
    assert spoken.energy is not None and flat.energy is not None and flat.energy < 1 < 5 < spoken.energy < 20
    assert prosody(Audio.silence(2, RATE)) == (None, None)


def test_two_systems_are_compared_sentence_by_sentence(scores: tuple[Scores, Path], tmp_path: Path) -> None:
    """Every sentence of the worse one has one more error, so its interval lies above none."""
    result, out = scores
    rows = [row.model_copy(update={"word_errors": row.word_errors + 1, "distillmos": 3.0}) for row in result.rows]
    worse = result.model_copy(update={"system": "worse", "rows": rows})
    worse.write(tmp_path, "scores")
    found = compare_scores(worse, Scores.read(out))
    assert (found.system, found.against, found.sentences) == ("worse", "us-male", 6)
    assert found.wer.low <= found.wer.value <= found.wer.high and found.wer.low > 0
    assert found.wer.value == pytest.approx(6 / sum(row.words for row in rows))
    assert found.distillmos is not None and found.distillmos.high < 0
    page = card(VoiceConfig(name="worse"), {"own": worse.model_copy(update={"against": found}).model_dump()})
    assert "| word error rate less that of us-male, points (95 % interval) | +" in page
    assert "| DistillMOS | 4." in page and "| pitch spread within a clip, semitones (of its own speaker) | " in page
    same = compare_scores(result, result)
    assert (same.wer.value, same.wer.low, same.wer.high) == (0, 0, 0)
    shown = CliRunner().invoke(app, ["evaluate", str(tmp_path / "scores.json"), "--against", str(out)])
    assert shown.exit_code == 0 and shown.stdout.strip() == found.summary().strip()
    with pytest.raises(BadData, match="different sentences"):
        compare_scores(result, worse.model_copy(update={"rows": []}))
    with pytest.raises(BadData, match="no scores.json of"):
        (tmp_path / "ssrn.json").write_text("{}")
        Scores.read(tmp_path / "ssrn.json")
    alone = CliRunner().invoke(app, ["evaluate", str(tmp_path / "scores.json")])
    assert alone.exit_code == 2 and "--against FILE" in alone.stderr


def test_bad_clips_score_badly(tmp_path: Path) -> None:
    """Clips that stop early, say all twice, drag on or are silent, and one that is missing."""
    text = "A white silk jacket goes with any shoes."
    clip = Audio.read(CLIPS / "us-male" / "wavs" / "us-male-00040.ogg")
    rate, n = clip.sample_rate, len(clip.samples)
    Audio(clip.samples[: int(0.55 * n)], rate).save(tmp_path / "cut.wav")
    Audio.join([clip, clip]).save(tmp_path / "twice.wav")
    Audio.join([clip, Audio.silence(12, rate)]).save(tmp_path / "long.wav")
    Audio.silence(1, rate).save(tmp_path / "silent.wav")
    sentences = dict.fromkeys(("cut", "twice", "long", "silent", "absent"), text)
    result = evaluate_folder(tmp_path, sentences, references=CLIPS / "us-male")
    faults = {row.id: row.faults for row in result.rows}
    assert faults["cut"] == ["stopped early"]
    assert faults["twice"] == ["repeated"]
    assert faults["long"] == ["ran away"]
    assert "stopped early" in faults["silent"]
    assert result.missing == 1
    assert result.faulty == 4
    silent = next(row for row in result.rows if row.id == "silent")
    assert silent.dnsmos is None and silent.similarity == {} and silent.wer >= 1


def test_faults_in_what_is_heard() -> None:
    def faults(heard: str) -> set[str]:
        return set(compare(TEXT, heard).faults)

    assert faults(TEXT.upper()) == set()
    assert faults("The heap of fallen leaves was set on fire by the") == set()  # two words: not yet a fault
    assert faults("The heap of fallen leaves was set on fire by") == {"stopped early"}
    assert faults("The heap of fallen leaves was mumble") == {"stopped early"}
    assert faults("The heap of on fire by the old man.") == {"skipped"}
    assert faults("was set on fire by the old man.") == {"skipped"}
    assert faults("The heap of fallen leaves, fallen leaves was set on fire by the old man.") == set()
    assert faults("The heap of fallen, heap of fallen leaves was set on fire by the old man.") == {"repeated"}
    assert faults("The heap of fallen leaves leaves leaves was set on fire by the old man.") == {"repeated"}
    assert faults("") == {"stopped early"}
    chile = "Mix green chile peppers, tomatoes with green chile peppers and refried beans."
    assert compare(chile, chile.replace("chile", "chili")).faults == {}  # misheard twice is not repeated
    assert set(compare("Very very very good, very very very good.", "Very very very good.").faults) == {"stopped early"}
    assert compare("No no no no.", "No, no, no, no.").faults == {}


def test_texts_are_normalised_on_both_sides() -> None:
    assert normalise_words("It's the COLOUR of  twenty-one\nshoes!") == "it is the color of 21 shoes"
    exact = compare("It's the colour of twenty-one shoes!", "it is the color of 21 shoes")
    assert exact.word_errors == exact.character_errors == 0
    one = compare("A white silk jacket.", "a white milk jacket")
    assert (one.words, one.word_errors, one.character_errors) == (4, 1, 1)


def test_what_counts_as_running_away() -> None:
    assert ran_away("Hello there.", 3.0) is None
    assert ran_away("Hello there.", 8.0)
    assert ran_away("In 1987, 123,456.", 8.0) is None


def test_faults_in_the_path_of_attention() -> None:
    symbols = "THE HEAP OF FALLEN LEAVES WAS SET ON FIRE."
    steady = np.repeat(np.arange(len(symbols) + 1), 2)
    assert path_faults(steady, symbols) == {}
    jump = np.concatenate([steady[:20], steady[60:]])
    assert set(path_faults(jump, symbols)) == {"skipped"}
    assert set(path_faults(np.concatenate([steady[:20], steady[-3:]]), symbols)) == {"stopped early"}
    assert set(path_faults(steady[:30], symbols)) == {"stopped early"}
    assert set(path_faults(np.concatenate([steady[:60], steady[10:]]), symbols)) == {"repeated"}


def test_quality_and_speaker_of_odd_sound() -> None:
    nothing, silence = Audio(np.zeros(0, np.float32), 24000), Audio.silence(2, 24000)
    for audio in (nothing, silence):
        assert quality(audio) is None
        assert naturalness(audio) is None
        assert embed(audio) is None
    clip = Audio.read(CLIPS / "us-male" / "wavs" / "us-male-00008.ogg")
    loud = Audio(np.clip(clip.samples * 20, -1, 1), clip.sample_rate)
    good, bad = quality(clip), quality(loud)
    assert good is not None and bad is not None and bad.signal < good.signal
    natural, distorted = naturalness(clip), naturalness(loud)
    assert natural is not None and distorted is not None and distorted < natural - 1
    one = embed(clip)
    assert one is not None and np.isclose(np.linalg.norm(one), 1, atol=1e-4)


def test_nothing_lent_to_resemblyzer_stays_behind() -> None:
    assert embed(Audio.read(CLIPS / "us-male" / "wavs" / "us-male-00008.ogg")) is not None
    for name in ("pkg_resources", "scipy.ndimage.morphology"):
        assert name not in sys.modules or sys.modules[name].__file__


def test_speakers_told_apart_in_several_threads_leave_pytorch_all_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    arrived, entered, left = (threading.Event() for _ in range(3))

    class Encoder:
        def embed_utterance(self, speech: np.ndarray) -> np.ndarray:
            assert torch.get_num_threads() == 1
            if threading.current_thread() is first:  # it leaves when the second is there, and the second after it
                arrived.set()
                entered.wait(60)
            else:
                entered.set()
                left.wait(60)
            return np.ones(256, np.float32)

    resemblyzer = SimpleNamespace(preprocess_wav=lambda samples: samples)
    monkeypatch.setattr(speaker, "_encoder", lambda: (resemblyzer, Encoder()))
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        audio = Audio(np.ones(16000), 16000)
        first, second = (threading.Thread(target=embed, args=(audio,)) for _ in range(2))
        first.start()
        arrived.wait(60)
        second.start()
        first.join()
        left.set()
        second.join()
        found: list[int] = []
        fresh = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        fresh.start()
        fresh.join()
        assert found == [3]
    finally:
        torch.set_num_threads(before)


def test_references_take_their_names_from_folders() -> None:
    assert list(centroids(CLIPS / "us-male")) == ["us-male"]
    assert centroids(None) == {}
    with pytest.raises(BadData, match="holds no clips"):
        centroids({"nobody": CLIPS / "nobody"})


def test_lists_of_sentences(tmp_path: Path) -> None:
    plain = tmp_path / "plain.txt"
    plain.write_text("One.\n\nTwo.\n", encoding="utf-8")
    assert read_sentences(plain) == {"001": "One.", "002": "Two."}
    table = tmp_path / "metadata.csv"
    table.write_text("a|1|One.\nb|2|Two.\n", encoding="utf-8")
    assert read_sentences(table) == {"a": "One.", "b": "Two."}
    assert read_sentences(["One."]) == {"001": "One."}
    for bad, message in (
        ([], "empty"),
        (["..."], "no words"),
        (tmp_path / "none.txt", "none.txt: No such file"),
    ):
        with pytest.raises(BadData, match=message):
            read_sentences(bad)
    table.write_text("a|One.\na|Two.\n", encoding="utf-8")
    with pytest.raises(BadData, match="twice"):
        read_sentences(table)


def test_clips_meet_their_sentences(tmp_path: Path) -> None:
    for name in ("s2", "s10", "s1"):
        Audio.silence(0.1, 16000).save(tmp_path / f"{name}.wav")
    assert [path.stem for path in audio_files(tmp_path)] == ["s1", "s2", "s10"]
    clips, missing = match_clips(tmp_path, ["One.", "Two.", "Ten."])
    assert {name: text for name, (_, text) in clips.items()} == {"s1": "One.", "s2": "Two.", "s10": "Ten."}
    assert missing == 0
    with pytest.raises(BadData, match="3 clips for 1 sentences"):
        match_clips(tmp_path, ["One."])
    with pytest.raises(BadData, match="no sentence, first: s10"):
        match_clips(tmp_path, {"s1": "One.", "s2": "Two."})
    with pytest.raises(BadData, match=r"no metadata\.csv"):
        match_clips(tmp_path, None)
    with pytest.raises(BadData, match="holds no clips"):
        match_clips(tmp_path / "none", ["One."])
