"""Training on real clips: features, batches, the loop, and its resuming after a kill at any moment."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from clones import Recorded
from safetensors import safe_open
from voicebank_phonemizer import Phonemizer

import voicebank
from voicebank import bank
from voicebank.config import AudioConfig
from voicebank.data.dataset import Dataset
from voicebank.errors import BadData, UnknownName
from voicebank.signal.magnitudes import denormalise_magnitude
from voicebank.signal.spectrogram import linear_magnitude, normalise_magnitude, normalised_mel
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.text.frontend import Graphemes, MixedUnit
from voicebank.training import alignment, features
from voicebank.training.alignment import align
from voicebank.training.batches import Order, choose_phones, predicted_ssrn_batch, split, ssrn_batch, text2mel_batch
from voicebank.training.features import Features, symbol_starts
from voicebank.training.losses import MagnitudeDiscriminator, MelDiscriminator, balanced
from voicebank.training.run import train
from voicebank.training.runs import (
    assemble,
    discriminator_of,
    load_checkpoint,
    ssrn_from,
    text2mel_from,
    training_of,
    with_rows,
)
from voicebank.training.spoken import LettersTask
from voicebank.training.tasks import Task
from voicebank.training.trainer import TrainerConfig

CLIPS = Path(__file__).parent / "data" / "clips" / "us-male"
AUDIO = AudioConfig()
SETTINGS = {"steps": 12, "warmup": 2, "validate_every": 4, "checkpoint_seconds": 0.0, "picture_every": 4}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real clips in LJSpeech layout, one speaker."""
    folder = tmp_path_factory.mktemp("corpus") / "speaker"
    shutil.copytree(CLIPS, folder)
    return folder


