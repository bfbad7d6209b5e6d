"""What people get wrong: each case is one line that says what to do, in Python and on the command line.

The voice is small and untrained, so that nothing is waited for; where a sentence has to be spoken to its end,
the decoder is replaced by one that hums.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

import voicebank.synthesis.speaking
from voicebank.audio import Audio
from voicebank.bank import Voice
from voicebank.cli import app
from voicebank.config import PRESETS, VoiceConfig
from voicebank.dctts.decoder import Decoded
from voicebank.dctts.inference import Text2MelInference
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import (
    BadAudio,
    BadData,
    BadText,
    BadVoice,
    PluginError,
    RunawayError,
    UnknownName,
    VoicebankError,
    VoicebankWarning,
)
from voicebank.text.frontend import Frontend
from voicebank.text.symbols import encode


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an untrained voice."""
    torch.manual_seed(0)
    text2mel, ssrn = PRESETS["tiny"]
    config = VoiceConfig(name="untrained", text2mel=text2mel, ssrn=ssrn)
    audio = config.audio
    voice = Voice(config, Text2Mel(text2mel, audio.n_mels), SSRN(ssrn, audio.n_mels, audio.bins, audio.reduction))
    return voice.save(tmp_path_factory.mktemp("voices") / "untrained")


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """A copy of that folder, to damage."""
    return Path(shutil.copytree(folder, tmp_path / "voice"))


