"""Writing a voice's folder: whole, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from voicebank.audio import Audio
from voicebank.config import VoiceConfig
from voicebank.errors import BadVoice


def write(
    folder: Path,
    config: VoiceConfig,
    networks: Mapping[str, torch.nn.Module],
    card: str | None = None,
    sample: Audio | None = None,
) -> Path:
    """Write config, float16 weights, and the card and sample if given.

    The folder is made beside its place and renamed. Files that are in it already and are not written here stay.

    Args:
        folder: of the voice.
        config: for ``config.json``.
        networks: file name without suffix to network.
        card: for ``README.md``.
        sample: for ``sample.ogg``.

    Raises:
        BadVoice: it cannot be written (full disk, no permission); what stood there still does.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            new = Path(temporary) / "voice"
            new.mkdir()
            _fill(new, config, networks, card, sample)
            if folder.exists():
                for path in folder.iterdir():
                    if not (new / path.name).exists():
                        (shutil.copytree if path.is_dir() else shutil.copy2)(path, new / path.name)
                os.replace(folder, Path(temporary) / "old")
            os.replace(new, folder)
    except (OSError, SafetensorError) as error:
        # safetensors says "Error while serializing: I/O error: No space left on device (os error 28)".
        told = " ".join(str(error).split()).rsplit(": ", 1)[-1].split(" (os error")[0]
        reason = getattr(error, "strerror", None) or told
        raise BadVoice(f"cannot write {folder}: {reason}") from error
    return folder


def _fill(
    folder: Path,
    config: VoiceConfig,
    networks: Mapping[str, torch.nn.Module],
    card: str | None,
    sample: Audio | None,
) -> None:
    for name, network in networks.items():
        state = {k: v.to(torch.float16).contiguous().cpu() for k, v in network.state_dict().items()}
        save_file(state, folder / f"{name}.safetensors", metadata={"format": "pt"})
    text = json.dumps(config.model_dump(mode="json"), indent=2, ensure_ascii=False)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors writes files that only their owner may read
    if card is not None:
        (folder / "README.md").write_text(card, encoding="utf-8")
    if sample is not None:
        sample.save(folder / "sample.ogg")
