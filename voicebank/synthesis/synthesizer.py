"""Text to speech: the networks of a voice, its configuration, and the way from a text to sound."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, overload

from voicebank.audio import Audio, StrPath
from voicebank.config import VoiceConfig
from voicebank.dctts.inference import SSRNInference, Text2MelInference, Weights
from voicebank.errors import needs_extra
from voicebank.plugins import Frontend, Vocoder, Watermark
from voicebank.synthesis import folder as voice_folder
from voicebank.synthesis.folder import check_folder, read_config
from voicebank.synthesis.speaking import Speaking
from voicebank.synthesis.speech import Chunk, Manner, Speech, check_options
from voicebank.synthesis.weights import as_stored, copied, digest, load_weights, module_of, shapes_of
from voicebank.text.lexicon import Lexicon
from voicebank.text.markup import Pause
from voicebank.text.pipeline import Sentence, check_text, prepare

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

    from voicebank.dctts.ssrn import SSRN
    from voicebank.dctts.text2mel import Text2Mel
    from voicebank.synthesis.speech import Options

# A sentence may take so many times its mean length, and this long on top, before it counts as a runaway.
LONGEST_FACTOR, LONGEST_EXTRA = 2.0, 2.0


class Networks(NamedTuple):
    """Both networks of a voice, as they speak."""

    text2mel: Text2MelInference
    ssrn: SSRNInference


class Synthesizer:
    """Two networks and their configuration, which speak English text.

    Args:
        config: name, sizes, frontend.
        text2mel, ssrn: the weights of the networks, or modules of PyTorch, which are copied. They are rounded to
            float16: a voice sounds the same before it is saved and after.
    """

    folder: Path | None = None
    """Where it was loaded from: its card and its sample are there."""

    def __init__(self, config: VoiceConfig, text2mel: Weights | Text2Mel, ssrn: Weights | SSRN) -> None:
        self.config = config
        self.weights = {
            name: as_stored(network if isinstance(network, Mapping) else copied(network))
            for name, network in (("text2mel", text2mel), ("ssrn", ssrn))
        }

    @property
    def name(self) -> str:
        """The voice's name, as its config has it."""
        return self.config.name

    @cached_property
    def payload(self) -> int:
        """What a watermark says about this voice: 16 bits of a digest of its config and weights."""
        return digest(self.config, *self.weights.values())

    @cached_property
    def networks(self) -> Networks:
        """What speaks."""
        audio, weights = self.config.audio, self.weights
        return Networks(
            Text2MelInference(self.config.text2mel, audio.n_mels, weights["text2mel"]),
            SSRNInference(self.config.ssrn, audio.n_mels, audio.bins, audio.reduction, weights["ssrn"]),
        )

    @cached_property
    def text2mel(self) -> Text2Mel:
        """Text2Mel as a module of PyTorch, in evaluation mode: for training, and for passes over true mels."""
        with needs_extra("clone"):
            from voicebank.dctts.layers import unfilled
            from voicebank.dctts.text2mel import Text2Mel

        return module_of(unfilled(Text2Mel, self.config.text2mel, self.config.audio.n_mels), self.weights["text2mel"])

    @cached_property
    def ssrn(self) -> SSRN:
        """SSRN as a module of PyTorch, in evaluation mode."""
        with needs_extra("clone"):
            from voicebank.dctts.layers import unfilled
            from voicebank.dctts.ssrn import SSRN

        audio = self.config.audio
        module = unfilled(SSRN, self.config.ssrn, audio.n_mels, audio.bins, audio.reduction)
        return module_of(module, self.weights["ssrn"])

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
        volume: float | None = None,
        sentence_silence: float | None = None,
        seed: int = 0,
        strict: bool = False,
        watermark: str | Watermark | bool = True,
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
            volume: factor of the amplitude, 0 to 4; 1 if left out.
            sentence_silence: seconds between two sentences; 0.12, divided by the speed, if left out.
            seed: another one gives another rendering, with the same words, of a voice that samples its speech
                (:mod:`voicebank.dctts.layers`). The same text and seed give the same sound.
            strict: raise for a sentence that cannot be spoken. Otherwise it is left out with a ``VoicebankWarning``,
                which gives its line, as long as another sentence of the text can be spoken.
            watermark: marks the sound as synthetic speech of this voice (docs/provenance.md): name of a plugin, a
                watermark itself, True for the built-in one (the default), or False for none.

        Raises:
            BadText: there is nothing to say, or the speed or another number is out of range.
            BadData: the lexicon is missing or malformed.
            UnknownName: no such frontend, vocoder or watermark.
            RunawayError: a sentence ran past its longest plausible length (see ``strict``).
        """
        speeches = self._speeches(
            text,
            frontend=frontend,
            vocoder=vocoder,
            speed=speed,
            lexicon=lexicon,
            volume=volume,
            sentence_silence=sentence_silence,
            seed=seed,
            strict=strict,
            watermark=watermark,
        )
        return speeches[0].audio if isinstance(text, str) else [speech.audio for speech in speeches]

    @overload  # a str is a Sequence[str], too: the first that fits counts
    def say_detailed(self, text: str, **options: Unpack[Options]) -> Speech: ...  # type: ignore[overload-overlap]
    @overload
    def say_detailed(self, text: Sequence[str], **options: Unpack[Options]) -> list[Speech]: ...
    def say_detailed(self, text: str | Sequence[str], **options: Unpack[Options]) -> Speech | list[Speech]:
        """Speak as :meth:`say` does, and return the mel and the attention of every sentence with the sound."""
        speeches = self._speeches(text, **options)
        return speeches[0] if isinstance(text, str) else speeches

    def stream(
        self, text: str | Iterable[str], *, batch: int | None = None, **options: Unpack[Options]
    ) -> Iterator[Chunk]:
        """Speak as it is made: the first chunk comes after the first few frames, however long the text is.

        Joined, the chunks are what :meth:`say` gives (to 60 dB and more), and there is no seam between them.
        A sentence that runs away is noticed late: what comes after the place where it lost its way is then spoken
        anew. A vocoder that is no :class:`voicebank.plugins.StreamingVocoder` gets, and gives, whole sentences.

        Args:
            text: a text or an iterable of paragraphs, read as they are needed: a book takes constant memory.
            batch: speak so many sentences at once, and yield each as a whole: faster for a file, later for an ear.
            options: as for :meth:`say`.

        Yields:
            Sound (a chunk is an ``Audio``), each with its sentence and that one's number; pauses and the gaps between
            sentences are chunks without a sentence.

        Raises:
            BadText, BadData, UnknownName: for the options at once; all others of :meth:`say` while iterating.
        """
        speaking = Speaking(self, self._manner(**options))
        if not isinstance(text, Iterable) or isinstance(text, bytes):
            check_text(text)
        if batch is None:
            return speaking.frame_by_frame(text)
        return (chunk for _, chunk in speaking.in_batches([text], batch))

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

    def _speeches(self, text: str | Sequence[str], **options: Unpack[Options]) -> list[Speech]:
        one = isinstance(text, (str, bytes)) or not isinstance(text, Iterable)
        return Speaking(self, self._manner(**options)).whole([check_text(each) for each in ([text] if one else text)])

    def _manner(self, **options: Unpack[Options]) -> Manner:
        manner = Manner.of(self.config, **options)
        if manner.watermark is None:
            return manner
        return manner._replace(vocoder=manner.watermark.marked(manner.vocoder, self.payload))

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
        return voice_folder.write(Path(folder), self.config, self.weights, card, sample)

    @classmethod
    def from_folder(cls, folder: str | Path, *, trust_options: bool = False) -> Self:
        """Load a voice folder.

        Args:
            folder: with the files of the voice.
            trust_options: let its config set any option of a frontend, and not only those that the frontend declares
                safe. The environment variable ``VOICEBANK_TRUST_OPTIONS=1`` does the same.

        Raises:
            BadVoice: a file is missing, truncated, of the wrong shape, or the voice needs a newer voicebank.
            PluginError: its config sets an option that is not trusted.
        """
        folder = Path(folder)
        config = read_config(folder)
        if not trust_options and os.environ.get("VOICEBANK_TRUST_OPTIONS") != "1":
            check_options(config)
        check_folder(folder)
        voice = cls(config, *(load_weights(folder / name, shapes) for name, shapes in shapes_of(config).items()))
        voice.folder = folder
        return voice
