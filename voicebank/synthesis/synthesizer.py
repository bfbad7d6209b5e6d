"""Text to speech: the networks of a voice, its configuration, and the way from a text to sound."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, overload

import torch

from voicebank.audio import Audio, StrPath
from voicebank.config import VoiceConfig
from voicebank.dctts.decoder import Decoded, Decoding, decode
from voicebank.dctts.ssrn import SSRN
from voicebank.dctts.text2mel import Text2Mel
from voicebank.errors import BadVoice, RunawayError
from voicebank.plugins import Frontend, StreamingVocoder, Vocoder, Watermark
from voicebank.signal.spectrogram import denormalise_magnitude
from voicebank.signal.tempo import Tempo
from voicebank.synthesis import folder as voice_folder
from voicebank.synthesis.folder import check_folder, read_config
from voicebank.synthesis.speech import Chunk, Manner, Speech, SpokenSentence, create_vocoder, halves
from voicebank.synthesis.streaming import Watched, sound
from voicebank.synthesis.weights import as_stored, build, digest, load_network
from voicebank.text.lexicon import Lexicon
from voicebank.text.markup import Pause
from voicebank.text.pipeline import Sentence, prepare
from voicebank.text.symbols import encode

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from voicebank.synthesis.speech import Options

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

    @cached_property
    def payload(self) -> int:
        """What a watermark says about this voice: 16 bits of a digest of its config and weights."""
        return digest(self.config, self.text2mel, self.ssrn)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config.name!r})"

    @overload  # a str is a Sequence[str], too: the first that fits counts
    def say(self, text: str, **options: Unpack[Options]) -> Audio: ...  # type: ignore[overload-overlap]
    @overload
    def say(self, text: Sequence[str], **options: Unpack[Options]) -> list[Audio]: ...
    def say(
        self,
        text: str | Sequence[str],
        *,
        frontend: str | Frontend | None = None,
        vocoder: str | Vocoder | None = None,
        speed: float | None = None,
        lexicon: Lexicon | Mapping[str, str] | StrPath | None = None,
        seed: int = 0,
        watermark: str | Watermark | bool = False,
    ) -> Audio | list[Audio]:
        """Speak a text of any length, or many texts at once, as fast as the cores allow.

        Args:
            text: what to say. It may hold ``[pause:0.5]``, ``<break time="500ms"/>`` and ``[[ˈnʊɹəl]]``. Of a list,
                each is spoken on its own: the result is a list in the same order.
            frontend: name of a plugin, or a frontend itself. Without one, the voice's own, or letters where that is
                not installed (with a warning).
            vocoder: name of a plugin, or a vocoder itself; the built-in one if left out.
            speed: 0.5 to 2; 1 if left out.
            lexicon: pronunciations in IPA, by word, or a file of ``word IPA`` lines; they go before those of the voice.
            seed: another one gives another rendering, with the same words, of a voice that samples its speech
                (:mod:`voicebank.dctts.flow`). The same text and seed give the same sound.
            watermark: marks the sound as synthetic speech of this voice (docs/provenance.md): name of a plugin, a
                watermark itself, True for the built-in one, or False for none.

        Raises:
            BadText: there is nothing to say, or the speed is out of range.
            BadData: the lexicon is missing or malformed.
            UnknownName: no such frontend, vocoder or watermark.
            RunawayError: a sentence ran past its longest plausible length.
        """
        manner = self._manner(
            frontend=frontend, vocoder=vocoder, speed=speed, lexicon=lexicon, seed=seed, watermark=watermark
        )
        if isinstance(text, str):
            return self._whole([text], manner)[0].audio
        return [speech.audio for speech in self._whole(text, manner)]

    @overload  # a str is a Sequence[str], too: the first that fits counts
    def say_detailed(self, text: str, **options: Unpack[Options]) -> Speech: ...  # type: ignore[overload-overlap]
    @overload
    def say_detailed(self, text: Sequence[str], **options: Unpack[Options]) -> list[Speech]: ...
    def say_detailed(
        self,
        text: str | Sequence[str],
        *,
        frontend: str | Frontend | None = None,
        vocoder: str | Vocoder | None = None,
        speed: float | None = None,
        lexicon: Lexicon | Mapping[str, str] | StrPath | None = None,
        seed: int = 0,
        watermark: str | Watermark | bool = False,
    ) -> Speech | list[Speech]:
        """Speak as :meth:`say` does, and return the mel and the attention of every sentence with the sound."""
        manner = self._manner(
            frontend=frontend, vocoder=vocoder, speed=speed, lexicon=lexicon, seed=seed, watermark=watermark
        )
        return self._whole([text], manner)[0] if isinstance(text, str) else self._whole(text, manner)

    def stream(
        self,
        text: str | Iterable[str],
        *,
        batch: int | None = None,
        frontend: str | Frontend | None = None,
        vocoder: str | Vocoder | None = None,
        speed: float | None = None,
        lexicon: Lexicon | Mapping[str, str] | StrPath | None = None,
        seed: int = 0,
        watermark: str | Watermark | bool = False,
    ) -> Iterator[Chunk]:
        """Speak as it is made: the first chunk comes after the first few frames, however long the text is.

        Joined, the chunks are what :meth:`say` gives (to 60 dB and more), and there is no seam between them.
        A sentence that runs away is noticed late: what comes after the place where it lost its way is then spoken
        anew. A vocoder that is no :class:`voicebank.plugins.StreamingVocoder` gets, and gives, whole sentences.

        Args:
            text: a text or an iterable of paragraphs, read as they are needed: a book takes constant memory.
            batch: speak so many sentences at once, and yield each as a whole: faster for a file, later for an ear.
            frontend, vocoder, speed, lexicon, seed, watermark: as for :meth:`say`.

        Yields:
            Sound (a chunk is an ``Audio``), each with its sentence and that one's number; pauses and the gaps between
            sentences are chunks without a sentence.

        Raises:
            BadText, BadData, UnknownName: for the options at once; all others of :meth:`say` while iterating.
        """
        manner = self._manner(
            frontend=frontend, vocoder=vocoder, speed=speed, lexicon=lexicon, seed=seed, watermark=watermark
        )
        if batch is None:
            return self._frame_by_frame(text, manner)
        return (chunk for _, chunk in self._in_batches([text], batch, manner))

    def sentences(
        self,
        text: str | Iterable[str],
        *,
        frontend: str | Frontend | None = None,
        lexicon: Lexicon | Mapping[str, str] | StrPath | None = None,
    ) -> Iterator[Sentence | Pause]:
        """How a text is read, without speaking it: its sentences and pauses, with normalised text and symbols.

        Raises:
            As :meth:`say`.
        """
        manner = Manner.of(self.config, frontend=frontend, lexicon=lexicon)
        return prepare(text, manner.frontend, manner.lexicon)

    def _manner(self, **options: Unpack[Options]) -> Manner:
        manner = Manner.of(self.config, **options)
        if manner.watermark is None:
            return manner
        return manner._replace(vocoder=manner.watermark.marked(manner.vocoder, self.payload))

    def _whole(self, texts: Sequence[str], manner: Manner) -> list[Speech]:
        chunks: list[list[Chunk]] = [[] for _ in texts]
        for i, chunk in self._in_batches(texts, BATCH, manner):
            chunks[i].append(chunk)
        return [Speech(Audio.join(own), [chunk.spoken for chunk in own if chunk.spoken]) for own in chunks]

    def _in_batches(
        self, texts: Iterable[str | Iterable[str]], batch: int, manner: Manner
    ) -> Iterator[tuple[int, Chunk]]:
        """Whole sentences and silences of the texts in order, each with the number of its text."""
        waiting: list[tuple[int, int, Sentence | Pause]] = []
        sentences = 0
        for i, text in enumerate(texts):
            for index, part in _layout(text, manner):
                waiting.append((i, index, part))
                sentences += isinstance(part, Sentence)
                if sentences == batch:
                    yield from self._batch(waiting, manner)
                    waiting, sentences = [], 0
        yield from self._batch(waiting, manner)

    def _batch(self, parts: list[tuple[int, int, Sentence | Pause]], manner: Manner) -> Iterator[tuple[int, Chunk]]:
        decoded = iter(self._decode([part for *_, part in parts if isinstance(part, Sentence)], manner.seed))
        for i, index, part in parts:
            yield (
                i,
                self._silence(part, index)
                if isinstance(part, Pause)
                else self._sentence(part, index, *next(decoded), manner),
            )

    def _frame_by_frame(self, text: str | Iterable[str], manner: Manner) -> Iterator[Chunk]:
        for index, part in _layout(text, manner):
            if isinstance(part, Pause):
                yield self._silence(part, index)
            elif isinstance(manner.vocoder, StreamingVocoder):
                yield from self._stream_sentence(part, index, manner.vocoder, manner)
            else:
                yield self._sentence(part, index, *self._decode([part], manner.seed)[0], manner)

    def _stream_sentence(
        self, sentence: Sentence, index: int, vocoder: StreamingVocoder, manner: Manner
    ) -> Iterator[Chunk]:
        symbols = encode(sentence.symbols)
        decoding = Decoding(self.text2mel, symbols, self.longest_frames(len(symbols)), seed=manner.seed)
        watched = Watched(decoding, self.config.audio.coarse_rate)
        chunks: list[Chunk] = []

        def chunk(samples: torch.Tensor, ended: tuple[Decoded, int] | None) -> Chunk:
            audio = self._audio(samples)
            made = Chunk(audio.samples, audio.sample_rate, sentence, index)
            chunks.append(made)
            if ended is not None:
                decoded, pieces = ended
                made.spoken = SpokenSentence(sentence, Audio.join(chunks), decoded.mel, decoded.attention, pieces)
            return made

        stages = self.ssrn, self.config.audio, vocoder, manner.speed
        rest = ""
        for samples, last in sound(watched.blocks(), *stages):
            rest = watched.rest(sentence.symbols) if last else ""
            yield chunk(samples, (watched.result(), 1) if last and not rest else None)
        if rest:
            again, pieces = self._in_pieces(sentence, [rest], manner.seed)
            whole = _concatenated([watched.result(), again])
            for samples, last in sound([(again.mel, True)], *stages):
                yield chunk(samples, (whole, 1 + pieces) if last else None)

    def _sentence(self, sentence: Sentence, index: int, decoded: Decoded, pieces: int, manner: Manner) -> Chunk:
        magnitude = self.ssrn.magnitude(decoded.mel[None])
        audio = self._audio(self.vocode(magnitude, manner.vocoder, manner.speed)[0])
        spoken = SpokenSentence(sentence, audio, decoded.mel, decoded.attention, pieces)
        return Chunk(audio.samples, audio.sample_rate, sentence, index, spoken)

    def _silence(self, pause: Pause, index: int) -> Chunk:
        rate = self.config.audio.sample_rate
        return Chunk(Audio.silence(pause.seconds, rate).samples, rate, index=index)

    def _audio(self, samples: torch.Tensor) -> Audio:
        if not bool(torch.isfinite(samples).all()):
            raise BadVoice(f"{self.name} makes no sound, its weights are damaged: fetch the voice again")
        return Audio(samples.numpy(), self.config.audio.sample_rate)

    def _decode(self, sentences: list[Sentence], seed: int) -> list[tuple[Decoded, int]]:
        """What was decoded for each sentence, and in how many pieces."""
        decoded = self._run([s.symbols for s in sentences], seed)
        return [
            (one, 1) if one.ended else self._in_pieces(sentence, halves(sentence.symbols), seed)
            for sentence, one in zip(sentences, decoded, strict=True)
        ]

    def _in_pieces(self, sentence: Sentence, pieces: list[str], seed: int) -> tuple[Decoded, int]:
        # One sentence in a thousand must not cost the whole book: what attention loses its way in as a whole is
        # nearly always spoken well in two halves, and else in four.
        for _ in range(2):
            decoded = self._run(pieces, seed)
            if all(one.ended for one in decoded):
                return _concatenated(decoded), len(pieces)
            pieces = [half for piece in pieces for half in halves(piece)]
        raise RunawayError(
            f"{self.name} did not find the end of {sentence.text[:60]!r}: rephrase it, or cut it with a comma"
        )

    def _run(self, symbols: list[str], seed: int) -> list[Decoded]:
        encoded = [encode(s) for s in symbols]
        return decode(self.text2mel, encoded, [self.longest_frames(len(s)) for s in encoded], seed=seed)

    def vocode(self, magnitude: torch.Tensor, vocoder: Vocoder | None = None, speed: float = 1.0) -> torch.Tensor:
        """Samples ``(batch, length)`` of a normalised magnitude ``(batch, frames, bins)``."""
        linear = denormalise_magnitude(magnitude.transpose(1, 2), self.config.audio)
        linear = torch.stack([Tempo(speed).push(one, last=True) for one in linear])
        samples = (vocoder or create_vocoder(self.config))(linear, self.config.audio)
        return samples.clamp(-1, 1)

    def longest_frames(self, symbols: int) -> int:
        """Coarse frames after which a sentence of so many symbols counts as a runaway."""
        seconds = symbols * self.config.seconds_per_symbol * LONGEST_FACTOR + LONGEST_EXTRA
        return int(seconds * self.config.audio.coarse_rate)

    # Files

    def save(self, folder: str | Path, card: str | None = None, sample: Audio | None = None) -> Path:
        """Write the voice's folder: config, weights, and the card and sample if given.

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


def _layout(text: str | Iterable[str], manner: Manner) -> Iterator[tuple[int, Sentence | Pause]]:
    """Sentences and silences of a text, each with the number of its sentence, or of the sentence before it."""
    index = -1
    for i, part in enumerate(prepare(text, manner.frontend, manner.lexicon)):
        if isinstance(part, Sentence):
            if i:
                yield max(index, 0), Pause(GAP_SECONDS / manner.speed)
            index += 1
        yield max(index, 0), part


def _concatenated(parts: list[Decoded]) -> Decoded:
    """Several pieces of one sentence as one: mel after mel, the symbols of one piece after those of the other."""
    attention = torch.block_diag(*(one.attention for one in parts))  # type: ignore[no-untyped-call]
    return Decoded(torch.cat([one.mel for one in parts]), attention, True)
