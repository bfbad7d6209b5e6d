"""HTTP with a Hub: bounds on its answers, retries, and errors of one line.

The Hub's client writes what comes until it ends, to a place that the answer names. Hooks on its HTTP client look at
each answer before it does so, in the thread that asks and only inside :func:`guarded`.
"""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from time import sleep
from typing import Any, TypeVar

from huggingface_hub import constants, get_session
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from voicebank.errors import HubError, VoicebankError

# The client's HTTP library: which one that is differs between its versions.
_TRANSPORT: type[BaseException] = HfHubHTTPError.__bases__[0]
_httpx: Any = sys.modules[_TRANSPORT.__module__.partition(".")[0]]
_REVISION = re.compile(r"[\w][\w./+-]{0,249}")
COMMIT = HASH = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
# An ETag becomes the name of a file in the cache.
_ETAG = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]{0,127}")
_NO_REPOSITORY = "{!r} is no repository: write owner/name, of letters, digits, '-', '_' and '.'"
MAIN = "main"
# Of the disk that has the cache, not of the network.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.EFBIG)
TRIES = 3
LONGEST_WAIT = 10.0

Result = TypeVar("Result")


def valid_id(repo: str) -> str:
    """The repository's id, if it can be one.

    Raises:
        HubError: it cannot.
    """
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise HubError(_NO_REPOSITORY.format(repo)) from error
    if not repo.isascii():  # older clients let any letter pass
        raise HubError(_NO_REPOSITORY.format(repo))
    return repo


def valid_revision(revision: str | None) -> str:
    """The name of a branch, tag or commit, if it can be one; the main branch if left out.

    Raises:
        HubError: it cannot.
    """
    revision = revision or MAIN
    if not _REVISION.fullmatch(revision) or ".." in revision or "//" in revision or revision.endswith("/"):
        raise HubError(f"{revision!r} is no revision: name a branch, a tag or a commit")
    return revision


@contextmanager
def translated(repo: str) -> Iterator[None]:
    """Turn whatever the client raises into a :class:`voicebank.errors.HubError` of one line."""
    try:
        yield
    except VoicebankError:
        raise
    except Exception as error:  # the client lets through what its libraries and a malformed answer raise
        raise HubError(_say(repo, _cause(error))) from error


def unreachable(error: BaseException) -> bool:
    """Whether the Hub could not be asked, so that what is cached has to do: no network, or a failing server."""
    if isinstance(error, HfHubHTTPError):
        return status_of(error) == 429 or status_of(error) >= 500
    return isinstance(error, (OSError, _TRANSPORT)) and not _is_of_disk(error)


def retry(call: Callable[[], Result]) -> Result:
    """Make a call that only reads, with retries where the server is busy or fails, after the time that it asks for."""
    for number in range(1, TRIES + 1):
        try:
            return call()
        except HfHubHTTPError as error:  # noqa: PERF203 - each try may fail
            if number == TRIES or not unreachable(error):
                raise
            try:
                wait = float(error.response.headers.get("Retry-After", number))
            except ValueError:  # a date
                wait = LONGEST_WAIT
            sleep(min(max(wait, 0.0), LONGEST_WAIT))
    raise AssertionError("unreachable")


def _cause(error: BaseException) -> BaseException:
    """The error that says most: the client wraps an answer of the server into others, more general ones."""
    cause: BaseException | None = error
    while cause is not None:
        answered = isinstance(cause, HfHubHTTPError) and getattr(cause, "response", None) is not None
        if answered or isinstance(cause, (OfflineModeIsEnabled, _TRANSPORT)):
            return cause
        cause = cause.__cause__
    return error


# What the client raises, the more special first, and what is said of a repository then.
_MESSAGES: tuple[tuple[type[Exception], str], ...] = (
    (GatedRepoError, "{} asks for its terms to be accepted: accept them on its page, then log in with `hf auth login`"),
    (RevisionNotFoundError, "{} has no such revision: name one of its branches, tags or commits"),
    (
        RepositoryNotFoundError,
        "{} is not there, or private: check the name; for a private one set HF_TOKEN or run `hf auth login`",
    ),
    (OfflineModeIsEnabled, "{} is not in the cache and HF_HUB_OFFLINE is set: unset it to use the Hub"),
    (HFValidationError, _NO_REPOSITORY),
    (LocalTokenNotFoundError, "there is no token: set HF_TOKEN or run `hf auth login`"),
    (LocalEntryNotFoundError, "{} is not in the cache and the Hub cannot be reached: check the network"),
)


_STATUSES = {
    401: "the Hub does not know the token: set HF_TOKEN to a valid one, or run `hf auth login`",
    403: "the token may not do this with {}: use one with write access",
    404: "{} is not there: check the name",
    409: "{} is in conflict with what is there: try again, or use another name",
    412: "{} was changed while it was pushed, nothing was written: push again",
    429: "the Hub wants fewer requests: wait some minutes and try again",
}


