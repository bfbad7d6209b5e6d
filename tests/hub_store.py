"""What a test's Hub remembers: accounts, repositories, commits and the bytes of files, in a temporary folder."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

LARGE = (".safetensors", ".ogg", ".bin", ".pt", ".zip", ".flac", ".tar", ".parquet")


@dataclass(frozen=True)
class Entry:
    """A file of a commit. ``key`` is where its bytes are."""

    size: int
    blob: str
    key: str
    large: bool


@dataclass
class Commit:
    """A commit: its files by path."""

    sha: str
    title: str
    parent: str | None
    files: dict[str, Entry]


@dataclass
class Repo:
    """A repository: its commits and the names that point at them."""

    id: str
    private: bool
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    pulls: int = 0

    def find(self, revision: str) -> Commit | None:
        """The commit of a branch, tag, pull request or hash."""
        for name in (f"refs/heads/{revision}", f"refs/tags/{revision}", revision):
            if name in self.refs:
                return self.commits[self.refs[name]]
        return self.commits.get(revision)


class Store:
    """All of it. ``tokens``: token to user name and whether it may write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.repos: dict[str, Repo] = {}
        self.digest: Callable[[bytes], Any] = hashlib.sha1
        """Of commits: git has SHA-1 or SHA-256."""
        self.tokens = {"hf_me": ("me", True), "hf_reader": ("me", False), "hf_other": ("other", True)}
        (folder / "objects").mkdir(parents=True)

    def path(self, key: str) -> Path:
        """Where the bytes of a key are, or will be."""
        return self.folder / "objects" / key

    def put(self, name: str, content: bytes, large: bool | None = None) -> Entry:
        """Keep a file."""
        blob = hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()
        large = name.endswith(LARGE) if large is None else large
        key = hashlib.sha256(content).hexdigest() if large else blob
        self.path(key).write_bytes(content)
        return Entry(len(content), blob, key, large)

    def create(self, id: str, private: bool = False) -> Repo:
        """A new repository with its first commit, as the Hub makes it."""
        repo = self.repos[id] = Repo(id, private)
        attributes = "".join(f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LARGE)
        files = {".gitattributes": self.put(".gitattributes", attributes.encode())}
        self.commit(repo, "refs/heads/main", "initial commit", files)
        return repo

    def commit(self, repo: Repo, ref: str, title: str, files: Mapping[str, Entry], start: str | None = None) -> Commit:
        """Put a commit with exactly these files under a ref."""
        parent = start or repo.refs.get(ref)
        told = f"{repo.id} {parent} {title} {sorted((k, v.key) for k, v in files.items())} {len(repo.commits)}"
        commit = Commit(self.digest(told.encode()).hexdigest(), title, parent, dict(files))
        repo.commits[commit.sha] = commit
        repo.refs[ref] = commit.sha
        return commit

    def publish(self, id: str, files: Mapping[str, bytes], private: bool = False) -> Repo:
        """A repository with these files, as if pushed by anybody with any client."""
        repo = self.repos.get(id) or self.create(id, private)
        entries = dict(repo.commits[repo.refs["refs/heads/main"]].files)
        entries |= {name: self.put(name, content) for name, content in files.items()}
        self.commit(repo, "refs/heads/main", "as it came", entries)
        return repo

    def read(self, repo: Repo, name: str, revision: str = "main") -> bytes:
        """A file of a repository."""
        commit = repo.find(revision)
        assert commit is not None
        return self.path(commit.files[name].key).read_bytes()

    def info(self, repo: Repo, commit: Commit, blobs: bool = True) -> dict[str, Any]:
        """What the Hub tells of a model."""
        data = self.card(commit)
        listed: list[str] = list(data.get("tags") or [])
        listed += [str(data[key]) for key in ("library_name", "pipeline_tag", "language") if data.get(key)]
        if data.get("license"):
            listed.append(f"license:{data['license']}")
        if data.get("base_model"):
            listed += [f"base_model:{data['base_model']}", f"base_model:finetune:{data['base_model']}"]
        siblings = []
        for name, entry in sorted(commit.files.items()):
            sibling: dict[str, Any] = {"rfilename": name}
            if blobs:
                sibling |= {"size": entry.size, "blobId": entry.blob}
                if entry.large:
                    sibling["lfs"] = {"size": entry.size, "sha256": entry.key, "pointerSize": 134}
            siblings.append(sibling)
        now = datetime(2026, 1, 1, tzinfo=timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return {
            "_id": repo.id,
            "id": repo.id,
            "modelId": repo.id,
            "author": repo.id.split("/")[0],
            "sha": commit.sha,
            "private": repo.private,
            "lastModified": now,
            "createdAt": now,
            "downloads": len(repo.commits),
            "likes": 0,
            "gated": False,
            "disabled": False,
            "tags": list(dict.fromkeys(listed)),
            "library_name": data.get("library_name"),
            "pipeline_tag": data.get("pipeline_tag"),
            "cardData": data,
            "siblings": siblings,
        }

    def card(self, commit: Commit) -> dict[str, Any]:
        """Metadata of the card."""
        entry = commit.files.get("README.md")
        text = self.path(entry.key).read_text(errors="replace") if entry else ""
        if not text.startswith("---\n"):
            return {}
        try:
            data = yaml.safe_load(text[4:].split("\n---", 1)[0])
        except yaml.YAMLError:
            return {}
        return data if isinstance(data, dict) else {}
