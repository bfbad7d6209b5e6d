"""Voices from the Hub: listed, bounded, fetched through the client's cache, compared with their hashes."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_download, hf_hub_url
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
from huggingface_hub.hf_api import ModelInfo

from voicebank import __version__
from voicebank.errors import BadVoice, HubError, explained
from voicebank.files import replacing_folder
from voicebank.hub.http import (
    COMMIT,
    HASH,
    Moved,
    Result,
    guarded,
    retry,
    translated,
    unreachable,
    valid_id,
    valid_revision,
)
from voicebank.hub.merge import pulled, with_source
from voicebank.synthesis.folder import (
    CARD,
    CONFIG,
    LARGEST,
    REQUIRED,
    SAMPLE,
    SIGNATURE,
    check_listing,
    check_sample,
    check_size,
    link_to_blob,
    read_config,
)
from voicebank.synthesis.weights import largest_files

LIBRARY: Any = {"library_name": "voicebank", "library_version": __version__}
TIMEOUT = 10.0
# The most bytes of an answer that is no file: a listing names every file of a repository.
MAX_LISTING = 8_000_000


@dataclass(frozen=True)
class Listed:
    """A file as the Hub describes it."""

    size: int
    hash: str | None
    """SHA-256 of a large file, git's SHA-1 of a small one; None if the server names neither."""


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
    repo, revision = valid_id(repo), valid_revision(revision)
    files = _Files(repo, token, cache_dir, force_download)
    with translated(repo):
        try:
            if local_files_only:
                return files.cached(revision)
            commit, names, listed = parsed(lambda: _listing(repo, revision, token))
        except Exception as error:
            if local_files_only and isinstance(error, EntryNotFoundError):
                raise HubError(f"{repo} is not in the cache: load it once without local_files_only") from error
            if local_files_only or not unreachable(error):
                raise
            try:
                return files.cached(revision)
            except EntryNotFoundError:
                raise error from None
        sizes: Mapping[str, int] = {}
        path = Path()
        for name in names:
            about = listed.get(name) or files.described(name, commit)
            check_size(name, about.size, f"{repo} at {commit[:8]}", sizes.get(name))
            try:
                # Under the branch's name first, so that the client notes in its cache which commit that was.
                path = files.fetch(name, revision if name == CONFIG else commit, commit, about)
            except Moved:
                path = files.fetch(name, commit, commit, about)
            if name == CONFIG:
                sizes = largest_files(read_config(path.parent))
            elif name == SAMPLE:
                check_sample(path)
        return path.parent


def list_model(repo: str, revision: str, token: str | bool | None) -> ModelInfo:
    """What the Hub says of a repository at a revision."""

    def ask() -> ModelInfo:
        with guarded(MAX_LISTING):
            return HfApi(token=token, **LIBRARY).model_info(
                repo, revision=revision, files_metadata=True, timeout=TIMEOUT
            )

    return parsed(lambda: retry(ask))


def parsed(call: Callable[[], Result]) -> Result:
    """The result of a call, unless the client could not read the answer."""
    try:
        return call()
    except (HfHubHTTPError, OSError):
        raise
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise HubError("the answer is not that of a Hub: check HF_ENDPOINT") from error


def small_file(repo: str, name: str, commit: str, size: int, token: str | bool | None) -> Path:
    """A file that is read but not part of a voice that is loaded: the card and the config on the Hub."""
    check_size(name, size, repo)
    with guarded(size):
        return Path(hf_hub_download(repo, name, revision=commit, token=token, **LIBRARY))


def _listing(repo: str, revision: str, token: str | bool | None) -> tuple[str, list[str], dict[str, Listed]]:
    """The commit that a revision stands for, the files of a voice in it, and what is known of each."""
    info = list_model(repo, revision, token)
    commit, siblings = info.sha or "", info.siblings or []
    if not COMMIT.fullmatch(commit):
        raise HubError(f"{repo} has no commit at {revision}: check HF_ENDPOINT")
    check_listing([s.rfilename for s in siblings], repo)
    listed = {}
    for sibling in siblings:
        digest = sibling.lfs.sha256 if sibling.lfs else sibling.blob_id
        if sibling.rfilename in LARGEST and isinstance(sibling.size, int) and digest and HASH.fullmatch(digest):
            listed[sibling.rfilename] = Listed(sibling.size, digest)
    there = {s.rfilename for s in siblings}
    return commit, [name for name in LARGEST if name in there], listed  # the config comes first


