"""Fast synthesis and streams, held to the slow and whole: the full forward pass, the whole sentence."""

from __future__ import annotations

import io
import itertools
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pysubs2
import pytest
import soundfile
import torch

import voicebank
import voicebank.synthesis.speaking
from voicebank.audio import Audio
from voicebank.bank import Voice
from voicebank.config import PRESETS, AudioConfig
from voicebank.dctts.decoder import AHEAD, BACK, REST, Decoding, decode
from voicebank.dctts.inference import MagnitudeStream
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadText, RunawayError
from voicebank.signal.griffin_lim import GriffinLim
from voicebank.signal.magnitudes import Tempo
from voicebank.signal.spectrogram import linear_magnitude
from voicebank.synthesis.speech import SpokenSentence
from voicebank.synthesis.streaming import STALL_SECONDS
from voicebank.synthesis.weights import as_stored, copied, module_of
from voicebank.text.frontend import Unit
from voicebank.text.markup import Pause
from voicebank.text.pipeline import Sentence
from voicebank.text.symbols import encode

TEXT = "The first snow of the winter fell on the quiet town, and nobody was awake to see it."
CLIP = sorted((Path(__file__).parent / "data" / "clips" / "us-male" / "wavs").iterdir())[0]


@pytest.fixture(scope="module")
def voice() -> Voice:
    return voicebank.load("us-male")


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """How far one sound is from another, in decibels of the first."""
    assert a.shape == b.shape
    return float(10 * np.log10((np.square(a - b).mean() + 1e-20) / np.square(a).mean()))


def joined(parts: Iterator[Audio]) -> np.ndarray:
    return Audio.join(parts).samples


@torch.no_grad()
def spoken_slowly(model: Text2Mel, sentence: list[int], longest: int) -> torch.Tensor:
    """The mel of a sentence by the whole network for each frame: the arithmetic of training, nothing kept."""
    symbols = torch.tensor([sentence])
    keys, values = model.encode_text(symbols, torch.ones_like(symbols, dtype=torch.bool))
    previous = torch.zeros(1, 1, model.n_mels)
    positions = [0]
    drawn = np.random.default_rng([0, *sentence]).standard_normal((1, longest, model.n_mels), np.float32)
    noise = torch.from_numpy(drawn) * model.config.flow_noise
    while True:
        queries = model.audio_encoder(previous)
        scores = (queries @ keys.transpose(1, 2))[0] / math.sqrt(model.config.channels)
        for row, position in zip(scores, positions, strict=True):
            row[: max(position - BACK, 0)] = -math.inf
            row[position + AHEAD + 1 :] = -math.inf
        attention = scores.softmax(-1)
        output = model.decode(attention[None], values, queries, previous)
        mel = model.mel(output, noise=noise[:, : previous.shape[1]])
        positions.append(int(attention[-1].argmax()))
        if positions[-REST:] == [len(sentence) - 1] * REST or len(mel[0]) >= longest:
            return mel[0]
        previous = torch.cat([torch.zeros(1, 1, model.n_mels), mel], 1)


@pytest.mark.parametrize("name", ["us-male", "gb-female"])
def test_the_fast_path_is_the_full_forward_pass(name: str) -> None:
    model = voicebank.load(name).text2mel
    sentence = encode("THE QUICK BROWN FOX JUMPS OVER THE LAZY DOG.")
    fast = decode(model.inference(), [sentence], [200])[0]
    slow = spoken_slowly(model, sentence, 200).numpy()
    assert fast.mel.shape == slow.shape
    assert float(np.abs(fast.mel - slow).max()) < 1e-3


def random_text2mel() -> Text2Mel:
    torch.manual_seed(0)
    # Nine channels and eleven mels: sizes that fill no vector register.
    config = PRESETS["tiny"][0].model_copy(update={"channels": 9})
    return Text2Mel(config, n_mels=11).eval()


def test_odd_sizes_and_float32_weights() -> None:
    model = random_text2mel()
    sentence = encode("ODD.")
    for _ in range(2):
        spoken = decode(model.inference(), [sentence], [30])[0].mel
        assert np.allclose(spoken, spoken_slowly(model, sentence, 30), atol=1e-5)
        model = module_of(model, as_stored(copied(model)))


