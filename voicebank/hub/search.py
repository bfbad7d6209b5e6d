"""Voices that others have put on the Hub."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from huggingface_hub import HfApi
from huggingface_hub.hf_api import ModelInfo

from voicebank import __version__
from voicebank.hub.card import slug
from voicebank.hub.errors import reach, translated


@dataclass(frozen=True)
class FoundVoice:
    """A voice on the Hub, as its card describes it. Nothing of it was checked: that is done when it is loaded."""

    repo: str
    accent: str
    gender: str
    license: str
    base: str
    """The voice it was fine-tuned from; empty if it does not say."""
    downloads: int
    likes: int
    private: bool
    updated: datetime | None
    tags: tuple[str, ...]


def search(
    query: str = "",
    *,
    accent: str | None = None,
    gender: str | None = None,
    tags: Iterable[str] = (),
    limit: int = 20,
    token: str | bool | None = None,
) -> list[FoundVoice]:
    """Voices on the Hub, those downloaded most first.

    Args:
        query: a part of the name: of the owner or of the voice.
        accent, gender: as in the voice's config, ``US`` or ``female``.
        tags: that the card must have too.
        limit: the most voices to return.
        token: of the Hub, to find private voices of one's own; the one that is logged in if left out.

    Raises:
        HubError: the Hub refuses or cannot be reached.
    """
    wanted = ["voicebank", *tags]
    wanted += [f"{kind}-{slug(word)}" for kind, word in (("accent", accent), ("gender", gender)) if word]
    api = HfApi(token=token, library_name="voicebank", library_version=__version__)
    with translated("the list of voices"):
        reach()
        models = api.list_models(filter=wanted, search=query or None, sort="downloads", limit=limit, full=True)
        return [_found(model) for model in models]


def _found(model: ModelInfo) -> FoundVoice:
    tags = tuple(_plain(tag) for tag in model.tags or ())

    def tagged(start: str) -> str:
        return next((tag[len(start) :] for tag in tags if tag.startswith(start)), "")

    # The Hub lists a parent twice, as base_model:owner/name and base_model:finetune:owner/name.
    base = tagged("base_model:finetune:") or tagged("base_model:")
    return FoundVoice(
        _plain(model.id),
        tagged("accent-"),
        tagged("gender-"),
        tagged("license:"),
        base,
        model.downloads or 0,
        model.likes or 0,
        bool(model.private),
        model.last_modified,
        tags,
    )


def _plain(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(c for c in text if c.isprintable())
