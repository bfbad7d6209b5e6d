"""Text to speech: the networks of a voice, its configuration, and the way from a text to sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import torch

from voicebank.audio import Audio
from voicebank.config import VoiceConfig
from voicebank.dctts.decoder import Decoded, Decoding, decode
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadVoice, RunawayError
from voicebank.signal.spectrogram import denormalise_magnitude
from voicebank.signal.tempo import Tempo
from voicebank.synthesis import folder as voice_folder
from voicebank.synthesis.folder import check_folder, read_config
from voicebank.synthesis.speech import Manner, Speech, SpokenSentence, create_vocoder, halves
from voicebank.synthesis.streaming import Watched, can_stream, sound
from voicebank.synthesis.weights import as_stored, build, load_network
from voicebank.text.markup import Pause
from voicebank.text.pipeline import Sentence, prepare
from voicebank.text.symbols import encode

if TYPE_CHECKING:
    from typing_extensions import Self

# Sentences that are decoded together: enough that the cores finish at about the same time.
BATCH = 32
# Silence between two sentences, on top of what the network speaks itself.
GAP_SECONDS = 0.12
# A sentence may take so many times its mean length, and this long on top, before it counts as a runaway.
LONGEST_FACTOR, LONGEST_EXTRA = 2.0, 2.0


class Synthesizer:
    """Two networks and their configuration, which speak English text.

    Args:
        config: name, sizes, frontend.
        text2mel, ssrn: the networks, in evaluation mode after this. Copied, unless float16 holds their weights as
            they are: a voice sounds the same before it is saved and after.
    """

    folder: Path | None = None
    """Where it was loaded from: its card and its sample are there."""

    def __init__(self, config: VoiceConfig, text2mel: Text2Mel, ssrn: SSRN) -> None:
        self.config = config
        self.text2mel = as_stored(text2mel).eval()
        self.ssrn = as_stored(ssrn).eval()

    @property
    def name(self) -> str:
        """The voice's name, as its config has it."""
        return self.config.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config.name!r})"

    @overload
    def say(self, text: str, **options: Any) -> Audio: ...
    @overload
    def say(self, text: Sequence[str], **options: Any) -> list[Audio]: ...
    def say(self, text: str | Sequence[str], **options: Any) -> Audio | list[Audio]:
        """Speak a text of any length, or many texts at once, as fast as the cores allow.

        Args:
            text: what to say. It may hold ``[pause:0.5]``, ``<break time="500ms"/>`` and ``[[ˈnʊɹəl]]``. Of a list,
                each is spoken on its own: the result is a list in the same order.
            options: ``frontend`` (name or instance), ``vocoder`` (name or instance), ``speed`` (0.5 to 2),
                ``lexicon`` (word to IPA); the voice's own where left out.

        Raises:
            BadText: there is nothing to say.
            UnknownName: no such frontend or vocoder.
            RunawayError: a sentence ran past its longest plausible length.
        """
        speech = self.say_detailed(text, **options)
        return speech.audio if isinstance(speech, Speech) else [one.audio for one in speech]

    @overload
    def say_detailed(self, text: str, **options: Any) -> Speech: ...
    @overload
    def say_detailed(self, text: Sequence[str], **options: Any) -> list[Speech]: ...
    def say_detailed(self, text: str | Sequence[str], **options: Any) -> Speech | list[Speech]:
        """As :meth:`say`, with mel and attention of every sentence."""
        texts = [text] if isinstance(text, str) else list(text)
        parts: list[list[Audio | SpokenSentence]] = [[] for _ in texts]
        for i, part in self._speak(texts, BATCH, **options):
            parts[i].append(part)
        speeches = [
            Speech(
                Audio.join(part if isinstance(part, Audio) else part.audio for part in own),
                [part for part in own if isinstance(part, SpokenSentence)],
            )
            for own in parts
        ]
        return speeches[0] if isinstance(text, str) else speeches

    def stream(self, text: str | Iterable[str], *, batch: int | None = None, **options: Any) -> Iterator[Audio]:
        """Speak as it is made: the first chunk comes after the first few frames, however long the text is.

        Joined, the chunks are what :meth:`say` gives (to 60 dB and more), and there is no seam between them.
        A sentence that runs away is noticed late: what comes after the place where it lost its way is then spoken
        anew. A vocoder without a ``stream`` method (see :class:`voicebank.signal.griffin_lim.VocoderStream`) gets,
        and gives, whole sentences.

        Args:
            text: a text or an iterable of paragraphs, read as they are needed: a book takes constant memory.
            batch: speak so many sentences at once, and yield each as a whole: faster for a file, later for an ear.
            options: as for :meth:`say`.
        """
        if batch is None:
            yield from self._stream(text, **options)
            return
        for _, part in self._speak([text], batch, **options):
            yield part.audio if isinstance(part, SpokenSentence) else part

    def _stream(self, text: str | Iterable[str], **options: Any) -> Iterator[Audio]:
        manner = Manner.of(self.config, **options)
        rate = self.config.audio.sample_rate
        for i, part in enumerate(prepare(text, manner.frontend, manner.lexicon)):
            if isinstance(part, Pause):
                yield Audio.silence(part.seconds, rate)
                continue
            if i:
                yield Audio.silence(GAP_SECONDS / manner.speed, rate)
            if not can_stream(manner.vocoder):
                yield self._sentences([part], manner)[0].audio
                continue
            symbols = encode(part.symbols)
            decoding = Decoding(self.text2mel, symbols, self._longest_frames(len(symbols)))
            watched = Watched(decoding, self.config.audio.coarse_rate)
            parts = self.ssrn, self.config.audio, manner.vocoder, manner.speed
            yield from map(self._audio, sound(watched.blocks(), *parts))
            if rest := watched.rest(part.symbols):
                anew, _ = self._in_pieces(part, [rest])
                yield from map(self._audio, sound([(anew.mel, True)], *parts))

    def _audio(self, samples: torch.Tensor) -> Audio:
        if not bool(torch.isfinite(samples).all()):
            raise BadVoice(f"{self.name} makes no sound, its weights are damaged: fetch the voice again")
        return Audio(samples.numpy(), self.config.audio.sample_rate)

    def _speak(
        self, texts: Iterable[str | Iterable[str]], batch: int, **options: Any
    ) -> Iterator[tuple[int, SpokenSentence | Audio]]:
        """Sentences and silences of the texts in order, each with the number of its text."""
        manner = Manner.of(self.config, **options)
        rate = self.config.audio.sample_rate

        def spoken(waiting: list[tuple[int, bool, Sentence | Pause]]) -> Iterator[tuple[int, SpokenSentence | Audio]]:
            made = iter(self._sentences([part for _, _, part in waiting if isinstance(part, Sentence)], manner))
            for i, first, part in waiting:
                if isinstance(part, Pause):
                    yield i, Audio.silence(part.seconds, rate)
                    continue
                if not first:
                    yield i, Audio.silence(GAP_SECONDS / manner.speed, rate)
                yield i, next(made)

        waiting: list[tuple[int, bool, Sentence | Pause]] = []
        sentences = 0
        for i, text in enumerate(texts):
            for j, part in enumerate(prepare(text, manner.frontend, manner.lexicon)):
                waiting.append((i, j == 0, part))
                sentences += isinstance(part, Sentence)
                if sentences == batch:
                    yield from spoken(waiting)
                    waiting, sentences = [], 0
        yield from spoken(waiting)

    def _sentences(self, sentences: list[Sentence], manner: Manner) -> list[SpokenSentence]:
        result = []
        for sentence, (one, pieces) in zip(sentences, self._decode(sentences), strict=True):
            magnitude = self.ssrn.magnitude(one.mel[None])
            samples = self.vocode(magnitude, manner.vocoder, manner.speed)[0]
            result.append(SpokenSentence(sentence, self._audio(samples), one.mel, one.attention, pieces))
        return result

    def _decode(self, sentences: list[Sentence]) -> list[tuple[Decoded, int]]:
        """What was decoded for each sentence, and in how many pieces."""
        decoded = self._run([s.symbols for s in sentences])
        return [
            (one, 1) if one.ended else self._in_pieces(sentence, halves(sentence.symbols))
            for sentence, one in zip(sentences, decoded, strict=True)
        ]

    def _in_pieces(self, sentence: Sentence, pieces: list[str]) -> tuple[Decoded, int]:
        # One sentence in a thousand must not cost the whole book: what attention loses its way in as a whole is
        # nearly always spoken well in two halves, and else in four.
        for _ in range(2):
            decoded = self._run(pieces)
            if all(one.ended for one in decoded):
                mel = torch.cat([one.mel for one in decoded])
                return Decoded(mel, torch.block_diag(*(one.attention for one in decoded)), True), len(pieces)
            pieces = [half for piece in pieces for half in halves(piece)]
        raise RunawayError(
            f"{self.name} did not find the end of {sentence.text[:60]!r}: rephrase it, or cut it with a comma"
        )

    def _run(self, symbols: list[str]) -> list[Decoded]:
        encoded = [encode(s) for s in symbols]
        return decode(self.text2mel, encoded, [self._longest_frames(len(s)) for s in encoded])

    def vocode(self, magnitude: torch.Tensor, vocoder: Any | None = None, speed: float = 1.0) -> torch.Tensor:
        """Samples ``(batch, length)`` of a normalised magnitude ``(batch, frames, bins)``."""
        linear = denormalise_magnitude(magnitude.transpose(1, 2), self.config.audio)
        linear = torch.stack([Tempo(speed).push(one, last=True) for one in linear])
        samples = (vocoder or create_vocoder())(linear, self.config.audio)
        return samples.clamp(-1, 1)

    def _longest_frames(self, symbols: int) -> int:
        seconds = symbols * self.config.seconds_per_symbol * LONGEST_FACTOR + LONGEST_EXTRA
        return int(seconds * self.config.audio.coarse_rate)

    # Files

    def save(self, folder: str | Path, card: str | None = None, sample: Audio | None = None) -> Path:
        """Write the voice's folder: config, float16 weights, and the card and sample if given.

        Nothing half-written is left under the final name, see :func:`voicebank.synthesis.folder.write`.
        Files that are in the folder already and not written here (a card edited by hand) stay.

        Raises:
            BadVoice: it cannot be written.
        """
        networks = {"text2mel": self.text2mel, "ssrn": self.ssrn}
        return voice_folder.write(Path(folder), self.config, networks, card, sample)

    @classmethod
    def from_folder(cls, folder: str | Path) -> Self:
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
