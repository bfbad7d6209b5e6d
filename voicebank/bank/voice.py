"""A voice of the bank."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from huggingface_hub import CommitInfo, ModelCard, ModelHubMixin

from voicebank.audio import Audio
from voicebank.errors import VoicebankError, needs_extra
from voicebank.files import atomic
from voicebank.hub.card import WIDGET_TEXT, card
from voicebank.hub.client import upload
from voicebank.hub.download import download, origin
from voicebank.hub.merge import refresh, with_source
from voicebank.hub.signature import Signer, sign_folder, signer_of
from voicebank.synthesis.bundled import folder
from voicebank.synthesis.folder import CARD, SAMPLE
from voicebank.synthesis.synthesizer import Synthesizer

if TYPE_CHECKING:
    from typing_extensions import Self

    from voicebank.cloning.store import CloneSettings
    from voicebank.data.dataset import Dataset
    from voicebank.data.progress import Progress


class Voice(Synthesizer, ModelHubMixin, library_name="voicebank", pipeline_tag="text-to-speech"):
    """A voice of the bank: it speaks, becomes somebody's by fine-tuning, and goes to the Hugging Face Hub and back."""

    signer: Signer | None = None
    """Who signed the folder or the repository that it was loaded from."""

    def clone(
        self,
        dataset: Dataset,
        folder: str | Path | None = None,
        *,
        name: str | None = None,
        consent: str | None = None,
        accent: str | None = None,
        gender: str | None = None,
        origin: str | None = None,
        settings: CloneSettings | Mapping[str, Any] | None = None,
        progress: Progress | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Voice:
        """Fine-tune this voice to the speaker of a dataset. It goes on where an interrupted call was.

        Args:
            dataset: clips of one speaker with their transcripts, 20 seconds at the least.
            folder: of the clone, with ``<folder>.training`` beside it; without one only the voice is returned.
            name: of the clone; the folder's if left out, else the dataset's.
            consent: who agreed to this voice being made and used, in one line. Without it the clone is marked as for
                private use, and is not pushed to the Hub. It can be given later, by the same call with it.
            accent: of the speaker; this voice's if left out.
            gender: likewise.
            origin: what the recordings are, in one line.
            settings: those that follow from the minutes of speech if left out; a mapping changes some of them.
            progress: callbacks.
            stop: asked after every step; True ends with the best so far.

        Returns:
            The best voice. After Ctrl-C too, once there is one: ``KeyboardInterrupt`` is only raised before.

        Raises:
            BadData: too little speech, an unusable clip, settings out of range, or a folder that holds something else
                or cannot be written.
            UnknownName: the frontend of this voice is not installed.
        """
        with needs_extra("clone"):
            from voicebank.cloning.run import clone
            from voicebank.cloning.store import Description

        about = Description(name=name, consent=consent or None, accent=accent, gender=gender, origin=origin)
        made = clone(self, dataset, folder, about, settings=settings, progress=progress, stop=stop)
        voice = Voice(made.config, *made.weights.values())
        voice.folder = made.folder
        return voice

    @classmethod
    def from_folder(cls, folder: str | Path, *, trust_options: bool = False) -> Self:
        """As :meth:`voicebank.synthesis.synthesizer.Synthesizer.from_folder`; a signature is checked.

        Raises:
            BadVoice: also if the voice is signed, and was changed since.
        """
        signed = signer_of(Path(folder))
        voice = super().from_folder(folder, trust_options=trust_options)
        voice.signer = signed
        return voice

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls,
        pretrained_model_name_or_path: str | Path,
        *,
        force_download: bool = False,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        revision: str | None = None,
        trust_options: bool = False,
    ) -> Self:
        """Load a voice from a folder, or a repository ``owner/name`` on the Hub.

        Arguments and errors are those of :func:`voicebank.hub.download.download`; ``trust_options`` is as for
        :meth:`from_folder`. The method of the mixin would read the config before it is validated.
        """
        if Path(pretrained_model_name_or_path).is_dir():
            return cls.from_folder(pretrained_model_name_or_path, trust_options=trust_options)
        cached = download(
            str(pretrained_model_name_or_path),
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
        )
        return cls.from_folder(cached, trust_options=trust_options)

    def push_to_hub(  # type: ignore[override]
        self,
        repo_id: str,
        *,
        commit_message: str | None = None,
        private: bool | None = None,
        token: str | None = None,
        revision: str | None = None,
        create_pr: bool = False,
        scores: Mapping[str, Mapping[str, Any]] | None = None,
        model_card_kwargs: Mapping[str, Any] | None = None,
        sign: bool | str | Path = False,
    ) -> CommitInfo:
        """Push the voice as one commit, or not at all. What the Hub has already is not sent again.

        Args:
            repo_id: ``owner/name``, or a name of one's own; it is made if it is not there.
            commit_message: the commit's first line.
            private: make the repository private; refused for one that is there and public.
            token: of the Hub; the one that is logged in if left out.
            revision: a branch, which is made if it is not there.
            create_pr: open a pull request in place of a commit.
            scores: what was measured, for the card, see :func:`voicebank.hub.card.card`.
            model_card_kwargs: as :meth:`save_pretrained` passes them on; ``scores`` in a table.
            sign: sign it with one's certificate, or with that of a PEM file, see
                :func:`voicebank.hub.signature.sign_folder`.

        Returns:
            The URL of the commit, with ``oid`` and ``pr_url``.

        Raises:
            HubError: the Hub refuses or fails. No file was written then, unless the message says that it may have been.
            ConsentError: the voice is a clone without its speaker's consent.
            BadData: the certificate cannot be used.
        """
        scores = scores or dict(model_card_kwargs or {}).get("scores")
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "voice"
            self.save(folder, card=self._card())
            if not self._copy_sample(folder) and (sample := self._sample()) is not None:
                sample.save(folder / SAMPLE)
            if sign:
                sign_folder(folder, None if sign is True else Path(sign))
            made = upload(
                folder,
                repo_id,
                scores=scores,
                private=private,
                token=token,
                revision=revision,
                commit_message=commit_message,
                create_pr=create_pr,
            )
            self._keep_card(folder / CARD)
        return made

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """The card that :meth:`save_pretrained` writes where there is none; words written into the voice's own stay."""
        text, scores, sample = self._card(), kwargs.get("scores"), self._beside(SAMPLE) is not None
        if text is None:
            return ModelCard(card(self.config, scores, sample=sample))
        return ModelCard(refresh(text, self.config, scores, sample=sample))

    def _save_pretrained(self, save_directory: Path) -> None:
        self.save(save_directory)
        self._copy_sample(save_directory)

    def _beside(self, name: str) -> Path | None:
        path = None if self.folder is None else self.folder / name
        return path if path is not None and path.exists() else None

    def _card(self) -> str | None:
        """The card that lies beside the voice; one of the Hub's cache with a note of where it is from."""
        path = self._beside(CARD)
        if path is None:
            return None
        text, hub = path.read_text(encoding="utf-8"), origin(path.parent)
        return with_source(text, *hub) if hub else text

    def _keep_card(self, pushed: Path) -> None:
        """Put the card that was pushed into the folder, where it is one to be edited."""
        path = self._beside(CARD)
        if path is not None and origin(path.parent) is None and path.parent.parent != folder():
            with contextlib.suppress(OSError):  # a folder that cannot be written to
                atomic(path, pushed.read_text(encoding="utf-8"))

    def _copy_sample(self, folder: Path) -> bool:
        """Whether there is one to copy."""
        path = self._beside(SAMPLE)
        if path is not None and path.parent.resolve() != folder.resolve():
            shutil.copyfile(path, folder / SAMPLE)
        return path is not None

    def _sample(self) -> Audio | None:
        """A sentence of this voice; none if it does not speak yet, which is no reason to keep it from its owner."""
        try:
            return self.say(WIDGET_TEXT)
        except VoicebankError:
            return None
