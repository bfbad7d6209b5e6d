"""Training from folders: what ``voicebank train`` calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from voicebank import plugins
from voicebank.config import PRESETS, AudioConfig, SSRNConfig, Text2MelConfig
from voicebank.data import features
from voicebank.data.dataset import Dataset
from voicebank.data.features import Features
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadData, UnknownName
from voicebank.text.frontend import Frontend
from voicebank.training import checkpoint
from voicebank.training.batches import speaker_names
from voicebank.training.tasks import SSRNTask, Task, Text2MelTask
from voicebank.training.trainer import Progress, Trainer, TrainerConfig

Network = Literal["text2mel", "ssrn"]


def train(
    network: Network,
    folders: Sequence[str | Path],
    run: str | Path,
    *,
    preset: str = "base",
    config: TrainerConfig | None = None,
    languages: Sequence[str] = (),
    frontend: str | None = "phonemizer",
    start: str | Path | None = None,
    speaker: str | None = None,
    predicted_by: str | Path | None = None,
    cache: str | Path | None = None,
    progress: Progress | None = None,
    features_progress: Callable[[str, int, int], None] | None = None,
    **options: Any,
) -> Trainer:
    """Train one network, or go on with a run that was interrupted.

    Args:
        network: ``text2mel`` or ``ssrn``.
        folders: LJSpeech-layout folders. Folders of one name are one speaker (a corpus in several parts).
        run: the run folder.
        preset: sizes, a key of :data:`voicebank.config.PRESETS`.
        config: the loop's settings.
        languages: of each folder, or one for all; ``en-us`` if left out.
        frontend: the frontend that gives the phones of the mixed representation; ``None`` trains on graphemes.
        start: a run folder or weights file to start from instead of random weights. Its averaged weights are
            taken, and its sizes.
        speaker: the speaker of ``start`` to continue with, where it has several and this run has one.
        predicted_by: for SSRN, a Text2Mel run of the same speakers, or of several for a run of one: every other
            step is trained on mels as it predicts them.
        cache: folder of the computed features; ``features`` beside the run if left out.
        progress: who shows the training.
        features_progress: told speaker, clips done and clips in all while features are computed.
        options: passed to the task (``batch_size``, ``held_back``, ``noise``, ``own_frames``, ...).

    Raises:
        UnknownName: no such preset.
        BadData: a folder is no dataset, or ``run`` holds a run of another kind.
    """
    if preset not in PRESETS:
        raise UnknownName(f"no preset {preset!r}; there are: {', '.join(PRESETS)}")
    config = config or TrainerConfig()
    if config.threads:
        torch.set_num_threads(config.threads)
    run, audio = Path(run), AudioConfig()
    corpora = load_features(folders, languages, audio, frontend, cache or run.parent / "features", features_progress)
    names = speaker_names(corpora)
    torch.manual_seed(config.seed)
    task: Task
    if network == "text2mel":
        sizes: Any = PRESETS[preset][0].model_copy(update={"speakers": len(names)})
        text2mel = Text2Mel(sizes, audio.n_mels)
        if start:
            text2mel = _text2mel_from(Path(start), names, speaker)
        task, sizes = Text2MelTask(text2mel, corpora, audio, seed=config.seed, **options), text2mel.config
    else:
        sizes = PRESETS[preset][1]
        if start:
            tensors, state = load_weights(start)
            sizes = SSRNConfig.model_validate(state["config"])
        ssrn = SSRN(sizes, audio.n_mels, audio.bins, audio.reduction)
        if start:
            ssrn.load_state_dict(tensors)
        if predicted_by:
            options["text2mel"] = _text2mel_from(Path(predicted_by), names, speaker)
        task = SSRNTask(ssrn, corpora, audio, seed=config.seed, **options)
    notes = {
        "task": network,
        "config": sizes.model_dump(mode="json"),
        "audio": audio.model_dump(mode="json"),
        "speakers": names,
        "minutes": {name: round(sum(c.minutes for c in corpora if c.name == name), 1) for name in names},
        "start": Path(start).name if start else None,
        "steps_before": total_steps(load_weights(start)[1]) if start else 0,
    }
    trainer = Trainer(task, run, config, notes)
    trainer.run(progress)
    return trainer


def load_features(
    folders: Sequence[str | Path],
    languages: Sequence[str],
    audio: AudioConfig,
    frontend: str | None,
    cache: str | Path,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Features]:
    """Features of each folder."""
    if not folders:
        raise BadData("nothing to train on: name at least one folder")
    if len(languages) == 1:
        languages = [languages[0]] * len(folders)
    if languages and len(languages) != len(folders):
        raise BadData(f"{len(folders)} folders but {len(languages)} languages: give one for each, or one for all")
    result = []
    for i, folder in enumerate(folders):
        dataset = Dataset.read(folder, languages[i] if languages else "en-us")
        phones: Frontend | None = None
        if frontend:
            phones = plugins.create("frontend", frontend, language=dataset.language)

        def told(done: int, total: int, name: str = dataset.name) -> None:
            if progress:
                progress(name, done, total)

        result.append(features.build(dataset, audio, phones, cache, told))
    return result


def load_weights(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Averaged weights and notes of a run folder (its best validation) or of a checkpoint file."""
    path = Path(path)
    if path.is_dir():
        path = path / "best.safetensors"
    tensors, state = checkpoint.load(path)
    return checkpoint.unprefixed("average", tensors) or tensors, state


def total_steps(notes: dict[str, Any]) -> int:
    """Steps behind the weights of a run, those of the runs that it started from among them."""
    return int(notes["step"]) + int(notes.get("steps_before", 0))


def one_speaker(source: str | Path, speaker: str) -> Text2Mel:
    """Text2Mel of a run folder or weights file, for one speaker: that row of its table folded in.

    Raises:
        UnknownName: several speakers, and none of that name.
        BadData: no such run.
    """
    tensors, state = load_weights(source)
    model = _text2mel(tensors, state)
    known: list[str] = state["speakers"]
    if len(known) == 1:
        return model
    if speaker not in known:
        raise UnknownName(f"{source} has no speaker {speaker!r}; it has: {', '.join(known)}")
    return model.keep_speaker(known.index(speaker))


def _text2mel(tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> Text2Mel:
    model = Text2Mel(Text2MelConfig.model_validate(state["config"]), state["audio"]["n_mels"])
    model.load_state_dict(tensors)
    return model


def _text2mel_from(start: Path, names: list[str], speaker: str | None) -> Text2Mel:
    if len(names) == 1:
        return one_speaker(start, speaker or names[0])
    tensors, state = load_weights(start)
    if state["speakers"] != names:
        known = ", ".join(state["speakers"])
        raise BadData(f"{start} knows {known}, not {', '.join(names)}: train on one of them, or on all in that order")
    return _text2mel(tensors, state)
