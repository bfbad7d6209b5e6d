"""The stages of a cloning, one after the other, each going on where it was."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from voicebank.audio import Audio
from voicebank.cloning.clock import Clock
from voicebank.cloning.likeness import likeness
from voicebank.cloning.loop import fine_tune, make_trainer
from voicebank.cloning.progress import CloneProgress
from voicebank.cloning.rehearsal import rehearse
from voicebank.cloning.store import State, Store
from voicebank.cloning.tasks import SSRNClone, Text2MelClone, averaged_text2mel, freeze, usable
from voicebank.config import VoiceConfig
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import VoicebankError
from voicebank.hub.card import WIDGET_TEXT
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.text.frontend import Frontend, join
from voicebank.training import checkpoint, plots
from voicebank.training.features import MARGIN_END, MARGIN_START, ClipFeatures, Features
from voicebank.training.start import with_rows
from voicebank.training.tasks import Task
from voicebank.training.trainer import Trainer
from voicebank.training.variance import match_magnitudes, match_mels


class _Stopped(Exception):
    """Somebody asked to stop before training began."""


class Cloning:
    """One cloning, from features to the finished voice. See :func:`voicebank.cloning.run.clone`."""

    def __init__(
        self,
        base: Synthesizer,
        own: Features,
        phones: Frontend,
        store: Store,
        state: State,
        progress: CloneProgress,
        stop: Callable[[], bool],
    ) -> None:
        self.base, self.own, self.phones = base, own, phones
        self.store, self.state, self.progress, self.stop = store, state, progress, stop
        self.settings, self.audio = state.settings, base.config.audio
        self.clock = Clock(state.seconds, self.settings.max_minutes)
        self.stopped = False
        # The best so far.
        self.text2mel, self.ssrn = base.text2mel, base.ssrn

    def run(self) -> Synthesizer:
        """All stages that are left. After Ctrl-C the best so far, if there is anything yet."""
        try:
            try:
                self._restart_damaged()
                self._text2mel()
                if not self.stopped and self.settings.ssrn_steps:
                    self._ssrn()
            except _Stopped:
                self.stopped = True
            self._finish()
        except KeyboardInterrupt:
            if not self.store.has_voice:
                raise
            self.stopped = True
            self._write()
        if self.stopped:
            self.progress.note(f"stopped: {self.store.folder} has the best so far, and the same command goes on")
        return Synthesizer.from_folder(self.store.folder)

    def _text2mel(self) -> None:
        if "text2mel" in self.state.done:
            tensors, notes = self._best("text2mel")
            rows = int(notes["config"]["speakers"])
            self._match_mels(averaged_text2mel(with_rows([self.base.text2mel] * rows), tensors))
            return
        rehearsal = self._rehearsal()
        model = with_rows([self.base.text2mel] * (1 if rehearsal is None else 2))
        freeze(model, self.settings.frozen)
        self.progress.note("finding the sounds in the recordings")
        task = Text2MelClone(model, self.own, rehearsal, self.state.held_out, self.audio, self.settings)
        self._train(task, self.settings.text2mel_steps, self.settings.rate)
        if not self.stopped:
            self._match_mels(self.text2mel)

    def _restart_damaged(self) -> None:
        """Train a stage anew whose weights are not numbers: an older voicebank could leave them so."""
        for stage in ("text2mel", "ssrn"):
            folder = self.store.work / stage
            files = [folder / "checkpoint.safetensors", folder / "best.safetensors"]
            if all(checkpoint.is_finite(file) for file in files if file.exists()):
                continue
            shutil.rmtree(folder)
            self.state.done = [done for done in self.state.done if done != stage]
            self.progress.note(f"the weights of {stage} are damaged: it is trained again")

    def _match_mels(self, trained: Text2Mel) -> None:
        self.text2mel = match_mels(trained, self.own, self._clips_to_learn(), self.audio.reduction)
        if self.text2mel is trained:
            self.progress.note("text2mel stays as it was trained: matching its variance makes it no better")

    def _match_magnitudes(self, trained: SSRN) -> None:
        self.ssrn = match_magnitudes(trained, self.text2mel, self.own, self._clips_to_learn(), self.audio)
        if self.ssrn is trained:
            self.progress.note("ssrn stays as it was trained: matching its variance makes it no better")

    def _clips_to_learn(self) -> list[ClipFeatures]:
        held_out = set(self.state.held_out)
        return [clip for clip in usable(self.own) if clip.id not in held_out]

    def _rehearsal(self) -> Features | None:
        settings = self.settings
        if not settings.rehearsal or settings.frozen == "weights":
            return None  # with fixed weights nothing is forgotten
        path = self.store.work / "base-speech.safetensors"
        began = time.monotonic()

        def told(done: int, total: int) -> None:
            left = (time.monotonic() - began) / done * (total - done)
            self.progress.step("base speech", done, total, {}, self._estimate("base speech", left))
            if self.stop():
                raise _Stopped

        if not path.exists():
            self.progress.stage("base speech", settings.rehearsal_sentences)
        found = rehearse(self.base, self.phones, settings.rehearsal_sentences, path, told)
        if found is None:
            self.progress.note(f"{self.base.name} speaks no sentence to its end: going on without a rehearsal")
        return found

    def _ssrn(self) -> None:
        if "ssrn" in self.state.done:
            self._match_magnitudes(self._ssrn_of(self._best("ssrn")[0]))
            return
        settings = self.settings
        model = self._ssrn_of(self.base.ssrn.state_dict())
        predicting = self.text2mel if settings.ssrn_predicted else None
        task = SSRNClone(model, self.own, self.state.held_out, self.audio, settings, predicting)
        self._train(task, settings.ssrn_steps, settings.ssrn_rate)
        if not self.stopped:
            self._match_magnitudes(self.ssrn)

    def _train(self, task: Task, steps: int, rate: float) -> None:
        name, state = task.name, self.state
        notes = {"audio": self.audio.model_dump(mode="json"), "minutes": state.minutes, "start": state.parent}
        steps = state.steps.get(name, steps)
        trainer = make_trainer(task, self.store.work / name, self.settings, steps, rate, notes)
        if (self.store.work / name / "best.safetensors").exists():
            # A kill may have come between these weights and the voice, or the checkpoint.
            tensors, found = self._best(name)
            self._note_best(name, found["step"], found["l1"])
            if found["step"]:
                trainer.best, trainer.best_step = found.get("lowest", found["l1"]), found["step"]
            self._keep(task, tensors)
        fine_tune(trainer, self.settings, self.clock, self, self._asked, planned=name in state.steps)
        if not self.stopped:
            state.done.append(name)
            self._write()

    def _finish(self) -> None:
        """Scores, sample and card; finished, unless it was stopped."""
        trained = Synthesizer(self.config(), self.text2mel, self.ssrn)
        if not self.stopped:
            clips = [
                Audio(self.own.clip_samples(c), self.audio.sample_rate)
                for c in self.own.clips
                if c.id in self.state.held_out
            ]
            for name, voice in (("similarity", trained), ("similarity_base", self.base)):
                found = likeness(voice, clips, self.phones)
                if found is not None:
                    self.state.scores[name] = round(found, 3)
        sample = None
        try:
            sample = trained.say(WIDGET_TEXT, frontend=self.phones)
        except VoicebankError as error:
            self.progress.note(f"no sample: {error}")
        self.store.publish(Synthesizer(self.config(), self.text2mel, self.ssrn), sample)
        self.state.finished = not self.stopped
        self._write()
        if self.state.finished:
            self.store.tidy()

    # What the training loop tells: see voicebank.cloning.loop.Listener

    def began(self, trainer: Trainer, steps: int) -> None:
        """Training begins, or goes on."""
        self.progress.stage(trainer.task.name, steps)

    def stepped(self, trainer: Trainer, metrics: dict[str, float], pace: float) -> None:
        """A step is done."""
        name, step, steps = trainer.task.name, trainer.step, trainer.config.steps
        left = self._estimate(name, pace * (steps - step), pace)
        self.progress.step(name, step, steps, dict(metrics), left)

    def validated(self, trainer: Trainer, metrics: dict[str, float], best: bool) -> None:
        """The averaged weights were scored: the voice folder gets them if they are the best."""
        name = trainer.task.name
        if trainer.step == 0:
            self.state.scores[f"{name}_l1_base"] = round(metrics["l1"], 4)
        if best:
            self._note_best(name, trainer.step, metrics["l1"])
            self._keep(trainer.task, trainer.average)
        self._write()
        if best:
            trainer.save()  # else a kill would begin again before this voice, with a worse one
        self.progress.validated(name, trainer.step, metrics, best)

    def heard(self, trainer: Trainer) -> None:
        """Speak the preview sentence with the averaged weights of this moment."""
        task, step = trainer.task, trainer.step
        text2mel, ssrn = self.text2mel, self.ssrn
        if isinstance(task.model, Text2Mel):
            text2mel = averaged_text2mel(task.model, trainer.average)
        else:
            ssrn = self._ssrn_of(trainer.average)
        path = self.store.work / "previews" / f"{task.name}-{step:06d}.ogg"
        path.parent.mkdir(exist_ok=True)
        try:
            voice = Synthesizer(self.config(), text2mel, ssrn)
            speech = voice.say_detailed(self.settings.preview_text, frontend=self.phones)
        except VoicebankError as error:
            self.progress.note(f"no preview at step {step}: {error}")
            return
        speech.audio.save(path)
        picture = path.with_suffix(".png")
        plots.attention(picture, speech.sentences[0].attention, f"{task.name}, step {step}")
        self.progress.preview(task.name, step, speech.audio, picture)

    def planned(self, trainer: Trainer, steps: int) -> None:
        """The time there is allows so many steps only."""
        self.state.steps[trainer.task.name] = steps
        self._write()
        self.progress.note(f"{steps} steps of {trainer.task.name}: more are not possible in the time there is")

    # Weights, config and state

    def _keep(self, task: Task, average: Mapping[str, torch.Tensor]) -> None:
        if isinstance(task.model, Text2Mel):
            self.text2mel = averaged_text2mel(task.model, average)
        else:
            self.ssrn = self._ssrn_of(average)
        self.store.publish(Synthesizer(self.config(), self.text2mel, self.ssrn))

    def _note_best(self, stage: str, step: int, l1: float) -> None:
        self.state.reached[stage] = step
        self.state.scores[f"{stage}_l1"] = round(l1, 4)

    def _best(self, stage: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        return checkpoint.load(self.store.work / stage / "best.safetensors")

    def _ssrn_of(self, weights: Mapping[str, torch.Tensor]) -> SSRN:
        model = SSRN(self.base.ssrn.config, self.audio.n_mels, self.audio.bins, self.audio.reduction)
        model.load_state_dict({k: v.cpu() for k, v in weights.items()})
        return model

    def config(self) -> VoiceConfig:
        """The clone's config, as things stand."""
        state = self.state
        training: dict[str, Any] = {"minutes": state.minutes, "clips": state.clips}
        training |= {f"{stage}_steps": step for stage, step in state.reached.items()}
        if state.scores:
            training["scores"] = dict(state.scores)
        slowest = max(self.base.config.seconds_per_symbol, _seconds_per_symbol(self.own))
        update = {"parent": state.parent, "seconds_per_symbol": slowest, "training": training}
        return described(self.base.config.model_copy(update=update), state.about)

    def _write(self) -> None:
        self.state.seconds = round(self.clock.spent, 1)
        self.store.write(self.state)

    def _asked(self) -> bool:
        self.stopped = self.stopped or self.stop()
        return self.stopped

    def _estimate(self, stage: str, seconds: float, pace: float | None = None) -> float:
        steps = {"text2mel": self.settings.text2mel_steps, "ssrn": self.settings.ssrn_steps, **self.state.steps}
        return self.clock.estimate(stage, seconds, steps, pace)


def described(config: VoiceConfig, about: Mapping[str, str]) -> VoiceConfig:
    """The config of a clone with these words about it. Without consent it is for private use.

    Raises:
        pydantic.ValidationError: they are too long, or hold characters that are not printable.
    """
    training = {k: v for k, v in config.training.items() if k != "private_use"}
    if not about["consent"]:
        training["private_use"] = True
    return VoiceConfig.model_validate({**config.model_dump(), **about, "training": training})


def _seconds_per_symbol(own: Features) -> float:
    """Mean length of a symbol: a slow speaker's sentences must not count as runaways."""
    seconds = symbols = 0.0
    for clip in usable(own):
        seconds += (clip.frames[1] - clip.frames[0]) / own.frame_rate - MARGIN_START - MARGIN_END
        symbols += len(join(unit.unit() for unit in clip.units))
    return round(min(2.0, max(0.01, seconds / max(1.0, symbols))), 3)
