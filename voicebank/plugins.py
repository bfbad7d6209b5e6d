"""Plugins: the registry that finds them through entry points, and the interface of each kind.

A package joins by declaring an entry point, in its ``pyproject.toml``, in the group of its kind:

    [project.entry-points."voicebank.frontend"]
    shouting = "my_package:Shouting"

Installing it is all it takes. The interfaces are ``Frontend`` (text to symbols), ``Vocoder`` (magnitudes to samples),
with ``StreamingVocoder`` and ``VocoderStream``, and ``Transcriber`` (samples to text).
"""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal, overload

from voicebank.errors import PluginError, UnknownName, VoicebankError, VoicebankWarning
from voicebank.interfaces import (
    Detection,
    DetectionWindow,
    Floats,
    StreamingVocoder,
    Transcriber,
    Transcript,
    Vocoder,
    VocoderStream,
    Watermark,
    Word,
)
from voicebank.text.frontend import Frontend, Unit

__all__ = [
    "DEFAULTS",
    "KINDS",
    "Detection",
    "DetectionWindow",
    "Floats",
    "Frontend",
    "PluginInfo",
    "StreamingVocoder",
    "Transcriber",
    "Transcript",
    "Unit",
    "Vocoder",
    "VocoderStream",
    "Watermark",
    "Word",
    "create",
    "default",
    "known",
    "names",
]

# Kind to entry point group. A new kind of plugin is one line here.
KINDS: dict[str, str] = {
    "frontend": "voicebank.frontend",
    "vocoder": "voicebank.vocoder",
    "transcriber": "voicebank.transcriber",
    "watermark": "voicebank.watermark",
}

# What serves where none is asked for by name, the best first: name, and the package that has it. This table is the
# only place that names plugins.
DEFAULTS: dict[str, dict[str, str]] = {
    "frontend": {"phonemizer": "voicebank-phonemizer", "graphemes": "voicebank"},
    "vocoder": {"griffin-lim": "voicebank"},
    "transcriber": {"whisper": "voicebank-whisper"},
    "watermark": {"pattern": "voicebank", "audioseal": "voicebank-audioseal"},
}


@dataclass(frozen=True)
class PluginInfo:
    """One installed plugin. ``error`` is None when it loads, else one line that says why it does not."""

    kind: str
    name: str
    package: str
    version: str
    error: str | None = None


@overload
def create(kind: Literal["frontend"], name: str, **options: object) -> Frontend: ...
@overload
def create(kind: Literal["vocoder"], name: str, **options: object) -> Vocoder: ...
@overload
def create(kind: Literal["transcriber"], name: str, **options: object) -> Transcriber: ...
@overload
def create(kind: Literal["watermark"], name: str, **options: object) -> Watermark: ...
def create(kind: str, name: str, **options: object) -> Any:
    """Make the plugin ``name`` of a kind, passing it the options.

    Raises:
        UnknownName: no such kind, or no such plugin is installed.
        PluginError: it is installed but does not import, or does not take these options.
    """
    entries = _entries(kind)
    if name not in entries:
        message = f"unknown {kind} {name!r}: known are {', '.join(sorted(entries)) or 'none'}"
        if package := DEFAULTS.get(kind, {}).get(name):
            message += f"; install the package {package} to add it"
        raise UnknownName(message)
    factory = _load(kind, entries[name][0])
    try:
        inspect.signature(factory).bind(**options)
    except TypeError as error:
        raise PluginError(f"{kind} {name!r} does not take these options: {error}") from error
    except ValueError:
        pass  # a callable without a signature, as some compiled ones are
    try:
        return factory(**options)
    except VoicebankError:
        raise
    except Exception as error:
        raise PluginError(f"{kind} {name!r} does not start: {_line(error)}") from error


def safe_options(frontend: str) -> frozenset[str]:
    """Options of a frontend that may come from a voice somebody else made, see :attr:`Frontend.safe_options`.

    Raises:
        UnknownName: it is not installed.
        PluginError: it does not load.
    """
    entries = _entries("frontend")
    if frontend not in entries:
        raise UnknownName(f"unknown frontend {frontend!r}: known are {', '.join(sorted(entries)) or 'none'}")
    return frozenset(getattr(_load("frontend", entries[frontend][0]), "safe_options", ()))


