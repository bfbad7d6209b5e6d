"""A corpus made into the recordings that people really have, and what becomes of them.

Each case of :data:`CASES` damages the clips of a corpus in one way; ``python -m benchmarks recordings`` makes a dataset
of each, clones a voice from it, and measures what came out. Tests run the quickest of them in a few steps.
"""

from __future__ import annotations

import io
import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import soundfile
import typer
from num2words import num2words
from scipy.signal import butter, fftconvolve, sosfilt

import voicebank
from benchmarks import Count
from voicebank.audio import Audio
from voicebank.cli.terminal import Bar
from voicebank.cloning.store import CloneState
from voicebank.data.dataset import Clip, Dataset, read_sentences
from voicebank.errors import VoicebankError
from voicebank.evaluation import Recogniser, evaluate_voice
from voicebank.files import atomic, replacing_folder
from voicebank.hub.card import markdown_table, number, percent

RATE = 24000
NUMBERS = {num2words(number): number for number in (*range(20), *range(20, 100, 10))}
Samples = np.ndarray
Change = Callable[[Samples, np.random.Generator], Samples]


@dataclass(frozen=True)
class Case:
    """One way in which recordings are not as one would wish.

    Attributes:
        make: writes the damaged corpus into a folder, and returns what ``dataset make`` is given.
        clean: whether ``--clean`` is given.
        allowed: how much less similar than the clean corpus' clone its clone may be; None if it may be.
        kept: share of the clean corpus' minutes that must be kept.
    """

    make: Callable[[list[Clip], Path], Path]
    clean: bool = False
    allowed: float | None = None
    kept: float = 0.0


def ljspeech(clips: list[Clip], folder: Path, texts: dict[str, str] | None = None) -> Path:
    """``metadata.csv`` of clips whose sound is written already, perhaps with other texts."""
    lines = [f"{clip.id}|{(texts or {}).get(clip.id, clip.text)}\n" for clip in clips]
    (folder / "metadata.csv").write_text("".join(lines), encoding="utf-8")
    return folder


def each(
    change: Change | None = None, rate: int = RATE, subtype: str = "PCM_16", format: str = "WAV", channels: int = 1
) -> Callable[[list[Clip], Path], Path]:
    """Every clip changed, and written at a rate in a format."""

    def make(clips: list[Clip], folder: Path) -> Path:
        generator = np.random.default_rng(0)
        (folder / "wavs").mkdir(parents=True)
        for clip in clips:
            samples = Audio.read(clip.path, RATE).samples
            if change is not None:
                samples = np.asarray(change(samples, generator), np.float32)
            sound = Audio(samples, RATE).resample(rate).samples[:, None]
            if channels == 2:  # the other side is silent
                sound = np.concatenate([sound, np.zeros_like(sound)], 1)
            path = folder / "wavs" / f"{clip.id}.{format.lower()}"
            if subtype != "FLOAT":
                sound = np.clip(sound, -1, 1)
            soundfile.write(path, sound, rate, subtype, format=format)
        return ljspeech(clips, folder)

    return make


def mp3(bits: int) -> Callable[[list[Clip], Path], Path]:
    """As MP3 of so many kilobits a second."""

    def make(clips: list[Clip], folder: Path) -> Path:
        import av

        (folder / "wavs").mkdir(parents=True)
        for clip in clips:
            samples = Audio.read(clip.path, 44100).samples
            with av.open(str(folder / "wavs" / f"{clip.id}.mp3"), "w") as container:
                stream = container.add_stream("libmp3lame", rate=44100, layout="mono")
                stream.bit_rate = 1000 * bits
                frame = av.AudioFrame.from_ndarray((samples[None] * 32767).astype(np.int16), "s16", "mono")
                frame.sample_rate = 44100
                resampler = av.AudioResampler(stream.format, "mono", 44100, frame_size=stream.frame_size)
                for part in (*resampler.resample(frame), *resampler.resample(None)):
                    container.mux(stream.encode(part))
                container.mux(stream.encode(None))
        return ljspeech(clips, folder)

    return make


