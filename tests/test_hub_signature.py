"""Signed voices: pushed with a real key, checked where they are loaded, refused once they were changed."""

from __future__ import annotations

import datetime
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hub_client import connect
from hub_server import Hub
from typer.testing import CliRunner

pytest.importorskip("model_signing")
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402

import voicebank  # noqa: E402
from voicebank.bank import Voice  # noqa: E402
from voicebank.cli import app  # noqa: E402
from voicebank.errors import BadData, BadVoice, VoicebankWarning  # noqa: E402
from voicebank.hub.signature import sign_folder, signer_of  # noqa: E402

pytest_plugins = ["hub_fixtures"]


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's self-made certificate lies in a folder of the test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("VOICEBANK_CERTIFICATE", raising=False)
    monkeypatch.delenv("VOICEBANK_SIGNERS", raising=False)


@pytest.fixture
def ada(tmp_path: Path) -> Path:
    """A PEM file with a key and a certificate that says Ada, as openssl makes it."""
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Ada \x1b[31m")])
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    usage = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    usage |= dict.fromkeys(("crl_sign", "encipher_only", "decipher_only", "key_cert_sign"), False)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=99))
        .add_extension(x509.KeyUsage(digital_signature=True, **usage), critical=True)
        .sign(key, hashes.SHA384())
    )
    pem = serialization.Encoding.PEM
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path / "ada.pem"
    path.write_bytes(text + certificate.public_bytes(pem))
    return path


def fingerprint(path: Path) -> str:
    return x509.load_pem_x509_certificates(path.read_bytes())[0].fingerprint(hashes.SHA256()).hex()


def elsewhere(monkeypatch: pytest.MonkeyPatch, hub: Hub, tmp_path: Path) -> None:
    """Another computer, which has fetched nothing yet."""
    connect(monkeypatch, hub.endpoint, tmp_path / "other")
    monkeypatch.setenv("HF_TOKEN", "hf_me")


def changed(folder: Path) -> Voice:
    """The voice of a folder with another origin."""
    voice = voicebank.load(folder)
    other = Voice(voice.config.model_copy(update={"origin": "Elsewhere."}), *voice.weights.values())
    other.folder = folder
    return other


