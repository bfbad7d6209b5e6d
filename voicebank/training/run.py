"""Training from folders: what ``voicebank train`` calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from voicebank import plugins
from voicebank.config import PRESETS, AudioConfig
from voicebank.data.dataset import Dataset
from voicebank.data.memory import kept
from voicebank.data.progress import Progress
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadData, UnknownName
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.text.frontend import Frontend
from voicebank.training import distributed, features
from voicebank.training.batches import mel_statistics, speaker_names
from voicebank.training.features import Features
from voicebank.training.runs import discriminator_of, ssrn_from, text2mel_from, voices_of
from voicebank.training.spoken import LettersTask, speak
from voicebank.training.ssrn import SSRNTask
from voicebank.training.tasks import Task, Text2MelTask
from voicebank.training.trainer import Trainer, TrainerConfig

Network = Literal["text2mel", "ssrn"]


@kept()
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
    batch_size: int = 16,
    held_back: int = 40,
    phones: float | None = None,
    flow: int | None = None,
    own_frames: float | None = None,
    letters: str | Path | None = None,
    letters_layers: int | None = None,
    predicted_by: str | Path | None = None,
    adversarial: bool = False,
    cache: str | Path | None = None,
    progress: Progress | None = None,
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
        start: a run folder, weights file or folder of voices (for SSRN, of one) to start from instead of random
            weights. Its averaged weights are taken, its sizes, and the discriminator of the run or of the base voices.
        speaker: the speaker of ``start`` to continue with, where it has several and this run has one.
        batch_size: clips a step; of each process, where several train together.
        held_back: clips of each speaker to validate on, at most a fifth.
        phones: for Text2Mel, share of the clips that are shown in phones; the task's default if left out.
        flow: for Text2Mel, channels of the flow that samples its mels, if it has none yet.
        own_frames: for Text2Mel, highest share of its past that is its own output (scheduled sampling); the task's
            default if left out.
        letters: for Text2Mel, a file of sentences, one a line. Before the training the voices of ``start`` speak them
            from phones; a text encoder for letters then learns to read them
            (:class:`voicebank.training.spoken.LettersTask`).
        letters_layers: highway blocks of that encoder, where the voices have none of this size; see
            :meth:`voicebank.dctts.text2mel.Text2Mel.with_letters`.
        predicted_by: for SSRN, a Text2Mel run of the same speakers, or of several for a run of one: every other
            step is trained on mels as it predicts them.
        adversarial: judge SSRN's magnitudes, or the mels that Text2Mel's flow samples, by a discriminator, too.
        cache: folder of the computed features; ``features`` beside the run if left out.
        progress: callbacks, for features and training.

    Raises:
        UnknownName: no such preset.
        BadData: a folder is no dataset, ``run`` holds a run of another kind, or ``letters`` has no voices to speak it.
    """
    if preset not in PRESETS:
        raise UnknownName(f"no preset {preset!r}; there are: {', '.join(PRESETS)}")
    config = config or TrainerConfig()
    if config.threads:
        torch.set_num_threads(config.threads)
    run, audio = Path(run), AudioConfig()
    with distributed.first_alone():
        corpora = load_features(folders, languages, audio, frontend, cache or run.parent / "features", progress)
    names = speaker_names(corpora)
    torch.manual_seed(config.seed)
    notes: dict[str, Any] = {
        "task": network,
        "audio": audio.model_dump(mode="json"),
        "speakers": names,
        "minutes": {name: round(sum(c.minutes for c in corpora if c.name == name), 1) for name in names},
        "start": Path(start).name if start else None,
        "before": {},
    }
    task: Task
    # Each worker of a group takes its share of the whole batch.
    whole = batch_size * distributed.world()
    options: dict[str, Any] = {"batch_size": whole, "held_back": held_back, "seed": config.seed}
    if network == "ssrn":
        ssrn = SSRN(PRESETS[preset][1], audio.n_mels, audio.bins, audio.reduction)
        if start:
            ssrn, notes["before"] = ssrn_from(start, audio)
        text2mel = text2mel_from(predicted_by, names, speaker)[0] if predicted_by else None
        task = SSRNTask(ssrn, corpora, audio, text2mel=text2mel, adversarial=adversarial, **options)
        notes["config"] = ssrn.config.model_dump(mode="json")
    else:
        text2mel = Text2Mel(PRESETS[preset][0].model_copy(update={"speakers": len(names)}), audio.n_mels)
        if start:
            text2mel, notes["before"] = text2mel_from(start, names, speaker)
        if flow:
            text2mel = text2mel.with_flow(*mel_statistics(corpora), flow)
        if phones is not None:
            options["phones"] = phones
        if letters:
            voices = voices_of(start, names) if start else None
            if not voices or not frontend:
                raise BadData(
                    "letters are learned from voices that read phones: start from a folder of voices, with a frontend"
                )
            with distributed.first_alone():
                spoken = _spoken(Path(letters), voices, corpora, frontend, run, progress)
            # All else in the voices remains trained on what it was trained on.
            notes["minutes"] = voices[0].config.training.get("minutes")
            notes["letters_sentences"] = sum(len(said.clips) for said in spoken)
            text2mel = text2mel.with_letters(letters_layers)
            task = LettersTask(text2mel, corpora, spoken, audio, **options)
        else:
            task = Text2MelTask(text2mel, corpora, audio, own_frames=own_frames, adversarial=adversarial, **options)
        notes["config"] = text2mel.config.model_dump(mode="json")
    if start and task.critic is not None:
        task.judge_as(discriminator_of(start) or task.critic.shipped())
    trainer = Trainer(task, run, config, notes)
    if progress and trainer.step:
        progress.note(f"going on at step {trainer.step}")
    trainer.run(progress)
    return trainer


def load_features(
    folders: Sequence[str | Path],
    languages: Sequence[str],
    audio: AudioConfig,
    frontend: str | None,
    cache: str | Path,
    progress: Progress | None = None,
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
        dataset = Dataset.read(folder, languages[i] if languages else "en-us", strict=True)
        phones: Frontend | None = None
        if frontend:
            phones = plugins.create("frontend", frontend, language=dataset.language)

        def report(done: int, total: int, name: str = dataset.name) -> None:
            if progress:
                progress.step(f"features of {name}", done, total)

        result.append(features.build(dataset, audio, phones, cache, report))
    return result


def _spoken(
    letters: Path,
    voices: Sequence[Synthesizer],
    corpora: Sequence[Features],
    frontend: str,
    run: Path,
    progress: Progress | None,
) -> list[Features]:
    """Speech features of the sentences of a file, which are shared out among the voices."""
    names = speaker_names(corpora)
    try:
        texts = list(dict.fromkeys(line for line in letters.read_text(encoding="utf-8").splitlines() if line.strip()))
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"cannot read {letters}: {error}") from error
    run.mkdir(parents=True, exist_ok=True)
    result = []
    for i, (name, voice) in enumerate(zip(names, voices, strict=True)):
        language = next(c.language for c in corpora if c.name == name)
        phones = plugins.create("frontend", frontend, language=language)

        def report(done: int, total: int, name: str = name) -> None:
            if progress:
                progress.step(f"{name} speaks", done, total)

        path = run / f"spoken-{name}.safetensors"
        spoken = speak(voice, phones, texts[i :: len(names)], path, name, report)
        if spoken is not None:
            result.append(spoken)
    return result
