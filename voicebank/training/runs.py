"""Weights of runs and voices: what a training starts from or takes predictions from, and what a voice is made of.

Checkpoints survive ``kill -9`` at any moment: each is written beside the old one, then renamed over it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from voicebank.config import AudioConfig, FrontendConfig, SSRNConfig, Text2MelConfig, VoiceConfig
from voicebank.dctts.layers import unfilled
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel, is_table
from voicebank.errors import BadData, UnknownName
from voicebank.files import replacing
from voicebank.synthesis.folder import quantise
from voicebank.synthesis.synthesizer import Synthesizer
from voicebank.synthesis.weights import copied

# What a voice's notes say of the training of each network.
TEXT2MEL, SSRN_STEPS = ("text2mel_steps", "letters_sentences", "letters_steps"), ("ssrn_steps",)


def load_weights(path: str | Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Averaged weights and notes of a run folder (its best validation) or of a checkpoint file."""
    path = Path(path)
    if path.is_dir():
        path = path / "best.safetensors"
    tensors, state = load_checkpoint(path)
    return unprefixed("average", tensors) or tensors, state


def training_of(notes: dict[str, Any]) -> dict[str, int]:
    """Training history of a run's weights and of those it started from: steps, sentences of letters."""
    history = dict(notes.get("before", {}))
    letters = "letters_sentences" in notes
    if letters:
        history["letters_sentences"] = notes["letters_sentences"]
    part = "letters_steps" if letters else f"{notes['task']}_steps"
    history[part] = history.get(part, 0) + int(notes["step"])
    return history


def voices_of(source: str | Path, names: Sequence[str]) -> list[Synthesizer] | None:
    """The voices of these names in a folder, or the one that the folder is; None if it holds no voices."""
    source = Path(source)
    if (source / "config.json").is_file():
        return [Synthesizer.from_folder(source)] if len(names) == 1 else None
    if not any((source / name / "config.json").is_file() for name in names):
        return None
    return [Synthesizer.from_folder(source / name) for name in names]


def one_speaker(source: str | Path, speaker: str) -> Text2Mel:
    """Text2Mel of a run folder, weights file, voice or folder of voices, for one speaker: its row folded in.

    Raises:
        UnknownName: several speakers, and none of that name.
        BadData: no such run.
    """
    if voices := voices_of(source, [speaker]):
        return voices[0].text2mel
    tensors, state = load_weights(source)
    model = _text2mel(tensors, state)
    known: list[str] = state["speakers"]
    if len(known) == 1:
        return model
    if speaker not in known:
        raise UnknownName(f"{source} has no speaker {speaker!r}; it has: {', '.join(known)}")
    return model.keep_speaker(known.index(speaker))


def text2mel_from(source: str | Path, names: Sequence[str], speaker: str | None) -> tuple[Text2Mel, dict[str, int]]:
    """Text2Mel for the speakers of these names, and its training history, see :func:`training_of`.

    Args:
        source: run folder, weights file, or folder of voices (of one, for one speaker).
        names: rows of the speaker table.
        speaker: whose row is taken where ``source`` has several and ``names`` is one.

    Raises:
        BadData: the run knows other speakers, or the voices were trained apart.
        UnknownName: as :func:`one_speaker`.
    """
    wanted = [speaker or names[0]] if len(names) == 1 else list(names)
    if voices := voices_of(source, wanted):
        return with_rows([voice.text2mel for voice in voices]), _history(voices[0], TEXT2MEL)
    tensors, state = load_weights(source)
    if len(names) == 1:
        return one_speaker(source, wanted[0]), training_of(state)
    if state["speakers"] != wanted:
        known = ", ".join(state["speakers"])
        raise BadData(f"{source} knows {known}, not {', '.join(names)}: train on one of them, or on all in that order")
    return _text2mel(tensors, state), training_of(state)


