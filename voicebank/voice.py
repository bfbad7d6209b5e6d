"""A voice: networks, configuration, and what one does with them."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from voicebank import plugins
from voicebank.audio import Audio
from voicebank.config import VoiceConfig
from voicebank.dctts.decoder import Decoded, decode
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadText, BadVoice, RunawayError
from voicebank.hub_trust import check_folder, read_config
from voicebank.hub_voice import HubVoice
from voicebank.hub_weights import as_stored, build, load_network
from voicebank.signal.spectrogram import denormalise_magnitude
from voicebank.text.frontend import Frontend
from voicebank.text.lexicon import Lexicon
from voicebank.text.pipeline import Pause, Sentence, prepare
from voicebank.text.symbols import encode

SPEEDS = (0.5, 2.0)
# Sentences that decode as one batch.
BATCH = 16
# Silence between two sentences, on top of what the network speaks itself.
GAP_SECONDS = 0.12
# A sentence may take so many times its mean length, and this long on top, before it counts as a runaway.
LONGEST_FACTOR, LONGEST_EXTRA = 2.0, 2.0


@dataclass(frozen=True)
class SpokenSentence:
    """One sentence, as it was spoken."""

    sentence: Sentence
    audio: Audio
    mel: torch.Tensor
    """Coarse mel ``(frames, n_mels)``, 0..1."""
    attention: torch.Tensor
    """``(frames, symbols)``, the end symbol last."""
    pieces: int = 1
    """More than one if the sentence ran away as a whole and was spoken in pieces."""


@dataclass(frozen=True)
class Speech:
    """What :meth:`Voice.say_detailed` returns: the sound and how it came about."""

    audio: Audio
    sentences: list[SpokenSentence] = field(default_factory=list)


class Voice(HubVoice):
    """A voice that speaks English text.

    Args:
        config: name, sizes, frontend.
        text2mel, ssrn: the networks, in evaluation mode after this. Copied, unless float16 holds their weights as
            they are: a voice sounds the same before it is saved and after.
    """

    def __init__(self, config: VoiceConfig, text2mel: Text2Mel, ssrn: SSRN) -> None:
        self.config = config
        self.text2mel = as_stored(text2mel).eval()
        self.ssrn = as_stored(ssrn).eval()

    @property
    def name(self) -> str:
        """The voice's name, as its config has it."""
        return self.config.name

    def __repr__(self) -> str:
        return f"Voice({self.config.name!r})"

    def say(self, text: str | Sequence[str], **options: Any) -> Audio:
        """Speak a text of any length.

        Args:
            text: what to say. It may hold ``[pause:0.5]``, ``<break time="500ms"/>`` and ``[[ˈnʊɹəl]]``.
            options: ``frontend`` (name or instance), ``vocoder`` (name or instance), ``speed`` (0.5 to 2),
                ``lexicon`` (word to IPA); the voice's own where left out.

        Raises:
            BadText: there is nothing to say.
            UnknownName: no such frontend or vocoder.
            RunawayError: a sentence ran past its longest plausible length.
        """
        return self.say_detailed(text, **options).audio

    def say_detailed(self, text: str | Sequence[str], **options: Any) -> Speech:
        """As :meth:`say`, with mel and attention of every sentence."""
        parts: list[Audio] = []
        sentences: list[SpokenSentence] = []
        for part in self._speak(text, BATCH, **options):
            if isinstance(part, SpokenSentence):
                sentences.append(part)
                parts.append(part.audio)
            else:
                parts.append(part)
        return Speech(Audio.join(parts), sentences)

    def stream(self, text: str | Iterable[str], **options: Any) -> Iterator[Audio]:
        """Speak sentence by sentence: the first is there after its own time, however long the text is.

        Args:
            text: a text or an iterable of paragraphs, read as they are needed: a book takes constant memory.
            options: as for :meth:`say`.
        """
        for part in self._speak(text, 1, **options):
            yield part.audio if isinstance(part, SpokenSentence) else part

    def _speak(
        self,
        text: str | Iterable[str],
        batch: int,
        *,
        frontend: str | Frontend | None = None,
        vocoder: str | Any | None = None,
        speed: float = 1.0,
        lexicon: Lexicon | Mapping[str, str] | None = None,
    ) -> Iterator[SpokenSentence | Audio]:
        if not SPEEDS[0] <= speed <= SPEEDS[1]:
            raise BadText(f"speed {speed:g} is out of range: it goes from {SPEEDS[0]:g} to {SPEEDS[1]:g}")
        reader = self._frontend(frontend)
        make_sound = self._vocoder(vocoder)
        words = Lexicon(self.config.lexicon)
        if lexicon is not None:
            words |= lexicon if isinstance(lexicon, Lexicon) else Lexicon(lexicon)
        rate = self.config.audio.sample_rate
        waiting: list[Sentence | Pause] = []
        first = True
        for part in chain(prepare(text, reader, words), [None]):
            if part is not None:
                waiting.append(part)
            if part is None or sum(isinstance(p, Sentence) for p in waiting) >= batch:
                spoken = iter(self._sentences([p for p in waiting if isinstance(p, Sentence)], make_sound, speed))
                for item in waiting:
                    if isinstance(item, Pause):
                        yield Audio.silence(item.seconds, rate)
                    else:
                        if not first:
                            yield Audio.silence(GAP_SECONDS / speed, rate)
                        yield next(spoken)
                    first = False
                waiting = []

    def _sentences(self, sentences: list[Sentence], vocoder: Any, speed: float) -> list[SpokenSentence]:
        if not sentences:
            return []
        decoded = self._decode(sentences)
        audio = self.config.audio
        result = []
        for sentence, (one, pieces) in zip(sentences, decoded, strict=True):
            magnitude = self.ssrn.magnitude(one.mel[None])
            samples = self.vocode(magnitude, vocoder, speed)[0]
            if not bool(torch.isfinite(samples).all()):
                raise BadVoice(f"{self.name} makes no sound, its weights are damaged: fetch the voice again")
            result.append(
                SpokenSentence(sentence, Audio(samples.numpy(), audio.sample_rate), one.mel, one.attention, pieces)
            )
        return result

    def _decode(self, sentences: list[Sentence]) -> list[tuple[Decoded, int]]:
        """What was decoded for each sentence, and in how many pieces."""
        decoded = self._run([s.symbols for s in sentences])
        return [
            (one, 1) if one.ended else self._in_pieces(sentence)
            for sentence, one in zip(sentences, decoded, strict=True)
        ]

    def _in_pieces(self, sentence: Sentence) -> tuple[Decoded, int]:
        # One sentence in a thousand must not cost the whole book: what attention loses its way in as a whole is
        # nearly always spoken well in two halves, and else in four.
        pieces = [sentence.symbols]
        for _ in range(2):
            pieces = [half for piece in pieces for half in _halves(piece)]
            decoded = self._run(pieces)
            if all(one.ended for one in decoded):
                mel = torch.cat([one.mel for one in decoded])
                return Decoded(mel, torch.block_diag(*(one.attention for one in decoded)), True), len(pieces)
        raise RunawayError(
            f"{self.name} did not find the end of {sentence.text[:60]!r}: rephrase it, or cut it with a comma"
        )

    def _run(self, symbols: list[str]) -> list[Decoded]:
        encoded = [encode(s) for s in symbols]
        return decode(self.text2mel, encoded, [self._longest_frames(len(s)) for s in encoded])

    def vocode(self, magnitude: torch.Tensor, vocoder: Any | None = None, speed: float = 1.0) -> torch.Tensor:
        """Samples ``(batch, length)`` of a normalised magnitude ``(batch, frames, bins)``."""
        linear = denormalise_magnitude(magnitude.transpose(1, 2), self.config.audio)
        if speed != 1:
            # Tempo without pitch: the frames move closer together, each keeps its spectrum.
            frames = max(2, round(linear.shape[-1] / speed))
            linear = F.interpolate(linear, size=frames, mode="linear", align_corners=True)
        samples = (vocoder or self._vocoder(None))(linear, self.config.audio)
        return samples.clamp(-1, 1)

    def _longest_frames(self, symbols: int) -> int:
        seconds = symbols * self.config.seconds_per_symbol * LONGEST_FACTOR + LONGEST_EXTRA
        return int(seconds * self.config.audio.coarse_rate)

    def _frontend(self, frontend: str | Frontend | None) -> Frontend:
        if isinstance(frontend, Frontend):
            return frontend
        own = self.config.frontend
        name = frontend or own.name
        options = own.options if name == own.name else {}
        found: Frontend = plugins.create("frontend", name, language=self.config.language, **options)
        return found

    def _vocoder(self, vocoder: str | Any | None) -> Any:
        return (
            plugins.create("vocoder", vocoder or "griffin-lim")
            if vocoder is None or isinstance(vocoder, str)
            else vocoder
        )

    # Files

    def save(self, folder: str | Path, card: str | None = None, sample: Audio | None = None) -> Path:
        """Write the voice's folder: config, float16 weights, and the card and sample if given.

        Nothing half-written is left under the final name: the folder is made beside it and renamed.
        Files that are in the folder already and not written here (a card edited by hand) stay.
        """
        folder = Path(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
            new = Path(temporary) / "voice"
            new.mkdir()
            for name, network in (("text2mel", self.text2mel), ("ssrn", self.ssrn)):
                state = {k: v.to(torch.float16).contiguous().cpu() for k, v in network.state_dict().items()}
                save_file(state, new / f"{name}.safetensors", metadata={"format": "pt"})
            text = json.dumps(self.config.model_dump(mode="json"), indent=2, ensure_ascii=False)
            (new / "config.json").write_text(text + "\n", encoding="utf-8")
            for path in new.iterdir():
                path.chmod(0o644)  # safetensors writes files that only their owner may read
            if card is not None:
                (new / "README.md").write_text(card, encoding="utf-8")
            if sample is not None:
                sample.save(new / "sample.ogg")
            if folder.exists():
                for path in folder.iterdir():
                    if not (new / path.name).exists():
                        (shutil.copytree if path.is_dir() else shutil.copy2)(path, new / path.name)
                old = Path(temporary) / "old"
                os.replace(folder, old)
            os.replace(new, folder)
        return folder

    @classmethod
    def from_folder(cls, folder: str | Path) -> Voice:
        """Load a voice folder.

        Raises:
            BadVoice: a file is missing, truncated, of the wrong shape, or the voice needs a newer voicebank.
        """
        folder = Path(folder)
        config = read_config(folder)
        check_folder(folder)
        text2mel, ssrn = build(config)
        load_network(text2mel, folder / "text2mel.safetensors")
        load_network(ssrn, folder / "ssrn.safetensors")
        voice = cls(config, text2mel, ssrn)
        voice.folder = folder
        return voice


def _halves(symbols: str) -> list[str]:
    """Cut at the space nearest the middle; a string of one word stays whole."""
    spaces = [i for i, c in enumerate(symbols) if c == " "]
    if not spaces:
        return [symbols]
    cut = min(spaces, key=lambda i: abs(i - len(symbols) / 2))
    first = symbols[:cut].rstrip()
    return [first if first[-1:] in ".,!?;:" else first + ",", symbols[cut:].strip()]
