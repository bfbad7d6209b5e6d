"""How far the word times of ``Speech.words`` are from those of an aligner that hears the sound."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

import voicebank
from benchmarks import Count, Voices
from voicebank import plugins
from voicebank.audio import Audio
from voicebank.data.dataset import read_sentences
from voicebank.hub.card import markdown_table
from voicebank.signal.spectrogram import level, linear_magnitude, normalised_mel
from voicebank.synthesis.speech import SpokenSentence
from voicebank.synthesis.timing import SpokenWord
from voicebank.training.alignment import align
from voicebank.training.features import ClipFeatures, Features, word_units


def wordtimes(
    sentences: Annotated[Path, typer.Argument(help="One sentence a line, or `id|text` lines.")],
    voice: Voices = None,
    count: Count = 25,
    transcriber: Annotated[
        str | None, typer.Option(help="A second opinion: a transcriber that gives word times, such as whisper.")
    ] = None,
) -> None:
    """Compare word times with the alignment that guides training, and with those of a recogniser.

    The alignment is Viterbi training of a Gaussian a phone on the spoken sound (voicebank/training/alignment.py).
    """
    texts = list(read_sentences(sentences).values())[:count]
    rows = []
    for name in voice or [info.name for info in voicebank.voices()]:
        speaking = voicebank.load(name)
        spoken = [speech.sentences[0] for speech in speaking.say_detailed(texts, watermark=False)]
        judges = {"alignment": aligned(speaking, spoken)}
        if transcriber:
            judges[transcriber] = [heard(plugins.create("transcriber", transcriber), one.audio) for one in spoken]
        for judge, times in judges.items():
            pairs = [pair for one, other in zip(spoken, times, strict=True) for pair in matched(one.words, other)]
            starts = np.array([mine.start - theirs.start for mine, theirs in pairs]) * 1000
            ends = np.array([mine.end - theirs.end for mine, theirs in pairs]) * 1000
            both = np.abs(np.concatenate([starts, ends]))
            figures = (np.abs(starts).mean(), starts.mean(), np.abs(ends).mean(), ends.mean(), np.percentile(both, 95))
            rows.append([name, judge, str(len(pairs)), *(f"{figure:.0f}" for figure in figures)])
    header = ("voice", "against", "words", "starts, ms", "bias", "ends, ms", "bias", "95 % within, ms")
    typer.echo(markdown_table(header, rows))


def aligned(voice: voicebank.Voice, spoken: Sequence[SpokenSentence]) -> list[list[SpokenWord]]:
    """The words of spoken sentences, as the alignment of training finds them in the sound."""
    audio, frontend = voice.config.audio, voice.config.frontend
    phones = plugins.create("frontend", frontend.name, language=voice.config.language)
    clips, mels, frames = [], [], 0
    for i, one in enumerate(spoken):
        samples = torch.from_numpy(level(one.audio.samples, audio))
        mels.append(normalised_mel(linear_magnitude(samples, audio), audio).T.numpy())
        end = frames + len(mels[-1])
        units = word_units(one.sentence.text, phones)
        clips.append(ClipFeatures(str(i), one.sentence.text, (0, 0), (frames, end), units))
        frames = end
    features = Features(voice.name, voice.config.language, np.zeros(0), np.concatenate(mels), clips, audio.frame_rate)
    return [
        [
            SpokenWord(unit.written, sounds[0] / audio.frame_rate, sounds[-1] / audio.frame_rate)
            for unit, sounds in zip(clip.units, times, strict=True)
            if len(sounds) > 1
        ]
        for clip, times in zip(clips, align([features])[0], strict=True)
    ]


def heard(transcriber: plugins.Transcriber, audio: Audio) -> list[SpokenWord]:
    """The words that a recogniser hears, with its times."""
    return [SpokenWord(word.text, word.start, word.end) for word in transcriber.transcribe(audio).words]


def matched(mine: Sequence[SpokenWord], theirs: Sequence[SpokenWord]) -> Iterator[tuple[SpokenWord, SpokenWord]]:
    """Words, or runs of them, that are the same letters in both, from the first word up to where they differ."""
    at = 0
    left: list[SpokenWord] = []
    for word in mine:
        left.append(word)
        letters, taken = _letters(left), []
        while at < len(theirs) and len(_letters(taken)) < len(letters):
            taken.append(theirs[at])
            at += 1
        if not letters.startswith(_letters(taken)) and not _letters(taken).startswith(letters):
            return
        if letters == _letters(taken):
            if letters:
                yield _run(left), _run(taken)
            left = []
        else:
            at -= len(taken)


def _letters(words: Sequence[SpokenWord]) -> str:
    return re.sub(r"[\W_]", "", "".join(word.text for word in words)).casefold()


def _run(words: Sequence[SpokenWord]) -> SpokenWord:
    return SpokenWord(" ".join(word.text for word in words), words[0].start, words[-1].end)