def _say(repo: str, error: BaseException) -> str:
    for kind, message in _MESSAGES:
        if isinstance(error, kind):
            return message.format(repo)
    if isinstance(error, HfHubHTTPError):
        return _say_status(repo, status_of(error), error)
    if isinstance(error, EntryNotFoundError):
        return f"{repo} lacks a file that it listed: try again"
    if _is_of_disk(error):
        return (
            f"{repo} cannot be written to the cache {constants.HF_HUB_CACHE}: {_line(error)}; "
            "make room there, or set HF_HOME to another folder"
        )
    if unreachable(error):
        return f"{repo}: the connection to the Hub failed: check the network, then try again ({_line(error)})"
    return f"{repo}: the transfer failed: try again ({_line(error)})"


def _say_status(repo: str, status: int, error: HfHubHTTPError) -> str:
    message: str | None = getattr(error, "server_message", None)
    detail = f" ({_line(message)})" if message else ""
    if status in _STATUSES:
        return _STATUSES[status].format(repo) + detail
    if status >= 500:
        return f"the Hub fails with status {status}: try again later{detail}"
    kind = "refuses this" if isinstance(error, BadRequestError) else f"answers with status {status}"
    return f"the Hub {kind} for {repo}{detail}: correct what it names, then try again"


def _is_of_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _DISK


def status_of(error: BaseException) -> int:
    """The status that a server answered with, 0 if it did not."""
    response = getattr(error, "response", None)
    return int(getattr(response, "status_code", 0) or 0)


def _line(error: BaseException | str) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(c for c in text if c.isprintable())[:200]


@dataclass(frozen=True)
class _Bounds:
    """What the answers to the requests of one call may be."""

    size: int
    commit: str | None
    digest: str | None


_bounds: ContextVar[_Bounds | None] = ContextVar("voicebank_hub_bounds", default=None)


@contextmanager
def guarded(size: int, *, commit: str | None = None, digest: str | None = None) -> Iterator[None]:
    """Refuse answers of more than ``size`` bytes, of another commit or another hash than these.

    Raises:
        HubError: such an answer came.
    """
    hooks = get_session().event_hooks
    if _check_request not in hooks["request"]:
        get_session().event_hooks = {
            "request": [*hooks["request"], _check_request],
            "response": [*hooks["response"], _check_response],
        }
    before = _bounds.set(_Bounds(size, commit, digest))
    try:
        yield
    finally:
        _bounds.reset(before)


def _check_request(request: Any) -> None:
    if _bounds.get() is not None:
        request.headers["Accept-Encoding"] = "identity"  # so that the bytes that come are those that are kept


def _check_response(response: Any) -> None:
    bounds = _bounds.get()
    if bounds is None:
        return
    host = response.request.url.host
    if response.headers.get("Content-Encoding", "identity").lower() not in ("identity", ""):
        raise HubError(f"{host} sends compressed answers, though it was asked not to: check HF_ENDPOINT")
    # Xet transfers go past the client's HTTP library, and so past these bounds; every file is there without, too.
    response.headers.pop("X-Xet-Hash", None)
    if response.request.method == "HEAD" and response.status_code < 400:
        _check_names(response.headers, bounds, host)
        return
    # An error may come with a page of text, whatever the size of the file.
    most = bounds.size if response.status_code < 300 else max(bounds.size, 100_000)
    response.stream = _Bounded(response.stream, most, host)


def _check_names(headers: Any, bounds: _Bounds, host: str) -> None:
    etag = (headers.get("X-Linked-Etag") or headers.get("ETag") or "").removeprefix("W/").strip('"')
    if etag and not _ETAG.fullmatch(etag):
        raise HubError(f"{host} names a file {etag[:40]!r}, which is no hash: do not use it")
    if bounds.digest and HASH.fullmatch(etag) and len(etag) == len(bounds.digest) and etag != bounds.digest:
        raise HubError(f"{host} lists a file with one hash and sends it with another: try again later")
    commit = headers.get("X-Repo-Commit")
    if commit is not None and (not COMMIT.fullmatch(commit) or (bounds.commit and commit != bounds.commit)):
        raise Moved(f"{host} lists one commit and sends another: try again")


class Moved(HubError):
    """A branch is at another commit than a moment ago."""


class _Bounded(_httpx.SyncByteStream):  # type: ignore[misc]
    """The body of an answer, up to a number of bytes."""

    def __init__(self, stream: Any, most: int, host: str) -> None:
        self._stream, self._most, self._host = stream, most, host

    def __iter__(self) -> Iterator[bytes]:
        count = 0
        for block in self._stream:
            count += len(block)
            if count > self._most:
                raise HubError(f"{self._host} sends more than the {self._most} bytes that it listed: do not use it")
            yield block

    def close(self) -> None:
        self._stream.close()