def test_weights_that_change_are_seen() -> None:
    model = random_text2mel()
    before = decode(model.inference(), [encode("ODD.")], [5])[0].mel
    with torch.no_grad():
        model.audio_decoder[0].weight.mul_(2)
    assert not np.allclose(decode(model.inference(), [encode("ODD.")], [5])[0].mel, before, atol=1e-3)


def test_spoken_in_steps_it_is_the_same(voice: Voice) -> None:
    sentence = encode("A MAN WALKS DOWN THE STREET.")
    decoding = Decoding(voice.networks.text2mel, sentence, 200)
    for frames in [1, 2, 3, 1, 40, 200, 5]:
        decoding.advance(frames)
    whole = decode(voice.networks.text2mel, [sentence], [200])[0]
    assert decoding.done and decoding.ended == whole.ended
    assert np.array_equal(decoding.result().mel, whole.mel)
    assert np.array_equal(decoding.result().attention, whole.attention)


def test_magnitudes_in_blocks(voice: Voice) -> None:
    mel = decode(voice.networks.text2mel, [encode("A MAN WALKS DOWN THE STREET.")], [200])[0].mel
    whole = voice.ssrn.magnitude(torch.from_numpy(mel)[None])[0].numpy()  # PyTorch's
    assert np.allclose(voice.networks.ssrn.magnitude(mel), whole, atol=1e-5)
    for size in (1, 7, 100):
        stream = MagnitudeStream(voice.networks.ssrn)
        parts = [stream.push(mel[i : i + size]) for i in range(0, len(mel), size)]
        parts.append(stream.push(mel[:0], last=True))
        assert np.allclose(np.concatenate(parts), whole, atol=1e-5)


@pytest.mark.parametrize("speed", [0.5, 0.83, 1.0, 1.3, 2.0])
def test_tempo_in_blocks(speed: float) -> None:
    frames = np.random.default_rng(0).random((5, 57), np.float32)
    whole = Tempo(speed).push(frames, last=True)
    assert whole.shape[1] == pytest.approx(57 / speed, abs=1)
    for size in (1, 4, 57):
        stream = Tempo(speed)
        parts = [stream.push(frames[:, i : i + size]) for i in range(0, 57, size)]
        parts.append(stream.push(frames[:, :0], last=True))
        assert np.allclose(np.concatenate(parts, 1), whole, atol=1e-6)


@pytest.mark.parametrize(("iterations", "hop"), [(0, 256), (1, 256), (5, 256), (1, 200), (2, 512)])
def test_griffin_lim_in_blocks(iterations: int, hop: int) -> None:
    config = AudioConfig(hop=hop)
    samples = torch.from_numpy(Audio.read(CLIP, config.sample_rate).samples[:40000])
    linear = linear_magnitude(samples, config).numpy()
    vocoder = GriffinLim(iterations)
    whole = vocoder(linear[None], config)[0]
    for size in (1, 10, 1000):
        stream = vocoder.stream(config)
        parts = [stream.push(linear[:, i : i + size]) for i in range(0, linear.shape[1], size)]
        parts.append(stream.push(linear[:, :0], last=True))
        assert apart(whole, np.concatenate(parts)) < -70


@pytest.mark.parametrize("options", [{}, {"speed": 1.25}, {"frontend": "graphemes"}], ids=str)
def test_a_stream_is_the_whole_in_chunks(voice: Voice, options: dict[str, Any]) -> None:
    text = f"{TEXT} [pause:0.3] {TEXT} Yes!"
    whole = voice.say(text, **options).samples
    chunks = list(voice.stream(text, **options))
    assert len(chunks) > 8
    assert 0 < chunks[0].duration < 0.6
    streamed = Audio.join(chunks).samples
    assert apart(whole, streamed) < -60
    # At the borders themselves, against the loudness of all: a click is short and loud.
    for border in np.cumsum([len(chunk.samples) for chunk in chunks])[:-1]:
        near = slice(max(border - 50, 0), border + 50)
        error = np.square(whole[near] - streamed[near]).mean()
        assert 10 * np.log10(error / np.square(whole).mean() + 1e-12) < -50


