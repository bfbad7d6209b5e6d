"""What the Hub's client raises, in one line that says what to do."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep
from typing import TypeVar

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

# The base of all that the client's HTTP library raises: which library that is differs between its versions.
_TRANSPORT: type[BaseException] = HfHubHTTPError.__bases__[0]
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
    wrong = f"{repo!r} is no repository: write owner/name, of letters, digits, '-', '_' and '.'"
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise HubError(wrong) from error
    if not repo.isascii():  # older clients let any letter pass
        raise HubError(wrong)
    return repo


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
        return _status(error) == 429 or _status(error) >= 500
    return isinstance(error, (OSError, _TRANSPORT)) and not _is_of_disk(error)


def reach() -> None:
    """Ask the Hub for nothing, so that a missing network shows at once and not after the client's many tries."""
    get_session().head(constants.ENDPOINT, timeout=LONGEST_WAIT)


def again(call: Callable[[], Result]) -> Result:
    """Make a call that only reads; a busy or failing server is asked again, as it wishes or after a second or two."""
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
    found: BaseException | None = error
    while found is not None:
        answered = isinstance(found, HfHubHTTPError) and getattr(found, "response", None) is not None
        if answered or isinstance(found, OfflineModeIsEnabled):
            return found
        found = found.__cause__
    return error


def _say(repo: str, error: BaseException) -> str:
    if isinstance(error, GatedRepoError):
        return f"{repo} asks for its terms to be accepted: accept them on its page, then log in with `hf auth login`"
    if isinstance(error, RevisionNotFoundError):
        return f"{repo} has no such revision: name one of its branches, tags or commits"
    if isinstance(error, RepositoryNotFoundError):
        return f"{repo} is not there, or private: check the name; for a private one set HF_TOKEN or run `hf auth login`"
    if isinstance(error, OfflineModeIsEnabled):
        return f"{repo} is not in the cache and HF_HUB_OFFLINE is set: unset it to use the Hub"
    if isinstance(error, HFValidationError):
        return f"{repo!r} is no repository: write owner/name, of letters, digits, '-', '_' and '.'"
    if isinstance(error, LocalTokenNotFoundError):
        return "there is no token: set HF_TOKEN or run `hf auth login`"
    if isinstance(error, LocalEntryNotFoundError):
        return f"{repo} is not in the cache and the Hub cannot be reached: check the network"
    if isinstance(error, HfHubHTTPError):
        return _say_status(repo, _status(error), error)
    if isinstance(error, EntryNotFoundError):
        return f"{repo} lacks a file that it listed: try again"
    if _is_of_disk(error):
        return (
            f"{repo} cannot be written to the cache {constants.HF_HUB_CACHE}: {_line(error)}; "
            "make room there, or set HF_HOME to another folder"
        )
    if unreachable(error):
        return f"{repo}: the connection to the Hub failed, nothing was changed: check the network ({_line(error)})"
    return f"{repo}: the transfer failed, nothing was changed: try again ({_line(error)})"


def _say_status(repo: str, status: int, error: HfHubHTTPError) -> str:
    message: str | None = getattr(error, "server_message", None)
    told = f" ({_line(message)})" if message else ""
    if status == 401:
        return "the Hub does not know the token: set HF_TOKEN to a valid one, or run `hf auth login`"
    if status == 403:
        return f"the token may not do this with {repo}: use one with write access{told}"
    if status == 404:
        return f"{repo} is not there: check the name"
    if status == 409:
        return f"{repo} is in conflict with what is there: try again, or use another name{told}"
    if status == 412:
        return f"{repo} was changed while it was pushed, nothing was written: push again"
    if status == 429:
        return "the Hub wants fewer requests: wait some minutes and try again"
    if status >= 500:
        return f"the Hub fails with status {status}, nothing was changed: try again later"
    kind = "refuses this" if isinstance(error, BadRequestError) else f"answers with status {status}"
    return f"the Hub {kind} for {repo}{told}: nothing was changed; correct what it names, then try again"


def _is_of_disk(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in _DISK


def _status(error: HfHubHTTPError) -> int:
    response = getattr(error, "response", None)
    return int(getattr(response, "status_code", 0) or 0)


def _line(error: BaseException | str) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(c for c in text if c.isprintable())[:200]
