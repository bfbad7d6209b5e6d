"""The stages of a cloning, one after the other, each going on where it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from voicebank.audio import Audio
from voicebank.cloning.closest import likenesses
from voicebank.cloning.finetune import (
    Clock,
    SSRNClone,
    Text2MelClone,
    averaged_text2mel,
    freeze,
    judge_early,
    possible_steps,
    seconds_per_symbol,
    ssrn_with,
    standardise,
    trainer_config,
    trainer_notes,
)
from voicebank.cloning.material import Material, Stopped
from voicebank.cloning.store import CloneState, Store
from voicebank.config import VoiceConfig
from voicebank.data.memory import kept
from voicebank.data.progress import Progress
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import VoicebankError
from voicebank.hub.card import WIDGET_TEXT
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.text.frontend import Frontend
from voicebank.training import plots
from voicebank.training.batches import usable
from voicebank.training.features import ClipFeatures, Features
from voicebank.training.runs import load_checkpoint, with_rows
from voicebank.training.tasks import Task
from voicebank.training.trainer import Trainer
from voicebank.training.variance import match_magnitudes, match_mels


class Cloning:
    """One cloning, from features to the finished voice.

    Args:
        base: the voice to start from.
        features: of the recordings.
        phones: the base's frontend.
        store: the folders of the cloning.
        state: as it stands; it is changed and written.
        progress: callbacks.
        stop: asked after every step.
    """

    def __init__(
        self,
        base: Synthesizer,
        features: Features,
        phones: Frontend,
        store: Store,
        state: CloneState,
        progress: Progress,
        stop: Callable[[], bool],
    ) -> None:
        self.base, self.features, self.phones = base, features, phones
        self.store, self.state, self.progress, self.stop = store, state, progress, stop
        self.settings, self.audio = state.settings, base.config.audio
        self.clock = Clock(state.seconds, self.settings.max_minutes)
        self.material = Material(base, phones, store, self.settings, progress, stop, self._after)
        self.stopped = False
        # The best so far.
        self.text2mel, self.ssrn = base.text2mel, base.ssrn

    @kept()
    def run(self) -> Synthesizer:
        """All stages that are left. After Ctrl-C the best so far, if there is anything yet."""
        try:
            try:
                for stage in self.store.remove_damaged():
                    self.state.done = [done for done in self.state.done if done != stage]
                    self.progress.note(f"the weights of {stage} are damaged: it is trained again")
                self.features = self.material.whole(self.features)
                self._text2mel()
                if not self.stopped and self.settings.ssrn_steps:
                    self._ssrn()
            except Stopped:
                self.stopped = True
            self._finish()
        except KeyboardInterrupt:
            if not self.store.has_voice:
                raise
            self.stopped = True
            self._write()
        if self.stopped:
            self.progress.note(f"stopped: {self.store.folder} has the best so far, and the same command goes on")
        return Synthesizer.from_folder(self.store.folder, trust_options=True)

    def _text2mel(self) -> None:
        if "text2mel" in self.state.done:
            tensors, notes = self._best("text2mel")
            rows = int(notes["config"]["speakers"])
            self._match_mels(averaged_text2mel(with_rows([self.base.text2mel] * rows), tensors))
            return
        rehearsal = self.material.rehearsal()
        model = with_rows([self.base.text2mel] * (1 if rehearsal is None else 2))
        standardise(model, self.features)
        freeze(model, self.settings.frozen)
        self.progress.note("finding the sounds in the recordings")
        task = Text2MelClone(model, self.features, rehearsal, self.state.held_out, self.audio, self.settings)
        self._train(task, self.settings.text2mel_steps, self.settings.rate)
        if not self.stopped:
            self._match_mels(self.text2mel)

    def _ssrn(self) -> None:
        if "ssrn" in self.state.done:
            self._match_magnitudes(ssrn_with(self._best("ssrn")[0], self.base.ssrn, self.audio))
            return
        settings = self.settings
        model = ssrn_with(self.base.ssrn.state_dict(), self.base.ssrn, self.audio)
        predicting = self.text2mel if settings.ssrn_predicted else None
        task = SSRNClone(model, self.features, self.state.held_out, self.audio, settings, predicting)
        self._train(task, settings.ssrn_steps, settings.ssrn_rate)
        if not self.stopped:
            self._match_magnitudes(self.ssrn)

    def _match_mels(self, trained: Text2Mel) -> None:
        self.text2mel = match_mels(trained, self.features, self._clips_to_learn(), self.audio.reduction)
        self._note_unmatched("text2mel", self.text2mel is trained)

    def _match_magnitudes(self, trained: SSRN) -> None:
        self.ssrn = match_magnitudes(trained, self.text2mel, self.features, self._clips_to_learn(), self.audio)
        self._note_unmatched("ssrn", self.ssrn is trained)

    def _note_unmatched(self, stage: str, same: bool) -> None:
        if same:
            self.progress.note(f"{stage} stays as it was trained: matching its variance makes it no better")

    def _clips_to_learn(self) -> list[ClipFeatures]:
        return [clip for clip in usable(self.features) if clip.id not in self.state.held_out]

    # Training

    def _train(self, task: Task, steps: int, rate: float) -> None:
        """Train until steps, patience or time are used up, or until asked to stop."""
        name, state, settings = task.name, self.state, self.settings
        folder, planned = self.store.work / name, name in state.steps
        notes = trainer_notes(task, audio=self.audio.model_dump(mode="json"), minutes=state.minutes, start=state.parent)
        config = trainer_config(name, settings, state.steps.get(name, steps), rate)
        judge_early(task, config.steps)
        trainer = Trainer(
            task,
            folder,
            config,
            notes,
            on_validation=lambda metrics, best: self._validated(trainer, metrics, best),
            time_after=lambda pace: self._after(name, pace),
        )
        self.previewed = trainer.step
        if (folder / "best.safetensors").exists():
            # A kill may have come between these weights and the voice, or the checkpoint.
            tensors, best = self._best(name)
            if best["step"]:
                trainer.best, trainer.best_step = best.get("lowest", best["l1"]), best["step"]
            self._keep(task, tensors, best["step"], best["l1"])

        def stop() -> bool:
            self.stopped = self.stopped or self.stop()
            return self.stopped or self.clock.left(name) <= 0

        if trainer.best == float("inf"):
            self.progress.step(name, trainer.step, config.steps)
            trainer.validate(self.progress)
        if settings.max_minutes and not planned and not trainer.is_over:
            possible = possible_steps(trainer, self.progress, self.clock, stop)
            if possible < config.steps:
                trainer.config = trainer_config(name, settings, possible, rate)
                judge_early(task, possible)
                state.steps[name] = possible
                self._write()
                self.progress.note(f"{possible} steps of {name}: more are not possible in the time there is")
        if not trainer.is_over and not stop():
            trainer.run(self.progress, stop=stop)
            if not self.stopped and not trainer.is_over:  # the time is up: what was learned since counts, too
                trainer.validate(self.progress)
        if not self.stopped:
            state.done.append(name)
            self._write()

    def _validated(self, trainer: Trainer, metrics: dict[str, float], best: bool) -> None:
        """Publish the averaged weights if they are the best so far, and speak a preview if it is time."""
        name, step, every = trainer.task.name, trainer.step, self.settings.preview_every
        if step == 0:
            self.state.scores[f"{name}_l1_base"] = round(metrics["l1"], 4)
        if best:
            self._keep(trainer.task, trainer.average, step, metrics["l1"])
        self._write()
        if best:
            trainer.save()  # else a kill would begin again before this voice, with a worse one
        if every and step // every > self.previewed // every:
            self.previewed = step
            self._preview(trainer.task, trainer.average, step)

    def _preview(self, task: Task, average: Mapping[str, torch.Tensor], step: int) -> None:
        """Speak the preview sentence with the averaged weights of this moment."""
        text2mel, ssrn = self._with(task, average)
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

    def _after(self, stage: str, pace: float | None = None) -> float:
        """Seconds that the stages after one will take."""
        steps = {"text2mel": self.settings.text2mel_steps, "ssrn": self.settings.ssrn_steps, **self.state.steps}
        return self.clock.after(stage, steps, pace)

    # Weights, config and state

    def _finish(self) -> None:
        """Scores, sample and card; finished, unless it was stopped."""
        trained = Synthesizer(self.config(), self.text2mel, self.ssrn)
        if not self.stopped:
            held_out = [clip for clip in self.features.clips if clip.id in self.state.held_out]
            clips = [Audio(self.features.clip_samples(clip), self.audio.sample_rate) for clip in held_out]
            similarities = zip(
                ("similarity", "similarity_base"), likenesses(trained, self.base, clips, self.phones), strict=True
            )
            self.state.scores |= {name: round(value, 3) for name, value in similarities if value is not None}
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

    def _with(self, task: Task, average: Mapping[str, torch.Tensor]) -> tuple[Text2Mel, SSRN]:
        """Both networks, the trained one with these weights."""
        if isinstance(task.model, Text2Mel):
            return averaged_text2mel(task.model, average), self.ssrn
        return self.text2mel, ssrn_with(average, self.base.ssrn, self.audio)

    def _keep(self, task: Task, average: Mapping[str, torch.Tensor], step: int, l1: float) -> None:
        """Take these weights as the best so far, and publish the voice with them."""
        self.state.reached[task.name] = step
        self.state.scores[f"{task.name}_l1"] = round(l1, 4)
        self.text2mel, self.ssrn = self._with(task, average)
        self.store.publish(Synthesizer(self.config(), self.text2mel, self.ssrn))

    def _best(self, stage: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        return load_checkpoint(self.store.work / stage / "best.safetensors")

    def config(self) -> VoiceConfig:
        """The clone's config, as things stand."""
        state = self.state
        training: dict[str, Any] = {"minutes": state.minutes, "clips": state.clips}
        training |= {f"{stage}_steps": step for stage, step in state.reached.items()}
        training |= {"scores": dict(state.scores)} if state.scores else {}
        slowest = max(self.base.config.seconds_per_symbol, seconds_per_symbol(self.features))
        update = {"parent": state.parent, "seconds_per_symbol": slowest, "training": training}
        return state.about.applied(self.base.config.model_copy(update=update))

    def _write(self) -> None:
        self.state.seconds = round(self.clock.spent, 1)
        self.store.write(self.state)
