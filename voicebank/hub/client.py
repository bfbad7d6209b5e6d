"""Voices on the Hugging Face Hub: fetch, push, find. ``HF_ENDPOINT``, ``HF_HOME``, ``HF_TOKEN`` and
``HF_HUB_OFFLINE`` mean here what they mean to the Hub's own client, which does the transfers.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, CommitOperationAdd, HfApi, hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

from voicebank.errors import BadVoice, ConsentError, HubError
from voicebank.files import atomic
from voicebank.hub.cache import LIBRARY, Getter, Listed, remember
from voicebank.hub.card import card
from voicebank.hub.errors import again, translated, unreachable, valid_id
from voicebank.hub.merge import merge, refresh, source, with_source, without_source
from voicebank.synthesis import folder as voice_folder
from voicebank.synthesis.folder import (
    CARD,
    CONFIG,
    LARGEST,
    SAMPLE,
    check_folder,
    check_listing,
    check_size,
    read_config,
)
from voicebank.synthesis.weights import largest_files

MAIN = "main"
TIMEOUT = 10.0
_REVISION = re.compile(r"[\w][\w./+-]{0,249}")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def download(
    repo: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | Path | None = None,
    force_download: bool = False,
    local_files_only: bool = False,
) -> Path:
    """Fetch a voice into the Hub's cache, from which it is taken where it is there or the Hub cannot be reached.

    Nothing but the files of a voice is fetched, none before its size is known, and weights only once the config is
    valid. What arrives damaged is fetched once more.

    Args:
        repo: ``owner/name``.
        revision: branch, tag or commit; the main branch if left out.
        token: of the Hub; the one that is logged in if left out.
        cache_dir: the Hub's cache if left out.
        force_download: fetch again what is cached.
        local_files_only: do not ask the Hub.

    Returns:
        The folder with the files, for :meth:`voicebank.Voice.from_folder`. It belongs to the cache: do not
        write to it.

    Raises:
        HubError: the Hub refuses, cannot be reached, or sends damaged files.
        BadVoice: the repository holds no voice, or something that no voice holds.
    """
    repo, revision = valid_id(repo), _valid_revision(revision)
    get = Getter(repo, token, cache_dir)
    with translated(repo):
        try:
            if local_files_only:
                return get.cached(revision)
            commit, files = _listing(repo, revision, token)
        except Exception as error:
            if local_files_only or not unreachable(error):
                raise
            try:
                return get.cached(revision)
            except EntryNotFoundError:
                raise error from None
        where = f"{repo} at {commit[:8]}"
        sizes: Mapping[str, int] = {}
        path = Path()
        for name in LARGEST:  # the config comes first
            if name not in files:
                continue
            check_size(name, files[name].size, where, sizes.get(name))
            path = get.fetch(name, commit, files[name], force_download)
            if name == CONFIG:
                sizes = largest_files(read_config(path.parent))
            elif name in voice_folder.LOOKED_AT:
                voice_folder.LOOKED_AT[name](path)
        remember(path.parent, revision, commit)
        return path.parent


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
    """Push a voice folder as one commit, or not at all. What the Hub has already is not sent again.

    Args:
        folder: of the voice.
        repo: ``owner/name``, or a name of one's own; it is made if it is not there.
        scores: what was measured, for the card, see :func:`voicebank.hub.card.card`. Words that a person wrote into
            the card of the folder or of the repository stay, see :func:`voicebank.hub.merge.merge`; afterwards the
            folder has the card that was pushed.
        private: make the repository private; refused for one that is there and public.
        token: of the Hub; the one that is logged in if left out.
        revision: a branch, which is made if it is not there.
        commit_message: the commit's first line.
        create_pr: open a pull request in place of a commit.

    Returns:
        The URL of the commit, with ``oid`` and ``pr_url``.

    Raises:
        HubError: the Hub refuses or fails; nothing was written then.
        BadVoice: the folder holds no voice, or the card cannot be joined with the one that is there.
        ConsentError: it is a clone without its speaker's consent.
    """
    folder, repo, branch = Path(folder), valid_id(repo), _valid_revision(revision)
    if create_pr and branch != MAIN:
        raise HubError("a pull request is made against the main branch: leave out the revision or the pull request")
    check_folder(folder)
    config = read_config(folder)
    if config.private_use:
        raise ConsentError(
            f"{config.name} is for private use, since nobody's consent is stored in it: give the command that cloned "
            'it again with --consent "who agreed, and to what", or write that line into "consent" of its config.json'
        )
    api = HfApi(token=token, **LIBRARY)
    with translated(repo):
        if not create_pr:
            repo = str(api.create_repo(repo, private=private, exist_ok=True).repo_id)
            if branch != MAIN:
                api.create_branch(repo, branch=branch, exist_ok=True)
        info = again(lambda: api.model_info(repo, revision=branch, files_metadata=True, timeout=TIMEOUT))
        if private and not info.private:
            raise HubError(f"{repo} is there and public, nothing was written: make it private on its page first")
        there = {s.rfilename: s.size or 0 for s in info.siblings or []}
        # The card names the repository with its owner, as the Hub does.
        fresh = card(config, scores, repo=repo, sample=(folder / SAMPLE).exists())
        text = fresh
        if (folder / CARD).exists():
            text = refresh(_text(folder / CARD), config, scores, repo=repo, sample=(folder / SAMPLE).exists())
        if CARD in there:
            check_size(CARD, there[CARD], repo)
            remote = _text(Path(hf_hub_download(repo, CARD, revision=info.sha, token=token, **LIBRARY)))
            text = merge(_base_card(repo, folder, there, info.sha, token) or fresh, text, remote)
        text = without_source(text)
        operations = [
            CommitOperationAdd(path_in_repo=name, path_or_fileobj=str(folder / name))
            for name in LARGEST
            if name != CARD and (folder / name).exists()
        ]
        operations.append(CommitOperationAdd(path_in_repo=CARD, path_or_fileobj=text.encode("utf-8")))
        # Not upload_folder, which may make several commits. The parent makes the Hub refuse what would overwrite
        # somebody's change of this moment.
        made = api.create_commit(
            repo,
            operations,
            commit_message=commit_message or f"Voice {config.name}",
            revision=branch,
            create_pr=create_pr,
            parent_commit=info.sha,
        )
        if not create_pr and made.oid:
            with contextlib.suppress(OSError):  # a folder that cannot be written to
                atomic(folder / CARD, with_source(text, repo, made.oid))
        return made


def _base_card(
    repo: str, folder: Path, there: Mapping[str, int], commit: str | None, token: str | bool | None
) -> str | None:
    """The card that both the folder's and the one on the Hub came from: the last that they had in common, or else
    the one that the config on the Hub makes. None if there is neither."""
    known = source(_text(folder / CARD)) if (folder / CARD).exists() else None
    with contextlib.suppress(HfHubHTTPError, EntryNotFoundError):
        if known and known[0] == repo:
            return _text(Path(hf_hub_download(repo, CARD, revision=known[1], token=token, **LIBRARY)))
    with contextlib.suppress(BadVoice):
        if CONFIG in there:
            check_size(CONFIG, there[CONFIG], repo)
            path = Path(hf_hub_download(repo, CONFIG, revision=commit, token=token, **LIBRARY))
            return card(read_config(path.parent), repo=repo, sample=SAMPLE in there)
    return None


def origin(folder: Path) -> tuple[str, str] | None:
    """Repository and commit of a folder of the Hub's cache; None of any other."""
    name = folder.parent.parent.name
    if folder.parent.name != "snapshots" or not name.startswith("models--"):
        return None
    return name.removeprefix("models--").replace("--", "/"), folder.name


