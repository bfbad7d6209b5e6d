"""Texts on their way to sound: read, decoded, vocoded, with the silence between sentences."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from voicebank.audio import Audio
from voicebank.dctts.decoder import Decoded, Decoding, decode
from voicebank.dctts.threads import in_threads
from voicebank.errors import PluginError, RunawayError, VoicebankWarning
from voicebank.plugins import Floats, StreamingVocoder
from voicebank.signal.magnitudes import Tempo, denormalise_magnitude
from voicebank.synthesis.speech import SPEEDS, Chunk, Manner, Speech, SpokenSentence
from voicebank.synthesis.streaming import Watched, check_magnitude, concatenated, halves, sound
from voicebank.text.markup import Pause
from voicebank.text.pipeline import Lines, Sentence, prepare
from voicebank.text.symbols import encode

if TYPE_CHECKING:
    from voicebank.synthesis.synthesizer import Synthesizer

# Sentences that are decoded together: enough that the cores finish at about the same time.
BATCH = 32


class Speaking:
    """A voice at work: texts in, sentences and silences out, in order.

    A sentence that runs away is left out with a VoicebankWarning that gives its line, unless the manner is strict, or
    nothing else of its text was spoken.

    Args:
        voice: who speaks.
        manner: how.
    """

    def __init__(self, voice: Synthesizer, manner: Manner) -> None:
        self.voice = voice
        self.manner = manner
        self.audio = voice.config.audio

    def whole(self, texts: Sequence[str]) -> list[Speech]:
        """Speak each text to its end."""
        chunks: list[list[Chunk]] = [[] for _ in texts]
        for i, chunk in self.in_batches(texts, BATCH):
            chunks[i].append(chunk)
        return [Speech.of(each) for each in chunks]

    def in_batches(self, texts: Iterable[str | Iterable[str]], batch: int) -> Iterator[tuple[int, Chunk]]:
        """Whole sentences and silences, each with the number of its text; so many sentences are decoded together."""
        layouts: list[_Layout] = []
        waiting: list[tuple[int, _Placed]] = []
        for i, text in enumerate(texts):
            layouts.append(_Layout(text, self.manner))
            for placed in layouts[i]:
                waiting.append((i, placed))
                if sum(isinstance(one.part, Sentence) for _, one in waiting) == batch:
                    yield from self._batch(waiting, layouts)
                    waiting = []
        yield from self._batch(waiting, layouts)
        for layout in layouts:
            layout.check()

    def frame_by_frame(self, text: str | Iterable[str]) -> Iterator[Chunk]:
        """Sound as it is made; whole sentences where the vocoder cannot stream."""
        layout = _Layout(text, self.manner)
        for placed in layout:
            if isinstance(placed.part, Pause):
                yield self._silence(placed.part, placed.index)
                continue
            try:
                if isinstance(self.manner.vocoder, StreamingVocoder):
                    yield from self._stream(placed.part, placed.index, self.manner.vocoder)
                else:
                    made = self._made([placed.part])[0]
                    if isinstance(made, RunawayError):
                        raise made
                    yield self._sentence(placed.part, placed.index, made)
                layout.went_well()
            except RunawayError as error:
                layout.leave_out(error, placed)
        layout.check()

    def _batch(self, parts: list[tuple[int, _Placed]], layouts: list[_Layout]) -> Iterator[tuple[int, Chunk]]:
        results = iter(self._made([one.part for _, one in parts if isinstance(one.part, Sentence)]))
        for i, placed in parts:
            if isinstance(placed.part, Pause):
                yield i, self._silence(placed.part, placed.index)
                continue
            made = next(results)
            if isinstance(made, RunawayError):
                layouts[i].leave_out(made, placed)
            else:
                layouts[i].went_well()
                yield i, self._sentence(placed.part, placed.index, made)

    def _stream(self, sentence: Sentence, index: int, vocoder: StreamingVocoder) -> Iterator[Chunk]:
        symbols = encode(sentence.symbols)
        decoding = Decoding(
            self.voice.networks.text2mel, symbols, self.voice.longest_frames(len(symbols)), seed=self.manner.seed
        )
        watched = Watched(decoding, self.audio.coarse_rate)
        chunks: list[Chunk] = []

        def chunk(samples: Floats, ended: tuple[Decoded, tuple[str, ...]] | None) -> Chunk:
            audio = self._audio(samples, sentence)
            new = Chunk(audio.samples, audio.sample_rate, sentence, index)
            chunks.append(new)
            if ended is not None:
                decoded, pieces = ended
                new.spoken = SpokenSentence(sentence, Audio.join(chunks), decoded.mel, decoded.attention, pieces)
            return new

        stages = self.voice.networks.ssrn, self.audio, vocoder, self._speed(sentence)
        rest = ""
        for samples, last in sound(watched.blocks(), *stages):
            rest = watched.rest(sentence.symbols) if last else ""
            yield chunk(samples, (watched.result(), (sentence.symbols,)) if last and not rest else None)
        if rest:
            retried, pieces = self._in_pieces(sentence, [rest])
            whole = concatenated([watched.result(), retried])
            for samples, last in sound([(retried.mel, True)], *stages):
                yield chunk(samples, (whole, (sentence.symbols, *pieces)) if last else None)

    def _made(self, sentences: list[Sentence]) -> list[_Made | RunawayError]:
        """Both networks' work on sentences, several at a time."""

        def magnitude(decoded: tuple[Decoded, tuple[str, ...]] | RunawayError) -> _Made | RunawayError:
            if isinstance(decoded, RunawayError):
                return decoded
            return _Made(*decoded, check_magnitude(self.voice.networks.ssrn.magnitude(decoded[0].mel)))

        return in_threads(magnitude, self._decode(sentences))

    def _sentence(self, sentence: Sentence, index: int, made: _Made) -> Chunk:
        linear = denormalise_magnitude(made.magnitude.T, self.audio)
        linear = Tempo(self._speed(sentence)).push(linear, last=True)
        audio = self._audio(self._vocode(linear[None])[0], sentence)
        spoken = SpokenSentence(sentence, audio, made.decoded.mel, made.decoded.attention, made.pieces)
        return Chunk(audio.samples, audio.sample_rate, sentence, index, spoken)

    def _vocode(self, linear: Floats) -> Floats:
        """Samples ``(batch, length)`` of linear magnitudes ``(batch, bins, frames)``.

        Raises:
            PluginError: the vocoder does not return that.
        """
        samples = self.manner.vocoder(linear, self.audio)
        expected = linear.shape[-1] * self.audio.hop
        if (
            not isinstance(samples, np.ndarray)
            or samples.ndim != 2
            or len(samples) != len(linear)
            or abs(samples.shape[1] - expected) > 2 * self.audio.n_fft
        ):
            shape = samples.shape if isinstance(samples, np.ndarray) else type(samples).__name__
            raise PluginError(
                f"{self._vocoder} returns {shape}, where samples of {(len(linear), expected)} are expected"
            )
        return samples

    @property
    def _vocoder(self) -> str:
        vocoder = self.manner.vocoder
        return f"the vocoder {getattr(vocoder, 'name', None) or type(vocoder).__name__}"

    def _silence(self, pause: Pause, index: int) -> Chunk:
        rate = self.audio.sample_rate
        return Chunk(Audio.silence(pause.seconds, rate).samples, rate, index=index)

    def _speed(self, sentence: Sentence) -> float:
        return min(max(self.manner.speed * sentence.rate, SPEEDS[0]), SPEEDS[1])

    def _audio(self, samples: Floats, sentence: Sentence) -> Audio:
        # The magnitudes were finite, see above and `sound`.
        if not np.isfinite(samples).all():
            raise PluginError(f"{self._vocoder} returns values that are not finite numbers")
        volume = self.manner.volume * sentence.volume
        if volume != 1:
            samples = samples * np.float32(volume)
        return Audio(np.clip(samples, -1, 1), self.audio.sample_rate)

    def _decode(self, sentences: list[Sentence]) -> list[tuple[Decoded, tuple[str, ...]] | RunawayError]:
        """What was decoded for each sentence, and the symbols of its pieces."""
        results: list[tuple[Decoded, tuple[str, ...]] | RunawayError] = []
        for sentence, one in zip(sentences, self._run([s.symbols for s in sentences]), strict=True):
            if one.ended:
                results.append((one, (sentence.symbols,)))
                continue
            try:
                results.append(self._in_pieces(sentence, halves(sentence.symbols)))
            except RunawayError as error:  # noqa: PERF203
                results.append(error)
        return results

    def _in_pieces(self, sentence: Sentence, pieces: list[str]) -> tuple[Decoded, tuple[str, ...]]:
        # One sentence in a thousand must not cost the whole book: what attention loses its way in as a whole is
        # nearly always spoken well in two halves, and else in four.
        for _ in range(2):
            decoded = self._run(pieces)
            if all(one.ended for one in decoded):
                return concatenated(decoded), tuple(pieces)
            pieces = [half for piece in pieces for half in halves(piece)]
        raise RunawayError(
            f"{self.voice.name} did not find the end of {sentence.text[:60]!r}: rephrase it, or cut it with a comma"
        )

    def _run(self, symbols: list[str]) -> list[Decoded]:
        encoded = [encode(s) for s in symbols]
        longest = [self.voice.longest_frames(len(s)) for s in encoded]
        return decode(self.voice.networks.text2mel, encoded, longest, seed=self.manner.seed)


