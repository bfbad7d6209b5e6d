"""The files of a voice: what they may be, and how they are written. Nothing that was downloaded is trusted.

Every check reads little and allocates less: a file is measured before it is read, a header before its tensors, and
the sound and the card are looked at, never decoded or shown.

A matrix is stored as int8 with a scale for each output channel, where its float16 numbers are whole multiples of one:
the scales have so few digits that these multiples are exact. So the networks know nothing of it.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import save_file

from voicebank.audio import Audio
from voicebank.config import VoiceConfig, first_error
from voicebank.dctts.inference import Weights
from voicebank.errors import BadVoice
from voicebank.files import replacing_folder
from voicebank.interfaces import Floats

CONFIG, TEXT2MEL, SSRN = "config.json", "text2mel.safetensors", "ssrn.safetensors"
CARD, SAMPLE, SIGNATURE = "README.md", "sample.ogg", "model.sig"
REQUIRED = (CONFIG, TEXT2MEL, SSRN)
# All that a voice folder holds, and all that is ever fetched: name to the most bytes it may have.
LARGEST = {
    CONFIG: 1_000_000,
    CARD: 1_000_000,
    SAMPLE: 5_000_000,
    TEXT2MEL: 256_000_000,
    SSRN: 256_000_000,
    SIGNATURE: 100_000,
}
MAX_SAMPLE_SECONDS = 120

# Names in the store that the repositories of the Hub's cache share.
_SHARED = re.compile(r"[0-9a-f]{64}")

# What is added to the name of a matrix for that of its scales.
SCALE = ".scale"
LARGEST_WHOLE = 127
# The smallest number of float16, of which all its numbers are multiples.
_UNIT = 2.0**-24
# From here on a number rounds to an infinite one.
_TOO_LARGE = 65_520
_FEW_COLUMNS = 32
# A scale has so many binary digits, a whole number seven: together those of float16.
_DIGITS = 4


def check_listing(names: Iterable[str], where: str) -> None:
    """Refuse a repository that holds names which leave its folder.

    Raises:
        BadVoice: such a name, or a required file is missing.
    """
    present = set(names)
    for name in present:
        parts = PurePosixPath(name).parts
        if ".." in parts or name.startswith(("/", "~")) or "\\" in name or ":" in name or not name.isprintable():
            raise BadVoice(f"{where} holds a file named {name!r}, which is no name inside a folder: do not use it")
    for name in REQUIRED:
        if name not in present:
            raise BadVoice(f"{where} is no voice: there is no {name} in it")


def check_size(name: str, size: int, where: str, largest: int | None = None) -> None:
    """Refuse a file that is larger than a file of that name has reason to be.

    Raises:
        BadVoice: it is.
    """
    most = min(LARGEST[name], LARGEST[name] if largest is None else largest)
    if size > most:
        raise BadVoice(f"{where}/{name} has {size} bytes, more than the {most} it may have: do not use it")


def check_file(path: Path) -> int:
    """Size in bytes of a voice's file, which is a plain one, of no more than its bytes.

    A link is refused, unless it is one of the Hub's cache, from its snapshots to its blobs.

    Raises:
        BadVoice: it is missing, a link out of the folder, no plain file, or too large.
    """
    try:
        if path.is_symlink() and link_to_blob(path) is None:
            raise BadVoice(f"{path} is a link, which a voice may not hold: do not use it")
        status = path.stat()
    except FileNotFoundError as error:
        raise BadVoice(f"{path} is missing: fetch the voice again") from error
    except OSError as error:
        raise BadVoice(f"{path} cannot be read: {error}") from error
    if not stat.S_ISREG(status.st_mode):
        raise BadVoice(f"{path} is no plain file: do not use it")
    check_size(path.name, status.st_size, str(path.parent))
    return status.st_size


def check_folder(folder: Path) -> None:
    """Look at all files of a voice folder that can be judged without its networks.

    Raises:
        BadVoice: one of them is not what it should be.
    """
    for name in REQUIRED:
        check_file(folder / name)
    for name in (CARD, SAMPLE, SIGNATURE):
        if os.path.lexists(folder / name):
            check_file(folder / name)
    if os.path.lexists(folder / SAMPLE):
        check_sample(folder / SAMPLE)


def read_config(folder: Path) -> VoiceConfig:
    """``config.json`` of a voice folder, validated.

    Raises:
        BadVoice: it is missing, no JSON, or not valid.
    """
    path = folder / CONFIG
    if not os.path.lexists(path):
        raise BadVoice(f"{folder} is no voice: there is no config.json in it")
    check_file(path)
    try:
        return VoiceConfig.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise BadVoice(f"{path} is not valid: {first_error(error)}") from error
    except (UnicodeDecodeError, OSError) as error:
        raise BadVoice(f"{path} is not readable as text: {error}") from error


def check_sample(path: Path) -> None:
    """Read what ``sample.ogg`` says of itself, without decoding it.

    Raises:
        BadVoice: it is no Ogg file, or longer than two minutes.
    """
    try:
        info = soundfile.info(path)
        content = path.read_bytes()
    except (soundfile.SoundFileError, OSError) as error:
        raise BadVoice(f"{path} is damaged or no Ogg file: fetch the voice again") from error
    # The length of its last page (RFC 3533, section 6) leads to the file's end, unless something follows the sound.
    page = content[content.rfind(b"OggS") :]
    if len(page) < 27 or len(page) != 27 + page[26] + sum(page[27 : 27 + page[26]]):
        raise BadVoice(f"{path} is cut off, or holds more than an Ogg file: do not use it")
    rate = 48000 if info.subtype == "OPUS" else info.samplerate
    claimed = int.from_bytes(page[6:14], "little", signed=True) / rate  # what a player shows
    if info.format != "OGG" or max(info.duration, claimed) > MAX_SAMPLE_SECONDS:
        raise BadVoice(f"{path} is no Ogg file of {MAX_SAMPLE_SECONDS} s at most: do not use it")


def link_to_blob(path: Path) -> Path | None:
    """The blob that a link of the Hub's cache leads to, from ``snapshots/<commit>`` to ``blobs/``; None of any other.

    A blob is a plain file, or a link of the client's own to the store that all repositories of a cache share.
    """
    if not path.is_symlink() or path.parent.parent.name != "snapshots":
        return None
    blobs = path.parent.parent.parent / "blobs"
    blob = Path(os.path.normpath(path.parent / os.readlink(path)))
    if blobs.is_symlink() or blob.parent != Path(os.path.normpath(blobs)):
        return None
    shared = Path(os.path.realpath(blobs.parent.parent / "blobs"))
    real = Path(os.path.realpath(blob))
    if real == Path(os.path.realpath(blobs)) / blob.name:
        return blob
    return blob if real.parent.parent == shared and _SHARED.fullmatch(real.name) else None


def is_storable(tensor: Floats) -> bool:
    """Whether float16, as which weights are stored, holds all numbers of a tensor: up to 65,504, and none infinite."""
    largest = np.abs(tensor).max(initial=0)  # of what is not a number, that
    return bool(largest < _TOO_LARGE)


def write(
    folder: Path,
    config: VoiceConfig,
    networks: Mapping[str, Weights],
    card: str | None = None,
    sample: Audio | None = None,
) -> Path:
    """Write config, weights (float16, or int8 where they lose nothing by it), and the card and sample if given.

    The folder is made beside its place and renamed. Files that are in it already and are not written here stay, but
    for a signature, which would not fit any more.

    Args:
        folder: of the voice.
        config: for ``config.json``.
        networks: file name without suffix to the weights of a network.
        card: for ``README.md``.
        sample: for ``sample.ogg``.

    Raises:
        BadVoice: it cannot be written (full disk, no permission); what stood there still does.
    """
    try:
        with replacing_folder(folder) as new:
            _fill(new, config, networks, card, sample)
        (folder / SIGNATURE).unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        # safetensors says "Error while serializing: I/O error: No space left on device (os error 28)".
        text = " ".join(str(error).split()).rsplit(": ", 1)[-1].split(" (os error")[0]
        reason = getattr(error, "strerror", None) or text
        raise BadVoice(f"cannot write {folder}: {reason}") from error
    return folder


def _fill(
    folder: Path,
    config: VoiceConfig,
    networks: Mapping[str, Weights],
    card: str | None,
    sample: Audio | None,
) -> None:
    for name, weights in networks.items():
        for key, tensor in weights.items():
            if not is_storable(tensor):
                raise BadVoice(f"{config.name}: {key} of {name} holds numbers that float16 does not: train it anew")
        save_file(stored(weights), folder / f"{name}.safetensors", metadata={"format": "pt"})
    text = json.dumps(config.model_dump(mode="json"), indent=2, ensure_ascii=False)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    for path in folder.iterdir():
        path.chmod(0o644)  # safetensors writes files that only their owner may read
    if card is not None:
        (folder / "README.md").write_text(card, encoding="utf-8")
    if sample is not None:
        sample.save(folder / "sample.ogg")


def quantise(weights: Weights) -> dict[str, Floats]:
    """Weights whose matrices are whole multiples, at most 127, of a scale for each row. Those that are so stay."""
    return {name: _quantised(weight) if _is_matrix(name, weight) else weight for name, weight in weights.items()}


def _quantised(weight: Floats) -> Floats:
    half = weight.astype(np.float16)
    if np.array_equal(half, weight) and _whole(half):
        return weight
    scale = _scales(weight)
    whole = np.rint(weight / scale).clip(-LARGEST_WHOLE, LARGEST_WHOLE)
    return np.asarray(whole * scale, np.float32)


def stored(weights: Weights) -> dict[str, npt.NDArray[Any]]:
    """The tensors as a file holds them: float16, or int8 and float32 scales where the numbers are the same."""
    tensors: dict[str, npt.NDArray[Any]] = {}
    for name, tensor in weights.items():
        half = np.ascontiguousarray(tensor, np.float16)
        quantised = _whole(half) if _is_matrix(name, half) else None
        if quantised is None:
            tensors[name] = half
        else:
            tensors[name], tensors[name + SCALE] = quantised
    return tensors


def restored(whole: npt.NDArray[np.int8], scale: Floats) -> Floats:
    """The float32 matrix ``(rows, columns)`` of int8 numbers and scales ``(rows,)``."""
    matrix: Floats = np.multiply(whole, scale[:, None], dtype=np.float32)
    return matrix


def is_exact(scale: Floats) -> bool:
    """Whether float16 holds each multiple, up to 127, of these scales."""
    digits, units = np.ldexp(np.frexp(scale)[0], _DIGITS), scale / _UNIT
    return np.array_equal(np.rint(digits), digits) and np.array_equal(np.rint(units), units)


def _is_matrix(name: str, tensor: npt.NDArray[Any]) -> bool:
    return name.endswith(".weight") and tensor.ndim == 2


def _scales(weight: Floats) -> Floats:
    """Scales ``(rows, 1)`` of few digits, rounded up, so that the largest number of a row is at most 127 of them."""
    needed = np.maximum(np.abs(weight).max(1, keepdims=True), _UNIT) / LARGEST_WHOLE
    digit = np.maximum(np.exp2(np.floor(np.log2(needed)) - (_DIGITS - 1)), _UNIT)
    return np.asarray(np.ceil(needed / digit) * digit, np.float32)


def _whole(half: npt.NDArray[np.float16]) -> tuple[npt.NDArray[np.int8], Floats] | None:
    """int8 numbers and float32 scales that give exactly these numbers, or None."""
    # What divides a few columns divides most often all, and is found in a fraction of the time.
    for columns in (_FEW_COLUMNS, half.shape[1]):
        units = (half[:, :columns].astype(np.float64) / _UNIT).astype(np.int64)
        divisor = np.gcd.reduce(units, axis=1)
        if (np.abs(units).max(1, initial=0) > LARGEST_WHOLE * divisor).any():
            break
        scale = (np.maximum(divisor, 1) * _UNIT).astype(np.float32)
        whole = np.rint(half / scale[:, None])
        if np.abs(whole).max(initial=0) <= LARGEST_WHOLE and np.array_equal(whole * scale[:, None], half):
            return whole.astype(np.int8), scale
    return None