def test_a_signed_voice_says_who_signed(
    hub: Hub, folder: Path, ada: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice", sign=ada)
    elsewhere(monkeypatch, hub, tmp_path)
    voice = voicebank.load("me/my-voice")
    assert voice.signer is not None
    assert (voice.signer.name, voice.signer.fingerprint) == ("Ada [31m", fingerprint(ada))
    assert not voice.signer.trusted and "nobody vouches" in str(voice.signer)
    monkeypatch.setenv("VOICEBANK_SIGNERS", f"0000, {fingerprint(ada).upper()}")
    again = Voice.from_pretrained("me/my-voice", local_files_only=True)
    assert again.signer is not None and again.signer.trusted and "; trusted" not in str(voice.signer)
    assert voicebank.load(folder).signer is None


def test_an_edited_card_leaves_the_signature_as_it_is(hub: Hub, folder: Path) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice", sign=True)
    card = hub.store.read(hub.store.repos["me/my-voice"], "README.md")
    hub.store.publish("me/my-voice", {"README.md": card + b"\nA word.\n"})
    assert voicebank.load("me/my-voice").signer is not None
    voicebank.load(folder).push_to_hub("me/my-voice")  # the same voice, with another card
    signer = voicebank.load("me/my-voice").signer
    assert signer is not None and signer.name == "voicebank (self-made)"


@pytest.mark.parametrize("name", ["config.json", "text2mel.safetensors", "sample.ogg"])
def test_what_was_changed_since_is_refused(hub: Hub, folder: Path, tmp_path: Path, name: str) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice", sign=True)
    voice = changed(folder)
    for parameter in voice.text2mel.parameters():
        parameter.data.mul_(2)
    made = voice.save(tmp_path / "changed", sample=voicebank.Audio.silence(1, 24000))
    hub.store.publish("me/my-voice", {name: (made / name).read_bytes()})
    with pytest.raises(BadVoice, match=f"signature in model.sig is broken .{name} does not fit") as caught:
        voicebank.load("me/my-voice")
    assert "\n" not in str(caught.value)


def test_a_push_without_a_signature_takes_the_old_one_away(hub: Hub, folder: Path) -> None:
    voicebank.load(folder).push_to_hub("me/my-voice", sign=True)
    changed(folder).push_to_hub("me/my-voice")
    commit = hub.store.repos["me/my-voice"].find("main")
    assert commit is not None and "model.sig" not in commit.files
    assert voicebank.load("me/my-voice").signer is None


def test_a_voice_that_is_written_anew_has_no_old_signature(folder: Path) -> None:
    sign_folder(folder)
    voice = voicebank.load(folder)
    assert voice.signer is not None
    voice.save(folder)
    assert not (folder / "model.sig").exists()


def test_signatures_of_no_use(folder: Path, tmp_path: Path, ada: Path) -> None:
    path = sign_folder(folder, ada)
    good = json.loads(path.read_text())
    for text in ("", "[]", "{}", json.dumps(good | {"dsseEnvelope": {"payload": "e30="}})):
        path.write_text(text)
        with pytest.raises(BadVoice, match="it cannot be read"):
            signer_of(folder)
    path.write_text(json.dumps(good | {"verificationMaterial": {"publicKey": {"hint": "x"}}}))
    with pytest.warns(VoicebankWarning, match="not made with a certificate"):
        assert signer_of(folder) is None
    # A signature of another folder, which signs other files.
    other = shutil.copytree(folder, tmp_path / "other")
    (other / "sample.ogg").unlink()
    shutil.copy(sign_folder(other, ada), path)
    with pytest.raises(BadVoice, match="of other files"):
        signer_of(folder)
    # Somebody else's certificate over Ada's signature.
    mine = json.loads(sign_folder(folder).read_text())
    path.write_text(json.dumps(good | {"verificationMaterial": mine["verificationMaterial"]}))
    with pytest.raises(BadVoice, match="the certificate does not fit"):
        signer_of(folder)
    path.unlink()
    path.symlink_to(ada)
    with pytest.raises(BadVoice, match="is a link"):
        signer_of(folder)


def test_certificates_of_no_use(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.pem"
    for text, words in ((None, "No such file"), ("", "private key"), (b"\xff", "no PEM file")):
        if text is not None:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(BadData, match=words):
            sign_folder(folder, path)
    sign_folder(folder)
    pem = (tmp_path / "data/voicebank/credentials.pem").read_text()
    path.write_text(pem[: pem.rindex("-----BEGIN")])
    with pytest.raises(BadData, match="must end with one that signs itself"):
        sign_folder(folder, path)
    assert not (folder / "model.sig").exists()


def test_the_terminal_signs_and_tells(
    hub: Hub, folder: Path, ada: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    assert run(app, ["push", str(folder), "me/my-voice", "--certificate", str(ada)]).exit_code == 0
    assert "signed by Ada" in run(app, ["pull", "me/my-voice"]).stdout
    assert run(app, ["push", str(folder), "me/other", "--sign"]).exit_code == 0
    assert "signed by voicebank (self-made)" in run(app, ["pull", "me/other"]).stdout
    changed(folder).push_to_hub("me/my-voice")
    assert "not signed" in run(app, ["pull", "me/my-voice"]).stdout
    assert voicebank.load(tmp_path / "my-voice").signer is None  # not the one of what was there before


def test_the_official_program_agrees(folder: Path, ada: Path, tmp_path: Path) -> None:
    path = sign_folder(folder, ada)
    text = ada.read_text()
    root = tmp_path / "root.pem"
    root.write_text(text[text.index("-----BEGIN CERTIFICATE") :])
    verify = [sys.executable, "-m", "model_signing", "verify", "certificate", str(folder)]
    verify += ["--signature", str(path), "--certificate_chain", str(root), "--ignore_unsigned_files"]
    assert subprocess.run(verify, capture_output=True).returncode == 0
    (folder / "config.json").write_text("{}")
    assert subprocess.run(verify, capture_output=True).returncode != 0