def test_chunks_know_their_sentence(voice: Voice) -> None:
    text = "[pause:0.2] One house. Two houses. [pause:0.3] Three."
    whole = voice.say_detailed(text)
    for chunks in (list(voice.stream(text)), list(voice.stream(text, batch=2))):
        last = [chunk for chunk in chunks if chunk.ends_sentence]
        assert [chunk.index for chunk in last] == [0, 1, 2]
        assert [chunk.sentence for chunk in last] == [spoken.sentence for spoken in whole.sentences]
        for chunk, expected in zip(last, whole.sentences, strict=True):
            own = [c for c in chunks if c.sentence is not None and c.index == chunk.index]
            assert chunk.spoken is not None and own[-1] is chunk
            assert np.array_equal(Audio.join(own).samples, chunk.spoken.audio.samples)
            assert np.allclose(chunk.spoken.mel, expected.mel, atol=1e-5)
            assert np.allclose(chunk.spoken.attention, expected.attention, atol=1e-5)
            assert (chunk.spoken.pieces, expected.pieces) == (1, 1)
        silent = [c for c in chunks if c.sentence is None]
        assert [round(c.duration, 2) for c in silent] == [0.2, 0.12, 0.12, 0.3, 0.12]
        assert not any(c.samples.any() or c.ends_sentence for c in silent)


def test_words_have_times(voice: Voice) -> None:
    speech = voice.say_detailed("In 1999, Dr. Smith paid $3.50. [pause:1] He left — early.")
    words = speech.words
    assert [word.text for word in words] == [
        "In",
        "1999,",
        "Dr.",
        "Smith",
        "paid",
        "$3.50.",
        "He",
        "left",
        "—",
        "early.",
    ]
    assert all(0 <= a.start <= a.end <= b.start + 0.05 for a, b in itertools.pairwise(words))
    spoken = {word.text: word.end - word.start for word in words}
    assert spoken["1999,"] > 2 * spoken["In"] and spoken["$3.50."] > spoken["paid"]
    assert words[6].start - words[5].end > 1  # the pause
    assert words[-1].end <= speech.audio.duration
    # Where a word begins the sound does: the loudest tenth of a second of the second sentence is within its words.
    second = speech.sentences[1]
    loud = int(np.abs(second.audio.samples).argmax()) / second.audio.sample_rate
    assert second.words[0].start - 0.1 < loud < second.words[-1].end + 0.1


def test_words_that_a_frontend_reads_as_one_keep_their_places() -> None:
    units = (Unit("Two", "tuː"), Unit("of the", "ʌvðə"), Unit("cats", "kæts"), Unit(",", ","), Unit("too", "tuː"))
    sentence = Sentence("Two of the cats, too", "Two of the cats, too", "tuː ʌvðə kæts, tuː.", "", units=units)
    frames = len(sentence.symbols) + 1  # a second for each symbol, and one for the end
    spoken = SpokenSentence(
        sentence,
        Audio.silence(frames, 1000),
        np.zeros((frames, 80), np.float32),
        np.eye(frames, dtype=np.float32),
        (sentence.symbols,),
    )
    assert [(word.text, word.start, word.end) for word in spoken.words] == [
        ("Two", 0, 3),
        ("of", 4, pytest.approx(5.6)),
        ("the", pytest.approx(5.6), 8),
        ("cats,", 9, 13),
        ("too", 15, 18),
    ]


def test_subtitles(voice: Voice) -> None:
    long = f"{TEXT[:-1]}, but {TEXT[0].lower()}{TEXT[1:-1]}, too."
    speech = voice.say_detailed(f"{long} One & two.")
    srt, vtt = speech.subtitles("srt"), speech.subtitles("vtt")
    read = pysubs2.SSAFile.from_string(srt)
    assert " ".join(line.plaintext for line in read) == f"{long} One & two."
    assert all(len(line.plaintext) < 90 for line in read) and len(read) > 2
    assert read[-1].end / 1000 == pytest.approx(speech.audio.duration, abs=0.01)
    assert vtt.startswith("WEBVTT\n\n00:00:00.") and "One &amp; two." in vtt


def test_options_are_checked_before_the_first_chunk(voice: Voice) -> None:
    with pytest.raises(BadText, match="speed"):
        voice.stream("One house.", speed=9)
    with pytest.raises(BadText, match="seed 'x' is out of range"):
        voice.stream("One house.", seed="x")  # type: ignore[arg-type]