class _Made(NamedTuple):
    """What the networks made of a sentence."""

    decoded: Decoded
    pieces: tuple[str, ...]
    magnitude: Floats
    """Normalised, ``(frames, bins)``."""


class _Placed:
    """A sentence or a silence, and where it stands: its number in the text, and its line."""

    def __init__(self, part: Sentence | Pause, index: int, line: int) -> None:
        self.part, self.index, self.line = part, index, line


class _Layout:
    """The sentences of a text, the pauses that it asks for and the gaps between sentences; and how it went."""

    def __init__(self, text: str | Iterable[str], manner: Manner) -> None:
        self._text, self._manner = text, manner
        self._failed: list[tuple[RunawayError, int]] = []  # sentences left out, without a warning so far
        self._spoken = False

    def __iter__(self) -> Iterator[_Placed]:
        index = -1
        lines = Lines(self._text)
        for i, part in enumerate(prepare(lines, self._manner.frontend, self._manner.lexicon)):
            if isinstance(part, Sentence):
                if i:
                    yield _Placed(Pause(self._manner.gap), max(index, 0), 0)
                index += 1
            yield _Placed(part, max(index, 0), lines.of(part.text) if isinstance(part, Sentence) else 0)

    def leave_out(self, error: RunawayError, placed: _Placed) -> None:
        """Go on without a sentence.

        Raises:
            RunawayError: that one, where nothing is to be left out.
        """
        if self._manner.strict:
            raise error
        self._failed.append((error, placed.line))
        if self._spoken:
            self._warn()

    def went_well(self) -> None:
        """A sentence was spoken."""
        self._spoken = True
        self._warn()

    def check(self) -> None:
        """Raise the first error of a text of which nothing was spoken."""
        if self._failed:
            raise self._failed[0][0]

    def _warn(self) -> None:
        for error, line in self._failed:
            warnings.warn(f"line {line} is left out: {error}", VoicebankWarning, stacklevel=2)
        self._failed = []
