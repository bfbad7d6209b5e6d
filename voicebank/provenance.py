"""Where sound comes from: the watermark in it, and the content credentials of its file."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from voicebank import plugins
from voicebank.audio import Audio, StrPath
from voicebank.bank import Voice, voices
from voicebank.errors import BadData, VoicebankError, needs_extra
from voicebank.files import replacing
from voicebank.plugins import Detection, Watermark

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


def voice_of(payload: int) -> str | None:
    """The bundled voice that a mark's payload stands for; None if it is none of them."""
    return _payloads().get(payload)


@lru_cache(maxsize=1)
def _payloads() -> dict[int, str]:
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


def comment(voice: Voice) -> str:
    """A line for the tags of a file that a voice has spoken."""
    return _TAG + voice.name


def tag(path: StrPath) -> str:
    """The line of :func:`comment` in a file's tags, or nothing. Anybody can write or remove it."""
    import soundfile

    with contextlib.suppress(OSError, RuntimeError, TypeError), soundfile.SoundFile(os.fspath(path)) as file:
        return _text(file.comment) if file.comment.startswith(_TAG) else ""
    return ""


def sign(path: StrPath, voice: Voice, certificate: Path | None = None) -> bool:
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
        key, chain = _key_and_chain(certificate or _own_certificate())
        info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, chain, key, None)
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


def _manifest(path: Path, voice: Voice, mime: str) -> dict[str, Any]:
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


def _key_and_chain(path: Path) -> tuple[bytes, bytes]:
    """Private key and certificates of a PEM file."""
    blocks = list(_pem_blocks(path.read_text()))
    key = "".join(block for block in blocks if "PRIVATE KEY" in block)
    chain = "".join(block for block in blocks if "CERTIFICATE" in block)
    if not key or not chain:
        raise BadData(f"{path} must hold a private key and its certificates, as PEM")
    return key.encode(), chain.encode()


def _pem_blocks(text: str) -> Iterator[str]:
    block: list[str] = []
    for line in text.splitlines(keepends=True):
        block = [line] if line.startswith("-----BEGIN") else [*block, line]
        if line.startswith("-----END"):
            yield "".join(block)


def _own_certificate() -> Path:
    """This user's certificate, chosen or made at first use: a key, its certificate, and that of its authority.

    C2PA refuses certificates that sign themselves, so the authority has a key of its own, which is thrown away.
    """
    if chosen := os.environ.get("VOICEBANK_CERTIFICATE"):
        return Path(chosen)
    with needs_extra("credentials"):
        import platformdirs

    path = Path(platformdirs.user_data_dir("voicebank")) / "credentials.pem"
    if path.is_file():
        return path
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(common: str) -> x509.Name:
        names = (NameOID.ORGANIZATION_NAME, "voicebank user"), (NameOID.COMMON_NAME, common)
        return x509.Name([x509.NameAttribute(oid, text) for oid, text in names])

    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)

    def certificate(subject: x509.Name, public: Any, authority: bool) -> x509.Certificate:
        uses = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign")
        usage = dict.fromkeys((*uses, "encipher_only", "decipher_only"), False)
        usage |= {"digital_signature": not authority, "key_cert_sign": authority}
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(name("voicebank self-made authority"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(start + datetime.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
        )
        if not authority:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(purpose, critical=False)
        return builder.sign(authority_key, hashes.SHA256())

    pem = serialization.Encoding.PEM
    made = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made += certificate(name("voicebank (self-made)"), key.public_key(), False).public_bytes(pem)
    made += certificate(name("voicebank self-made authority"), authority_key.public_key(), True).public_bytes(pem)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial, open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(made)
    return path