@pytest.fixture(scope="module")
def built(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Features:
    return features.build(Dataset.read(corpus), AUDIO, Graphemes(), tmp_path_factory.mktemp("cache"))


def run(
    corpus: Path, folder: Path, network: str = "text2mel", options: Mapping[str, Any] = {}, **settings: object
) -> object:
    config = TrainerConfig(**{**SETTINGS, **settings})  # type: ignore[arg-type]
    return train(
        network,  # type: ignore[arg-type]
        [corpus],
        folder,
        preset="tiny",
        config=config,
        frontend=None,
        cache=corpus.parent / "cache",
        batch_size=4,
        held_back=2,
        **options,
    )


def test_features_are_computed_once(corpus: Path, built: Features, tmp_path: Path) -> None:
    told: list[int] = []
    first = features.build(Dataset.read(corpus), AUDIO, None, tmp_path, lambda i, n: told.append(i))
    assert told == list(range(1, len(first.clips) + 1))
    features.build(Dataset.read(corpus), AUDIO, None, tmp_path, lambda i, n: told.append(-1))
    assert -1 not in told
    clip = first.clips[0]
    samples, mel = first.clip_samples(clip), first.clip_mel(clip)
    assert mel.shape == (len(samples) // AUDIO.hop + 1, AUDIO.n_mels)
    assert mel.min() >= 0 and 0.5 < mel.max() <= 1
    # The level is the same for all, silence is kept at both ends only.
    assert np.abs(samples[: int(0.05 * 24000)]).max() == 0


def test_coarse_crops_lie_on_the_full_rate(built: Features) -> None:
    items, _ = split([built], 0)
    mel, magnitude = ssrn_batch(items[:4], AUDIO, np.random.default_rng(0), 16)
    assert mel.shape == (4, 16, 80) and magnitude.shape == (4, 64, 513)
    # Coarse frame i is full-rate frame 4 i: their energies go together.
    energy = torch.stack([mel.mean(-1).flatten(), magnitude[:, ::4].mean(-1).flatten()])
    assert float(torch.corrcoef(energy)[0, 1]) > 0.7


def test_crops_of_predicted_mels_lie_on_the_full_rate(built: Features) -> None:
    items, _ = split([built], 0)
    rng = np.random.default_rng(3)
    batch = text2mel_batch(items[:4], AUDIO, rng)
    assert len(set(batch.phase.tolist())) > 1
    # A network that predicts the truth: crops are then what the plain crops are.
    mel, magnitude = predicted_ssrn_batch(items[:4], batch.mel, batch, AUDIO, rng, 16)
    assert mel.shape == (4, 16, 80) and magnitude.shape == (4, 64, 513)
    linear = torch.from_numpy(denormalise_magnitude(magnitude.transpose(1, 2).numpy(), AUDIO))
    again = normalised_mel(linear, AUDIO)[:, :, ::4].transpose(1, 2)
    assert float((mel - again).abs().mean()) < 0.01


def test_batches_depend_on_seed_and_step_alone(built: Features) -> None:
    items, validation = split([built], 2)
    assert len(items) + len(validation) == len(built.clips)
    a, b = Order(items, 3, 7), Order(items, 3, 7)
    assert [[i.clip.id for i in a[s]] for s in range(9)] == [[i.clip.id for i in b[s]] for s in range(9)]
    epoch = [i.clip.id for s in range(a.per_epoch) for i in a[s]]
    assert sorted(epoch) == sorted(i.clip.id for i in items)
    first, second = (text2mel_batch(items[:3], AUDIO, np.random.default_rng(5)) for _ in range(2))
    assert torch.equal(first.symbols, second.symbols) and torch.equal(first.mel, second.mel)


def test_alignment_finds_the_sounds(built: Features) -> None:
    (times,) = align([built])
    for clip, found in zip(built.clips, times, strict=True):
        frames = clip.frames[1] - clip.frames[0]
        flat = [t for unit in found for t in unit]
        assert flat == sorted(flat) and flat[0] > 0 and flat[-1] < frames - 10  # silence was left at the end
        for shown in ([True] * len(clip.units), [False] * len(clip.units)):
            text, starts = symbol_starts(clip.units, shown, found)
            assert len(starts) == len(text) + 1
            assert starts[0] == 0 and (np.diff(starts) >= 0).all() and starts[-1] == flat[-1]


def test_a_large_corpus_is_aligned_clip_by_clip(built: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    (whole,) = align([built])
    monkeypatch.setattr(alignment, "SAMPLE_FRAMES", len(built.mel) - 1)  # every other clip teaches the Gaussians
    (parts,) = align([built])
    assert [[len(unit) for unit in clip] for clip in parts] == [[len(unit) for unit in clip] for clip in whole]
    late = [
        abs(a - b)
        for x, y in zip(parts, whole, strict=True)
        for u, v in zip(x, y, strict=True)
        for a, b in zip(u, v, strict=True)
    ]
    assert np.median(late) < 6  # full-rate frames of 11 ms


def test_the_shipped_phones_align_a_single_clip(corpus: Path, tmp_path: Path) -> None:
    everything = features.build(Dataset.read(corpus), AUDIO, Phonemizer(), tmp_path)
    (together,) = align([everything])
    for clip, expected in zip(everything.clips[:3], together, strict=False):
        ((alone,),) = align([replace(everything, clips=[clip])])
        late = [abs(a - b) for x, y in zip(alone, expected, strict=True) for a, b in zip(x, y, strict=True)]
        assert np.mean(late) < 2  # full-rate frames of 11 ms


def test_marks_share_the_time_of_their_vowel() -> None:
    units = [MixedUnit("two", "TWO", "tˈuː"), MixedUnit(",", ",", ","), MixedUnit("ways", "WAYS", "wˈeɪz")]
    times = [[4.0, 10.0, 22.0], [], [40.0, 50.0, 56.0, 60.0, 70.0]]
    text, starts = symbol_starts(units, [True, True, False], times)
    assert text == "tˈuː, WAYS"
    #                               t  ˈ   u   ː   ,   " " W   A     Y   S     end
    assert starts.tolist() == [0, 10, 14, 18, 22, 22, 40, 47.5, 55, 62.5, 70]


def test_the_mixed_representation_mixes() -> None:
    seen = [choose_phones(9, np.random.default_rng(i), 0.5) for i in range(60)]
    assert {(any(shown), all(shown)) for shown in seen} == {(True, True), (True, False), (False, False)}
    assert all(all(choose_phones(9, np.random.default_rng(i), 1.0)) for i in range(60))
    assert choose_phones(2, None, 1.0) == [True, True] and choose_phones(2, None, 0.0) == [False, False]


@pytest.mark.parametrize("network", ["text2mel", "ssrn"])
def test_a_run_learns_and_leaves_what_it_promises(corpus: Path, tmp_path: Path, network: str) -> None:
    trainer = run(corpus, tmp_path / "run", network, steps=24, rate=3e-3)
    rows = trainer.metrics()  # type: ignore[attr-defined]
    validation = [r["l1"] for r in rows if r["kind"] == "validation"]
    assert validation[-1] < validation[0]
    assert {p.name for p in (tmp_path / "run").iterdir()} >= {
        "checkpoint.safetensors",
        "best.safetensors",
        "metrics.jsonl",
        "loss.png",
        "pictures",
    }
    assert list((tmp_path / "run" / "pictures").glob("*.png"))


@pytest.mark.parametrize(
    ("network", "options"),
    [
        ("text2mel", {"flow": 16, "adversarial": True}),
        pytest.param("ssrn", {"adversarial": True}, marks=pytest.mark.long),
    ],
)
def test_resuming_is_exact(corpus: Path, tmp_path: Path, network: str, options: dict[str, Any]) -> None:
    run(corpus, tmp_path / "whole", network, options)
    for _ in range(4):
        run(corpus, tmp_path / "parts", network, options, minutes=1e-9)  # one step a call
    run(corpus, tmp_path / "parts", network, options)
    whole, _ = load_checkpoint(tmp_path / "whole" / "checkpoint.safetensors")
    parts, state = load_checkpoint(tmp_path / "parts" / "checkpoint.safetensors")
    assert state["step"] == 12
    assert all(torch.allclose(whole[k], parts[k], atol=1e-6) for k in whole)


def test_a_killed_run_goes_on(corpus: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "voicebank", "train", "text2mel", str(corpus), "--run", str(folder)]
    command += ["--preset", "tiny", "--frontend", "graphemes", "--steps", "100000", "--batch-size", "2"]
    command += ["--cache", str(corpus.parent / "cache"), "--validate-every", "5", "--held-back", "2"]
    command += ["--checkpoint-seconds", "0"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ})
    deadline = time.monotonic() + 90
    while not (folder / "best.safetensors").exists() and time.monotonic() < deadline:
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    _, state = load_checkpoint(folder / "checkpoint.safetensors")
    with open(folder / "metrics.jsonl", "a") as file:
        file.write('{"kind": "validation", "step": 1000')  # as a kill in the middle of a line leaves it
    trainer = run(corpus, folder, steps=state["step"] + 5, patience=0)
    steps = [r["step"] for r in trainer.metrics() if r["kind"] == "validation"]  # type: ignore[attr-defined]
    assert steps == sorted(set(steps)) and steps[-1] == state["step"] + 5
    assert not list(folder.glob("*.part"))


def test_early_stop_keeps_the_best(corpus: Path, tmp_path: Path) -> None:
    trainer = run(corpus, tmp_path / "run", steps=400, rate=1e-12, validate_every=2, patience=2, average=0.0)
    assert trainer.step < 400  # type: ignore[attr-defined]


def test_the_adversarial_loss_pushes_by_its_share() -> None:
    torch.manual_seed(0)
    true, logits = torch.rand(2, 16, 65), torch.randn(2, 16, 65, requires_grad=True)
    made, critic = torch.sigmoid(logits), MagnitudeDiscriminator(4)
    spectrogram = (made - true).abs().mean()
    adversarial = balanced(spectrogram, critic.adversarial_loss(made, critic(true)), logits, 0.7)
    first, second = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in (spectrogram, adversarial))
    assert torch.allclose(second.norm(), 0.7 * first.norm(), rtol=1e-3)
    (critic.critic_loss(made, critic(true)) + adversarial).backward()
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in critic.parameters())
    assert torch.allclose(logits.grad, second)  # the discriminator's own loss does not reach the network