@overload
def default(kind: Literal["frontend"], *, missing: VoicebankError | None = None, **options: object) -> Frontend: ...
@overload
def default(kind: Literal["vocoder"], *, missing: VoicebankError | None = None, **options: object) -> Vocoder: ...
@overload
def default(
    kind: Literal["transcriber"], *, missing: VoicebankError | None = None, **options: object
) -> Transcriber: ...
@overload
def default(kind: Literal["watermark"], *, missing: VoicebankError | None = None, **options: object) -> Watermark: ...
def default(kind: Any, *, missing: VoicebankError | None = None, **options: object) -> Any:
    """Make the plugin that serves where none is asked for by name.

    Where the best is not installed or does not load, the next best takes its place, with a VoicebankWarning that says
    so.

    Args:
        kind: of :data:`KINDS`.
        missing: why the plugin that was preferred to all of these is not there.
        options: of the plugin.

    Raises:
        UnknownName, PluginError: none of them is there; the message is about the first.
    """
    for name in DEFAULTS.get(kind, {}):
        try:
            plugin = create(kind, name, **options)
        except (UnknownName, PluginError) as error:
            missing = missing or error
            continue
        if missing is not None:
            warnings.warn(f"using the {kind} {name} instead: {missing}", VoicebankWarning, stacklevel=2)
        return plugin
    raise missing or UnknownName(f"unknown kind of plugin {kind!r}: known are {', '.join(KINDS)}")


def known(kind: str | None = None) -> list[PluginInfo]:
    """The installed plugins of a kind (of all kinds without one), sorted by name.

    Each is imported, to tell whether it loads. One that fails is listed with its error.

    Raises:
        UnknownName: no such kind.
    """
    if kind is None:
        return [info for each in KINDS for info in known(each)]
    infos = []
    for name, (first, *others) in sorted(_entries(kind).items()):
        try:
            _load(kind, first)
            error = None
        except PluginError as failure:
            error = _line(failure.__cause__) if failure.__cause__ else str(failure)
        infos.append(_info(kind, first, error))
        infos += [_info(kind, other, f"the name {name!r} is taken by {_package(first)}") for other in others]
    return infos


def names(kind: str) -> list[str]:
    """Sorted names of the installed plugins of a kind, without importing them."""
    return sorted(_entries(kind))


def _entries(kind: str) -> dict[str, list[EntryPoint]]:
    """Entry points by name. Where several packages claim one name, the first counts: voicebank's own."""
    if kind not in KINDS:
        raise UnknownName(f"unknown kind of plugin {kind!r}: known are {', '.join(KINDS)}")
    return _scanned(kind, tuple(map(_state, sys.path)))


def _state(folder: str) -> tuple[str, int]:
    """A folder of ``sys.path`` and when a package was last added to it or removed."""
    try:
        return folder, os.stat(folder or ".").st_mtime_ns
    except OSError:
        return folder, 0


@lru_cache(maxsize=len(KINDS))
def _scanned(kind: str, path: tuple[tuple[str, int], ...]) -> dict[str, list[EntryPoint]]:
    """Entry points as the path is now. To read them from the disk takes as long as a word does to be spoken."""
    entries: dict[str, list[EntryPoint]] = {}
    for entry in sorted(
        entry_points(group=KINDS[kind]), key=lambda e: (_package(e) != "voicebank", _package(e), e.name)
    ):
        entries.setdefault(entry.name, []).append(entry)
    return entries


def _load(kind: str, entry: EntryPoint) -> Any:
    try:
        plugin = entry.load()
    except (Exception, SystemExit) as error:  # a module may even exit on import; it must break only itself
        raise PluginError(f"{kind} {entry.name!r} of {_package(entry)} does not load: {_line(error)}") from error
    if not callable(plugin):
        raise PluginError(f"{kind} {entry.name!r} of {_package(entry)} is neither a class nor a function")
    return plugin


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else "?"


def _info(kind: str, entry: EntryPoint, error: str | None) -> PluginInfo:
    version = entry.dist.version if entry.dist else "?"
    return PluginInfo(kind, entry.name, _package(entry), version, error)


def _line(error: BaseException) -> str:
    """An exception as one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