def telephone(samples: Samples, generator: np.random.Generator) -> Samples:
    """300 to 3400 Hz."""
    return sosfilt(butter(6, (300, 3400), "bandpass", fs=RATE, output="sos"), samples)


def opus(samples: Samples, generator: np.random.Generator) -> Samples:
    """Through Opus at 16 kilobits a second."""
    memory = io.BytesIO()
    with soundfile.SoundFile(memory, "w", RATE, 1, "OPUS", format="OGG", compression_level=0.96) as file:
        file.write(samples)
    memory.seek(0)
    return soundfile.read(memory, dtype="float32")[0][: len(samples)]


def noise(decibels: float) -> Change:
    """Pink noise so far below the speech."""

    def change(samples: Samples, generator: np.random.Generator) -> Samples:
        spectrum = np.fft.rfft(generator.standard_normal(len(samples)))
        pink = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), len(samples))
        return samples + pink / pink.std() * samples.std() / 10 ** (decibels / 20)

    return change


def room(samples: Samples, generator: np.random.Generator) -> Samples:
    """A simulated impulse response of 0.4 s."""
    times = np.arange(round(0.48 * RATE)) / RATE
    response = 0.25 * generator.standard_normal(len(times)) * 10 ** (-3 * times / 0.4)
    response[0] = 3
    wet = fftconvolve(samples, response)
    return wet * np.abs(samples).max() / np.abs(wet).max()


def fan(samples: Samples, generator: np.random.Generator) -> Samples:
    """Low noise with the hum of blades."""
    times = np.arange(len(samples)) / RATE
    low = sosfilt(butter(2, 800, fs=RATE, output="sos"), generator.standard_normal(len(samples)))
    hum = sum(np.sin(2 * np.pi * 47 * k * times) / k for k in range(1, 6))
    sound = low / low.std() + 0.5 * hum
    return samples + sound / sound.std() * samples.std() / 10 ** (12 / 20)


