"""Single files of voices on the Hub: taken through its client's cache, each compared with the hash that is listed."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError

from voicebank import __version__
from voicebank.errors import BadVoice, HubError
from voicebank.files import atomic, replacing_folder
from voicebank.synthesis import folder as voice_folder
from voicebank.synthesis.folder import CONFIG, LARGEST, REQUIRED

LIBRARY: Any = {"library_name": "voicebank", "library_version": __version__}


@dataclass(frozen=True)
class Listed:
    """A file as the Hub lists it."""

    size: int
    hash: str
    """SHA-256 of a large file, git's SHA-1 of a small one."""


@dataclass(frozen=True)
class Getter:
    """Takes single files through the client's cache, and compares each with its hash."""

    repo: str
    token: str | bool | None
    cache_dir: str | Path | None

    def _get(self, name: str, revision: str, **options: Any) -> Path:
        options |= {"token": self.token, "cache_dir": self.cache_dir, **LIBRARY}
        return Path(hf_hub_download(self.repo, name, revision=revision, **options))

    def fetch(self, name: str, commit: str, listed: Listed, force: bool) -> Path:
        """One file of a commit, whole; what is damaged is fetched a second time and never left in the cache."""
        for number in range(2):
            try:
                path = self._get(name, commit, force_download=force or number > 0)
            except OSError as error:
                # What the client raises where fewer bytes came than were promised.
                if type(error) is OSError and error.errno is None:
                    continue
                raise
            if path.stat().st_size == listed.size and _hash(path, listed.hash) == listed.hash:
                return path
            os.unlink(os.path.realpath(path))
            path.unlink(missing_ok=True)
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
            blob = os.path.basename(os.path.realpath(path))
            if voice_folder.is_hash(blob) and _hash(path, blob) != blob:
                raise BadVoice(f"{path} is damaged: fetch the voice again with force_download, or `voicebank pull`")
        return path.parent


def _hash(path: Path, like: str) -> str:
    """The hash of a file, of the kind that ``like`` is: git's SHA-1 of a blob, or SHA-256."""
    found = hashlib.sha256()
    if len(like) == 40:
        found = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()


def remember(snapshot: Path, revision: str, commit: str) -> None:
    """Note in the cache what a branch or tag stood for, so that it is found without a network.

    The client does so where it resolves the name itself; here the commit was resolved once, for all files alike.
    """
    path = snapshot.parents[1] / "refs" / revision
    try:
        if revision != commit and (not path.is_file() or path.read_text() != commit):
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic(path, commit)
    except OSError:
        pass  # a cache that is read-only serves its readers all the same


def copy_files(snapshot: Path, folder: str | Path) -> Path:
    """Copy a voice out of the cache, to a folder that is new, empty or a voice's.

    Raises:
        BadVoice: the folder holds something else, or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / CONFIG).exists())):
        raise BadVoice(f"{folder} is there and no voice: name a new folder")
    try:
        with replacing_folder(folder) as new:
            for name in LARGEST:
                if (snapshot / name).exists():
                    shutil.copyfile(snapshot / name, new / name)
    except OSError as error:
        raise BadVoice(f"cannot write {folder}: {error.strerror or error}") from error
    return folder