def test_a_text_is_read_without_being_spoken(voice: Voice) -> None:
    first, pause, second = voice.sentences("In 1999. [pause:0.5] A cat.", frontend="graphemes", lexicon={"cat": "kæt"})
    assert isinstance(first, Sentence) and isinstance(second, Sentence)
    assert (first.text, first.symbols) == ("In 1999.", "IN NINETEEN NINETY NINE.")
    assert (pause, second.symbols) == (Pause(0.5), "A kæt.")


def test_a_vocoder_without_streams_gets_whole_sentences(voice: Voice) -> None:
    heard: list[int] = []

    def vocoder(magnitude: np.ndarray, config: AudioConfig) -> np.ndarray:
        heard.append(magnitude.shape[-1])
        return np.zeros((len(magnitude), magnitude.shape[-1] * config.hop), np.float32)

    parts = list(voice.stream("One house. Two houses.", vocoder=vocoder))
    assert len(heard) == 2
    assert [len(parts[0].samples), len(parts[2].samples)] == [256 * n for n in heard]


def test_many_texts_at_once_are_each_alone(voice: Voice) -> None:
    texts = ["Yes.", TEXT, "One house. Two houses.", "A cat."]
    together = voice.say(texts)
    assert isinstance(together, list)
    for text, audio in zip(texts, together, strict=True):
        assert np.array_equal(voice.say(text).samples, audio.samples)
    assert [len(one.sentences) for one in voice.say_detailed(texts)] == [1, 1, 2, 1]
    assert voice.say([]) == []


def test_whole_sentences_on_request(voice: Voice) -> None:
    parts = list(voice.stream("One house. Two houses. Three.", batch=2))
    assert len(parts) == 5  # three sentences, two gaps
    assert np.array_equal(joined(iter(parts)), voice.say("One house. Two houses. Three.").samples)


class Stuck(Decoding):
    """A sentence in which attention stays where it is after a few words."""

    def advance(self, frames: int | None = None) -> None:
        self._ahead = AHEAD if self.frames < 24 else 0
        super().advance(frames)


def test_a_runaway_is_not_heard_and_the_rest_spoken_anew(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = voice.say(TEXT).duration
    monkeypatch.setattr(voicebank.synthesis.speaking, "Decoding", Stuck)
    chunks = list(voice.stream(TEXT))
    # All of it, with at most a word said twice and a little silence, and not the ten seconds of the runaway.
    assert plain - 0.5 < sum(chunk.duration for chunk in chunks) < plain + STALL_SECONDS + 1
    assert all(np.isfinite(chunk.samples).all() for chunk in chunks)


def test_a_runaway_to_the_end_is_an_error(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voicebank.dctts.decoder, "AHEAD", 0)  # type: ignore[attr-defined]
    heard = 0.0
    with pytest.raises(RunawayError):
        for chunk in voice.stream(TEXT):
            heard += chunk.duration
    assert heard < STALL_SECONDS + 1


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "voicebank", "say", *arguments]


def test_the_command_line_passes_sound_on(voice: Voice) -> None:
    done = subprocess.run(command("Hello there.", "-o", "-"), capture_output=True, check=True)
    samples, rate = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
    assert rate == 24000
    streamed = joined(voice.stream("Hello there."))
    assert np.abs(samples - streamed).max() < 1e-4
    raw = subprocess.run(command("-o", "-", "--raw"), input=b"Hello there.\n", capture_output=True, check=True)
    assert raw.stdout == done.stdout[44:]


def test_whoever_stops_listening_ends_it(tmp_path: Path) -> None:
    book = tmp_path / "book.txt"
    book.write_text(f"{TEXT}\n\n" * 500)
    with subprocess.Popen(
        command("-f", str(book), "-o", "-"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.read(4) == b"RIFF"
        process.stdout.close()
        assert process.wait(60) != 0
        assert b"Traceback" not in process.stderr.read()


def test_raw_is_for_pipes(tmp_path: Path) -> None:
    done = subprocess.run(command("Hi.", "--raw", "-o", str(tmp_path / "a.wav")), capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "voicebank: --raw is for standard output: add -o -\n"


def test_help_loads_nothing_heavy() -> None:
    heavy = {"torch", "numba", "numpy", "scipy", "librosa", "matplotlib", "huggingface_hub", "pydantic", "av"}
    code = "import sys, voicebank.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(done.stdout.split())
