"""How much the watermark survives, how often it is found where it is not, and what it costs: docs/provenance.md."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import av
import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from scipy.signal import butter, fftconvolve, sosfilt

import voicebank
from voicebank.audio import Audio
from voicebank.evaluation.measures import naturalness, quality, read_sentences

Attack = Callable[[Audio], Audio]


def watermark(
    sentences: Annotated[Path, typer.Argument(help="One sentence a line, or `id|text` lines.")],
    voice: Annotated[list[str] | None, typer.Option("--voice", "-v", help="A voice, again for each.")] = None,
    count: Annotated[int, typer.Option(help="Sentences of each voice.")] = 100,
    others: Annotated[Path | None, typer.Option(help="Folder of speech that was not made here.")] = None,
    minutes: Annotated[float, typer.Option(help="So much of that.")] = 30.0,
    scores: Annotated[bool, typer.Option(help="Also DistillMOS and DNSMOS with the mark and without.")] = False,
) -> None:
    """Mark sentences, do to them what happens to sound, and search for the mark. Each sentence is a file of its own."""
    names = voice or [info.name for info in voicebank.voices()]
    texts = list(read_sentences(sentences).values())[:count]
    marked: list[tuple[int, Audio]] = []
    gains: list[tuple[float, float]] = []
    seconds = [0.0, 0.0]
    for name in names:
        speaker = voicebank.load(name)
        speaker.say(texts[:2], watermark=True)  # compiles, and computes the payload
        plain = _timed(seconds, 0, lambda speaker=speaker: speaker.say(texts, watermark=False))
        with_mark = _timed(seconds, 1, lambda speaker=speaker: speaker.say(texts, watermark=True))
        marked += [(speaker.payload, audio) for audio in with_mark]
        if scores:
            gains += [_gain(*pair) for pair in zip(plain, with_mark, strict=True)]
    console = Console(width=100)
    table = Table("after", "found", "payload right", "score, mean", "score, least", box=None)
    for title, attack in attacks().items():
        found = [(payload, voicebank.detect(attack(audio))) for payload, audio in marked]
        reached = [each.score for _, each in found]
        share = np.mean([each.marked for _, each in found])
        right = np.mean([each.payload == payload for payload, each in found])
        table.add_row(title, f"{share:.1%}", f"{right:.1%}", f"{np.mean(reached):.1f}", f"{min(reached):.1f}")
    console.print(f"{len(marked)} sentences of {', '.join(names)}, threshold {found[0][1].threshold:.2f}")
    console.print(table)
    console.print(f"computing: {seconds[0]:.1f} s without the mark, {seconds[1]:.1f} s with it")
    if scores:
        mean, error = np.mean(gains, axis=0), np.std(gains, axis=0) / len(gains) ** 0.5
        for title, gain, deviation in zip(("DistillMOS", "DNSMOS"), mean, error, strict=True):
            console.print(f"{title} with the mark, less that without: {gain:+.3f} (standard error {deviation:.3f})")
    if others is not None:
        console.print(_false_alarms(others, minutes))


def _timed(seconds: list[float], place: int, work: Callable[[], list[Audio]]) -> list[Audio]:
    started = time.process_time()
    result = work()
    seconds[place] += time.process_time() - started
    return result


def _gain(plain: Audio, marked: Audio) -> tuple[float, float]:
    """DistillMOS and DNSMOS of the second less those of the first."""
    mos = [naturalness(audio) or np.nan for audio in (plain, marked)]
    dns = [score.overall if (score := quality(audio)) else np.nan for audio in (plain, marked)]
    return mos[1] - mos[0], dns[1] - dns[0]


def _false_alarms(folder: Path, minutes: float) -> str:
    windows = alarms = 0
    seconds = worst = 0.0
    clips = sorted(path for path in folder.rglob("*") if path.suffix in (".ogg", ".wav", ".flac", ".mp3"))
    for first in range(0, len(clips), 20):
        audio = Audio.join(Audio.read(clip, 24000) for clip in clips[first : first + 20])
        found = voicebank.detect(audio)
        windows += len(found.windows)
        alarms += sum(window.payload is not None for window in found.windows)
        worst, seconds = max(worst, found.score), seconds + audio.duration
        if seconds > minutes * 60:
            break
    return f"{seconds / 60:.1f} minutes of other speech: {alarms} false alarms in {windows} windows, best {worst:.2f}"


def attacks() -> dict[str, Attack]:
    """What happens to sound, by name."""
    return {
        "nothing": lambda audio: audio,
        "MP3 64 kbit/s": lambda audio: coded(audio, "mp3", "libmp3lame", 64_000),
        "Opus 24 kbit/s": lambda audio: coded(audio, "ogg", "libopus", 24_000),
        "AAC 64 kbit/s": lambda audio: coded(audio, "adts", "aac", 64_000),
        "16 kHz": lambda audio: audio.resample(16000),
        "telephone, 8 kHz": telephone,
        "noise at 20 dB": noisy,
        "a room": room,
        "12 dB louder, clipped": lambda audio: Audio(np.clip(audio.samples * 4, -1, 1), audio.sample_rate),
        "12 dB softer, 16 bit": lambda audio: Audio(np.round(audio.samples * 8192) / 32768, audio.sample_rate),
        "3 s from the middle": middle,
        "3 s cut out of the middle": without_middle,
        "5 % faster": lambda audio: Audio(audio.samples, round(audio.sample_rate * 1.05)),
        "5 % slower": lambda audio: Audio(audio.samples, round(audio.sample_rate * 0.95)),
        "5 % faster, pitch kept": lambda audio: filtered(audio, "atempo", "1.05"),
        "5 % slower, pitch kept": lambda audio: filtered(audio, "atempo", "0.95"),
        "the same by a phase vocoder": phase_vocoder,
    }


def coded(audio: Audio, container: str, codec: str, bits: int) -> Audio:
    """Encoded and decoded by FFmpeg."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=audio.sample_rate, layout="mono")
        stream.bit_rate = bits
        frame = av.AudioFrame.from_ndarray(np.clip(audio.samples, -1, 1)[None], format="fltp", layout="mono")
        frame.sample_rate = audio.sample_rate
        for part in av.AudioResampler(stream.codec_context.format, "mono", audio.sample_rate).resample(frame):
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as source:
        rate = source.streams.audio[0].rate
        resampler = av.AudioResampler("flt", "mono", rate)
        parts = [part.to_ndarray()[0] for each in source.decode(audio=0) for part in resampler.resample(each)]
    return Audio(np.concatenate(parts), rate)