def _listing(repo: str, revision: str, token: str | bool | None) -> tuple[str, dict[str, Listed]]:
    """The commit that a revision stands for, and the files of a voice in it."""
    api = HfApi(token=token, **LIBRARY)
    info = again(lambda: api.model_info(repo, revision=revision, files_metadata=True, timeout=TIMEOUT))
    commit = info.sha or ""
    if not _COMMIT.fullmatch(commit):
        raise HubError(f"{repo} has no commit at {revision}: is HF_ENDPOINT a Hub?")
    siblings = info.siblings or []
    check_listing([s.rfilename for s in siblings], repo)
    files = {}
    for sibling in siblings:
        if sibling.rfilename in LARGEST:
            size, hash_ = sibling.size, sibling.lfs.sha256 if sibling.lfs else sibling.blob_id
            if size is None or hash_ is None:
                raise HubError(f"{repo} does not tell the size of {sibling.rfilename}: is HF_ENDPOINT a Hub?")
            files[sibling.rfilename] = Listed(size, hash_)
    return commit, files


def _valid_revision(revision: str | None) -> str:
    revision = revision or MAIN
    if not _REVISION.fullmatch(revision) or ".." in revision or "//" in revision or revision.endswith("/"):
        raise HubError(f"{revision!r} is no revision: name a branch, a tag or a commit")
    return revision


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise BadVoice(f"{path} is no UTF-8 text: correct it, then push again") from error
