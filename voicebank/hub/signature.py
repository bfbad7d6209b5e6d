"""Signatures of voices by the OpenSSF's model signing, and the certificate of whoever signs. No network is needed.

Signed are config, weights and sample, in a file that ``model_signing verify`` reads, too. The card is left out, since
people edit it on the Hub.
"""

from __future__ import annotations

import base64
import datetime
import json
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicebank.errors import BadData, BadVoice, VoicebankWarning, needs_extra
from voicebank.files import replacing
from voicebank.synthesis.folder import CONFIG, SAMPLE, SIGNATURE, SSRN, TEXT2MEL, check_folder

SIGNED = (CONFIG, TEXT2MEL, SSRN, SAMPLE)


@dataclass(frozen=True)
class Signer:
    """Whose certificate signed a voice, which is as it was then."""

    name: str
    """Whoever made the certificate chose this name."""
    fingerprint: str
    """SHA-256 of the certificate, as hex digits."""
    trusted: bool
    """Whether ``$VOICEBANK_SIGNERS`` lists the fingerprint of the certificate, or of the authority that issued it."""

    def __str__(self) -> str:
        trust = "trusted" if self.trusted else "nobody vouches for the name"
        return f"{self.name} ({trust}; certificate {self.fingerprint[:16]})"


def sign_folder(folder: Path, certificate: Path | None = None) -> Path:
    """Sign a voice folder, into ``model.sig`` in it.

    Args:
        folder: of the voice.
        certificate: a PEM file with a private key of an elliptic curve and its chain of certificates; the one that
            ``$VOICEBANK_CERTIFICATE`` names, or a self-made one, if left out.

    Raises:
        BadVoice: the folder holds no voice.
        BadData: the certificate cannot be used.
        PluginError: the extra ``sign`` is not installed.
    """
    with needs_extra("sign"):
        from model_signing import hashing, signing
    check_folder(folder)
    certificate = certificate or own_certificate()
    key, chain = key_and_chain(certificate)
    left_out = [path.name for path in folder.iterdir() if path.name not in SIGNED]
    hashed = hashing.Config().set_ignored_paths(paths=[*left_out, SIGNATURE], ignore_git_paths=False)
    with tempfile.TemporaryDirectory() as temporary:
        private, *paths = _written(Path(temporary), [key, *chain])
        config = signing.Config().set_hashing_config(hashed)
        try:
            config.use_certificate_signer(
                private_key=private, signing_certificate=paths[0], certificate_chain=paths[1:] or paths
            ).sign(folder, folder / SIGNATURE)
        except (ValueError, TypeError) as error:
            raise BadData(f"cannot sign with {certificate}: {' '.join(str(error).split())[:200]}") from error
    try:
        signer_of(folder)
    except BadVoice as error:
        (folder / SIGNATURE).unlink()
        raise BadData(f"cannot sign with {certificate}: its chain must end with one that signs itself") from error
    return folder / SIGNATURE


def signer_of(folder: Path) -> Signer | None:
    """Who signed a voice folder; None if nobody did, or in a way that is not checked (with a warning).

    Raises:
        BadVoice: the folder is not as it was signed.
    """
    path = folder / SIGNATURE
    if not os.path.lexists(path):
        return None
    check_folder(folder)
    try:
        from model_signing import hashing, verifying
    except ModuleNotFoundError:
        _warn(folder, "it takes pip install 'voicebank[sign]'")
        return None
    broken = f"{folder}: the signature in {SIGNATURE} is broken ("
    remedy = "): fetch the voice again, or remove the signature if you changed the voice yourself"
    try:
        chain, names = _read(path)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise BadVoice(f"{broken}it cannot be read{remedy}") from error
    if not chain:
        _warn(folder, "it was not made with a certificate")
        return None
    if set(names) != {name for name in SIGNED if (folder / name).exists()}:
        raise BadVoice(f"{broken}it is one of other files{remedy}")
    hashed = hashing.Config().set_allow_symlinks(True)  # those of the Hub's cache, which were checked
    config = verifying.Config().set_hashing_config(hashed).set_ignore_unsigned_files(True)
    with tempfile.TemporaryDirectory() as temporary:
        # The root comes with the signature: this asks whether files and certificate fit, not whom to trust.
        try:
            roots = _written(Path(temporary), [_pem(chain[-1])])
            config.use_certificate_verifier(certificate_chain=roots).verify(folder, path)
        except Exception as error:  # the package lets errors of its own libraries through
            changed = [name for name in SIGNED if name in str(error)]
            raise BadVoice(f"{broken}{', '.join(changed) or 'the certificate'} does not fit{remedy}") from error
    return _described(chain)


def _warn(folder: Path, reason: str) -> None:
    warnings.warn(f"{folder} is signed, which is not checked: {reason}", VoicebankWarning, stacklevel=3)


def _read(path: Path) -> tuple[list[bytes], list[str]]:
    """Certificates (DER) of a signature, and the names of the files that it signs."""
    bundle: dict[str, Any] = json.loads(path.read_bytes())
    certificates = bundle["verificationMaterial"].get("x509CertificateChain", {}).get("certificates", [])
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    names = [resource["name"] for resource in statement["predicate"]["resources"]]
    return [base64.b64decode(each["rawBytes"]) for each in certificates], names


def _described(chain: Sequence[bytes]) -> Signer:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    certificates = [x509.load_der_x509_certificate(each) for each in chain]
    names = certificates[0].subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    name = "".join(c for c in str(names[0].value if names else "without a name") if c.isprintable())[:100]
    prints = [each.fingerprint(hashes.SHA256()).hex() for each in certificates]
    listed = os.environ.get("VOICEBANK_SIGNERS", "").replace(":", "").replace(",", " ").lower().split()
    return Signer(name, prints[0], not {prints[0], prints[-1]}.isdisjoint(listed))


def _pem(certificate: bytes) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    return x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM).decode()


def _written(folder: Path, texts: Sequence[str]) -> list[Path]:
    """Files with these texts, since the package takes nothing else. Nobody else can read the folder."""
    paths = [folder / f"{number}.pem" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def key_and_chain(path: Path) -> tuple[str, list[str]]:
    """Private key and certificates of a PEM file, the signer's own first.

    Raises:
        BadData: the file cannot be read, or lacks one of them.
    """
    try:
        blocks = list(_pem_blocks(path.read_text()))
    except (OSError, UnicodeDecodeError) as error:
        raise BadData(f"cannot read {path}: {getattr(error, 'strerror', None) or 'it is no PEM file'}") from error
    key = "".join(block for block in blocks if "PRIVATE KEY" in block)
    chain = [block for block in blocks if "CERTIFICATE" in block]
    if not key or not chain:
        raise BadData(f"{path} must hold a private key and its certificates, as PEM")
    return key, chain


def _pem_blocks(text: str) -> Iterator[str]:
    block: list[str] = []
    for line in text.splitlines(keepends=True):
        block = [line] if line.startswith("-----BEGIN") else [*block, line]
        if line.startswith("-----END"):
            yield "".join(block)


def own_certificate() -> Path:
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