def filtered(audio: Audio, name: str, options: str) -> Audio:
    """Through a filter of FFmpeg."""
    graph = av.filter.Graph()
    nodes = [
        graph.add_abuffer(format="flt", sample_rate=audio.sample_rate, layout="mono"),
        graph.add(name, options),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    frame = av.AudioFrame.from_ndarray(audio.samples[None], format="flt", layout="mono")
    frame.sample_rate, frame.pts = audio.sample_rate, 0
    graph.push(frame)
    graph.push(None)
    parts = []
    with contextlib.suppress(av.EOFError, av.BlockingIOError):
        while True:
            parts.append(graph.pull().to_ndarray()[0])
    return Audio(np.concatenate(parts), audio.sample_rate)


def telephone(audio: Audio) -> Audio:
    """300 to 3400 Hz at 8 kHz, companded to eight bits (mu-law)."""
    sound = sosfilt(butter(4, [300, 3400], "band", fs=8000, output="sos"), audio.resample(8000).samples)
    level = np.abs(sound).max() / 0.9
    companded = np.round(np.sign(sound) * np.log1p(255 * np.abs(sound) / level) / np.log(256) * 127) / 127
    return Audio(np.sign(companded) * (256 ** np.abs(companded) - 1) / 255, 8000)


def noisy(audio: Audio) -> Audio:
    """White noise, 20 dB below the speech."""
    noise = np.random.default_rng(len(audio.samples)).standard_normal(len(audio.samples))
    return Audio(audio.samples + 0.1 * np.sqrt(np.mean(np.square(audio.samples))) * noise, audio.sample_rate)


def room(audio: Audio) -> Audio:
    """A simulated impulse response: three early reflections, 0.4 s of reverberation 3 dB below the direct sound."""
    rate, random = audio.sample_rate, np.random.default_rng(7)
    at = np.arange(int(0.4 * rate)) / rate
    response = random.standard_normal(len(at)) * 10 ** (-3 * at / 0.4) * (at > 0.003)
    response *= np.sqrt(0.5 / np.sum(np.square(response)))
    for delay, gain in ((0, 1), (0.007, 0.5), (0.011, -0.4), (0.017, 0.3)):
        response[int(delay * rate)] += gain
    return Audio(fftconvolve(audio.samples, response)[: len(audio.samples)], rate)


def middle(audio: Audio) -> Audio:
    """Three seconds from the middle, nothing else."""
    length = 3 * audio.sample_rate
    start = max(0, (len(audio.samples) - length) // 2)
    return Audio(audio.samples[start : start + length], audio.sample_rate)


def without_middle(audio: Audio) -> Audio:
    """Ten seconds, the sound over and over again, of which three from the middle are cut out."""
    length = 10 * audio.sample_rate
    samples = np.resize(audio.samples, length)
    cut = slice(int(0.35 * length), int(0.65 * length))
    return Audio(np.delete(samples, cut), audio.sample_rate)


def phase_vocoder(audio: Audio) -> Audio:
    """Five per cent faster by librosa's phase vocoder, which smears what is shorter than its window of 85 ms."""
    import librosa

    return Audio(librosa.effects.time_stretch(audio.samples, rate=1.05), audio.sample_rate)
