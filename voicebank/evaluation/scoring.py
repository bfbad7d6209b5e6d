"""Scoring a voice, its SSRN alone, or a folder of clips that any other system made."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from voicebank.audio import Audio
from voicebank.config import AudioConfig
from voicebank.data.dataset import Clip, Dataset, Sentences, match_clips, read_sentences
from voicebank.data.progress import Progress
from voicebank.dctts.ssrn import SSRN
from voicebank.errors import BadData, RunawayError
from voicebank.evaluation.comparison import compare_scores
from voicebank.evaluation.faults import attention_faults
from voicebank.evaluation.listening import Recogniser, Take
from voicebank.evaluation.measures import References, by_name, centroids, reference_prosody
from voicebank.evaluation.scores import Report, Scores, summarise
from voicebank.hub.card import markdown_table, number, percent
from voicebank.plugins import Vocoder
from voicebank.signal.magnitudes import denormalise_magnitude
from voicebank.signal.spectrogram import linear_magnitude, normalise_magnitude, normalised_mel
from voicebank.synthesis.speech import create_vocoder
from voicebank.training.features import prepare_samples

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
    recogniser: Recogniser | None = None,
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
        recogniser: what transcribes, and how many clips at a time; whisper if left out. Speaking is never done in
            parallel: its time is measured, one sentence after another, once one has been said to warm up.

    Raises:
        BadData: the list of sentences or a reference folder is unusable, or ``out`` cannot be written.
        UnknownName: there is no such frontend or vocoder.
        PluginError: a package that scoring needs is missing.
    """
    texts = read_sentences(sentences)
    frontend = frontend or voice.config.frontend.name  # by name it is an error if it is not installed
    scorer = _Scorer(voice.config.name, references, against, recogniser or Recogniser())
    takes = speak(voice, texts, frontend=frontend, vocoder=vocoder, progress=scorer.recogniser.progress)
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
    recogniser: Recogniser | None = None,
) -> Scores:
    """Score clips that any system made.

    Args:
        folder: holds the clips, or a subfolder ``wavs`` with them.
        sentences: what they say; None reads ``metadata.csv`` in the folder. Clips are matched by name, or
            by order when the sentences have no ids.
        name: of the system, by default that of the folder.
        references, against, out, recogniser: as in :func:`evaluate_voice`.

    Raises:
        BadData: also when a clip has no sentence.
        BadAudio: a clip cannot be read.
    """
    folder = Path(folder)
    clips, missing = match_clips(folder, sentences)
    scorer = _Scorer(name or folder.resolve().name, references, against, recogniser or Recogniser())
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


class SsrnScores(Report):
    """Copy synthesis of the same clips without and with SSRN, and what SSRN costs."""

    truth: Scores
    """True magnitudes through the vocoder."""
    ssrn: Scores
    """True mels through SSRN and the vocoder."""
    more_wer: float
    """Word error rate of ``ssrn`` less that of ``truth``: 0.02 is two points more."""
    l1: float
    """Mean absolute difference of the normalised magnitudes."""

    def summary(self) -> str:
        """What SSRN costs, as a Markdown table."""
        lines = [
            ("clips", str(self.truth.sentences)),
            ("word error rate, true magnitudes", percent(self.truth.wer)),
            ("word error rate, true mels through SSRN", percent(self.ssrn.wer)),
            ("points more", f"{100 * self.more_wer:+.1f}"),
            ("DistillMOS, true magnitudes", number(self.truth.distillmos)),
            ("DistillMOS, true mels through SSRN", number(self.ssrn.distillmos)),
            ("DNSMOS, true magnitudes", number(self.truth.dnsmos)),
            ("DNSMOS, true mels through SSRN", number(self.ssrn.dnsmos)),
            ("L1 of the magnitudes", f"{self.l1:.4f}"),
        ]
        return markdown_table(("measure", "value"), lines)

    def markdown(self) -> str:
        """The summary, then the sentences of both ways."""
        return f"{self.summary()}\n{self.ssrn.markdown()}\n{self.truth.markdown()}"


