"""What a clone learns from, made before the training: whole recordings, and the base voice's own speech."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from voicebank.cloning.extension import carried, extended
from voicebank.cloning.finetune import BASE, sentences
from voicebank.cloning.store import CloneSettings, Store, cache_folder, weights_digest
from voicebank.data.progress import Progress
from voicebank.errors import BadData
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.text.frontend import Frontend
from voicebank.training.features import Features
from voicebank.training.runs import load_checkpoint
from voicebank.training.spoken import speak

# Sentences that the base says where no rehearsal asks for more.
FEWEST_SPOKEN = 32
VERSION = 1  # of what the cache keeps of it: raise it when the sentences change, or how they are spoken
KEPT = 8  # in the cache: that of so many voices and counts of sentences, some 7 MB each


class Stopped(Exception):
    """A stop was asked for before training began."""


class Material:
    """Makes it; what was made before is read.

    Args:
        base: the voice to start from.
        phones: the base's frontend.
        store: the folders of the cloning.
        settings: of the cloning.
        progress: callbacks.
        stop: asked after every piece; both methods raise :class:`Stopped` if it says so.
        after: seconds that the stages after one will take.
    """

    def __init__(
        self,
        base: Synthesizer,
        phones: Frontend,
        store: Store,
        settings: CloneSettings,
        progress: Progress,
        stop: Callable[[], bool],
        after: Callable[[str], float],
    ) -> None:
        self.base, self.phones, self.store, self.settings = base, phones, store, settings
        self.progress, self.stop, self.after = progress, stop, after

    def whole(self, recordings: Features) -> Features:
        """Recordings with all of the spectrum, whatever they lack."""
        band = carried(recordings, self.base.config.audio)
        speech = self._base_speech() if band is not None else None
        if band is None or speech is None:
            return recordings
        folder = self.store.work / "features" / "extended"
        return extended(recordings, band, self.base, speech, folder, self._report("bandwidth"))

    def rehearsal(self) -> Features | None:
        """What the base itself says, to be mixed into the batches."""
        if not self.settings.rehearsal or self.settings.frozen == "weights":
            return None  # with fixed weights nothing is forgotten
        speech = self._base_speech()
        if speech is None:
            self.progress.note(f"{self.base.name} speaks no sentence to its end: going on without a rehearsal")
        return speech

    def _base_speech(self) -> Features | None:
        """What the base itself says: spoken once, for all its clones."""
        count = self.settings.rehearsal_sentences if self.settings.rehearsal else FEWEST_SPOKEN
        path = self._base_speech_file(count)
        if not path.exists():
            self.progress.step("base speech", 0, count)
        return speak(self.base, self.phones, sentences()[:count], path, BASE, self._report("base speech"))

    def _base_speech_file(self, count: int) -> Path:
        """In the user's cache, or beside the clone where that cannot be written to."""
        folder, beside = cache_folder() / "speech", self.store.work / "base-speech.safetensors"
        path = folder / f"{VERSION}-{weights_digest(self.base)}-{count}.safetensors"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                try:
                    load_checkpoint(path)
                    path.touch()  # the latest used are kept
                except BadData:  # damaged
                    path.unlink()
            latest = sorted(folder.glob("*.safetensors"), key=lambda file: -file.stat().st_mtime)
            for file in latest[KEPT:]:
                file.unlink(missing_ok=True)
        except OSError:
            return beside
        return path if os.access(folder, os.W_OK) else beside

    def _report(self, stage: str) -> Callable[[int, int], None]:
        began = time.monotonic()

        def report(done: int, total: int) -> None:
            left = (time.monotonic() - began) / done * (total - done) + self.after(stage)
            self.progress.step(stage, done, total, seconds_left=left)
            if self.stop():
                raise Stopped

        return report
