"""What happens to sound on its way: codecs, telephones, rooms, other speeds. The watermark should survive it."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import av
import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from voicebank.audio import Audio

Attack = Callable[[Audio], Audio]


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
