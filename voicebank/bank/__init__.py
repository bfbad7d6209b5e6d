"""The bank: voices by name, the closest to a speaker, and voices between two."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicebank.audio import Audio
from voicebank.bank.voice import Voice
from voicebank.config import FORMAT_VERSION, VoiceConfig
from voicebank.errors import BadVoice, UnknownName, needs_extra
from voicebank.hub.download import known_as
from voicebank.synthesis.bundled import exists, folder, is_name, local
from voicebank.synthesis.folder import read_config

if TYPE_CHECKING:
    from typing_extensions import TypedDict, Unpack

    from voicebank.cloning.closest import BaseMatch
    from voicebank.cloning.store import CloneSettings
    from voicebank.data.dataset import Dataset
    from voicebank.data.progress import Progress

    class CloneOptions(TypedDict, total=False):
        """Keyword arguments of :meth:`Voice.clone`."""

        name: str | None
        consent: str | None
        accent: str | None
        gender: str | None
        origin: str | None
        settings: CloneSettings | Mapping[str, Any] | None
        progress: Progress | None
        stop: Callable[[], bool] | None


__all__ = ["Closest", "Voice", "VoiceInfo", "closest", "folder", "load", "local", "mix", "voices"]


@dataclass(frozen=True)
class VoiceInfo:
    """A bundled voice, as ``voicebank voices`` lists it."""

    name: str
    folder: Path
    config: VoiceConfig

    @property
    def megabytes(self) -> float:
        """Size of its weights on disk."""
        return sum(p.stat().st_size for p in self.folder.glob("*.safetensors")) / 1e6


def voices() -> list[VoiceInfo]:
    """The bundled voices, by name."""
    return [
        VoiceInfo(path.parent.name, path.parent, read_config(path.parent))
        for path in sorted(folder().glob("*/config.json"))
    ]


def load(
    name: str | Path,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    trust_options: bool = False,
) -> Voice:
    """Load a voice: the name of a bundled one, a voice folder, or a repository on the Hugging Face Hub.

    Args:
        name: bundled name, folder, or ``owner/name``, to which ``@revision`` may be added; the first that fits, in
            this order. A plain name that is neither bundled nor a folder is looked for as ``$VOICEBANK_ORG/name``
            where that variable is set, at the tag of the voice format (``v1``). A ``Path`` is always a folder.
        revision: branch, tag or commit on the Hub.
        token: of the Hub; the one that is logged in if left out.
        trust_options: let the voice's config set any option of a frontend, see :meth:`Voice.from_folder`.

    Raises:
        UnknownName: there is no such voice; the message lists those there are.
        PluginError: its config sets an option of a frontend that is not trusted.
        BadVoice: its files are damaged or not to be trusted, or it needs a newer voicebank.
        HubError: the Hub refuses, or cannot be reached and the voice is not in its cache.
    """
    text, path = str(name), Path(name)
    if (here := local(name)) is not None:
        return Voice.from_folder(here, trust_options=trust_options)
    if exists(path):
        raise BadVoice(f"{path} is a file: name the folder that holds config.json")
    if isinstance(name, str):
        repo, _, asked = text.partition("@")
        owner = os.environ.get("VOICEBANK_ORG")
        if is_name(repo) and owner:
            asked = asked or revision or f"v{FORMAT_VERSION}"
            return Voice.from_pretrained(f"{owner}/{repo}", revision=asked, token=token, trust_options=trust_options)
        if repo.count("/") == 1 and not repo.startswith((".", "~", "/")) and "\\" not in repo:
            asked = asked or revision or ""
            return Voice.from_pretrained(repo, revision=asked or None, token=token, trust_options=trust_options)
    known = ", ".join(_names()) or "none"
    raise UnknownName(
        f"unknown voice {text[:100]!r}: bundled are {known}; "
        "a folder with a config.json or owner/name on the Hugging Face Hub works too"
    )


def mix(first: str | Path | Voice, second: str | Path | Voice, share: float = 0.5, *, name: str | None = None) -> Voice:
    """A new voice between two, see :func:`voicebank.synthesis.mixing.mixed`.

    Args:
        first, second: names, folders, repositories or voices: of one training, or clones of its voices.
        share: of the second, 0 to 1.
        name: of the new voice; the two names if left out.

    Raises:
        BadData: the share is out of range.
        BadVoice: the weights of the two do not fit; the message says why.
        UnknownName, HubError: as for :func:`load`.
    """
    from voicebank.synthesis.mixing import mixed

    one, other = (each if isinstance(each, Voice) else load(each) for each in (first, second))
    parents = known_as(one.name, one.folder), known_as(other.name, other.folder)
    made = mixed(one, other, share, name or f"{one.name}-{other.name}"[:96], parents)
    return Voice(made.config, *made.weights.values())


@dataclass(frozen=True)
class Closest:
    """The base voices, best first."""

    rows: list[BaseMatch]
    voices: dict[str, Voice] = field(repr=False)

    @property
    def best(self) -> str:
        """Name of the closest."""
        return self.rows[0].name

    @property
    def voice(self) -> Voice:
        """The closest."""
        return self.voices[self.best]

    def clone(self, dataset: Dataset, folder: str | Path | None = None, **options: Unpack[CloneOptions]) -> Voice:
        """Fine-tune the closest to the speaker of a dataset, with the arguments of :meth:`Voice.clone`."""
        return self.voice.clone(dataset, folder, **options)


def closest(
    dataset: Dataset | Sequence[Audio],
    voices: Iterable[str | Path | Voice] | None = None,
    *,
    progress: Progress | None = None,
) -> Closest:
    """Compare a speaker with the base voices, see :func:`voicebank.cloning.closest.compare`.

    Args:
        dataset: clips with their transcripts; or sound without, for which similarity and pitch are compared alone.
        voices: names, folders, repositories or voices to compare with; the bundled ones if left out.
        progress: callbacks.

    Raises:
        BadData: there is no speech in the recordings, or no voice to compare with.
        UnknownName: there is no such voice, or its frontend is not installed.
    """
    with needs_extra("clone"):
        from voicebank.cloning.closest import compare

    bases: dict[str, Voice] = {}
    for one in _names() if voices is None else voices:
        voice = one if isinstance(one, Voice) else load(one)
        bases[voice.name if voice.name not in bases else str(one)] = voice
    return Closest(compare(dataset, bases, progress=progress), bases)


def _names() -> list[str]:
    return [path.parent.name for path in sorted(folder().glob("*/config.json"))]