def keyboard(samples: Samples, generator: np.random.Generator) -> Samples:
    """Half a second of pause at both ends, and three keys a second."""
    samples = np.pad(samples, RATE // 2)
    samples = samples + 1e-4 * generator.standard_normal(len(samples))
    for at in range(2000, len(samples) - 500, RATE // 3):
        samples[at : at + 160] += 0.2 * generator.standard_normal(160) * np.exp(-np.arange(160) / 40)
    return samples


def music(samples: Samples, generator: np.random.Generator) -> Samples:
    """Chords underneath, 12 dB below."""
    times = np.arange(len(samples)) / RATE
    sound = np.zeros(len(samples))
    for i, root in enumerate((220.0, 174.6, 261.6, 196.0)):
        part = (times // 0.8).astype(int) % 4 == i
        for ratio in (1, 1.25, 1.5):
            sound += part * np.sin(2 * np.pi * root * ratio * times)
    return samples + sound / sound.std() * samples.std() / 10 ** (12 / 20)


def levels(samples: Samples, generator: np.random.Generator) -> Samples:
    """Louder or quieter by up to 20 dB from clip to clip."""
    return samples * 10 ** (generator.uniform(-20, 20) / 20) * 0.1


def clipped(samples: Samples, generator: np.random.Generator) -> Samples:
    """The loudest waves cut off in every third clip."""
    return np.clip(samples * (4 if generator.uniform() < 0.34 else 1) * 0.9 / np.abs(samples).max(), -0.9999, 0.9999)


def offset(samples: Samples, generator: np.random.Generator) -> Samples:
    """A tenth of full scale beside zero."""
    return samples * 0.8 + 0.1


def loud(samples: Samples, generator: np.random.Generator) -> Samples:
    """Above full scale, as only floating-point files can be."""
    return samples * 2.5 / np.abs(samples).max()


def silent_ends(samples: Samples, generator: np.random.Generator) -> Samples:
    """Ten seconds of next to nothing before and after."""
    quiet = 1e-4 * generator.standard_normal(len(samples) + 20 * RATE)
    quiet[10 * RATE : -10 * RATE] += samples
    return quiet


def lengths(clips: list[Clip], folder: Path) -> Path:
    """One clip of 0.4 s, and one of 40 s with its transcript, beside the others."""
    each()(clips, folder)
    first = Audio.read(clips[0].path, RATE)
    Audio(first.samples[:9600], RATE).save(folder / "wavs" / "short.wav")
    parts: list[Audio] = []
    words: list[str] = []
    for clip in clips:
        if sum(part.duration for part in parts) > 38:
            break
        parts += [Audio.read(clip.path, RATE), Audio.silence(0.5, RATE)]
        words.append(clip.text)
    Audio.join(parts).save(folder / "wavs" / "long.wav")
    with open(folder / "metadata.csv", "a", encoding="utf-8") as file:
        file.write(f"short|{clips[0].text.split()[0]}\nlong|{' '.join(words)}\n")
    return folder


def told(change: Callable[[str], str]) -> Callable[[list[Clip], Path], Path]:
    """The texts changed, the sound as it is."""

    def make(clips: list[Clip], folder: Path) -> Path:
        each()(clips, folder)
        return ljspeech(clips, folder, {clip.id: change(clip.text) for clip in clips})

    return make


def capitals(text: str) -> str:
    return "".join(c for c in text.upper() if c.isalnum() or c in " '")


def quotes(text: str) -> str:
    return f"“{text.replace(chr(39), '’')}”"


def digits(text: str) -> str:
    """Numbers below a hundred, and years, that are written out."""

    def short(found: re.Match[str]) -> str:
        parts: list[int] = []
        for word in found[0].lower().split():
            number = NUMBERS[word]
            if parts and 0 < number < 10 and parts[-1] in range(20, 100, 10):
                parts[-1] += number
            else:
                parts.append(number)
        return found[0] if parts == [1] else "".join(map(str, parts))

    word, apart = f"(?:{'|'.join(NUMBERS)})", "(?:hundred|thousand|million|billion|point)"
    return re.sub(
        rf"(?<!-)\b(?<!hundred )(?<!point ){word}(?: {word})*\b(?!-| {apart})", short, text, flags=re.IGNORECASE
    )


def stutter(clips: list[Clip], folder: Path) -> Path:
    """The first half second of every third clip is said twice, and the transcript does not know."""
    each()(clips, folder)
    for clip in clips[::3]:
        audio = Audio.read(clip.path, RATE)
        Audio.join([Audio(audio.samples[: RATE // 2], RATE), audio]).save(folder / "wavs" / f"{clip.id}.wav")
    return folder


def uncut(clips: list[Clip], folder: Path) -> Path:
    """One long file without transcript."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    parts = [p for clip in clips for p in (Audio.read(clip.path, RATE), Audio.silence(0.6, RATE))]
    sound = Audio.join(parts).samples
    sound = sound + 0.0003 * generator.standard_normal(len(sound)).astype(np.float32)
    return Audio(sound, RATE).save(folder / "talk.flac")


def rolling(clips: list[Clip], folder: Path) -> Path:
    """One long file with captions that roll up, two lines at a time, 0.3 s late."""
    path = uncut(clips, folder)
    cues, at, before = ["WEBVTT\n"], 0.0, ""
    for clip in clips:
        duration = Audio.read(clip.path, RATE).duration
        words = clip.text.split()
        for first in range(0, len(words), 6):
            line = " ".join(words[first : first + 6])
            start = at + 0.3 + duration * first / len(words)
            end = at + 0.3 + duration * min(len(words), first + 6) / len(words)
            cues.append(f"{stamp(start)} --> {stamp(end)}\n{before}\n{line}\n")
            before = line
        at += duration + 0.6
    path.with_suffix(".vtt").write_text("\n".join(cues), encoding="utf-8")
    return path


def stamp(seconds: float) -> str:
    return f"{int(seconds // 3600):02}:{int(seconds // 60) % 60:02}:{seconds % 60:06.3f}"


def untidy(clips: list[Clip], folder: Path) -> Path:
    """Sound that metadata.csv does not name, and lines whose file is missing."""
    each()(clips, folder)
    generator = random.Random(0)
    lines = [f"{clip.id}|{clip.text}\n" for clip in clips if generator.random() > 0.1]
    lines += [f"gone-{i}|There is no such clip.\n" for i in range(5)]
    (folder / "metadata.csv").write_text("".join(lines), encoding="utf-8")
    return folder


def mixed(clips: list[Clip], folder: Path, other: Path | None = None) -> Path:
    """A fifth as many clips of another speaker among them: of a corpus beside, or these at another pitch and pace."""
    each()(clips, folder)
    count = max(2, len(clips) // 5)
    strangers = Dataset.read(other).clips[:count] if other else clips[:count]
    lines = []
    for i, clip in enumerate(strangers):
        audio = Audio.read(clip.path, RATE)
        sound = audio if other else Audio(audio.resample(round(RATE * 1.45)).samples, RATE)
        sound.save(folder / "wavs" / f"stranger-{i}.wav")
        lines.append(f"stranger-{i}|{clip.text}\n")
    with open(folder / "metadata.csv", "a", encoding="utf-8") as file:
        file.writelines(lines)
    return folder


def little(clips: list[Clip], folder: Path) -> Path:
    """Half a minute in all."""
    taken: list[Clip] = []
    seconds = 0.0
    for clip in clips:
        taken.append(clip)
        seconds += Audio.read(clip.path).duration
        if seconds > 30:
            break
    return each()(taken, folder)


LESS = 0.03
CASES: dict[str, Case] = {
    "clean": Case(each()),
    **{
        f"{rate / 1000:g} kHz": Case(each(rate=rate), allowed=LESS)
        for rate in (8000, 11025, 16000, 22050, 44100, 48000)
    },
    "8 bit": Case(each(subtype="PCM_U8"), allowed=LESS),
    "32 bit float, too loud": Case(each(loud, subtype="FLOAT"), allowed=LESS),
    "stereo, one side silent": Case(each(channels=2), allowed=LESS),
    "offset": Case(each(offset), allowed=LESS),
    "MP3 64": Case(mp3(64), allowed=LESS),
    "MP3 128": Case(mp3(128), allowed=LESS),
    "Opus 16": Case(each(opus), allowed=LESS),
    "telephone": Case(each(telephone), allowed=0.08),
    "levels": Case(each(levels)),
    "clipped": Case(each(clipped)),
    "lengths": Case(lengths),
    "silent ends": Case(each(silent_ends)),
    "noise 20 dB": Case(each(noise(20))),
    "noise 10 dB": Case(each(noise(10))),
    "noise 10 dB, --clean": Case(each(noise(10)), clean=True),
    "room": Case(each(room)),
    "room, --clean": Case(each(room), clean=True),
    "fan": Case(each(fan)),
    "keyboard": Case(each(keyboard)),
    "music": Case(each(music)),
    "stutter": Case(stutter),
    "capitals": Case(told(capitals)),
    "quotes": Case(told(quotes)),
    "digits": Case(told(digits)),
    "uncut": Case(uncut, kept=0.8),
    "rolling captions": Case(rolling, kept=0.8),
    "untidy": Case(untidy),
    "two speakers": Case(mixed),
    "half a minute": Case(little),
}


def recordings(
    out: Annotated[Path, typer.Argument(help="Where corpora, datasets, voices and the table go; what is there stays.")],
    corpus: Annotated[Path, typer.Option(help="Ten minutes of one speaker, in LJSpeech layout.")],
    sentences: Annotated[Path, typer.Option(help="Sentences to say, one a line.")],
    only: Annotated[list[str] | None, typer.Option(help="Some of the cases.")] = None,
    base: Annotated[str, typer.Option(help="The base voice of all clones.")] = "us-male",
    steps: Annotated[int | None, typer.Option(help="Steps of Text2Mel for each clone; SSRN gets half.", min=2)] = None,
    count: Count = 30,
) -> None:
    """Clone a voice from a corpus that is damaged in every way that recordings are.

    What was stopped goes on with the same command: finished cases are read, and the one that was begun is continued.
    """
    whole = Dataset.read(corpus)
    said = dict(list(read_sentences(sentences).items())[:count])
    settings = {"text2mel_steps": steps, "ssrn_steps": steps // 2} if steps else {}
    rows: dict[str, dict[str, Any]] = {}
    for name in only or list(CASES):
        folder = out / name.replace(" ", "-").replace(",", "")
        result = folder / "result.json"
        if not result.is_file():
            began = time.monotonic()
            try:
                measured = _measured(CASES[name], whole, folder, said, corpus, base, settings)
            except VoicebankError as error:  # one case must not end the night
                measured = {"error": str(error)}
            measured["computing"] = (time.monotonic() - began) / 60
            atomic(result, json.dumps(measured, indent=1))
        rows[name] = json.loads(result.read_text(encoding="utf-8"))
        atomic(out / "recordings.md", _table(rows))
    typer.echo(_table(rows))


def _measured(
    case: Case,
    whole: Dataset,
    folder: Path,
    sentences: dict[str, str],
    corpus: Path,
    base: str,
    settings: dict[str, Any],
) -> dict[str, Any]:
    damaged, data, voice = folder / "recordings", folder / "dataset", folder / "voice"
    if not damaged.is_dir():
        with replacing_folder(damaged) as new:
            case.make(whole.clips, new)
    talk = damaged / "talk.flac"
    with Bar() as bar:
        made = Dataset.make(talk if talk.is_file() else damaged, data, clean=case.clean, progress=bar)
        clone = voicebank.load(base).clone(made, voice, settings=settings, progress=bar)
        scores = evaluate_voice(
            clone,
            sentences,
            references={whole.name: corpus},
            out=folder / "scores",
            recogniser=Recogniser(progress=bar),
        )
    state = CloneState.of(voice)
    assert made.report is not None and state is not None and state.finished
    found = Counter(finding.kind for finding in made.report.findings)
    return {
        "minutes": made.report.minutes,
        "rejected": made.report.why_rejected(),
        "said": [f"{kind} {count}" if count > 1 else kind for kind, count in found.most_common()],
        "similarity": scores.similarity[whole.name],
        "distillmos": scores.distillmos,
        "wer": scores.wer,
    }


def _table(rows: dict[str, dict[str, Any]]) -> str:
    header = (
        "recordings",
        "minutes kept",
        "similarity",
        "DistillMOS",
        "WER",
        "minutes of computing",
        "said",
        "rejected",
    )
    clean = rows.get("clean", {"similarity": 0.0, "minutes": 0.0})
    table = []
    for name, row in rows.items():
        if "error" in row:
            table.append((name, "", "", "", "", number(row["computing"], 0), row["error"], ""))
            continue
        case = CASES[name]
        unlike = case.allowed is not None and row["similarity"] < clean["similarity"] - case.allowed
        short = row["minutes"] < clean["minutes"] * case.kept
        table.append(
            (
                name,
                number(row["minutes"], 1) + (" (missed)" if short else ""),
                number(row["similarity"], 3) + (" (missed)" if unlike else ""),
                number(row["distillmos"]),
                percent(row["wer"]),
                number(row["computing"], 0),
                ", ".join(row["said"]),
                row["rejected"],
            )
        )
    return markdown_table(header, table)
