"""Voices pushed to the Hub and found there. ``HF_ENDPOINT``, ``HF_HOME``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` mean
here what they mean to the Hub's own client, which does the transfers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, constants, get_session
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
from huggingface_hub.hf_api import ModelInfo

from voicebank.config import VoiceConfig
from voicebank.errors import BadVoice, ConsentError, HubError
from voicebank.files import atomic
from voicebank.hub.card import card, slug
from voicebank.hub.download import LIBRARY, MAX_LISTING, TIMEOUT, hash_of, list_model, parsed, small_file
from voicebank.hub.http import MAIN, guarded, status_of, translated, unreachable, valid_id, valid_revision
from voicebank.hub.merge import merge, refresh, source, with_source, without_source
from voicebank.synthesis.folder import CARD, CONFIG, LARGEST, SAMPLE, SIGNATURE, check_folder, read_config

# Models that are looked at even if fewer are asked for, since a server may ignore the filter.
LOOKED_AT = 100


def upload(
    folder: str | Path,
    repo: str,
    *,
    scores: Mapping[str, Mapping[str, Any]] | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    commit_message: str | None = None,
    create_pr: bool = False,
) -> CommitInfo:
    """Push a voice folder; arguments, result and errors are those of :meth:`voicebank.Voice.push_to_hub`.

    Words that a person wrote into the card of the folder or of the repository stay, see
    :func:`voicebank.hub.merge.merge`; afterwards the folder has the card that was pushed.

    Raises:
        BadVoice: the folder holds no voice, or the card cannot be joined with the one that is there.
    """
    folder, repo, branch = Path(folder), valid_id(repo), valid_revision(revision)
    if create_pr and branch != MAIN:
        raise HubError("a pull request is made against the main branch: leave out the revision or the pull request")
    check_folder(folder)
    config = read_config(folder)
    if config.private_use:
        raise ConsentError(
            f"{config.name} is for private use, since nobody's consent is stored in it: give the command that cloned "
            'it again with --consent "who agreed, and to what", or write that line into "consent" of its config.json'
        )
    with translated(repo), guarded(MAX_LISTING):
        api = HfApi(token=token, **LIBRARY)
        if not create_pr:
            repo = str(api.create_repo(repo, private=private, exist_ok=True).repo_id)
            if branch != MAIN:
                api.create_branch(repo, branch=branch, exist_ok=True)
        info = list_model(repo, branch, token)
        if private and not info.private:
            raise HubError(f"{repo} is there and public, nothing was written: make it private on its page first")
        text = _card_to_push(folder, repo, info, config, scores, token)
        message = commit_message or f"Voice {config.name}"

        def send(files: list[CommitOperationAdd]) -> CommitInfo:
            api.preupload_lfs_files(repo, files, revision=branch, create_pr=create_pr)  # nothing is visible yet
            return _commit(api, repo, [*files, *_outdated(folder, info)], message, branch, create_pr, info.sha)

        paths = {name: folder / name for name in LARGEST if name != CARD and (folder / name).exists()}
        made = send_files(paths, text, send)
        if not create_pr and made.oid:
            with contextlib.suppress(OSError):  # a folder that cannot be written to
                atomic(folder / CARD, with_source(text, repo, made.oid))
        return made


def send_files(
    paths: Mapping[str, Path], card: str | None, send: Callable[[list[CommitOperationAdd]], CommitInfo]
) -> CommitInfo:
    """Send files, and a card if there is one, by whatever Hub there is.

    Args:
        paths: of the files, by their names in the repository.
        card: of the repository.
        send: makes a commit of them.
    """
    text = [] if card is None else [CommitOperationAdd(CARD, card.encode("utf-8"))]
    try:
        return send([*(CommitOperationAdd(name, str(path)) for name, path in paths.items()), *text])
    except Exception as error:
        if "xet-write-token" not in str(error):
            raise
    # A Hub without Xet. The client sends what is open by LFS, which every Hub has.
    with contextlib.ExitStack() as opened:
        streams = {name: opened.enter_context(path.open("rb")) for name, path in paths.items()}
        return send([*(CommitOperationAdd(name, stream) for name, stream in streams.items()), *text])


def _outdated(folder: Path, info: ModelInfo) -> list[CommitOperationDelete]:
    """Takes the signature of the repository away where a push without one changes what was signed."""
    there = {sibling.rfilename: sibling for sibling in info.siblings or []}
    if SIGNATURE not in there or (folder / SIGNATURE).exists():
        return []
    for path in folder.iterdir():
        known = there.get(path.name)
        digest = known and (known.lfs.sha256 if known.lfs else known.blob_id)
        if path.name != CARD and (not digest or hash_of(path, digest) != digest):
            return [CommitOperationDelete(path_in_repo=SIGNATURE)]
    return []


def _commit(
    api: HfApi,
    repo: str,
    files: list[CommitOperationAdd | CommitOperationDelete],
    message: str,
    branch: str,
    pull: bool,
    parent: str | None,
) -> CommitInfo:
    # Not upload_folder, which may make several commits. The parent makes the Hub refuse what would overwrite somebody's
    # change of this moment; the client cannot name one of 64 digits.
    parent = parent if parent and len(parent) == 40 else None
    try:
        return api.create_commit(
            repo, files, commit_message=message, revision=branch, create_pr=pull, parent_commit=parent
        )
    except Exception as error:
        if not unreachable(error) or status_of(error) == 429:
            raise
        failed = f"the Hub fails with status {status_of(error)}" if status_of(error) else "the connection broke"
        raise HubError(
            f"{repo}: {failed} before it confirmed the commit, which may be there or not: push again, which changes "
            "nothing if it is"
        ) from error


def _card_to_push(
    folder: Path,
    repo: str,
    info: ModelInfo,
    config: VoiceConfig,
    scores: Mapping[str, Mapping[str, Any]] | None,
    token: str | bool | None,
) -> str:
    """The folder's card, or a new one, with what people wrote into the one on the Hub."""
    sample = (folder / SAMPLE).exists()
    fresh = card(config, scores, repo=repo, sample=sample)  # names the repository with its owner, as the Hub does
    local = _text(folder / CARD) if (folder / CARD).exists() else None
    text = fresh if local is None else refresh(local, config, scores, repo=repo, sample=sample)
    there = {s.rfilename: s.size or LARGEST[s.rfilename] for s in info.siblings or [] if s.rfilename in LARGEST}
    if CARD not in there or not info.sha:
        return without_source(text)
    remote = _text(small_file(repo, CARD, info.sha, there[CARD], token))
    # What both came from: the last card that they had in common, or else the one that the config on the Hub makes.
    base, known = fresh, source(local or "")
    try:
        if not known or known[0] != repo:
            raise EntryNotFoundError
        base = _text(small_file(repo, CARD, known[1], LARGEST[CARD], token))
    except (HfHubHTTPError, EntryNotFoundError):
        if CONFIG in there:
            with contextlib.suppress(BadVoice):
                path = small_file(repo, CONFIG, info.sha, there[CONFIG], token)
                base = card(read_config(path.parent), repo=repo, sample=SAMPLE in there)
    return merge(base, text, remote)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadVoice(f"{path} is no UTF-8 text: correct it, then push again") from error


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
        accent: as in the voice's config, such as ``US``.
        gender: likewise, such as ``female``.
        tags: that the card must have too.
        limit: the most voices to return.
        token: of the Hub, to find private voices of one's own; the one that is logged in if left out.

    Raises:
        HubError: the Hub refuses or cannot be reached.
    """
    wanted = ["voicebank", *tags]
    wanted += [f"{kind}-{slug(word)}" for kind, word in (("accent", accent), ("gender", gender)) if word]
    with translated("the list of voices"):
        # Asks for nothing, so that a missing network shows at once and not after the client's many tries.
        get_session().head(constants.ENDPOINT, timeout=TIMEOUT)
        with guarded(MAX_LISTING):
            return parsed(lambda: list(islice(_matching(wanted, query, limit, token), limit)))


def _matching(wanted: list[str], query: str, limit: int, token: str | bool | None) -> Iterator[FoundVoice]:
    """Voices with all these tags: a server that ignores the filter lists others, too."""
    models = HfApi(token=token, **LIBRARY).list_models(
        filter=wanted, search=query or None, sort="downloads", limit=max(limit, LOOKED_AT), full=True
    )
    for model in models:
        if set(wanted) <= set(model.tags or ()):
            yield _found(model)


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