@pytest.fixture
def humming(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Voice:
    """The voice, with every sentence decoded to a few frames."""

    def decode(
        network: Text2MelInference, sentences: Sequence[Sequence[int]], longest: Sequence[int], seed: int
    ) -> list[Decoded]:
        mel = np.full((8, 80), 0.4, np.float32)
        return [Decoded(mel, np.full((8, len(s)), 1 / len(s), np.float32), True) for s in sentences]

    monkeypatch.setattr(voicebank.synthesis.speaking, "decode", decode)
    return voicebank.load(folder)


def one_line(caught: pytest.ExceptionInfo[VoicebankError]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) > 20
    return message


@pytest.mark.parametrize("text", ["", " ", "\n\t \n", "\u00a0\u2003", "\x00\x07\x1b"])
def test_empty_or_blank_text(humming: Voice, text: str) -> None:
    for speak in (humming.say, lambda t: list(humming.stream(t)), lambda t: humming.say([t, t])):
        with pytest.raises(BadText) as caught:
            speak(text)
        one_line(caught)


@pytest.mark.parametrize(("text", "shown"), [("😀 🎉", "😀"), ("你好。", "你"), ("Привет", "П"), ("مرحبا", "م")])
def test_only_emoji_or_another_script(humming: Voice, text: str, shown: str) -> None:
    with pytest.raises(BadText) as caught:
        humming.say(text)
    assert shown in one_line(caught)


def test_what_cannot_be_spoken_is_left_out_of_what_can(humming: Voice) -> None:
    (spoken,) = humming.say_detailed("Hello 😀 there.").sentences
    assert spoken.sentence.symbols == "həlˈoʊ THERE."
    assert "😀" in spoken.sentence.dropped


def test_control_characters_are_not_spoken(humming: Voice) -> None:
    (spoken,) = humming.say_detailed("Hel\x00lo\x07 \x1b[31mthere\u200b\ufeff.").sentences
    assert not set("\x00\x07\x1b\u200b\ufeff") & set(spoken.sentence.symbols)
    assert spoken.sentence.symbols == "həlˈoʊ THERE." and spoken.sentence.normalised == "Hello there."


@pytest.mark.parametrize(
    "text",
    [
        "A short sentence, said again. " * 6667,
        "word " * 40_000,
        "a" * 200_000,
        "." * 199_999 + "a",
        pytest.param("9" * 200_000, marks=pytest.mark.long),
    ],
    ids=["sentences", "words", "letters", "dots", "digits"],
)
def test_200_000_characters(humming: Voice, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def vocoder(magnitude: np.ndarray, *options: object) -> np.ndarray:
        return np.zeros((len(magnitude), magnitude.shape[-1] * 256), np.float32)

    began = time.process_time()
    stream = humming.stream(text, vocoder=vocoder, watermark=False)  # magnitudes have too few bins here
    next(stream)
    assert time.process_time() - began < 5  # the first sentence does not wait for the last
    monkeypatch.setattr(humming.networks.ssrn, "magnitude", lambda mel: mel)
    assert sum(1 for _ in stream) >= (0 if text[0] == "." else 499)
    assert time.process_time() - began < 60


def test_a_sentence_without_end_is_an_error_and_not_silence(folder: Path, tmp_path: Path) -> None:
    deaf = shutil.copytree(folder, tmp_path / "deaf")  # hears nothing of what it said, so its attention stays
    weights = load_file(deaf / "text2mel.safetensors")
    save_file({k: w * ("audio_encoder" not in k) for k, w in weights.items()}, deaf / "text2mel.safetensors")
    with pytest.raises(RunawayError) as caught:
        voicebank.load(deaf).say("This voice hears nothing.")
    assert "This voice hears nothing." in one_line(caught)


@pytest.fixture
def losing(humming: Voice, monkeypatch: pytest.MonkeyPatch) -> Voice:
    """The humming voice, which loses its way in every sentence with "lost" in it."""
    hum = voicebank.synthesis.speaking.decode  # type: ignore[attr-defined]
    lost = encode("LOST")[:-1]

    def decode(
        network: Text2MelInference, sentences: Sequence[list[int]], longest: Sequence[int], seed: int
    ) -> list[Decoded]:
        inside = [any(s[i : i + 4] == lost for i in range(len(s))) for s in sentences]
        return [
            replace(one, ended=not bad) for one, bad in zip(hum(network, sentences, longest, seed), inside, strict=True)
        ]

    monkeypatch.setattr(voicebank.synthesis.speaking, "decode", decode)
    return humming


BOOK = "One house.\n\nTwo houses\nand more.\nThis one is lost. Four. This is lost."


def test_a_sentence_that_cannot_be_spoken_is_left_out_with_its_line(losing: Voice) -> None:
    with pytest.warns(VoicebankWarning) as caught:
        speech = losing.say_detailed(BOOK)
    assert [one.sentence.text for one in speech.sentences] == ["One house.", "Two houses and more.", "Four."]
    assert [str(w.message).split(":")[0] for w in caught] == ["line 5 is left out", "line 5 is left out"]
    assert "This one is lost." in str(caught[0].message)
    for batch in (1, 2, 9):
        with pytest.warns(VoicebankWarning):
            assert sum(chunk.ends_sentence for chunk in losing.stream(iter(BOOK), batch=batch)) == 3


def test_nothing_is_left_out_where_that_is_all_or_not_wanted(losing: Voice) -> None:
    with pytest.raises(RunawayError, match="This one is lost"):
        losing.say(BOOK, strict=True)
    with pytest.raises(RunawayError, match="lost"):
        losing.say(["One house.", "It is lost."])


@pytest.mark.parametrize("text", [None, b"hi", Path("book.txt"), 3, ["hi", None], [b"hi"]])
def test_what_is_no_text(humming: Voice, text: Any) -> None:
    for speak in (humming.say, lambda t: list(humming.stream(t))):
        with pytest.raises(BadText, match="the text is no str but"):
            speak(text)


def test_options_of_other_types(humming: Voice, tmp_path: Path) -> None:
    plain = humming.say("Hello.")
    assert np.array_equal(humming.say("Hello.", speed=None, lexicon=None).samples, plain.samples)
    words = tmp_path / "mine.txt"
    words.write_text("hello\thəloʊ\n")
    for lexicon in (words, str(words), {"hello": "həloʊ"}):
        (spoken,) = humming.say_detailed("Hello.", lexicon=lexicon).sentences
        assert spoken.sentence.symbols == "həloʊ."
    with pytest.raises(BadText, match="speed 'fast' is no number"):
        humming.say("Hello.", speed="fast")  # type: ignore[call-overload]


def test_volume_and_the_silence_between_sentences(humming: Voice) -> None:
    plain, soft = humming.say("Hello."), humming.say("Hello.", volume=0.5)
    assert np.allclose(np.clip(2 * soft.samples, -1, 1), plain.samples, atol=1e-6)
    longer = humming.say("One. Two.", sentence_silence=1).duration - humming.say("One. Two.").duration
    assert longer == pytest.approx(0.88, abs=1e-3)
    with pytest.raises(BadText, match="volume 9 is out of range"):
        humming.say("Hello.", volume=9)


def test_prosody_of_ssml(humming: Voice) -> None:
    plain = humming.say("Hello.")
    fast = humming.say('<prosody rate="fast" volume="x-soft">Hello.</prosody>')
    assert fast.duration == pytest.approx(plain.duration / 1.25, abs=0.02)
    assert np.abs(fast.samples).mean() < 0.6 * np.abs(plain.samples).mean()


@pytest.mark.parametrize("samples", [np.full((1, 8192), np.nan), np.zeros((1, 3)), np.zeros(8192), None])
def test_a_vocoder_that_returns_something_else_is_named(humming: Voice, samples: Any) -> None:
    class Broken:
        def __call__(self, magnitude: np.ndarray, config: object) -> Any:
            return samples

    with pytest.raises(PluginError, match="the vocoder Broken returns"):
        humming.say("Hello.", vocoder=Broken())


@pytest.mark.parametrize("units", [None, [3], [("a",)], [("a", None)], ["abc"]])
def test_a_frontend_that_returns_something_else_is_named(humming: Voice, units: Any) -> None:
    class Broken(Frontend):
        name, language = "broken", "en-us"

        def units(self, sentence: str) -> Any:
            return units

    with pytest.raises(PluginError, match="frontend 'broken' fails on 'Hello.': TypeError: "):
        humming.say("Hello.", frontend=Broken())


FORKED = """
import multiprocessing, sys
import voicebank

voice = voicebank.load(sys.argv[1])
said = voice.say("One house.", strict=False) if len(sys.argv) > 2 else None

def child(queue):
    queue.put(voice.say("One house.").duration)

context = multiprocessing.get_context("fork")
queue = context.Queue()
process = context.Process(target=child, args=(queue,))
process.start()
try:
    print(queue.get(timeout=100) == said.duration)
finally:
    process.kill()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_speaks() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED, "us-male", "first"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


@pytest.mark.parametrize("speed", [0, -1, 0.1, 50, float("nan")])
def test_speeds_out_of_range(humming: Voice, speed: float) -> None:
    with pytest.raises(VoicebankError, match="speed"):
        humming.say("Hello.", speed=speed)


def test_unknown_names(humming: Voice) -> None:
    with pytest.raises(UnknownName, match="unknown voice 'klingon'.*"):
        voicebank.load("klingon")
    with pytest.raises(UnknownName, match="unknown voice 'xxx"):
        voicebank.load("x" * 5000)
    with pytest.raises(UnknownName, match="unknown frontend 'klingon': known are .*graphemes"):
        humming.say("Hello.", frontend="klingon")
    with pytest.raises(UnknownName, match="unknown vocoder 'klingon': known are .*griffin-lim"):
        humming.say("Hello.", vocoder="klingon")


def reshape(path: Path) -> None:
    tensors = load_file(path)
    name = sorted(tensors)[0]
    save_file({**tensors, name: torch.zeros(7, 7)}, path)


def lose(path: Path) -> None:
    tensors = load_file(path)
    del tensors[sorted(tensors)[0]]
    save_file(tensors, path)


def poison(path: Path) -> None:
    tensors = load_file(path)
    tensors[sorted(tensors)[0]].view(-1)[0] = float("nan")
    save_file(tensors, path)


@pytest.mark.parametrize("file", ["text2mel.safetensors", "ssrn.safetensors"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:100]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"<html>not found</html>" * 100),
        lambda path: path.unlink(),
        reshape,
        lose,
        poison,
    ],
    ids=[
        "cut by a byte",
        "cut short",
        "empty",
        "no weights",
        "missing",
        "reshaped",
        "a tensor lost",
        "not a number",
    ],
)
def test_damaged_weights(copy: Path, file: str, damage: Callable[[Path], None]) -> None:
    damage(copy / file)
    with pytest.raises(BadVoice) as caught:
        voicebank.load(copy)
    assert file in one_line(caught)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 2}, "newer than 1: upgrade voicebank"),
        ({"format_version": "two"}, "format_version"),
        ({"text2mel": {"channels": -1}}, "text2mel.channels"),
        ({"text2mel": {"channels": 10**9}}, "text2mel.channels"),
        ({"frontend": {"name": "../../etc"}}, "frontend.name"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_configs_that_are_newer_or_wrong(copy: Path, change: dict[str, object], message: str) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(BadVoice) as caught:
        voicebank.load(copy)
    assert message in one_line(caught)
    assert "config.json" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe\x00", b"[" * 100_000])
def test_configs_that_are_no_config(copy: Path, content: bytes) -> None:
    (copy / "config.json").write_bytes(content)
    with pytest.raises(BadVoice, match=r"config\.json") as caught:
        voicebank.load(copy)
    one_line(caught)


def test_folders_that_are_no_voice(tmp_path: Path) -> None:
    with pytest.raises(BadVoice, match=r"no config\.json"):
        voicebank.load(tmp_path)
    (tmp_path / "voice.onnx").touch()
    with pytest.raises(BadVoice, match="name the folder"):
        voicebank.load(tmp_path / "voice.onnx")


def dataset(folder: Path, lines: str, **clips: Audio | bytes) -> Path:
    """An LJSpeech-layout folder."""
    (folder / "wavs").mkdir(parents=True)
    (folder / "metadata.csv").write_text(lines)
    for name, clip in clips.items():
        path = folder / "wavs" / f"{name}.wav"
        path.write_bytes(clip if isinstance(clip, bytes) else clip.to_bytes("wav"))
    return folder


@pytest.mark.parametrize(
    ("lines", "clips", "message"),
    [
        ("a|One.\n", "ab", "without a line in metadata.csv, first: b"),
        ("a|One.\nb|Two.\n", "a", "not in wavs/, first: b"),
        ("a|One.\nb|\n", "ab", "without a transcript, first: line 2"),
        ("a|One.\nb\n", "ab", "without a transcript, first: line 2"),
        ("a|One.\ne|Nothing.\n", "ae", "of zero length, first: e"),
        ("a|One.\nz|Empty file.\n", "az", "of zero length, first: z"),
        ("a|One.\nt|Text.\n", "at", "not readable as audio, first: t"),
        ("", "", "is empty"),
    ],
)
def test_incomplete_datasets(tone: Audio, tmp_path: Path, lines: str, clips: str, message: str) -> None:
    sounds = {"e": Audio.silence(0, 24000), "z": b"", "t": b"no sound at all" * 100}
    folder = dataset(tmp_path / "mine", lines, **{name: sounds.get(name, tone) for name in clips})
    command = ["train", "text2mel", str(folder), "--run", str(tmp_path / "run"), "--frontend", "graphemes"]
    result = CliRunner().invoke(app, [*command, "--preset", "tiny", "--steps", "1"])
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("voicebank: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--preset", "huge"], "no preset 'huge'"),
        (["--rate", "0"], "option --rate"),
        (["--precision", "float8"], "option --precision"),
        (["--frontend", "klingon"], "unknown frontend 'klingon'"),
        (["--language", "en-us", "--language", "en-gb"], "languages"),
    ],
)
def test_bad_options_of_training(tone: Audio, tmp_path: Path, options: list[str], message: str) -> None:
    folder = dataset(tmp_path / "mine", "a|One.\n", a=tone)
    command = [
        "train",
        "text2mel",
        str(folder),
        "--run",
        str(tmp_path / "run"),
        "--steps",
        "1",
        "--preset",
        "tiny",
    ]
    result = CliRunner().invoke(app, [*command, *options])
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_command_line_says_a_book(humming: Voice, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("One line\nof two.\n\n* * *\n\nThe [pause:0.5] end. 😀\n")
    (tmp_path / "words.txt").write_text("end\tˈɛnd\n")
    command = ["say", "-f", str(tmp_path / "book.txt"), "--voice", str(folder)]
    options = ["-o", str(tmp_path / "book.ogg"), "--lexicon", str(tmp_path / "words.txt")]
    result = CliRunner().invoke(app, [*command, *options])
    assert result.exit_code == 0, result.output
    assert Audio.read(tmp_path / "book.ogg").duration > 0.5


def test_the_command_line_draws_the_attention(humming: Voice, folder: Path, tmp_path: Path) -> None:
    command = ["say", "One. Two.", "--voice", str(folder), "-o", str(tmp_path / "a.wav")]
    result = CliRunner().invoke(app, [*command, "--attention", str(tmp_path / "a.png")])
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a-2.png", "a.png", "a.wav"]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("text", ["", "   ", "😀"])
def test_the_command_line_refuses_what_cannot_be_spoken(
    humming: Voice, folder: Path, tmp_path: Path, text: str
) -> None:
    for arguments, input in (([text], None), ([], text)):
        command = ["say", *arguments, "--voice", str(folder), "-o", str(tmp_path / "a.wav")]
        result = CliRunner().invoke(app, command, input=input)
        assert result.exit_code == 2, result.output
        assert result.stderr.startswith("voicebank: ")
        assert result.stderr.count("\n") == 1
        assert not list(tmp_path.iterdir())


def run(voice: Path, *arguments: str, **options: Any) -> Any:
    return CliRunner().invoke(app, ["say", "--voice", str(voice), *arguments], **options)


def test_the_command_line_leaves_out_what_cannot_be_spoken(losing: Voice, folder: Path, tmp_path: Path) -> None:
    result = run(folder, "-o", str(tmp_path / "a.wav"), input=BOOK)
    assert result.exit_code == 0, result.output
    assert result.stderr.count("line 5 is left out: untrained did not find the end of 'This ") == 2
    assert Audio.read(tmp_path / "a.wav").duration > 1
    result = run(folder, "-o", str(tmp_path / "b.wav"), "--strict", input=BOOK)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert not (tmp_path / "b.wav").exists()


def test_a_file_for_each_line(losing: Voice, folder: Path, tmp_path: Path) -> None:
    lines = "One.\n\nThis is lost.\nTwo.\n"
    result = run(folder, "-d", str(tmp_path / "out"), "--format", "flac", "--sample-rate", "16000", input=lines)
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["0001.flac", "0004.flac"]
    assert Audio.read(tmp_path / "out" / "0004.flac").sample_rate == 16000
    assert "line 3 is left out" in result.stderr


def test_subtitles_from_the_command_line(humming: Voice, folder: Path, tmp_path: Path) -> None:
    output = ["-o", str(tmp_path / "a.wav"), "--sample-rate", "48000", "--volume", "0.5"]
    result = run(folder, "One. Two.", *output, "--subtitles", str(tmp_path / "a.srt"))
    assert result.exit_code == 0, result.output
    assert Audio.read(tmp_path / "a.wav").sample_rate == 48000
    assert (tmp_path / "a.srt").read_text().startswith("1\n00:00:00,000 --> 00:00:00,3")
    assert "\n2\n" in (tmp_path / "a.srt").read_text()


def test_the_voice_of_the_environment(humming: Voice, folder: Path, tmp_path: Path) -> None:
    command, environment = ["say", "One.", "-o", str(tmp_path / "a.wav")], {"VOICEBANK_VOICE": str(folder)}
    assert CliRunner().invoke(app, command, env=environment).exit_code == 0
    assert "unknown voice 'nobody'" in CliRunner().invoke(app, command, env={"VOICEBANK_VOICE": "nobody"}).stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--subtitles", "a.txt"], "subtitles are .srt or .vtt"),
        (["--subtitles", "nowhere/a.srt"], "the folder nowhere does not exist"),
        (["--attention", "nowhere/a.png"], "the folder nowhere does not exist"),
        (["--format", "m4a", "-o", "-"], "unknown --format 'm4a': use one of wav"),
        (["--output-dir", "out", "-o", "a.wav"], "leave out -o"),
        (["--volume", "9"], "volume 9 is out of range"),
    ],
)
def test_bad_options_of_say(
    humming: Voice, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(folder, "Hello.", *options)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_full_standard_output_is_one_line() -> None:
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "voicebank", "say", "Hi.", "-o", "-"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (
        2,
        "voicebank: cannot write to standard output: No space left on device\n",
    )


def test_sigterm_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("The first snow fell on the quiet town.\n\n" * 2000)
    out = tmp_path / "out"
    out.mkdir()
    command = [sys.executable, "-m", "voicebank", "say", "-f", str(tmp_path / "book.txt"), "-o", str(out / "a.wav")]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while not list(out.iterdir()) and process.poll() is None:
            time.sleep(0.1)
        process.terminate()
        assert process.wait(60) == 143
    assert not list(out.iterdir())


def test_bad_lexicons(humming: Voice, folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("# mine\nnguyen\n")
    command = ["say", "Hello.", "--voice", str(folder), "-o", str(tmp_path / "a.wav"), "--lexicon", str(path)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "line 2" in result.stderr
    path.unlink()
    result = CliRunner().invoke(app, command)
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


def test_all_of_them_are_voicebank_errors() -> None:
    for error in (BadText, BadVoice, BadData, BadAudio, UnknownName, RunawayError):
        assert issubclass(error, VoicebankError)
