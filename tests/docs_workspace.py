"""What readers of the documentation have: recordings, texts, a voice, programs, a cluster, a place for daemons."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from clones import CLIPS, doubled

from voicebank.audio import Audio
from voicebank.bank import Voice, load

ROOT = Path(__file__).parent.parent
ENOUGH = 7  # clips, 25 seconds: little more than a voice needs at least
# Stand-ins for programs that a machine of tests has not. FOLDER is the workspace.
PLAYER = """#!/bin/sh
# It keeps what it is to play, and fails where that is next to nothing.
cat > "FOLDER/heard/$$.part" && mv "FOLDER/heard/$$.part" "FOLDER/heard/$$"
test "$(wc -c < "FOLDER/heard/$$")" -gt 1000
"""
OPEN_WEBUI = """#!/bin/sh
# What Open WebUI asks of the server that its environment names when it reads an answer out.
set -e
while [ $# -gt 0 ]; do
    if [ "$1" = -e ]; then export "$2"; shift; fi
    shift
done
test "$AUDIO_TTS_ENGINE" = openai
curl -sSf "$AUDIO_TTS_OPENAI_API_BASE_URL/audio/speech" -H "Authorization: Bearer $AUDIO_TTS_OPENAI_API_KEY" \\
    -H 'Content-Type: application/json' \\
    -d "{\\"input\\": \\"Hello.\\", \\"model\\": \\"$AUDIO_TTS_MODEL\\", \\"voice\\": \\"$AUDIO_TTS_VOICE\\"}" | aplay
"""
STAND_INS = {
    **dict.fromkeys(("aplay", "paplay", "my-program"), PLAYER),
    "docker": OPEN_WEBUI,
    "voicebank": f'#!/bin/sh\nexec "{sys.executable}" -m voicebank "$@"\n',
}


def record_talk(folder: Path) -> None:
    """A talk with captions, its last sentences as a zip of clips, and a voice."""
    base = load("us-male")
    texts = [
        line.split("|")[1]
        for name in ("us-male", "gb-female")
        for line in (CLIPS / name / "metadata.csv").read_text("utf-8").splitlines()
    ]
    spoken = base.say(texts)
    cues, at = ["WEBVTT\n"], 0.0
    (folder / "me" / "wavs").mkdir(parents=True)
    for number, (text, audio) in enumerate(zip(texts, spoken, strict=True)):
        cues.append(
            f"00:{at // 60:02.0f}:{at % 60:06.3f} --> 00:{at // 60:02.0f}:{at % 60 + audio.duration:06.3f}\n{text}\n"
        )
        at += audio.duration + 0.5
        audio.save(folder / "me" / "wavs" / f"{number}.wav")
    (folder / "talk.en.vtt").write_text("\n".join(cues), encoding="utf-8")
    pause = Audio.silence(0.5, spoken[0].sample_rate)
    Audio.join([part for audio in spoken for part in (audio, pause)]).save(folder / "talk.m4a")
    (folder / "talk.m4a").rename(folder / "talk.mp4")
    lines = [f"{number}|{text}\n" for number, text in enumerate(texts)]
    (folder / "me" / "metadata.csv").write_text("".join(lines[-ENOUGH:]), encoding="utf-8")
    shutil.make_archive(str(folder / "me"), "zip", folder, "me")
    shutil.rmtree(folder / "me")
    about = {"name": "my-voice", "consent": "Nobody is heard in it.", "parent": "us-male"}
    Voice(base.config.model_copy(update=about), *base.weights.values()).save(folder / "my-voice")


def first_clips(clips: Path, folder: Path, count: int) -> None:
    """The first clips of a folder of them."""
    lines = (clips / "metadata.csv").read_text(encoding="utf-8").splitlines()[:count]
    (folder / "wavs").mkdir(parents=True)
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for line in lines:
        for clip in (clips / "wavs").glob(f"{line.partition('|')[0]}.*"):
            shutil.copy(clip, folder / "wavs")


def furnish(folder: Path, talk: Path, with_voice: bool) -> None:
    """Put recordings, texts and what belongs to a checkout into a folder; with the voice my-voice or without."""
    for path in ("talk.mp4", "talk.en.vtt", "me.zip"):
        shutil.copy(talk / path, folder)
    clips = doubled(folder / "recordings")
    Audio.read(next((clips / "wavs").iterdir())).save(folder / "clip.wav")
    for path in ("corpora/jane", "my-recordings", "speech/us-male", "speech/us-female"):
        shutil.copytree(clips, folder / path)
    first_clips(clips, folder / "noisy", 3)
    first_clips(clips, folder / "held-back" / "us-male", 1)
    for path in ("book.txt", "sentences.txt", "chapters/1.txt"):
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text("It was late. The light was still on.\n", encoding="utf-8")
    (folder / "voices").mkdir()
    (folder / "voices" / "words.txt").write_text("colonel|The colonel gave an order.|kernel\n", encoding="utf-8")
    (folder / "clips").mkdir()
    shutil.copy(folder / "clip.wav", folder / "clips" / "1.wav")
    (folder / "prompts.jsonl").write_text('{"id": "1", "text": "It was late."}\n', encoding="utf-8")
    (folder / "speakers.csv").write_text("dataset,base\nrecordings,us-male\n", encoding="utf-8")
    (folder / "mine.txt").write_text("GIF dʒˈɪf\n", encoding="utf-8")
    if with_voice:
        shutil.copytree(talk / "my-voice", folder / "my-voice")
    for path in ("docker", "orca"):
        shutil.copytree(ROOT / path, folder / path)
    (folder / "tests").mkdir()
    (folder / "tests" / "benchmarks").symlink_to(ROOT / "tests" / "benchmarks")


def equip(folder: Path) -> Path:
    """A folder of programs for the search path."""
    tools = folder / "tools"
    for path in (tools, folder / "heard"):
        path.mkdir()
    for name, script in STAND_INS.items():
        (tools / name).write_text(script.replace("FOLDER", str(folder)))
        (tools / name).chmod(0o755)
    return tools


@contextlib.contextmanager
def speech_dispatcher(folder: Path) -> Iterator[dict[str, str]]:
    """The environment in which spd-say starts a speech-dispatcher, which ends with the context."""
    (folder / "asound.conf").write_text("pcm.!default { type null }\n")
    with tempfile.TemporaryDirectory() as runtime:  # of a short name, as the socket in it must have
        try:
            yield {"XDG_RUNTIME_DIR": runtime, "ALSA_CONFIG_PATH": str(folder / "asound.conf")}
        finally:
            with contextlib.suppress(OSError, ValueError):
                pid = Path(runtime, "speech-dispatcher", "pid", "speech-dispatcher.pid").read_text()
                os.kill(int(pid), signal.SIGTERM)


def without_sound_card(home: Path) -> None:
    """speech-dispatcher asks for PulseAudio by itself, which no machine of tests has."""
    with open(home / ".config" / "speech-dispatcher" / "speechd.conf", "a") as file:
        file.write('AudioOutputMethod "alsa"\n')


@contextlib.contextmanager
def ray_cluster(cores: int) -> Iterator[str]:
    """The address of a Ray cluster of one node."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": cores, "object_store_memory": 80 << 20, "include_dashboard": False},
    )
    try:
        yield cluster.address
    finally:
        ray.shutdown()
        cluster.shutdown()
