"""SSRN on its own: true mels through it, against true magnitudes, both through the same vocoder."""

from __future__ import annotations

from collections.abc import Collection
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from voicebank.audio import Audio
from voicebank.config import AudioConfig
from voicebank.data.dataset import Clip, Dataset
from voicebank.data.progress import Progress
from voicebank.dctts.ssrn import SSRN
from voicebank.errors import BadData
from voicebank.evaluation.listening import TRANSCRIBER, Recogniser, Take
from voicebank.evaluation.scores import Report, Scores, summarise
from voicebank.hub.card import markdown_table, number, percent
from voicebank.plugins import Vocoder
from voicebank.signal.spectrogram import (
    denormalise_magnitude,
    linear_magnitude,
    normalise_magnitude,
    normalised_mel,
)
from voicebank.synthesis.speech import create_vocoder
from voicebank.training.features import prepare_samples

if TYPE_CHECKING:
    from voicebank.synthesis.synthesizer import Synthesizer

CLIPS = 100


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
    count: int = CLIPS,
    vocoder: str | None = None,
    out: str | PathLike[str] | None = None,
    workers: int | None = None,
    transcriber: str = TRANSCRIBER,
    progress: Progress | None = None,
) -> SsrnScores:
    """Judge the SSRN of a voice alone.

    Args:
        voice: what :func:`voicebank.load` gives.
        clips: a dataset, or a folder in LJSpeech layout, of the voice's speaker.
        ids: the clips that training held back; None takes ``count`` of all clips, spread evenly.
        count: clips, where ``ids`` is left out.
        vocoder: plugin name; None is the one that the voice speaks with.
        out: folder for ``ssrn.json`` and ``ssrn.md``.
        workers, transcriber, progress: as in :func:`voicebank.evaluation.evaluate_voice`.

    Raises:
        BadData: the clips are unusable, or one of ``ids`` is not among them.
    """
    dataset = clips if isinstance(clips, Dataset) else Dataset.read(Path(clips))
    chosen = _choose(dataset, ids, count)
    audio = voice.config.audio
    vocode = create_vocoder(voice.config, vocoder)
    takes: dict[str, list[Take]] = {"truth": [], "ssrn": []}
    distances = []
    for clip in (progress or Progress()).track("resynthesising", chosen, len(chosen)):
        true, predicted, distance = resynthesise(clip.path, voice.ssrn, audio, vocode)
        takes["truth"].append(Take(clip.id, clip.text, true))
        takes["ssrn"].append(Take(clip.id, clip.text, predicted))
        distances.append(distance)
    recogniser = Recogniser(transcriber, workers, progress)
    ways = {"truth": "true magnitudes", "ssrn": "true mels through SSRN"}
    scores = {
        name: summarise(
            recogniser.score(list_),
            system=f"{voice.config.name}, {ways[name]}",
            vocoder=vocoder or "griffin-lim",
            transcriber=str(recogniser),
        )
        for name, list_ in takes.items()
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
    samples = vocode(denormalise_magnitude(magnitude, config)[None], config)[0]
    return Audio(samples.clamp(-1, 1).numpy(), config.sample_rate)


def _choose(dataset: Dataset, ids: Collection[str] | None, count: int) -> list[Clip]:
    if ids is None:
        n = min(count, len(dataset.clips))
        return [dataset.clips[i * len(dataset.clips) // n] for i in range(n)]
    clips = {clip.id: clip for clip in dataset.clips}
    if lacking := [key for key in ids if key not in clips]:
        raise BadData(f"{dataset.name} has no clip {lacking[0]!r} ({len(lacking)} such ids)")
    return [clips[key] for key in ids]