def ssrn_from(source: str | Path, audio: AudioConfig) -> tuple[SSRN, dict[str, int]]:
    """SSRN of a run folder, weights file or voice, and its training history, see :func:`training_of`.

    Raises:
        BadData: no such run, or one of other spectrograms than ``audio``.
    """
    voices = voices_of(source, [""])
    tensors, state = ({}, {"audio": voices[0].config.audio.model_dump(mode="json")}) if voices else load_weights(source)
    if AudioConfig.model_validate(state["audio"]) != audio:
        raise BadData(f"{source} was trained with different spectrogram settings")
    if voices:
        return voices[0].ssrn, _history(voices[0], SSRN_STEPS)
    ssrn = unfilled(SSRN, SSRNConfig.model_validate(state["config"]), audio.n_mels, audio.bins, audio.reduction)
    ssrn.load_state_dict(tensors, assign=True)
    return ssrn, training_of(state)


def discriminator_of(source: str | Path) -> dict[str, torch.Tensor]:
    """Weights of the discriminator that a run folder's network was trained against; none without one."""
    checkpoint = Path(source) / "checkpoint.safetensors"
    return unprefixed("critic", load_checkpoint(checkpoint)[0]) if checkpoint.is_file() else {}


def with_rows(models: Sequence[Text2Mel]) -> Text2Mel:
    """One network with a row for each of several of one speaker: the inverse of ``keep_speaker``.

    Raises:
        BadData: they differ in more than their biases.
    """
    first = models[0].state_dict()
    states = [model.state_dict() for model in models]
    wide = unfilled(Text2Mel, models[0].config.model_copy(update={"speakers": len(models)}), models[0].n_mels)
    if any(model.config != models[0].config for model in models) or any(
        not torch.equal(first[k], state[k]) for state in states for k in first if not is_table(k)
    ):
        raise BadData("these voices were trained apart: their weights do not fit one network; start from one of them")
    state = {k: torch.cat([s[k] for s in states]) if is_table(k) else first[k].clone() for k in first}
    wide.load_state_dict(state, assign=True)
    return wide


def _history(voice: Synthesizer, keys: Sequence[str]) -> dict[str, int]:
    return {key: int(voice.config.training[key]) for key in keys if key in voice.config.training}


def _text2mel(tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> Text2Mel:
    model = unfilled(Text2Mel, Text2MelConfig.model_validate(state["config"]), state["audio"]["n_mels"])
    model.load_state_dict(tensors, assign=True)
    return model


def assemble(
    text2mel: str | Path, ssrn: str | Path, *, name: str, speaker: str | None = None, **about: Any
) -> Synthesizer:
    """Make a voice of the best weights of two runs, with a byte for each (:mod:`voicebank.synthesis.folder`).

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
    network = one_speaker(text2mel, speaker or name)
    upper, history = ssrn_from(ssrn, audio)
    about.setdefault("frontend", FrontendConfig(name="phonemizer"))
    training: dict[str, Any] = {**training_of(notes), **history}
    training |= {"minutes": notes.get("minutes"), **about.pop("training", {})}
    config = VoiceConfig(name=name, audio=audio, text2mel=network.config, ssrn=upper.config, training=training, **about)
    return Synthesizer(config, *(quantise(copied(each)) for each in (network, upper)))


def save_checkpoint(path: Path, tensors: dict[str, torch.Tensor], state: dict[str, Any]) -> None:
    """Write tensors and a JSON state as one safetensors file, atomically."""
    stored = {k: v.detach().cpu().contiguous() for k, v in tensors.items()}
    # Not save_file, which writes to a file of its own beside that, of a name that nobody else knows how to remove.
    with replacing(path) as partial:
        partial.write_bytes(save(stored, metadata={"state": json.dumps(state)}))


def load_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what :func:`save_checkpoint` wrote.

    Raises:
        BadData: the file is missing, truncated or no checkpoint.
    """
    try:
        with safe_open(path, "pt") as file:
            state = json.loads((file.metadata() or {})["state"])
            return {key: file.get_tensor(key) for key in file.keys()}, state  # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise BadData(f"{path} is no checkpoint of voicebank: {error}") from error


def is_damaged(path: Path) -> bool:
    """Whether a checkpoint holds weights that are not finite numbers. One that cannot be read is reported elsewhere."""
    try:
        tensors, _ = load_checkpoint(path)
    except BadData:
        return False
    return not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values())


def prefixed(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Put ``prefix.`` before every name."""
    return {f"{prefix}.{k}": v for k, v in tensors.items()}


def unprefixed(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose names start with ``prefix.``, without it."""
    return {k[len(prefix) + 1 :]: v for k, v in tensors.items() if k.startswith(prefix + ".")}