@pytest.mark.parametrize("network", ["text2mel", "ssrn"])
def test_networks_learn_from_a_discriminator(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, network: Literal["text2mel", "ssrn"]
) -> None:
    monkeypatch.setattr(Task, "critic_alone", 1)
    config = TrainerConfig(**{**SETTINGS, "steps": 4})  # type: ignore[arg-type]
    options = {"preset": "tiny", "config": config, "frontend": None, "batch_size": 2, "held_back": 1}
    folder, cache = tmp_path / "run", tmp_path / "cache"
    if network == "text2mel":
        with pytest.raises(BadData, match="flow"):
            train(network, [corpus], folder, cache=cache, adversarial=True, **options)  # type: ignore[arg-type]
        options["flow"] = 16
    trainer = train(network, [corpus], folder, cache=cache, adversarial=True, **options)  # type: ignore[arg-type]
    assert trainer.step == 4 and all(bool(w.isfinite().all()) for w in trainer.model.parameters())
    # Who goes on from there is judged by the same discriminator.
    known = discriminator_of(folder)
    task = train(network, [corpus], tmp_path / "on", start=folder, cache=cache, adversarial=True, **options).task  # type: ignore[arg-type]
    assert task.critic is not None and task.critic_alone == 50
    assert all((weight - known[name]).abs().max() < 0.1 for name, weight in task.critic.state_dict().items())
    assert not discriminator_of(tmp_path)