def evaluate_ssrn(
    voice: Synthesizer,
    clips: str | PathLike[str] | Dataset,
    *,
    ids: Collection[str] | None = None,
    count: int = 100,
    vocoder: str | None = None,
    out: str | PathLike[str] | None = None,
    recogniser: Recogniser | None = None,
) -> SsrnScores:
    """Judge the SSRN of a voice alone.

    Args:
        voice: what :func:`voicebank.load` gives.
        clips: a dataset, or a folder in LJSpeech layout, of the voice's speaker.
        ids: the clips that training held back; None takes ``count`` of all clips, spread evenly.
        count: clips, where ``ids`` is left out.
        vocoder: plugin name; None is the one that the voice speaks with.
        out: folder for ``ssrn.json`` and ``ssrn.md``.
        recogniser: as in :func:`evaluate_voice`.

    Raises:
        BadData: the clips are unusable, or one of ``ids`` is not among them.
    """
    dataset = clips if isinstance(clips, Dataset) else Dataset.read(Path(clips))
    chosen = _chosen(dataset, ids, count)
    audio = voice.config.audio
    vocode = create_vocoder(voice.config, vocoder)
    recogniser = recogniser or Recogniser()
    takes: dict[str, list[Take]] = {"truth": [], "ssrn": []}
    distances = []
    for clip in recogniser.progress.track("resynthesising", chosen, len(chosen)):
        true, predicted, distance = resynthesise(clip.path, voice.ssrn, audio, vocode)
        takes["truth"].append(Take(clip.id, clip.text, true))
        takes["ssrn"].append(Take(clip.id, clip.text, predicted))
        distances.append(distance)
    ways = {"truth": "true magnitudes", "ssrn": "true mels through SSRN"}
    scores = {
        name: summarise(
            recogniser.score(each),
            system=f"{voice.config.name}, {ways[name]}",
            vocoder=vocoder or "griffin-lim",
            transcriber=str(recogniser),
        )
        for name, each in takes.items()
    }
    result = SsrnScores(**scores, more_wer=scores["ssrn"].wer - scores["truth"].wer, l1=sum(distances) / len(distances))
    if out is not None:
        result.write(out, "ssrn")
    return result


@torch.inference_mode()
def resynthesise(path: Path, ssrn: SSRN, config: AudioConfig, vocode: Vocoder) -> tuple[Audio, Audio, float]:
    """Copy synthesis of a clip from its true magnitude, and from its mel through SSRN, and their distance (L1)."""
    samples = prepare_samples(Audio.read(path, config.sample_rate).samples, config)
    linear = linear_magnitude(torch.from_numpy(samples), config)
    mel = normalised_mel(linear, config).T[:: config.reduction]
    truth = normalise_magnitude(linear, config)
    predicted = ssrn.magnitude(mel[None])[0].T[:, : truth.shape[1]]
    distance = float((truth - predicted).abs().mean())
    return _vocoded(truth, config, vocode), _vocoded(predicted, config, vocode), distance


def _vocoded(magnitude: torch.Tensor, config: AudioConfig, vocode: Vocoder) -> Audio:
    samples = vocode(denormalise_magnitude(magnitude.numpy(), config)[None], config)[0]
    return Audio(np.clip(samples, -1, 1), config.sample_rate)


def _chosen(dataset: Dataset, ids: Collection[str] | None, count: int) -> list[Clip]:
    if ids is None:
        n = min(count, len(dataset.clips))
        return [dataset.clips[i * len(dataset.clips) // n] for i in range(n)]
    clips = {clip.id: clip for clip in dataset.clips}
    if lacking := [key for key in ids if key not in clips]:
        raise BadData(f"{dataset.name} has no clip {lacking[0]!r} ({len(lacking)} such ids)")
    return [clips[key] for key in ids]
