"""A Hub on 127.0.0.1 for the official client: the part of the API that it uses for models and datasets.

Repositories (create, info, tree, branches, tags, pull requests), commits (preupload, LFS batch with single and
multi-part uploads, NDJSON), downloads (HEAD, ETag, Range, the redirect to another host), whoami, search. Faults on
demand: a status, a connection that closes halfway, flipped bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from hub_store import LARGE, Commit, Entry, Repo, Store


@dataclass
class Fault:
    """What goes wrong with the next requests whose ``METHOD path`` matches."""

    pattern: str
    times: int
    status: int | None = None
    headers: dict[str, str] | None = None
    cut: int | None = None
    """Close the connection after so many bytes of the body, of a request or an answer."""
    flip: bool = False
    """Send other bytes than those stored, as many."""
    short: int | None = None
    """Send only so many bytes, as if that were all."""
    lose: bool = False
    """Do what was asked, and close the connection before the answer."""
    endless: bool = False
    """Send a body that does not end, under the headers of the right one."""
    body: bytes | None = None
    """Send this body."""


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class Hub:
    """The server; a context manager. ``endpoint`` is what HF_ENDPOINT has to be."""

    def __init__(self, folder: Path, part_size: int | None = None) -> None:
        self.store = Store(folder)
        self.part_size = part_size
        """Uploads larger than this come in parts of this size."""
        self.faults: list[Fault] = []
        self.requests: list[str] = []
        self.plain = False
        """List names of files alone, without sizes and hashes."""
        self.all = False
        """Ignore the filter of a search."""
        self.sent = 0
        """Bytes of endless answers."""
        self.lock = threading.RLock()
        handler = type("Handler", (_Handler,), {"hub": self})
        # Large files come from another origin, as on the real Hub, to which no token may be sent.
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), handler) for _ in range(2)]
        self.endpoint, self.cdn = (f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers)

    def __enter__(self) -> Hub:
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def fail(self, pattern: str, status: int, times: int = 1000, **headers: str) -> None:
        """Answer with a status."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.faults.append(Fault(pattern, times, status=status, headers=named))

    def cut(self, pattern: str, after: int, times: int = 1) -> None:
        """Close the connection after some bytes."""
        self.faults.append(Fault(pattern, times, cut=after))

    def flip(self, pattern: str, times: int = 1) -> None:
        """Send damaged bytes."""
        self.faults.append(Fault(pattern, times, flip=True))

    def shorten(self, pattern: str, to: int, times: int = 1) -> None:
        """Send a part as if it were the whole."""
        self.faults.append(Fault(pattern, times, short=to))

    def fault(self, pattern: str, times: int = 1000, *, lose: bool = False, endless: bool = False) -> None:
        """Lose an answer, or never end it."""
        self.faults.append(Fault(pattern, times, lose=lose, endless=endless))

    def answer(self, pattern: str, body: bytes | None = None, times: int = 1000, **headers: str) -> None:
        """Answer with another body or other headers."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.faults.append(Fault(pattern, times, body=body, headers=named))

    def take(self, request: str) -> Fault | None:
        """The fault of a request, if any."""
        with self.lock:
            self.requests.append(request)
            for fault in self.faults:
                if fault.times and re.search(fault.pattern, request):
                    fault.times -= 1
                    return fault
        return None

    def count(self, pattern: str) -> int:
        """How many requests matched."""
        return sum(bool(re.search(pattern, request)) for request in self.requests)


_ID, _KIND = r"(?P<id>[\w.-]+/[\w.-]+)", "(models|datasets)"
ROUTES: list[tuple[str, re.Pattern[str], str]] = [
    (method, re.compile(pattern), name)
    for method, pattern, name in (
        ("POST", r"/api/repos/create", "create"),
        ("POST", r"/api/validate-yaml", "validate"),
        ("GET", r"/api/whoami-v2", "whoami"),
        ("GET", r"/api/models", "search"),
        ("GET", rf"/api/{_KIND}/{_ID}", "info"),
        ("GET", rf"/api/{_KIND}/{_ID}/revision/(?P<rev>[^/]+)", "info"),
        ("GET", rf"/api/{_KIND}/{_ID}/tree/(?P<rev>[^/]+)", "tree"),
        ("GET", rf"/api/{_KIND}/{_ID}/refs", "refs"),
        ("POST", rf"/api/{_KIND}/{_ID}/paths-info/(?P<rev>[^/]+)", "paths"),
        ("POST", rf"/api/{_KIND}/{_ID}/preupload/(?P<rev>[^/]+)", "preupload"),
        ("POST", rf"/api/{_KIND}/{_ID}/commit/(?P<rev>[^/]+)", "commit"),
        ("POST", rf"/api/{_KIND}/{_ID}/branch/(?P<rev>[^/]+)", "branch"),
        ("POST", rf"/api/{_KIND}/{_ID}/tag/(?P<rev>[^/]+)", "tag"),
        ("POST", rf"/(datasets/)?{_ID}\.git/info/lfs/objects/batch", "batch"),
        ("PUT", r"/upload/(?P<oid>[0-9a-f]{64})(/(?P<part>\d+))?", "upload"),
        ("POST", r"/upload/(?P<oid>[0-9a-f]{64})", "complete"),
        ("GET", rf"/(datasets/)?{_ID}/resolve/(?P<rev>[^/]+)/(?P<path>.+)", "resolve"),
        ("GET", r"/cdn/(?P<key>[0-9a-f]{40,64})", "object"),
    )
]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.answer("GET")

    def do_HEAD(self) -> None:
        self.answer("GET")

    def do_POST(self) -> None:
        self.answer("POST")

    def do_PUT(self) -> None:
        self.answer("PUT")

    def answer(self, method: str) -> None:
        """Find the route and take it, or fail as asked."""
        split = urlsplit(self.path)
        self.query = parse_qs(split.query)
        self.fault = self.hub.take(f"{self.command} {self.path}")
        fault = self.fault
        try:
            if fault and fault.cut is not None and self.command in ("POST", "PUT"):
                self.rfile.read(min(fault.cut, int(self.headers.get("Content-Length", 0))))
                self.close_connection = True
                return
            self.body = self.read_body()
            if fault and fault.status:
                raise Refused(fault.status, "as the test asked")
            for verb, pattern, name in ROUTES:
                if verb == method and (found := pattern.fullmatch(split.path)):
                    parts = {key: unquote(value) for key, value in found.groupdict().items() if value is not None}
                    with self.hub.lock:
                        call: Callable[..., None] = getattr(self, f"on_{name}")
                        call(**parts)
                    return
            raise Refused(404, f"no route for {method} {split.path}")
        except Refused as error:
            headers = {"X-Error-Message": str(error), **(fault.headers or {} if fault else {})}
            if error.code:
                headers["X-Error-Code"] = error.code
            self.send(error.status, {"error": str(error)}, headers)

    def read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def send(self, status: int, content: Any = None, headers: dict[str, str] | None = None) -> None:
        """Answer with bytes or JSON; a HEAD gets the headers alone."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        fault = self.fault
        if fault and fault.lose:
            self.close_connection = True
            return
        if fault and fault.short is not None and self.command != "HEAD":
            data = data[: fault.short]
        if fault and fault.body is not None:
            data = fault.body
        self.send_response(status)
        for name, value in {**(headers or {}), **(fault.headers or {} if fault else {})}.items():
            self.send_header(name, value)
        if not (fault and fault.endless):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if fault and fault.endless and self.command == "GET":
            self.close_connection = True
            while self.hub.sent < 300_000_000:
                self.hub.sent += self.wfile.write(bytes(1 << 16))
            return
        if self.command == "HEAD":
            return
        if self.fault and self.fault.flip:
            data = bytes(byte ^ 1 for byte in data)
        if self.fault and self.fault.cut is not None:
            self.wfile.write(data[: self.fault.cut])
            self.wfile.flush()
            self.close_connection = True
            return
        self.wfile.write(data)

    # Who asks

    def user(self) -> tuple[str, bool] | None:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            return None
        if token not in self.hub.store.tokens:
            raise Refused(401, "Invalid credentials in Authorization header")
        return self.hub.store.tokens[token]

    def repo(self, id: str, write: bool = False) -> Repo:
        user = self.user()
        repo = self.hub.store.repos.get(id)
        owns = user is not None and user[0] == id.split("/")[0]
        if repo is None or (repo.private and not owns):
            raise Refused(404 if user else 401, "Repository not found", "RepoNotFound")
        if write and user is None:
            raise Refused(401, "Invalid username or password.")
        if write and not (owns and user and user[1]):
            raise Refused(403, "You don't have the required permissions")
        return repo

    def revision(self, repo: Repo, revision: str) -> Commit:
        commit = repo.find(revision)
        if commit is None:
            raise Refused(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return commit

    def json(self) -> dict[str, Any]:
        return json.loads(self.body or b"{}")

    # Repositories

    def on_create(self) -> None:
        user = self.user()
        if user is None:
            raise Refused(401, "Invalid username or password.")
        asked = self.json()
        id = f"{asked.get('organization') or user[0]}/{asked['name']}"
        kind = "datasets/" if asked.get("type") == "dataset" else ""
        url = f"{self.hub.endpoint}/{kind}{id}"
        if id.split("/")[0] != user[0] or not user[1]:
            raise Refused(403, "You don't have the rights to create a model under this namespace")
        if id in self.hub.store.repos:
            self.send(409, {"error": "You already created this model repo", "url": url})
            return
        private = asked.get("private") or asked.get("visibility") == "private"
        self.hub.store.create(id, bool(private))
        self.send(200, {"url": url, "name": id, "id": id})

    def on_validate(self) -> None:
        text = self.json()["content"]
        errors = [] if text.startswith("---\n") else [{"message": "no metadata"}]
        self.send(400 if errors else 200, {"errors": errors, "warnings": []})

    def on_whoami(self) -> None:
        user = self.user()
        if user is None:
            raise Refused(401, "Invalid username or password.")
        role = "write" if user[1] else "read"
        auth = {"type": "access_token", "accessToken": {"displayName": "test", "role": role}}
        self.send(200, {"type": "user", "name": user[0], "fullname": user[0], "orgs": [], "auth": auth})

    def on_search(self) -> None:
        user = self.user()
        wanted, text = set(self.query.get("filter", [])), self.query.get("search", [""])[0].lower()
        found = []
        for repo in self.hub.store.repos.values():
            info = self.hub.store.info(repo, self.revision(repo, "main"), blobs=False)
            mine = user is not None and user[0] == info["author"]
            if text in repo.id.lower() and (self.hub.all or wanted <= set(info["tags"])) and (mine or not repo.private):
                found.append(info)
        start, size = int(self.query.get("cursor", ["0"])[0]), min(int(self.query.get("limit", ["2"])[0]), 2)
        headers = {}
        if start + size < len(found):
            kept = "".join(f"&{k}={quote(v)}" for k, vs in self.query.items() if k != "cursor" for v in vs)
            headers["Link"] = f'<{self.hub.endpoint}/api/models?cursor={start + size}{kept}>; rel="next"'
        self.send(200, found[start : start + size], headers)

    def on_info(self, id: str, rev: str = "main") -> None:
        repo = self.repo(id)
        blobs = "blobs" in self.query and not self.hub.plain
        self.send(200, self.hub.store.info(repo, self.revision(repo, rev), blobs))

    def on_tree(self, id: str, rev: str) -> None:
        commit = self.revision(self.repo(id), rev)
        self.send(200, [self.described(name, entry) for name, entry in sorted(commit.files.items())])

    def on_paths(self, id: str, rev: str) -> None:
        commit = self.revision(self.repo(id), rev)
        paths = self.json()["paths"] if self.body[:1] == b"{" else parse_qs(self.body.decode())["paths"]
        self.send(200, [self.described(name, commit.files[name]) for name in paths if name in commit.files])

    def described(self, name: str, entry: Entry) -> dict[str, Any]:
        told: dict[str, Any] = {"type": "file", "oid": entry.blob, "size": entry.size, "path": name}
        if entry.large:
            told["lfs"] = {"oid": entry.key, "size": entry.size, "pointerSize": 134}
        return told

    def on_refs(self, id: str) -> None:
        listed: dict[str, list[dict[str, str]]] = {"branches": [], "converts": [], "tags": [], "pullRequests": []}
        kinds = {"heads": "branches", "tags": "tags", "pr": "pullRequests"}
        for ref, sha in self.repo(id).refs.items():
            _, kind, name = ref.split("/", 2)
            listed[kinds[kind]].append({"name": name, "ref": ref, "targetCommit": sha})
        self.send(200, listed)

    def on_branch(self, id: str, rev: str) -> None:
        repo = self.repo(id, write=True)
        if f"refs/heads/{rev}" in repo.refs:
            raise Refused(409, "Reference already exists")
        repo.refs[f"refs/heads/{rev}"] = self.revision(repo, self.json().get("startingPoint", "main")).sha
        self.send(200, {})

    def on_tag(self, id: str, rev: str) -> None:
        repo = self.repo(id, write=True)
        if f"refs/tags/{self.json()['tag']}" in repo.refs:
            raise Refused(409, "Tag reference exists already")
        repo.refs[f"refs/tags/{self.json()['tag']}"] = self.revision(repo, rev).sha
        self.send(200, {})

    # Commits

    def pushed_to(self, id: str) -> Repo:
        """The repository of a push: its owner's, or that of somebody who opens a pull request."""
        pull = "create_pr" in self.query
        repo = self.repo(id, write=not pull)
        user = self.user()
        if user is None or not user[1]:
            raise Refused(403 if user else 401, "A token with write access is needed")
        return repo

    def on_preupload(self, id: str, rev: str) -> None:
        files = self.revision(self.pushed_to(id), rev).files
        told = []
        for asked in self.json()["files"]:
            name = asked["path"]
            large = name.endswith(LARGE) or b"\0" in base64.b64decode(asked["sample"])
            known = {"oid": files[name].key} if name in files else {}
            told.append({"path": name, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False, **known})
        self.send(200, {"files": told})

    def on_batch(self, id: str) -> None:
        user = self.user()
        if user is None or not user[1]:
            raise Refused(403 if user else 401, "A token with write access is needed")
        self.repo(id)
        objects = []
        for asked in self.json()["objects"]:
            oid, size = asked["oid"], asked["size"]
            told: dict[str, Any] = {"oid": oid, "size": size}
            url = f"{self.hub.cdn}/upload/{oid}"
            part = self.hub.part_size
            if not self.hub.store.path(oid).exists():
                upload: dict[str, Any] = {"href": url}
                if part and size > part:
                    upload["href"] = f"{self.hub.endpoint}/upload/{oid}"
                    upload["header"] = {"chunk_size": str(part)}
                    upload["header"] |= {str(i + 1): f"{url}/{i + 1}" for i in range(-(-size // part))}
                told["actions"] = {"upload": upload}
            objects.append(told)
        self.send(200, {"transfer": "basic", "objects": objects})

    def on_upload(self, oid: str, part: str | None = None) -> None:
        if part:
            self.hub.store.path(f"{oid}.{int(part):05}").write_bytes(self.body)
        elif hashlib.sha256(self.body).hexdigest() != oid:
            raise Refused(400, "the content has another hash")
        else:
            self.hub.store.path(oid).write_bytes(self.body)
        self.send(200, {}, {"ETag": f'"{hashlib.md5(self.body).hexdigest()}"'})

    def on_complete(self, oid: str) -> None:
        parts = [self.hub.store.path(f"{oid}.{asked['partNumber']:05}") for asked in self.json()["parts"]]
        content = b"".join(path.read_bytes() for path in parts)
        if hashlib.sha256(content).hexdigest() != oid:
            raise Refused(400, "the content has another hash")
        self.hub.store.path(oid).write_bytes(content)
        self.send(200, {})

    def on_commit(self, id: str, rev: str) -> None:
        repo = self.pushed_to(id)
        start = self.revision(repo, rev)
        header, *operations = (json.loads(line) for line in self.body.splitlines() if line.strip())
        if header["value"].get("parentCommit", start.sha) != start.sha:
            raise Refused(412, "A commit has happened since. Please refresh and try again.")
        files = dict(start.files)
        for operation in operations:
            key, value = operation["key"], operation["value"]
            if key == "file":
                files[value["path"]] = self.hub.store.put(value["path"], base64.b64decode(value["content"]), False)
            elif key == "lfsFile":
                stored = self.hub.store.path(value["oid"])
                if not stored.exists():
                    raise Refused(400, f"the object of {value['path']} was not uploaded")
                files[value["path"]] = self.hub.store.put(value["path"], stored.read_bytes(), True)
            elif key == "deletedFile":
                files.pop(value["path"])
            else:
                raise Refused(400, f"no operation {key}")
        ref, told = f"refs/heads/{rev}", {}
        if "create_pr" in self.query:
            repo.pulls += 1
            ref = f"refs/pr/{repo.pulls}"
            told["pullRequestUrl"] = f"{self.hub.endpoint}/{id}/discussions/{repo.pulls}"
        commit = self.hub.store.commit(repo, ref, header["value"]["summary"], files, start.sha)
        told |= {"commitOid": commit.sha, "commitUrl": f"{self.hub.endpoint}/{id}/commit/{commit.sha}"}
        self.send(200, {"success": True, **told})

    # Downloads

    def on_resolve(self, id: str, rev: str, path: str) -> None:
        commit = self.revision(self.repo(id), rev)
        headers = {"X-Repo-Commit": commit.sha}
        if path not in commit.files:
            self.send(404, {}, {**headers, "X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
            return
        entry = commit.files[path]
        if not entry.large:
            self.on_object(entry.key, {**headers, "Content-Disposition": f'inline; filename="{path}";'})
            return
        headers |= {"X-Linked-Etag": f'"{entry.key}"', "X-Linked-Size": str(entry.size), "ETag": f'"{entry.blob}"'}
        self.send(302, {}, {**headers, "Location": f"{self.hub.cdn}/cdn/{entry.key}?name={quote(path)}"})

    def on_object(self, key: str, headers: dict[str, str] | None = None) -> None:
        if self.path.startswith("/cdn/") and self.headers.get("Authorization"):
            raise Refused(400, "a token was sent to another host")
        content = self.hub.store.path(key).read_bytes()
        told = {"ETag": f'"{key}"', "Accept-Ranges": "bytes", **(headers or {})}
        if "name" in self.query:
            told["Content-Disposition"] = f'inline; filename="{self.query["name"][0]}";'
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not asked:
            self.send(200, content, told)
            return
        first, last = int(asked[1]), int(asked[2] or len(content) - 1)
        told["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        self.send(206, content[first : last + 1], told)