def test_the_shipped_discriminators_tell_recordings_from_blurred_ones(built: Features) -> None:
    mels, magnitudes = MelDiscriminator(AUDIO.n_mels, speakers=2), MagnitudeDiscriminator()
    assert mels.begin_as(mels.shipped()) and magnitudes.begin_as(magnitudes.shipped())  # with two speakers that are new
    assert torch.equal(mels.speakers[0][0], mels.speakers[0][1]) and bool(mels.speakers[0].any())
    told: list[tuple[float, float]] = []
    for clip in built.clips:
        mel = torch.from_numpy(built.clip_mel(clip))[:: AUDIO.reduction]
        linear = linear_magnitude(torch.from_numpy(built.clip_samples(clip)), AUDIO)
        for critic, true in (
            (mels, (mel - mel.mean(0)) / mel.std(0)),
            (magnitudes, normalise_magnitude(linear, AUDIO).T),
        ):
            blurred = (true[:-2] + true[1:-1] + true[2:]) / 3
            with torch.inference_mode():
                told.append(tuple(float(critic(x[None])[-1].mean()) for x in (true, blurred)))  # type: ignore[arg-type]
    assert sum(true > blurred for true, blurred in told) > 0.9 * len(told), told


def test_two_speakers_then_one_then_a_voice(corpus: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(corpus, other)
    config = TrainerConfig(**{**SETTINGS, "steps": 4})  # type: ignore[arg-type]
    common = {"preset": "tiny", "config": config, "frontend": None, "batch_size": 2, "held_back": 1}
    train("text2mel", [corpus, other], tmp_path / "both", cache=tmp_path / "cache", flow=16, **common)  # type: ignore[arg-type]
    train(  # type: ignore[misc]
        "text2mel", [other], tmp_path / "one", start=tmp_path / "both", cache=tmp_path / "cache", **common
    )
    train(  # type: ignore[misc]
        "ssrn",
        [other],
        tmp_path / "ssrn",
        predicted_by=tmp_path / "both",
        cache=tmp_path / "cache",
        adversarial=True,
        **common,
    )
    with pytest.raises(BadData, match="knows speaker, other, not other, speaker"):
        train(
            "text2mel",
            [other, corpus],
            tmp_path / "turned",
            start=tmp_path / "both",
            cache=tmp_path / "cache",
            **common,
        )  # type: ignore[arg-type]
    voice = assemble(tmp_path / "one", tmp_path / "ssrn", name="mine", accent="US", gender="male")
    assert voice.config.text2mel.speakers == 1
    assert voice.config.text2mel.flow_channels == 16
    folder = voice.save(tmp_path / "mine")
    with safe_open(folder / "text2mel.safetensors", "pt") as file:
        assert file.get_slice("audio_encoder.0.weight").get_dtype() == "I8"
    saved, loaded = voice.text2mel.state_dict(), Synthesizer.from_folder(folder).text2mel.state_dict()
    assert all(torch.equal(saved[k], loaded[k]) for k in saved)
    assert json.loads((folder / "config.json").read_text())["training"]["text2mel_steps"] == 8  # of both runs
    folded = assemble(tmp_path / "both", tmp_path / "ssrn", name="other")
    assert folded.config.text2mel.speakers == 1
    with pytest.raises(UnknownName, match="it has: speaker, other"):
        assemble(tmp_path / "both", tmp_path / "ssrn", name="nobody")


def test_shipped_voices_go_on_together_and_learn_letters(tmp_path: Path) -> None:
    names = ("gb-male", "us-male")
    for name in names:
        shutil.copytree(CLIPS, tmp_path / name)
    texts = tmp_path / "letters.txt"
    texts.write_text("The quick brown fox.\nA lazy dog sleeps.\n\nThe quick brown fox.\n")
    shipped = bank.folder()
    progress = Recorded()
    trainer = train(
        "text2mel",
        [tmp_path / name for name in names],
        tmp_path / "run",
        config=TrainerConfig(steps=1, validate_every=1),
        start=shipped,
        letters=texts,
        batch_size=4,
        held_back=2,
        progress=progress,
    )
    task = trainer.task
    assert isinstance(task, LettersTask)
    recorded = set(map(id, task.train))
    said = {item.speaker: item.clip.text for item in task.order[0] if id(item) not in recorded}
    assert said.keys() <= {0, 1} and said
    assert {("gb-male speaks", 1), ("us-male speaks", 1)} <= {
        (stage, total) for stage, _, total, _ in progress.steps
    }  # each sentence once, dealt out
    # Only what reads letters has moved.
    after, before = trainer.model.state_dict(), text2mel_from(shipped, names, None)[0].with_letters().state_dict()
    moved = {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"letters_embedding", "letters_encoder"}
    told_of = voicebank.load("gb-male").config.training
    voice = assemble(tmp_path / "run", shipped / "gb-male", name="gb-male")
    steps = told_of.get("letters_steps", 0) + 1
    assert voice.config.training == {**told_of, "letters_sentences": 2, "letters_steps": steps}
    assert voice.say("A fox.").samples.size and voice.say("A fox.", frontend="graphemes").samples.size
    # The rows are the voices' own.
    for row, name in enumerate(names):
        own = voicebank.load(name).text2mel.state_dict()
        kept = text2mel_from(shipped, names, None)[0].keep_speaker(row).state_dict()
        assert all(torch.equal(own[k], kept[k]) for k in own)
    assert ssrn_from(shipped / "gb-male", AUDIO)[1]["ssrn_steps"] > 0


def test_what_is_behind_a_voice_adds_up() -> None:
    first = training_of({"task": "text2mel", "step": 30})
    letters = training_of({"task": "text2mel", "step": 5, "before": first, "letters_sentences": 7})
    again = training_of({"task": "text2mel", "step": 2, "before": letters})
    assert again == {"text2mel_steps": 32, "letters_sentences": 7, "letters_steps": 5}


def test_letters_need_voices(corpus: Path, tmp_path: Path) -> None:
    options = {"preset": "tiny", "frontend": None, "cache": corpus.parent / "cache"}
    with pytest.raises(BadData, match="start from a folder of voices"):
        train("text2mel", [corpus], tmp_path / "run", letters=tmp_path / "none", **options)  # type: ignore[arg-type]
    with pytest.raises(BadData, match="cannot read"):
        options["frontend"] = "phonemizer"
        start = bank.folder() / "us-male"
        train("text2mel", [corpus], tmp_path / "run", start=start, letters=tmp_path / "none", **options)  # type: ignore[arg-type]


def test_voices_trained_apart_do_not_fit_one_network() -> None:
    one = voicebank.load("us-male").text2mel
    other = with_rows([one])
    with torch.no_grad():
        other.embedding.weight += 1
    with pytest.raises(BadData, match="trained apart"):
        with_rows([one, other])


def test_bad_corpora(corpus: Path, tmp_path: Path) -> None:
    def broken(change: str) -> str:
        folder = tmp_path / change
        shutil.copytree(corpus, folder)
        wavs = sorted((folder / "wavs").iterdir())
        metadata = folder / "metadata.csv"
        lines = metadata.read_text().splitlines()
        if change == "no-line":
            metadata.write_text("\n".join(line for line in lines if not line.startswith(wavs[0].stem + "|")))
        elif change == "no-text":
            metadata.write_text("\n".join(line.split("|")[0] for line in lines))
        elif change == "no-clip":
            wavs[0].unlink()
        elif change == "zero-length":
            wavs[0].write_bytes(b"")
        elif change == "no-sound":
            wavs[0].write_bytes(b"this is no sound file")
        elif change == "no-metadata":
            metadata.unlink()
        elif change == "no-lines":
            metadata.write_text("\n")
            shutil.rmtree(folder / "wavs")
        with pytest.raises(BadData) as caught:
            Dataset.read(folder, strict=True)
        return str(caught.value)

    first = sorted((corpus / "wavs").iterdir())[0].stem
    assert f"without a line in metadata.csv, first: {first}" in broken("no-line")
    assert f"not in wavs/, first: {first}" in broken("no-clip")
    assert "without a transcript" in broken("no-text")
    assert "zero length" in broken("zero-length")
    assert "not readable" in broken("no-sound")
    assert "no metadata.csv" in broken("no-metadata")
    assert "empty" in broken("no-lines")


def test_a_run_of_another_kind_is_not_overwritten(corpus: Path, tmp_path: Path) -> None:
    run(corpus, tmp_path / "run", steps=1)
    with pytest.raises(BadData, match="another task"):
        run(corpus, tmp_path / "run", "ssrn", steps=1)
    with pytest.raises(UnknownName, match="base"):
        train("text2mel", [corpus], tmp_path / "x", preset="huge", cache=corpus.parent / "cache")
