"""Scoring voices: a parrot that plays real clips, and an untrained network that never ends a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("jiwer")
pytest.importorskip("speechmos")
pytest.importorskip("voicebank_whisper")

import torch  # noqa: E402

from voicebank.audio import Audio  # noqa: E402
from voicebank.bank import Voice
from voicebank.config import PRESETS, FrontendConfig, VoiceConfig  # noqa: E402
from voicebank.data.dataset import Dataset  # noqa: E402
from voicebank.dctts.ssrn import SSRN  # noqa: E402
from voicebank.dctts.text2mel import Text2Mel  # noqa: E402
from voicebank.errors import BadData, UnknownName  # noqa: E402
from voicebank.evaluation import Recogniser, SsrnScores, evaluate_ssrn, evaluate_voice  # noqa: E402
from voicebank.evaluation.words import Entry, WordScores, evaluate_words, is_recognised, read_words  # noqa: E402
from voicebank.synthesis.speech import Speech  # noqa: E402

CLIPS = Path(__file__).parent / "data" / "clips"
WORDS = Path(__file__).parents[1] / "voices" / "words.txt"


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return Dataset.read(CLIPS / "us-male")


@pytest.fixture(scope="module")
def untrained() -> Voice:
    torch.manual_seed(0)
    text2mel, ssrn = PRESETS["tiny"]
    config = VoiceConfig(name="untrained", text2mel=text2mel, ssrn=ssrn)
    return Voice(config, Text2Mel(text2mel), SSRN(ssrn))


class Parrot:
    """Says what it has a clip of; with the frontend "graphemes" it mumbles, to tell two frontends apart."""

    config = VoiceConfig(name="us-male", frontend=FrontendConfig(name="phonemizer"))

    def __init__(self, clips: dict[str, Path]) -> None:
        self.clips = clips
        self.asked: list[tuple[str, str | None]] = []

    def say_detailed(
        self, text: str, *, frontend: str | None = None, vocoder: Any = None, strict: bool = False
    ) -> Speech:
        self.asked.append((text, frontend))
        audio = Audio.read(self.clips[text])
        return Speech(Audio(audio.samples[::-1], audio.sample_rate) if frontend == "graphemes" else audio, [])


def test_a_voice_is_scored_and_timed(dataset: Dataset, tmp_path: Path) -> None:
    clips = dataset.clips[:2]
    parrot = Parrot({clip.text: clip.path for clip in clips})
    scores = evaluate_voice(
        parrot,  # type: ignore[arg-type]
        [clip.text for clip in clips],
        references=CLIPS / "us-male",
        out=tmp_path / "scores",
        save_audio=True,
    )
    assert [text for text, _ in parrot.asked] == [
        clips[0].text,
        *(clip.text for clip in clips),
    ]  # one to warm up
    assert scores.system == scores.own == "us-male"
    assert scores.frontend == "phonemizer"  # the one in its configuration
    assert scores.wer < 0.1 and scores.faulty == 0
    assert scores.compute_per_second is not None and 0 < scores.compute_per_second < 1
    assert scores.similarity["us-male"] > 0.85
    audio = tmp_path / "scores" / "audio"
    assert sorted(path.name for path in audio.iterdir()) == ["001.wav", "002.wav"]
    assert Audio.read(audio / "001.wav").duration == pytest.approx(Audio.read(clips[0].path).duration, abs=0.01)


def test_a_voice_that_runs_away_is_counted(untrained: Voice, tmp_path: Path) -> None:
    scores = evaluate_voice(untrained, ["One two."], out=tmp_path)
    assert scores.ran_away == scores.faulty == 1
    assert scores.skipped == scores.stopped_early == 0
    assert scores.wer == 1
    assert scores.dnsmos is None and scores.compute_per_second is None
    assert "did not find the end" in scores.rows[0].evidence
    assert "| ran away | 1 |" in (tmp_path / "scores.md").read_text(encoding="utf-8")


def test_bad_requests(untrained: Voice, tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="transcriber"):
        evaluate_voice(untrained, ["Hello."], recogniser=Recogniser("nobody"))
    with pytest.raises(UnknownName, match="frontend"):
        evaluate_voice(untrained, ["Hello."], frontend="nobody")
    with pytest.raises(BadData, match="empty"):
        evaluate_voice(untrained, [])
    with pytest.raises(BadData, match="no clip 'x'"):
        evaluate_ssrn(untrained, CLIPS / "us-male", ids=["x"])


def test_ssrn_alone(untrained: Voice, dataset: Dataset, tmp_path: Path) -> None:
    """True magnitudes are understood, an untrained SSRN is not: the test tells the two apart."""
    result = evaluate_ssrn(untrained, dataset, count=2, out=tmp_path)
    assert result.truth.wer < 0.15
    assert result.more_wer == pytest.approx(result.ssrn.wer - result.truth.wer)
    assert result.more_wer > 0.5
    assert result.l1 > 0.05
    for scores in (result.truth, result.ssrn):
        assert scores.seconds == pytest.approx(result.truth.seconds, abs=0.2)
    assert SsrnScores.model_validate_json((tmp_path / "ssrn.json").read_text(encoding="utf-8")) == result
    assert "| points more | +" in (tmp_path / "ssrn.md").read_text(encoding="utf-8")


def test_words_by_frontend(dataset: Dataset, tmp_path: Path) -> None:
    clips = {clip.text: clip.path for clip in dataset.clips}
    words = tmp_path / "words.txt"
    words.write_text(
        "# comment\nsilk|A white silk jacket goes with any shoes.\n"
        "leaves|The heap of fallen leaves was set on fire.|leeves|seen\n",
        encoding="utf-8",
    )
    scores = evaluate_words(Parrot(clips), words, out=tmp_path)  # type: ignore[arg-type]
    assert (scores.words, scores.unseen) == (2, 1)
    assert scores.right == {"graphemes": 0, "phonemizer": 2}
    assert scores.right_unseen == {"graphemes": 0, "phonemizer": 1}
    assert WordScores.model_validate_json((tmp_path / "words.json").read_text(encoding="utf-8")) == scores
    text = (tmp_path / "words.md").read_text(encoding="utf-8")
    assert "| understood | 0 of 2 | 2 of 2 |" in text
    assert "leaves (seen)" in text


def test_what_counts_as_hearing_a_word() -> None:
    entry = Entry("YouTube", "She watched it on YouTube.", ("YouTube", "you tube"), True)
    assert is_recognised(entry, "She watched it on YouTube!")
    assert is_recognised(entry, "She watched it on You Tube.")
    assert not is_recognised(entry, "She watched it on YouTubes.")
    assert not is_recognised(entry, "")


def test_the_list_of_words(tmp_path: Path) -> None:
    entries = read_words(WORDS)
    asked = {"neural", "Internet", "Nguyen", "GPU", "colonel", "quinoa", "Worcestershire", "YouTube"}
    names = [entry.word for entry in entries]
    assert asked <= set(names) and len(names) == len(set(names))
    assert sum(not entry.seen for entry in entries) >= 48
    bad = tmp_path / "bad.txt"
    bad.write_text("silk|A white jacket.\n", encoding="utf-8")
    with pytest.raises(BadData, match="line 1"):
        read_words(bad)
    with pytest.raises(BadData, match="No such file"):
        read_words(tmp_path / "none.txt")
