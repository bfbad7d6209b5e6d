"""speech-dispatcher, through which Orca reads the screen, with ``orca/voicebank.conf`` and the real ``spd-say``."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("filelock")

from servers import http  # noqa: E402

import voicebank  # noqa: E402
from voicebank.audio import Audio  # noqa: E402

CONFIG = Path(__file__).parent.parent / "orca" / "voicebank.conf"
MISSING = [name for name in ("speech-dispatcher", "spd-say", "jq", "curl") if shutil.which(name) is None]

pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"{', '.join(MISSING)} not installed: apt-get install speech-dispatcher jq curl"
)


class Daemon:
    """speech-dispatcher whose sound goes into files, one for each time that a player is started."""

    def __init__(self, folder: Path, address: str) -> None:
        self.sounds = folder / "sounds"
        self.sounds.mkdir()
        (folder / "modules").mkdir()
        text = CONFIG.read_text(encoding="utf-8").replace("http://127.0.0.1:8000", address)
        (folder / "modules" / "voicebank.conf").write_text(text, encoding="utf-8")
        (folder / "speechd.conf").write_text(
            f'LogLevel 4\nLogDir "{folder}"\nAudioOutputMethod "alsa"\n'
            'AddModule "voicebank" "sd_generic" "voicebank.conf"\nDefaultModule voicebank\n'
            'DefaultLanguage "en"\nDefaultVolume 100\n'
        )
        player = folder / "bin" / "aplay"  # there is no sound card where tests run
        player.parent.mkdir()
        player.write_text(
            f'#!/bin/sh\ncat > "{self.sounds}/$$.part" && mv "{self.sounds}/$$.part" "{self.sounds}/$$.wav"\n'
        )
        player.chmod(0o755)
        (folder / "asound.conf").write_text("pcm.!default { type null }\n")
        path = f"{player.parent}:{os.environ['PATH']}"
        socket = folder / "socket"
        self.env = {**os.environ, "PATH": path, "SPEECHD_ADDRESS": f"unix_socket:{socket}", "LC_ALL": "C.UTF-8"}
        self.env["ALSA_CONFIG_PATH"] = str(folder / "asound.conf")
        command = ["speech-dispatcher", "-s", "-t", "0", "-C", str(folder), "-S", str(socket), "-L", str(folder)]
        self.process = subprocess.Popen([*command, "-P", str(folder / "pid")], env=self.env)
        for _ in range(200):
            if socket.exists():
                break
            time.sleep(0.1)

    def say(self, *arguments: str) -> Audio:
        """What is heard when spd-say says something."""
        before = set(self.sounds.iterdir())
        subprocess.run(["spd-say", "-w", *arguments], env=self.env, check=True, timeout=120)
        (new,) = set(self.sounds.glob("*.wav")) - before
        return Audio.read(new)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    with http(voices=("us-male", "gb-female")) as address:
        daemon = Daemon(tmp_path_factory.mktemp("speechd"), address)
        yield daemon
        daemon.close()


def test_spd_say_lists_the_voices(daemon: Daemon) -> None:
    listed = subprocess.run(["spd-say", "-L"], env=daemon.env, check=True, timeout=60, capture_output=True, text=True)
    assert {"us-male", "us-female", "gb-male", "gb-female"} <= set(listed.stdout.split())


def test_spd_say_speaks(daemon: Daemon) -> None:
    text = "It's 5 o'clock: \"time\" for $HOME & tea."
    expected = voicebank.load("us-male").say(text).duration
    assert daemon.say(text).duration == pytest.approx(expected, abs=0.1)


def test_language_and_type_name_the_voice(daemon: Daemon) -> None:
    text = "The first snow of the winter fell on the quiet town."
    expected = {name: voicebank.load(name).say(text).duration for name in ("us-male", "gb-female")}
    assert daemon.say("-l", "en-GB", "-t", "female1", text).duration == pytest.approx(expected["gb-female"], abs=0.01)
    assert daemon.say("-y", "us-male", text).duration == pytest.approx(expected["us-male"], abs=0.01)


def test_rate_and_volume_are_those_that_were_asked_for(daemon: Daemon) -> None:
    usual = daemon.say("One house, and two houses.")
    fast = daemon.say("-r", "100", "One house, and two houses.")
    assert fast.duration == pytest.approx(usual.duration / 2, rel=0.1)
    quiet = daemon.say("-i", "0", "One house, and two houses.")
    assert abs(quiet.samples).max() == pytest.approx(abs(usual.samples).max() / 2, rel=0.05)


def test_what_cannot_be_spoken_is_silence(daemon: Daemon) -> None:
    assert daemon.say("-m", "none", "...").duration == 0
    assert daemon.say("Still here.").duration > 0.3


def test_stop_ends_the_speech(daemon: Daemon) -> None:
    long = "The first snow of the winter fell on the quiet town. " * 40
    subprocess.run(["spd-say", long], env=daemon.env, check=True, timeout=60)
    time.sleep(1)
    subprocess.run(["spd-say", "-C"], env=daemon.env, check=True, timeout=60)
    assert daemon.say("Stopped.").duration < 5
