"""From two finished runs to a voice folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from voicebank.config import AudioConfig, FrontendConfig, SSRNConfig, VoiceConfig
from voicebank.dctts.ssrn import SSRN
from voicebank.errors import BadData
from voicebank.training.start import load_weights, one_speaker, total_steps
from voicebank.voice import Voice


def assemble(text2mel: str | Path, ssrn: str | Path, *, name: str, speaker: str | None = None, **about: Any) -> Voice:
    """Make a voice of the best weights of two runs.

    Args:
        text2mel, ssrn: run folders or weight files.
        name: of the voice.
        speaker: the row of the speaker table to fold into the weights; ``name`` if left out. A run of one speaker
            needs none.
        about: further fields of :class:`voicebank.config.VoiceConfig` (``accent``, ``gender``, ``language``, ...).

    Raises:
        UnknownName: the run has no such speaker.
        BadData: the two runs disagree about the spectrograms.
    """
    _, notes = load_weights(text2mel)
    ssrn_weights, ssrn_notes = load_weights(ssrn)
    if notes["audio"] != ssrn_notes["audio"]:
        raise BadData(f"{text2mel} and {ssrn} were trained with different spectrogram settings")
    audio = AudioConfig.model_validate(notes["audio"])
    network = one_speaker(text2mel, speaker or name)
    upper = SSRN(SSRNConfig.model_validate(ssrn_notes["config"]), audio.n_mels, audio.bins, audio.reduction)
    upper.load_state_dict(ssrn_weights)
    about.setdefault("frontend", FrontendConfig(name="phonemizer"))
    training: dict[str, Any] = {"text2mel_steps": total_steps(notes), "ssrn_steps": total_steps(ssrn_notes)}
    training |= {"minutes": notes.get("minutes"), **about.pop("training", {})}
    config = VoiceConfig(name=name, audio=audio, text2mel=network.config, ssrn=upper.config, training=training, **about)
    return Voice(config, network, upper)