@dataclass(frozen=True)
class _Files:
    """Single files of a repository, through the client's cache."""

    repo: str
    token: str | bool | None
    cache_dir: str | Path | None
    force: bool

    def _get(self, name: str, revision: str, **options: Any) -> Path:
        options |= {"token": self.token, "cache_dir": self.cache_dir, **LIBRARY}
        return Path(hf_hub_download(self.repo, name, revision=revision, **options))

    def described(self, name: str, commit: str) -> Listed:
        """Size and hash of a file by its own headers, for a server that does not list them."""
        with guarded(MAX_LISTING, commit=commit):
            metadata = retry(
                lambda: get_hf_file_metadata(
                    hf_hub_url(self.repo, name, revision=commit), token=self.token, timeout=TIMEOUT, **LIBRARY
                )
            )
        if metadata.size is None:
            raise HubError(f"{self.repo} does not say how large {name} is: check HF_ENDPOINT")
        known = metadata.etag and HASH.fullmatch(metadata.etag)
        return Listed(metadata.size, metadata.etag if known else None)

    def fetch(self, name: str, revision: str, commit: str, listed: Listed) -> Path:
        """One file, whole; what is damaged is fetched a second time and never left in the cache."""
        for number in range(2):
            try:
                with guarded(listed.size, commit=commit, digest=listed.hash):
                    path = self._get(name, revision, force_download=self.force or number > 0)
            except OSError as error:
                # What the client raises where fewer bytes came than were promised.
                if type(error) is OSError and error.errno is None:
                    continue
                raise
            right = listed.hash is None or hash_of(path, listed.hash) == listed.hash
            if path.stat().st_size == listed.size and right:
                return path
            _forget(path)
        raise HubError(f"{name} of {self.repo} arrived damaged twice, and was not kept: try again later")

    def cached(self, revision: str) -> Path:
        """The folder of a revision that was fetched before.

        Raises:
            EntryNotFoundError: it was not, or not wholly.
            BadVoice: what is there is damaged.
        """
        path = Path()
        for name in LARGEST:
            try:
                path = self._get(name, revision, local_files_only=True)
            except EntryNotFoundError:
                if name in REQUIRED:
                    raise
                continue
            # The cache names its blobs by hash, where links exist.
            blob = link_to_blob(path)
            if blob is not None and hash_of(path, blob.name) != blob.name:
                raise BadVoice(f"{path} is damaged: fetch the voice again with force_download, or `voicebank pull`")
        return path.parent


def hash_of(path: Path, like: str) -> str:
    """The hash of a file, of the kind that ``like`` is: git's SHA-1 of a blob, or SHA-256."""
    digest = hashlib.sha256()
    if len(like) == 40:
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _forget(path: Path) -> None:
    """Remove a file from the cache, with its blob if that is one of the same repository."""
    blob = link_to_blob(path)
    path.unlink(missing_ok=True)
    if blob is not None:
        blob.unlink(missing_ok=True)


def origin(folder: Path) -> tuple[str, str] | None:
    """Repository and commit of a folder of the Hub's cache; None of any other."""
    name = folder.parent.parent.name
    if folder.parent.name != "snapshots" or not name.startswith("models--"):
        return None
    return name.removeprefix("models--").replace("--", "/", 1), folder.name


def known_as(name: str, folder: Path | None) -> str:
    """What a voice is called by those made of it: ``owner/name@commit`` if it came from the Hub, else its name."""
    hub = origin(folder) if folder else None
    return "@".join(hub) if hub else name


def copy_files(snapshot: Path, folder: str | Path) -> Path:
    """Copy a voice out of the cache, to a folder that is new, empty or a voice's.

    Raises:
        BadVoice: the folder holds something else, or cannot be written, or its card was edited where the one on the Hub
            was, too.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / CONFIG).exists())):
        raise BadVoice(f"{folder} is there and no voice: name a new folder")
    with explained(f"cannot write {folder}", BadVoice):
        with replacing_folder(folder) as new:
            for name in LARGEST:
                if (snapshot / name).exists():
                    shutil.copyfile(snapshot / name, new / name)
            if (new / CARD).exists() and (hub := origin(snapshot)):
                text = pulled(snapshot, folder)
                (new / CARD).write_text(with_source(text, *hub), encoding="utf-8")
        if not (snapshot / SIGNATURE).exists():
            (folder / SIGNATURE).unlink(missing_ok=True)  # of what was there before
    return folder
