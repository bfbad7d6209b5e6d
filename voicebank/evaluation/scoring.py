"""Scoring a voice, or a folder of clips that any other system made."""

from __future__ import annotations

import time
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from voicebank.data.dataset import Sentences, match_clips, read_sentences
from voicebank.data.progress import Progress
from voicebank.errors import RunawayError
from voicebank.evaluation.comparison import compare_scores
from voicebank.evaluation.faults import attention_faults
from voicebank.evaluation.listening import TRANSCRIBER, Recogniser, Take
from voicebank.evaluation.measures import References, by_name, centroids, reference_prosody
from voicebank.evaluation.scores import Scores, summarise

if TYPE_CHECKING:
    from voicebank.synthesis.synthesizer import Synthesizer


def evaluate_voice(
    voice: Synthesizer,
    sentences: Sentences,
    *,
    frontend: str | None = None,
    vocoder: str | None = None,
    references: References = None,
    against: str | PathLike[str] | None = None,
    out: str | PathLike[str] | None = None,
    save_audio: bool = False,
    workers: int | None = None,
    transcriber: str = TRANSCRIBER,
    progress: Progress | None = None,
) -> Scores:
    """Let a voice say sentences, and score the sound.

    This is all that ``voicebank evaluate VOICE --sentences FILE`` calls.

    Args:
        voice: what :func:`voicebank.load` gives.
        sentences: a text file, a list, or a mapping of id to text.
        frontend: as in ``Voice.say``; so is ``vocoder``. None is the voice's own.
        references: a folder of clips of the speaker, or several by name; the one named as the voice, or else
            the first, is its own corpus. Without any no similarity is measured.
        against: a ``scores.json`` of another system, or its folder, to compare with
            (:func:`voicebank.evaluation.comparison.compare_scores`).
        out: folder for ``scores.json`` and ``scores.md``, and for ``audio/<id>.wav`` with ``save_audio``.
        workers: clips scored at a time, at most four by default. Speaking is never done in parallel: its time
            is measured, one sentence after another, once one sentence has been said to warm up.
        transcriber: plugin name of the recogniser.
        progress: callbacks; nothing is shown if left out.

    Raises:
        BadData: the list of sentences or a reference folder is unusable, or ``out`` cannot be written.
        UnknownName: there is no such frontend, vocoder or transcriber.
        PluginError: a package that scoring needs is missing.
    """
    texts = read_sentences(sentences)
    frontend = frontend or voice.config.frontend.name  # by name it is an error if it is not installed
    scorer = _Scorer(voice.config.name, references, against, Recogniser(transcriber, workers, progress))
    takes = speak(voice, texts, frontend=frontend, vocoder=vocoder, progress=progress)
    if out is not None and save_audio:
        save_takes(takes, Path(out) / "audio")
    return scorer.score(takes, out, frontend=frontend, vocoder=vocoder)


def evaluate_folder(
    folder: str | PathLike[str],
    sentences: Sentences | None = None,
    *,
    name: str | None = None,
    references: References = None,
    against: str | PathLike[str] | None = None,
    out: str | PathLike[str] | None = None,
    workers: int | None = None,
    transcriber: str = TRANSCRIBER,
    progress: Progress | None = None,
) -> Scores:
    """Score clips that any system made.

    Args:
        folder: holds the clips, or a subfolder ``wavs`` with them.
        sentences: what they say; None reads ``metadata.csv`` in the folder. Clips are matched by name, or
            by order when the sentences have no ids.
        name: of the system, by default that of the folder.
        references, against, out, workers, transcriber, progress: as in :func:`evaluate_voice`.

    Raises:
        BadData: also when a clip has no sentence.
        BadAudio: a clip cannot be read.
    """
    folder = Path(folder)
    clips, missing = match_clips(folder, sentences)
    recogniser = Recogniser(transcriber, workers, progress)
    scorer = _Scorer(name or folder.resolve().name, references, against, recogniser)
    takes = [Take(key, text, path) for key, (path, text) in clips.items()]
    return scorer.score(takes, out, missing=missing)


class _Scorer:
    """Scores one system. What cannot be used is refused on creation, before anything is spoken."""

    def __init__(
        self, system: str, references: References, against: str | PathLike[str] | None, recogniser: Recogniser
    ) -> None:
        self.system, self.recogniser = system, recogniser
        self.other = Scores.read(against) if against is not None else None
        self.folders = by_name(references)
        self.centroids = centroids(references, recogniser.workers, recogniser.progress)

    def score(
        self,
        takes: list[Take],
        out: str | PathLike[str] | None,
        *,
        frontend: str | None = None,
        vocoder: str | None = None,
        missing: int = 0,
    ) -> Scores:
        rows = self.recogniser.score(takes, self.centroids)
        # A system's own speaker is the reference of its name, else the first.
        own = self.system if self.system in self.folders else next(iter(self.folders), None)
        scores = summarise(
            rows,
            system=self.system,
            frontend=frontend,
            vocoder=vocoder,
            transcriber=str(self.recogniser),
            own=own,
            own_prosody=reference_prosody(self.folders[own]) if own is not None else None,
            missing=missing,
        )
        if self.other is not None:
            scores = scores.model_copy(update={"against": compare_scores(scores, self.other)})
        if out is not None:
            scores.write(out, "scores")
        return scores


def speak(
    voice: Synthesizer,
    texts: Mapping[str, str],
    *,
    frontend: str | None = None,
    vocoder: str | None = None,
    progress: Progress | None = None,
) -> list[Take]:
    """Say sentences one at a time, each timed, after one to warm up. One that runs away is reported."""
    takes = []
    timed = [("", next(iter(texts.values()))), *texts.items()]
    for key, text in (progress or Progress()).track("speaking", timed, len(timed)):
        start = time.perf_counter()
        try:
            speech = voice.say_detailed(text, frontend=frontend, vocoder=vocoder, strict=True)
        except RunawayError as error:
            take = Take(key, text, None, faults={"ran away": str(error)})
        else:
            took = time.perf_counter() - start
            audio = speech.audio
            rate = took / audio.duration if audio.duration else None
            pieces = max((spoken.pieces for spoken in speech.sentences), default=1)
            take = Take(key, text, audio, rate, pieces, attention_faults(speech))
        if key:
            takes.append(take)
    return takes


def save_takes(takes: list[Take], folder: Path) -> None:
    """Write the sound of each take as ``<id>.wav``."""
    folder.mkdir(parents=True, exist_ok=True)
    for take in takes:
        if take.audio is not None and not isinstance(take.audio, Path):
            take.audio.save(folder / f"{take.id}.wav")
