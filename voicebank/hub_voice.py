"""The conventions of the Hub, for :class:`voicebank.voice.Voice`: save_pretrained, from_pretrained, push_to_hub."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from huggingface_hub import CommitInfo, ModelCard, ModelHubMixin

from voicebank import hub
from voicebank.audio import Audio
from voicebank.card import WIDGET_TEXT, merge
from voicebank.card import card as make_card
from voicebank.config import VoiceConfig
from voicebank.errors import VoicebankError
from voicebank.hub_trust import CARD, SAMPLE
from voicebank.hub_weights import largest_files

Self = TypeVar("Self", bound="HubVoice")


class HubVoice(ModelHubMixin, library_name="voicebank", pipeline_tag="text-to-speech"):
    """What a voice on the Hub can do. A voice brings ``config``, ``say``, ``save`` and ``from_folder``."""

    config: VoiceConfig
    folder: Path | None = None
    """Where it was loaded from: its card and its sample are there."""

    def say(self, text: str) -> Audio:
        """See :meth:`voicebank.voice.Voice.say`."""
        raise NotImplementedError

    def save(self, folder: str | Path, card: str | None = None, sample: Audio | None = None) -> Path:
        """See :meth:`voicebank.voice.Voice.save`."""
        raise NotImplementedError

    @classmethod
    def from_folder(cls: type[Self], folder: str | Path) -> Self:
        """See :meth:`voicebank.voice.Voice.from_folder`."""
        raise NotImplementedError

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls: type[Self],
        pretrained_model_name_or_path: str | Path,
        *,
        force_download: bool = False,
        token: str | bool | None = None,
        cache_dir: str | Path | None = None,
        local_files_only: bool = False,
        revision: str | None = None,
    ) -> Self:
        """Load a voice from a folder or from the Hub, see :func:`voicebank.hub.download`.

        The one of the mixin would read the config before it is validated.

        Raises:
            HubError: the Hub refuses or cannot be reached, and the voice is not in the cache.
            BadVoice: the files are not those of a voice.
        """
        if Path(pretrained_model_name_or_path).is_dir():
            return cls.from_folder(pretrained_model_name_or_path)
        found = hub.download(
            str(pretrained_model_name_or_path),
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            force_download=force_download,
            local_files_only=local_files_only,
            largest=largest_files,
        )
        return cls.from_folder(found)

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
    ) -> CommitInfo:
        """Push the voice as one commit, or not at all, see :func:`voicebank.hub.upload`.

        Args:
            repo_id: ``owner/name``, or a name of one's own; it is made if it is not there.
            commit_message: the commit's first line.
            private: make the repository private.
            token: of the Hub; the one that is logged in if left out.
            revision: a branch, which is made if it is not there.
            create_pr: open a pull request in place of a commit.
            scores: what was measured, for the card, see :func:`voicebank.card.card`.
            model_card_kwargs: as :meth:`save_pretrained` passes them on; ``scores`` in a table.

        Returns:
            The URL of the commit, with ``oid`` and ``pr_url``.

        Raises:
            HubError: the Hub refuses or fails; nothing was written then.
            ConsentError: the voice is a clone without its speaker's consent.
        """
        scores = scores or dict(model_card_kwargs or {}).get("scores")
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "voice"
            self.save(folder, card=_text(self._beside(CARD)))
            if not self._copy_sample(folder) and (sample := self._sample()) is not None:
                sample.save(folder / SAMPLE)
            sampled = (folder / SAMPLE).exists()
            return hub.upload(
                folder,
                repo_id,
                card=lambda repo: make_card(self.config, scores, repo=repo, sample=sampled),
                private=private,
                token=token,
                revision=revision,
                commit_message=commit_message,
                create_pr=create_pr,
            )

    def generate_model_card(self, *args: Any, **kwargs: Any) -> ModelCard:
        """The card that :meth:`save_pretrained` writes where there is none; words written into the voice's own stay."""
        fresh = make_card(self.config, kwargs.get("scores"), sample=self._beside(SAMPLE) is not None)
        return ModelCard(merge(fresh, local=_text(self._beside(CARD))))

    def _save_pretrained(self, save_directory: Path) -> None:
        self.save(save_directory)
        self._copy_sample(save_directory)

    def _beside(self, name: str) -> Path | None:
        path = None if self.folder is None else self.folder / name
        return path if path is not None and path.exists() else None

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


def _text(path: Path | None) -> str | None:
    return None if path is None else path.read_text(encoding="utf-8")
