"""Cloning with shipped voices and real clips: what is tested is the mechanics, in a few steps."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from clones import CLIPS, Recorded, doubled
from typer.testing import CliRunner

import voicebank
from voicebank.audio import Audio
from voicebank.bank import Voice
from voicebank.cli import app
from voicebank.cloning.closest import measure, median_pitch, reference
from voicebank.cloning.finetune import Text2MelClone, freeze, hold_out, sentences
from voicebank.cloning.material import Material
from voicebank.cloning.run import frontend_of, screen
from voicebank.cloning.store import CloneSettings, CloneState, Store
from voicebank.data.dataset import Clip, Dataset
from voicebank.dctts.decoder import decode
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadData, ConsentError
from voicebank.hub.download import known_as
from voicebank.text.frontend import join
from voicebank.text.symbols import encode
from voicebank.training import features
from voicebank.training.batches import Item, MixedOrder, usable
from voicebank.training.features import Features
from voicebank.training.runs import with_rows
from voicebank.training.spoken import speak
from voicebank.training.trainer import Trainer, TrainerConfig
from voicebank.training.variance import match_magnitudes, match_mels

BASE = "gb-female"  # far from the speaker: there is something to learn
ENGLISH = "p b t d k ɡ m n ŋ f v θ ð s z ʃ ʒ h l ɹ j w tʃ dʒ iː ɪ ɛ æ ɑː ɔː ʊ uː ʌ ə eɪ aɪ ɔɪ aʊ oʊ ɚ"
FEW = {
    "text2mel_steps": 8,
    "ssrn_steps": 2,
    "rate": 5e-4,
    "batch_size": 3,
    "rehearsal_sentences": 3,
    "validate_every": 4,
    "preview_every": 4,
    "preview_text": "Hello there.",
}


@pytest.fixture(scope="module")
def me(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return doubled(tmp_path_factory.mktemp("recordings") / "me")


@pytest.fixture(scope="module")
def cloned(me: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recorded]:
    """A whole cloning without consent, and what it told."""
    folder, told = tmp_path_factory.mktemp("voices") / "mine", Recorded()
    voicebank.load(BASE).clone(Dataset.read(me), folder, settings=FEW, progress=told, gender="male")
    return folder, told


@pytest.mark.slow
def test_a_clone_is_nearer_its_speaker_and_says_where_it_comes_from(cloned: tuple[Path, Recorded]) -> None:
    folder, told = cloned
    assert list(dict.fromkeys(told.stages)) == ["checking", "features", "base speech", "text2mel", "ssrn"]
    assert all(left >= 0 for *_, left in told.steps)
    l1 = {step: value for stage, step, value, _ in told.scored if stage == "text2mel"}
    assert set(l1) == {0, 4, 8} and l1[8] < l1[0]
    voice = Voice.from_folder(folder)
    config = voice.config
    assert (config.name, config.parent, config.gender, config.accent) == ("mine", BASE, "male", "British")
    assert config.training["minutes"] > 0.4 and config.training["text2mel_steps"] in (4, 8)
    scores = config.training["scores"]
    assert scores["text2mel_l1"] == round(min(l1.values()), 4) < scores["text2mel_l1_base"]
    assert -1 <= scores["similarity_base"] <= 1 and -1 <= scores["similarity"] <= 1
    assert Audio.read(folder / "sample.ogg").duration > 0.5
    marked = voicebank.detect(voice.say("The train to London leaves at noon from the second platform."))
    assert marked.payload == voice.payload != voicebank.load(BASE).payload
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"Fine-tuned from `{BASE}`" in card and "private use" in card
    assert {p.name for p in folder.iterdir()} == {
        "README.md",
        "config.json",
        "sample.ogg",
        "ssrn.safetensors",
        "text2mel.safetensors",
    }
    work = Store(folder).work
    for stage, step, seconds, picture in told.previews:
        assert picture is not None and picture.is_file() and seconds > 0.2
        assert (work / "previews" / f"{stage}-{step:06d}.ogg").is_file()
    assert [(stage, step) for stage, step, *_ in told.previews] == [("text2mel", 4), ("text2mel", 8)]
    assert not list(work.rglob("*.part")) and not list(work.rglob("checkpoint.safetensors"))


def test_a_finished_voice_is_not_made_again(cloned: tuple[Path, Recorded], me: Path) -> None:
    told = Recorded()
    before = (cloned[0] / "text2mel.safetensors").stat().st_mtime_ns
    voicebank.load(BASE).clone(Dataset.read(me), cloned[0], settings=FEW, progress=told)
    assert told.stages == [] and "is finished" in told.notes[0]
    assert (cloned[0] / "text2mel.safetensors").stat().st_mtime_ns == before


def test_without_consent_it_is_not_pushed_and_consent_can_be_given_later(
    cloned: tuple[Path, Recorded], me: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    shutil.copytree(cloned[0], mine)
    shutil.copytree(Store(cloned[0]).work, Store(mine).work)
    voice = voicebank.load(mine)
    assert voice.config.private_use and voice.config.consent == ""
    with pytest.raises(ConsentError, match="--consent"):
        voice.push_to_hub("me/mine")
    result = CliRunner().invoke(app, ["push", str(mine), "me/mine"])
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1 and "--consent" in result.stderr
    agreed = "Jane Doe, her own voice, for anything."
    again = voicebank.load(BASE).clone(Dataset.read(me), mine, settings=FEW, consent=agreed)
    assert again.config.consent == agreed and not again.config.private_use
    card = (mine / "README.md").read_text(encoding="utf-8")
    assert agreed in card and "private use" not in card
    # Whoever writes it into the config by hand has given it too.
    config = voice.config.model_copy(update={"consent": agreed})
    assert not config.private_use
    with pytest.raises(BadData, match="the clone's consent"):
        voicebank.load(BASE).clone(Dataset.read(me), tmp_path / "other", settings=FEW, consent="x" * 3000)


def test_the_end_says_what_came_of_it_and_lets_it_be_heard(
    cloned: tuple[Path, Recorded], me: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    from voicebank.cli.clone import _audition, _summarise

    state, made = CloneState.of(cloned[0]), voicebank.load(cloned[0])
    assert state is not None
    state.dropped = {"a": "it is silent", "b": "it is silent"}
    _summarise(cloned[0], made, state)
    shown = capsys.readouterr().out
    assert f"cloned from {BASE} with 0.5 minutes" in shown and "left out: 2 of 14 clips: it is silent" in shown
    assert f"sample: {cloned[0] / 'sample.ogg'}" in shown
    monkeypatch.setattr(Audio, "play", lambda self: False)
    Store(tmp_path / "mine").work.mkdir()
    _audition(tmp_path / "mine", voicebank.load(BASE), made, Dataset.read(me).clips[:1])
    assert Audio.read(Store(tmp_path / "mine").work / "audition.ogg").duration > 3
    assert "hear " in capsys.readouterr().out


def test_what_cannot_be_used_is_left_out(me: Path, tmp_path: Path) -> None:
    clips = Dataset.read(me).clips
    strangers = [replace(clip, id=f"gb-{clip.id}") for clip in Dataset.read(CLIPS / "gb-female").clips[:2]]
    Audio.silence(2, 24000).save(tmp_path / "silent.wav")
    Audio.read(clips[0].path).save(tmp_path / "short.wav")
    Audio(Audio.read(clips[0].path, 24000).samples[:9600], 24000).save(tmp_path / "short.wav")
    (tmp_path / "broken.wav").write_bytes(b"no sound")
    bad = [Clip(name, tmp_path / f"{name}.wav", "Text.") for name in ("silent", "short", "broken")]
    dropped, notes = screen(Dataset("me", [*clips, *strangers, *bad]), Recorded())
    other = "another speaker than most clips"
    assert dropped == {
        "silent": "it is silent",
        "short": "it is shorter than 0.5 s",
        "broken": "it cannot be read",
        **{clip.id: other for clip in strangers},
    }
    assert notes == []


@pytest.mark.slow
def test_stopped_and_resumed_it_is_the_same_voice(cloned: tuple[Path, Recorded], me: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"

    def has_learned() -> bool:
        return (Store(folder).work / "text2mel" / "checkpoint.safetensors").exists()

    told = Recorded()
    voicebank.load(BASE).clone(Dataset.read(me), folder, settings=FEW, progress=told, stop=has_learned, gender="male")
    assert "base speech" not in told.stages  # spoken for another clone
    voice = Voice.from_folder(folder)
    assert voice.config.parent == BASE and voice.config.private_use
    told = Recorded()

    def text2mel_is_done() -> bool:
        state = CloneState.of(folder)
        return state is not None and "text2mel" in state.done

    with pytest.raises(BadData, match="other settings"):
        voicebank.load(BASE).clone(Dataset.read(me), folder, settings={**FEW, "rate": 1e-3})
    resumed = voicebank.load(BASE).clone(
        Dataset.read(me), folder, settings=FEW, progress=told, stop=text2mel_is_done, gender="male"
    )
    assert "base speech" not in told.stages  # spoken before the stop
    whole = Voice.from_folder(cloned[0])
    assert resumed.config.training["text2mel_steps"] == whole.config.training["text2mel_steps"]
    theirs = whole.text2mel.state_dict()
    for name, tensor in resumed.text2mel.state_dict().items():
        assert torch.allclose(tensor, theirs[name], atol=1e-3), name
    assert not CloneState.of(folder).finished  # type: ignore[union-attr]
    assert "the same command goes on" in told.notes[-1]


def test_what_the_base_says_is_kept_for_its_other_clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBANK_CACHE", str(tmp_path / "cache"))
    base, settings = voicebank.load(BASE), CloneSettings(rehearsal_sentences=2)

    def stages(name: str) -> list[str]:
        told = Recorded()
        material = Material(
            base, frontend_of(base), Store(tmp_path / name), settings, told, lambda: False, lambda _: 0.0
        )
        speech = material.rehearsal()
        assert speech is not None and len(speech.clips) == 2
        return told.stages

    assert stages("one") == ["base speech"] and stages("two") == []
    (kept,) = (tmp_path / "cache" / "speech").iterdir()
    kept.write_bytes(kept.read_bytes()[:1000])
    assert stages("three") == ["base speech"]
    kept.unlink()
    kept.parent.rmdir()
    kept.parent.write_text("no folder can be made here")
    (tmp_path / "four.training").mkdir()
    assert stages("four") == ["base speech"] and (tmp_path / "four.training" / "base-speech.safetensors").is_file()


def test_without_a_folder_nothing_is_left(me: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    settings = {**FEW, "rehearsal": 0.0}
    voice = voicebank.load(BASE).clone(Dataset.read(me), settings=settings, stop=lambda: True, name="me now")
    assert voice.name == "me now" and voice.folder is None and voice.say("Hello.").duration > 0.1
    assert not list(tmp_path.glob("voicebank-*"))


def test_twenty_seconds_are_too_little(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"us-male has 1\d s of speech in 6 clips: a voice needs 20 s"):
        voicebank.load(BASE).clone(Dataset.read(CLIPS / "us-male"), tmp_path / "mine")
    assert not (tmp_path / "mine").exists()
    command = ["clone", str(CLIPS / "us-male"), "-o", str(tmp_path / "mine"), "--base", BASE]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2 and "record more" in result.stderr


def test_bad_requests(me: Path, tmp_path: Path) -> None:
    base, data = voicebank.load(BASE), Dataset.read(me)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(BadData, match="holds something else"):
        base.clone(data, tmp_path / "photos")
    with pytest.raises(BadData, match="setting frozen"):
        base.clone(data, tmp_path / "mine", settings={"frozen": "everything"})
    with pytest.raises(BadData, match="setting no_such"):
        base.clone(data, tmp_path / "mine", settings={"no_such": 1})
    gone = Dataset("gone", [Clip("a", tmp_path / "a.wav", "Gone.")])
    with pytest.raises(BadData, match="clip a .* cannot be read"):
        base.clone(gone, tmp_path / "mine")
    result = CliRunner().invoke(app, ["clone", str(tmp_path / "nothing"), "-o", str(tmp_path / "mine")])
    assert result.exit_code == 2 and "no dataset" in result.stderr
    assert not (tmp_path / "mine").exists()


# The parts


@pytest.fixture(scope="module")
def base() -> Voice:
    return voicebank.load(BASE)


@pytest.fixture(scope="module")
def own(me: Path, base: Voice, tmp_path_factory: pytest.TempPathFactory) -> Features:
    return features.build(Dataset.read(me), base.config.audio, frontend_of(base), tmp_path_factory.mktemp("features"))


@pytest.fixture(scope="module")
def rehearsal(base: Voice, tmp_path_factory: pytest.TempPathFactory) -> Features:
    path = tmp_path_factory.mktemp("rehearsal") / "speech.safetensors"
    told: list[tuple[int, int]] = []
    some = sentences()[:4]
    spoken = speak(base, frontend_of(base), some, path, "base", lambda done, total: told.append((done, total)))
    assert spoken is not None and told[-1] == (4, 4)
    reread = speak(base, frontend_of(base), some, path, "base", lambda done, total: told.append((-1, 0)))
    assert reread is not None and told[-1] == (4, 4) and np.array_equal(spoken.mel, reread.mel)
    return spoken


def test_settings_follow_from_the_minutes() -> None:
    amounts = [CloneSettings.for_minutes(m) for m in (0.4, 1, 3, 10, 15, 120)]
    for name in ("text2mel_steps", "ssrn_steps", "rate", "ssrn_rate"):
        values = [getattr(s, name) for s in amounts]
        assert values == sorted(values) and values[0] < values[-1]
    shares = [s.rehearsal for s in amounts]
    assert shares == sorted(shares, reverse=True)
    assert CloneSettings.for_minutes(3, rate=1e-5).rate == 1e-5


def test_the_sentences_of_the_rehearsal_have_every_english_phone(base: Voice) -> None:
    lines = sentences()
    assert len(lines) == len(set(lines)) == 160 and all(line[-1] in ".?!" for line in lines)
    phones = frontend_of(voicebank.load("us-male"))
    said = "".join(unit.symbols for line in lines for unit in phones.units(line.lower()))
    for sound in ENGLISH.split():
        assert said.count(sound) >= 8, sound


def test_clips_are_held_out_by_their_ids(own: Features) -> None:
    clips = usable(own)
    assert len(clips) == 12
    assert len(hold_out(clips, 0.1)) == 2 and len(hold_out(clips * 50, 0.1)) == 20
    assert hold_out(clips, 0.1) == hold_out(clips[::-1], 0.1)


def test_batches_mix_in_the_bases_own_speech(own: Features, rehearsal: Features) -> None:
    mine = [Item(1, own, c) for c in usable(own)]
    theirs = [Item(0, rehearsal, c) for c in rehearsal.clips]
    order, again = (MixedOrder(mine, theirs, 8, 0.25, seed=3) for _ in range(2))
    for step in range(8):
        batch = order[step]
        assert [item.clip.id for item in batch] == [item.clip.id for item in again[step]]
        assert sum(item.speaker == 0 for item in batch) == max(1, round(len(batch) * 0.25))
    assert {item.clip.id for step in range(2) for item in order[step] if item.speaker} == {c.id for c in usable(own)}


def test_a_new_row_begins_as_the_base(base: Voice) -> None:
    wide = with_rows([base.text2mel] * 2).eval()
    symbols, mask = torch.arange(2, 22)[None], torch.ones(1, 20, dtype=torch.bool)
    previous = torch.rand(1, 12, base.config.audio.n_mels)
    with torch.inference_mode():
        expected = base.text2mel(symbols, mask, previous).logits
        for row in (0, 1):
            assert torch.allclose(wide(symbols, mask, previous, torch.tensor([row])).logits, expected, atol=1e-4)
            assert torch.allclose(wide.keep_speaker(row)(symbols, mask, previous).logits, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("what", "changed", "kept"),
    [
        (
            "nothing",
            ["embedding.weight", "text_encoder.0.weight", "audio_decoder.0.weight"],
            ["letters_embedding.weight", "letters_encoder.0.weight"],
        ),
        ("text", ["audio_decoder.0.weight"], ["embedding.weight", "text_encoder.0.weight", "text_encoder.0.bias"]),
        ("weights", ["text_encoder.0.bias", "audio_decoder.0.bias"], ["embedding.weight", "audio_decoder.0.weight"]),
    ],
)
def test_what_is_frozen_stays(
    base: Voice, own: Features, tmp_path: Path, what: str, changed: list[str], kept: list[str]
) -> None:
    model = with_rows([base.text2mel])
    freeze(model, what)
    settings = CloneSettings(batch_size=2)
    task = Text2MelClone(model, own, None, hold_out(usable(own), 0.1), base.config.audio, settings)
    assert len(task.validation) == 2 and len(task.train) == 10
    config = TrainerConfig(steps=1, warmup=1, decay=0, rate=1e-3)
    Trainer(task, tmp_path, config, {"task": "text2mel", "config": {}}).run()
    # Goes on after an interruption with some weights that have no state of the optimiser.
    trainer = Trainer(task, tmp_path, config.model_copy(update={"steps": 2}), {"task": "text2mel", "config": {}})
    assert trainer.run() == 2
    before, after = base.text2mel.state_dict(), trainer.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in kept)
    assert not any(torch.equal(before[name], after[name]) for name in changed)


def test_a_voice_becomes_as_lively_as_its_speaker(base: Voice, own: Features) -> None:
    clips, coarse = usable(own), base.config.audio.reduction

    def deviation(model: Text2Mel) -> torch.Tensor:
        texts = [encode(join(unit.unit() for unit in clip.units)) for clip in clips]
        mel = torch.from_numpy(
            np.concatenate([one.mel for one in decode(model.inference(), texts, [400] * len(texts))])
        )
        return mel[mel.mean(1) > 0.25].std(0)

    real = torch.from_numpy(np.concatenate([own.clip_mel(clip)[::coarse] for clip in clips]))
    wanted = real[real.mean(1) > 0.25].std(0)
    flat = Text2Mel(base.text2mel.config.model_copy(update={"flow_channels": 0})).eval()
    flat.load_state_dict({k: v for k, v in base.text2mel.state_dict().items() if not k.startswith("flow.")})
    matched = match_mels(flat, own, clips, coarse)
    before, after = deviation(flat), deviation(matched)
    assert (after - wanted).abs().mean() < 0.75 * (before - wanted).abs().mean()
    assert torch.equal(matched.embedding.weight, flat.embedding.weight)
    assert match_mels(flat, own, [], coarse) is flat
    if base.text2mel.flow is not None:  # it varies as speech does
        assert match_mels(base.text2mel, own, clips, coarse) is base.text2mel
    audio = base.config.audio
    livelier = match_magnitudes(base.ssrn, matched, own, clips, audio).top[-1].weight.detach().norm(dim=1)
    gain = livelier / base.ssrn.top[-1].weight.detach().norm(dim=1)
    assert 0.799 < float(gain.min()) < float(gain.max()) < 1.301
    assert match_magnitudes(base.ssrn, matched, own, [], audio) is base.ssrn


def test_a_parent_from_the_hub_is_named_with_its_commit(base: Voice) -> None:
    voice = voicebank.load(BASE)
    assert known_as(voice.name, voice.folder) == BASE
    commit = "0123456789abcdef0123456789abcdef01234567"
    voice.folder = Path(f"/home/me/.cache/huggingface/hub/models--some--voice-a/snapshots/{commit}")
    assert known_as(voice.name, voice.folder) == f"some/voice-a@{commit}"


# The closest base voice


@pytest.mark.slow
def test_the_closest_base_voice_has_the_right_gender_and_accent() -> None:
    progress = Recorded()
    for speaker, gender in (("us-male", "male"), ("gb-female", "female")):
        dataset = Dataset.read(CLIPS / speaker)
        found = voicebank.closest(dataset, progress=progress)
        assert [row.score for row in found.rows] == sorted((row.score for row in found.rows), reverse=True)
        assert {row.name for row in found.rows} == {v.name for v in voicebank.voices()}
        assert found.rows[0].gender == gender and found.best == found.rows[0].name == found.voice.name
        for row in found.rows:
            sure = row.accent_probability
            assert sure is not None and (sure > 0.9 if row.name[:2] == speaker[:2] else sure < 0.1)
            assert row.similarity is not None and -1 <= row.similarity <= 1
        heard = voicebank.closest([Audio.read(dataset.clips[0].path)])
        assert heard.rows[0].gender == gender and heard.rows[0].accent_probability is None
    assert {"reading", "base voices", "accent"} <= set(progress.stages)


def test_how_the_base_voices_sound_is_shipped(base: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEBANK_CACHE", str(tmp_path))
    shipped = {info.name: reference(voicebank.load(info.name)) for info in voicebank.voices()}
    assert not list(tmp_path.iterdir())  # nothing had to be measured
    found = measure(base)
    assert found.pitch == pytest.approx(shipped[BASE].pitch, rel=0.02)
    assert np.sum(np.multiply(found.embeddings, shipped[BASE].embeddings), 1).min() > 0.99


def test_closest_on_the_command_line(me: Path) -> None:
    clip = Dataset.read(CLIPS / "us-male").clips[0].path
    result = CliRunner().invoke(app, ["closest", str(clip), "--voice", "us-male", "--voice", "gb-female"])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[1].startswith("us-male") and lines[2].startswith("gb-female") and " Hz" in lines[1]
    assert "octave" in CliRunner().invoke(app, ["closest", "--help"]).stdout


def test_closest_needs_speech() -> None:
    with pytest.raises(BadData, match="no recording"):
        voicebank.closest([])
    with pytest.raises(BadData, match="no speech"):
        voicebank.closest([Audio.silence(2, 24000)])


def test_pitch_is_a_median_in_hertz() -> None:
    time_ = np.arange(24000) / 24000
    buzz = sum(np.sin(2 * np.pi * 130 * k * time_) / k for k in range(1, 8))
    assert median_pitch([Audio(0.1 * buzz, 24000)]) == pytest.approx(130, rel=0.02)
    assert median_pitch([Audio.silence(1, 24000)]) is None
