"""Fine-tuning of both networks: the tasks, the trainer of a cloning, and the time that it takes.

Text2Mel is trained on the new speaker's clips mixed with the base's own speech. A few minutes of recordings lack most
words; a network that is trained on them alone forgets how the others are said, one that keeps hearing its own speech
does not (rehearsal: Robins, "Catastrophic forgetting, rehearsal and pseudorehearsal", Connection Science 7(2), 1995).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from voicebank.cloning.store import CloneSettings
from voicebank.config import AudioConfig
from voicebank.data.progress import Progress
from voicebank.dctts.layers import unfilled
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.text.frontend import join
from voicebank.training.batches import Item, MixedOrder, Order, mel_statistics, usable
from voicebank.training.features import MARGIN_END, MARGIN_START, ClipFeatures, Features
from voicebank.training.ssrn import SSRNTask
from voicebank.training.tasks import Task, Text2MelTask
from voicebank.training.trainer import Trainer, TrainerConfig

# Rows of the speaker table.
BASE, SPEAKER = "base", "speaker"
FEWEST_HELD_OUT, MOST_HELD_OUT = 2, 20
# Seconds a step on two cores, until one was measured.
TYPICAL = {"base speech": 0.1, "text2mel": 0.4, "ssrn": 1.0}
# Shares of max_minutes after which a stage must be over. What is left is for the sample and the scores.
UNTIL = {"text2mel": 0.6, "ssrn": 0.95}
# Steps that are timed to see what is possible, and how many of them are not counted.
PILOT, SETTLING = 12, 4
# Share of the time that steps get; the rest goes to validations, checkpoints and previews.
STEPPING = 0.87
# L1 of the held-out clips is flat long before a voice sounds like its speaker: of weights that are as good, the later
# ones are livelier. What passes for true is a little further from the truth than the mean of all that might be. Of SSRN
# it is the output itself that is to pass for true: with ten minutes its L1 ends between a tenth below that of the base
# and a twentieth above, and the speaker is nearer each time (similarity 0.81 to 0.87).
TOLERANCE = {"text2mel": 0.03, "ssrn": 0.2}


@lru_cache(maxsize=1)
def sentences() -> list[str]:
    """Sentences with every English phone in many places, in none of the base voices' corpora."""
    return Path(__file__).with_name("sentences.txt").read_text(encoding="utf-8").splitlines()


def hold_out(clips: Sequence[ClipFeatures], share: float) -> list[str]:
    """Ids of the clips to validate on, chosen by a hash of the id: the same ones every time."""
    n = min(MOST_HELD_OUT, max(FEWEST_HELD_OUT, round(share * len(clips))))
    return sorted((c.id for c in clips), key=lambda id: hashlib.sha256(id.encode()).digest())[:n]


def freeze(model: Text2Mel, what: str) -> None:
    """Keep a part of the network as it is, see :attr:`CloneSettings.frozen`."""
    for name, parameter in model.named_parameters():
        text = not name.startswith(("audio_encoder.", "audio_decoder.", "flow."))
        parameter.requires_grad_(not (what == "text" and text) and (what != "weights" or name.endswith(".bias")))


@torch.no_grad()
def standardise(model: Text2Mel, recordings: Features) -> None:
    """Give the last row of a flow the mean and the deviation of a speaker's own mels.

    Bands that hardly vary in the base's speech, as the lowest of some do, would else be blown up a hundredfold.
    """
    if model.flow is not None:
        mean, deviation = mel_statistics([replace(recordings, clips=usable(recordings))])
        model.flow.mean[-1], model.flow.deviation[-1] = mean[0], deviation[0]


class Text2MelClone(Text2MelTask):
    """Fine-tuning of Text2Mel. With a rehearsal the model has two rows, the base's first; else one.

    Args:
        model: the network, see :func:`voicebank.training.runs.with_rows`.
        recordings: features of the new speaker.
        rehearsal: features of the base's own speech; None trains without.
        held_out: ids of the clips to validate on.
        audio: spectrogram settings.
        settings: of the cloning.
    """

    def __init__(
        self,
        model: Text2Mel,
        recordings: Features,
        rehearsal: Features | None,
        held_out: Collection[str],
        audio: AudioConfig,
        settings: CloneSettings,
    ) -> None:
        # Names tell the rows apart, whatever the dataset is called.
        corpora = [replace(recordings, name=SPEAKER, clips=usable(recordings))]
        if rehearsal is not None:
            corpora.insert(0, replace(rehearsal, name=BASE))
        super().__init__(
            model,
            corpora,
            audio,
            batch_size=settings.batch_size,
            held_back=0,
            seed=settings.seed,
            # A few minutes hold too few words to learn letters from: what reads them alone would only forget.
            phones=1.0 if model.config.letters_channels else Text2MelTask.PHONES,
            # A flow that was taught by a discriminator and goes on without one is soon as blurred as it was before.
            adversarial=model.flow is not None,
        )
        if self.critic is not None:
            self.judge_as(self.critic.shipped())
        recorded = [item for item in self.train if item.features is corpora[-1]]
        rehearsed = [item for item in self.train if item.features is not corpora[-1]]
        self.validation, self.train = _divided(recorded, held_out)
        self.order = (
            MixedOrder(self.train, rehearsed, settings.batch_size, settings.rehearsal, settings.seed)
            if rehearsed
            else Order(self.train, settings.batch_size, settings.seed)
        )


