"""Where sound comes from: the watermark in it, and the content credentials of its file."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicebank import plugins
from voicebank.audio import Audio, StrPath
from voicebank.errors import BadData, VoicebankError, needs_extra
from voicebank.files import replacing
from voicebank.plugins import Detection, Watermark

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from voicebank.synthesis.synthesizer import Synthesizer

# Formats that c2pa can sign, of those that are written here.
SIGNED = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".flac": "audio/flac"}
# The term of IPTC for what a trained model made, which the C2PA specification uses.
_SYNTHETIC = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_STATEMENT = "org.voicebank.voice"
_TAG = "Synthetic speech, made by voicebank with the voice "


def detect(sound: Audio | StrPath, watermark: str | Watermark | None = None) -> Detection:
    """Search sound for the mark that voices leave in what they say (docs/provenance.md).

    Args:
        sound: of any rate and length, or a file.
        watermark: name of a plugin, or a watermark itself; the built-in one if left out.

    Raises:
        BadAudio: the file cannot be read.
        UnknownName: no such watermark.
    """
    audio = sound if isinstance(sound, Audio) else Audio.read(sound)
    if watermark is None:
        return plugins.default("watermark").detect(audio)
    return (plugins.create("watermark", watermark) if isinstance(watermark, str) else watermark).detect(audio)


def plot_detections(found: Mapping[str, Detection]) -> Figure:
    """A picture along time: a panel for each sound, with the score of each window and the threshold.

    Args:
        found: what :func:`detect` found, by the name of the sound.

    Returns:
        A figure of Matplotlib, for its ``savefig``.

    Raises:
        PluginError: Matplotlib is not installed.
    """
    with needs_extra("clone"):
        from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.2 * len(found)), layout="constrained")
    for axes, (name, detection) in zip(figure.subplots(len(found), squeeze=False)[:, 0], found.items(), strict=True):
        for window in detection.windows:
            colour = "#c8443c" if window.payload is not None else "#8a8f98"
            axes.plot([window.start, window.end], [window.score] * 2, color=colour, linewidth=3)
        axes.axhline(detection.threshold, color="black", linewidth=0.8, linestyle="--")
        axes.set(title=name, xlabel="s", ylabel="score", ylim=(0, None))
    return figure


def voice_of(payload: int) -> str | None:
    """The bundled voice that a mark's payload stands for; None if it is none of them."""
    return _payloads().get(payload)


@lru_cache(maxsize=1)
def _payloads() -> dict[int, str]:
    from voicebank.bank import Voice, voices

    names: dict[int, str] = {}
    for info in voices():
        with contextlib.suppress(VoicebankError):
            names[Voice.from_folder(info.folder).payload] = info.name
    return names


@dataclass(frozen=True)
class Credentials:
    """Content credentials (C2PA) of a file: who signed it, and what they say about its sound."""

    signer: str
    """Whoever made the certificate chose this name: nobody vouches for one that is self-made."""
    valid: bool
    """Whether the file is as it was signed."""
    generator: str
    synthetic: bool
    """Whether they say that a trained model made the sound."""
    voice: str = ""
    consent: str = ""


def credentials(path: StrPath) -> Credentials | None:
    """The content credentials of a file; None if it has none, or the package c2pa-python is not installed."""
    mime = SIGNED.get(Path(path).suffix.lower())
    try:
        import c2pa
    except ModuleNotFoundError:
        return None
    if mime is None:
        return None
    try:
        with open(path, "rb") as file, c2pa.Reader(mime, file) as reader:
            store = json.loads(reader.json())
    except (c2pa.C2paError, OSError, ValueError):
        return None
    manifest: dict[str, Any] = store.get("manifests", {}).get(store.get("active_manifest"), {})
    said = {each.get("label"): each.get("data", {}) for each in manifest.get("assertions", [])}
    voice = said.get(_STATEMENT, {})
    generators: list[dict[str, Any]] = manifest.get("claim_generator_info") or [{}]
    faults = {each.get("code") for each in store.get("validation_status", [])}
    return Credentials(
        signer=_text(manifest.get("signature_info", {}).get("common_name")),
        valid=not faults - {"signingCredential.untrusted"},
        generator=_text(generators[0].get("name")),
        synthetic=_SYNTHETIC in json.dumps(said),
        voice=_text(voice.get("voice")),
        consent=_text(voice.get("consent")),
    )


def _text(value: object) -> str:
    """A value of a stranger's file in one printable line."""
    return "".join(c for c in str(value or "") if c.isprintable())[:300]


def comment(voice: Synthesizer) -> str:
    """A line for the tags of a file that a voice has spoken."""
    return _TAG + voice.name


def tag(path: StrPath) -> str:
    """The line of :func:`comment` in a file's tags, or nothing. Anybody can write or remove it."""
    import soundfile

    with contextlib.suppress(OSError, RuntimeError, TypeError), soundfile.SoundFile(os.fspath(path)) as file:
        return _text(file.comment) if file.comment.startswith(_TAG) else ""
    return ""


def sign(path: StrPath, voice: Synthesizer, certificate: Path | None = None) -> bool:
    """Write content credentials into a file that a voice has spoken: made by a model, which voice, whose consent.

    Args:
        path: a file that was just written.
        voice: that spoke.
        certificate: a PEM file with a private key (ES256) and its chain; the one that ``$VOICEBANK_CERTIFICATE``
            names, or a self-made one, if left out.

    Returns:
        False where the format has no credentials, or the package c2pa-python is not installed.

    Raises:
        BadData: the certificate cannot be used.
    """
    path = Path(os.path.realpath(path))
    try:
        import c2pa
    except ModuleNotFoundError:
        return False
    if (mime := SIGNED.get(path.suffix.lower())) is None:
        return False
    try:
        from voicebank.hub.signature import key_and_chain, own_certificate

        key, chain = key_and_chain(certificate or own_certificate())
        info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, "".join(chain).encode(), key.encode(), None)
        with (
            replacing(path) as partial,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(_manifest(path, voice, mime)) as builder,
            open(path, "rb") as source,
            open(partial, "w+b") as target,
        ):
            builder.sign(signer, mime, source, target)
    except (c2pa.C2paError, OSError, ValueError) as error:
        raise BadData(f"cannot sign {path}: {' '.join(str(error).split())[:200]}") from error
    return True


def _manifest(path: Path, voice: Synthesizer, mime: str) -> dict[str, Any]:
    from voicebank import __version__

    action = {"action": "c2pa.created", "digitalSourceType": _SYNTHETIC, "softwareAgent": {"name": "voicebank"}}
    about = {"voice": voice.name, "consent": voice.config.consent, "payload": f"{voice.payload:04x}"}
    return {
        "claim_generator_info": [{"name": "voicebank", "version": __version__}],
        "title": path.name,
        "format": mime,
        "assertions": [
            {"label": "c2pa.actions", "data": {"actions": [action]}},
            {"label": _STATEMENT, "data": about},
        ],
    }
