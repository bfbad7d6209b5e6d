"""From two finished runs to a voice folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from voicebank.config import AudioConfig, FrontendConfig, VoiceConfig
from voicebank.synthesis.quantised import quantise
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.training.start import load_weights, one_speaker, ssrn_from, training_of


def assemble(
    text2mel: str | Path, ssrn: str | Path, *, name: str, speaker: str | None = None, **about: Any
) -> Synthesizer:
    """Make a voice of the best weights of two runs, with a byte for each (:mod:`voicebank.synthesis.quantised`).

    Args:
        text2mel: a run folder or weights file.
        ssrn: the same, or a voice, whose SSRN is taken.
        name: of the voice.
        speaker: the row of the speaker table to fold into the weights; ``name`` if left out. A run of one speaker
            needs none.
        about: further fields of :class:`voicebank.config.VoiceConfig` (``accent``, ``gender``, ``language``, ...).

    Raises:
        UnknownName: the run has no such speaker.
        BadData: the two disagree about the spectrograms.
    """
    _, notes = load_weights(text2mel)
    audio = AudioConfig.model_validate(notes["audio"])
    network = quantise(one_speaker(text2mel, speaker or name))
    upper, behind = ssrn_from(ssrn, audio)
    upper = quantise(upper)
    about.setdefault("frontend", FrontendConfig(name="phonemizer"))
    training: dict[str, Any] = {**training_of(notes), **behind}
    training |= {"minutes": notes.get("minutes"), **about.pop("training", {})}
    config = VoiceConfig(name=name, audio=audio, text2mel=network.config, ssrn=upper.config, training=training, **about)
    return Synthesizer(config, network, upper)