class SSRNClone(SSRNTask):
    """Fine-tuning of SSRN on the new speaker's clips.

    Args:
        model: the network.
        recordings, held_out, audio, settings: as for :class:`Text2MelClone`.
        text2mel: the clone's, for mels as it predicts them; None trains on true mels alone.
    """

    def __init__(
        self,
        model: SSRN,
        recordings: Features,
        held_out: Collection[str],
        audio: AudioConfig,
        settings: CloneSettings,
        text2mel: Text2Mel | None,
    ) -> None:
        corpus = replace(recordings, name=SPEAKER, clips=usable(recordings))
        super().__init__(
            model,
            [corpus],
            audio,
            batch_size=settings.batch_size,
            held_back=0,
            seed=settings.seed,
            text2mel=text2mel,
            adversarial=True,
        )
        assert self.critic is not None
        self.judge_as(self.critic.shipped())
        self.validation, self.train = _divided(self.train, held_out)
        self.order = Order(self.train, settings.batch_size, settings.seed)


def judge_early(task: Task, steps: int) -> None:
    """A cloning has few steps: the discriminator may not take most of them to begin.

    And it must never end worse than the base was, so the held-out clips still decide which weights are kept.

    Args:
        task: to be trained.
        steps: in all. If the time allows fewer than were wanted, this is called once more.
    """
    task.critic_alone, task.critic_grows = min(task.critic_alone, steps // 8), min(task.critic_grows, steps // 4)
    task.criterion = "l1"


def _divided(items: Sequence[Item], held_out: Collection[str]) -> tuple[list[Item], list[Item]]:
    return (
        [item for item in items if item.clip.id in held_out],
        [item for item in items if item.clip.id not in held_out],
    )


def averaged_text2mel(model: Text2Mel, average: Mapping[str, torch.Tensor]) -> Text2Mel:
    """A network of one speaker, the last row, with these weights."""
    averaged = unfilled(Text2Mel, model.config, model.n_mels)
    averaged.load_state_dict({k: v.to("cpu", copy=True) for k, v in average.items()}, assign=True)
    return averaged.keep_speaker(model.config.speakers - 1)


def ssrn_with(weights: Mapping[str, torch.Tensor], like: SSRN, audio: AudioConfig) -> SSRN:
    """An SSRN with the sizes of another and these weights."""
    model = unfilled(SSRN, like.config, audio.n_mels, audio.bins, audio.reduction)
    model.load_state_dict({k: v.to("cpu", copy=True) for k, v in weights.items()}, assign=True)
    return model


def seconds_per_symbol(features: Features) -> float:
    """Mean length of a symbol: a slow speaker's sentences must not count as runaways."""
    seconds = symbols = 0.0
    for clip in usable(features):
        seconds += (clip.frames[1] - clip.frames[0]) / features.frame_rate - MARGIN_START - MARGIN_END
        symbols += len(join(unit.unit() for unit in clip.units))
    return round(min(2.0, max(0.01, seconds / max(1.0, symbols))), 3)


class Clock:
    """Counts the computing of all calls together.

    Args:
        before: seconds of earlier calls.
        max_minutes: that all may take; None is no limit.
    """

    def __init__(self, before: float, max_minutes: float | None) -> None:
        self.before, self.max_minutes = before, max_minutes
        self.began = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds so far."""
        return self.before + time.monotonic() - self.began

    def left(self, stage: str) -> float:
        """Seconds until a stage must be over."""
        return 60 * self.max_minutes * UNTIL[stage] - self.spent if self.max_minutes else float("inf")

    def after(self, stage: str, steps: Mapping[str, int], pace: float | None = None) -> float:
        """Seconds that the stages after one will take.

        Args:
            stage: that is going on.
            steps: of each stage.
            pace: its seconds a step: a machine that is slower in one stage is so in the others.
        """
        names = list(TYPICAL)
        later = names[names.index(stage) + 1 :] if stage in names else names[1:]
        slower = pace / TYPICAL[stage] if pace and stage in TYPICAL else 1.0
        seconds = sum(steps[name] * TYPICAL[name] * slower for name in later)
        return min(seconds, max(0.0, 60 * self.max_minutes - self.spent)) if self.max_minutes else seconds


def trainer_config(stage: str, settings: CloneSettings, steps: int, rate: float) -> TrainerConfig:
    """Settings of the training loop of a stage for so many steps."""
    steps = max(1, steps)
    return TrainerConfig(
        steps=steps,
        rate=rate,
        warmup=min(100, max(1, steps // 10)),
        decay=0.8,
        average=settings.average,
        validate_every=settings.validate_every,
        patience=settings.patience,
        tolerance=TOLERANCE[stage],
        checkpoint_seconds=settings.checkpoint_seconds,
        picture_every=settings.preview_every or steps + 1,
        device=settings.device,
        precision=settings.precision,
        threads=settings.threads,
        seed=settings.seed,
    )


def trainer_notes(task: Task, **notes: Any) -> dict[str, Any]:
    """Notes by which a run of a cloning is one for ``voicebank assemble``, too."""
    model: Any = task.model
    rows = getattr(model.config, "speakers", 1)
    config = model.config.model_dump(mode="json")
    return {"task": task.name, "config": config, "speakers": [BASE, SPEAKER][-rows:], **notes}


def possible_steps(trainer: Trainer, progress: Progress, clock: Clock, stop: Callable[[], bool]) -> int:
    """Steps that the time allows, measured on the first few. The learning rate can then still fall to its end."""
    ticks: list[float] = []

    def enough() -> bool:
        ticks.append(time.monotonic())
        return stop() or len(ticks) >= PILOT

    trainer.run(progress, stop=enough)
    if len(ticks) <= SETTLING + 1:
        return trainer.config.steps
    pace = (ticks[-1] - ticks[SETTLING]) / (len(ticks) - 1 - SETTLING)
    return trainer.step + max(0, int(STEPPING * clock.left(trainer.task.name) / pace))
