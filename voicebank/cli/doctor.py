"""``voicebank doctor``: whether an installation is whole, and how fast it speaks."""

from __future__ import annotations

import contextlib
import platform
import time
import warnings
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from typing import Annotated, Any

import typer

from voicebank import __version__
from voicebank.cli.voices import plugins
from voicebank.errors import VoicebankError

# Extras that only developers of voicebank want.
_DEVELOPERS = {"all", "bench", "docs", "test"}
_SENTENCE = "The quick brown fox jumps over the lazy dog."


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print it for programs.")] = False,
) -> None:
    """Check this installation: what works, what is missing, how fast a voice speaks, and what to do.

    Paste it into a bug report. The exit status is 1 where no voice speaks.
    """
    from rich.console import Console

    with Console(stderr=True).status("Looking at what is installed") as status:
        found: dict[str, Any] = {"voicebank": __version__, **_machine()}
        found["packages"] = {name: f"{there} {wrong}".strip() for name, there, wrong in _needed()}
        found["extras"] = _extras()
        found["plugins"], advice = _plugins()
        status.update("Speaking a sentence")
        found["speech"] = _speech()
    found["advice"] = [
        f"the extra {extra} lacks {', '.join(missing)}: pip install 'voicebank[{extra}]'"
        for extra, missing in found["extras"].items()
        if missing
    ]
    found["advice"] += [
        f"{name} is {there}: pip install --upgrade voicebank"
        for name, there in found["packages"].items()
        if "not" in there
    ]
    found["advice"] += advice + found["speech"].pop("advice", [])
    if as_json:
        import json

        typer.echo(json.dumps(found, indent=2))
    else:
        _print(found)
    if "error" in found["speech"]:
        raise typer.Exit(1)


def _machine() -> dict[str, Any]:
    from voicebank.dctts.threads import cores, threads

    found: dict[str, Any] = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": cores(),
        "threads": threads(),
    }
    with contextlib.suppress(Exception):  # no voice needs it to speak; the extra `clone` says that it is missing
        import torch

        found["cuda"] = torch.cuda.is_available()
    return found


def _needed(extra: str = "") -> list[tuple[str, str, str]]:
    """Packages that an extra needs; those of voicebank itself without one.

    Returns:
        Of each: name, installed version or "", what is wrong with it or "".
    """
    from packaging.requirements import Requirement  # comes with huggingface_hub

    found = []
    for requirement in map(Requirement, requires("voicebank") or []):
        marker = requirement.marker
        always = marker is None or marker.evaluate({"extra": ""})
        if always == bool(extra) or (marker is not None and not marker.evaluate({"extra": extra})):
            continue
        if requirement.name == "voicebank":  # an extra that is made of others
            found += [one for other in sorted(requirement.extras) for one in _needed(other)]
            continue
        try:
            there = version(requirement.name)
        except PackageNotFoundError:
            found.append((requirement.name, "", "not installed"))
        else:
            fits = requirement.specifier.contains(there, prereleases=True)
            found.append((requirement.name, there, "" if fits else f"not {requirement.specifier}"))
    return found


def _extras() -> dict[str, dict[str, str]]:
    """What each extra for users lacks: package to what is wrong with it."""
    names = sorted(set(metadata("voicebank").get_all("Provides-Extra") or []) - _DEVELOPERS)
    return {extra: {name: wrong for name, _, wrong in _needed(extra) if wrong} for extra in names}


def _plugins() -> tuple[list[dict[str, Any]], list[str]]:
    """Installed plugins, and what to do about those that would serve and are missing or do not load."""
    from dataclasses import asdict

    from voicebank.plugins import DEFAULTS, known

    infos = known()
    advice = [f"{one.kind} {one.name} does not load: pip install --upgrade {one.package}" for one in infos if one.error]
    for kind, named in DEFAULTS.items():
        best, package = next(iter(named.items()))
        if not any((one.kind, one.name) == (kind, best) for one in infos):
            gain = "words are read from their letters alone" if kind == "frontend" else f"there is no {kind} {best}"
            advice.append(f"{gain}: pip install {package}")
    return [asdict(one) for one in infos], advice


def _speech() -> dict[str, Any]:
    """A sentence of the first bundled voice: seconds to load, for the first and for the best of three more."""
    compiling: list[float] = []
    try:
        from voicebank.bank import load, voices
        from voicebank.compiled import on_compiling
        from voicebank.dctts import step

        names = [one.name for one in voices()]
        began = time.perf_counter()
        voice = load(names[0])
        loaded = time.perf_counter()
        stop = on_compiling(lambda: compiling.append(time.perf_counter()), lambda: None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sound = voice.say(_SENTENCE)
            first = time.perf_counter()
            stop()
            best = min(_seconds(lambda: voice.say(_SENTENCE)) for _ in range(3))
    except (IndexError, ImportError, OSError, VoicebankError) as error:
        return {"error": " ".join(f"{type(error).__name__}: {error}".split())}
    kept = step.advance.stats.cache_path
    found = {
        "voices": names,
        "voice": voice.name,
        "load_seconds": round(loaded - began, 2),
        "first_seconds": round(first - loaded, 2),
        "sound_seconds": round(sound.duration, 2),
        "seconds": round(best, 3),
        "loops": "compiled now" if compiling else "compiled before",
        "loops_kept_in": kept,
    }
    if kept is None:
        found["advice"] = [
            "loops are compiled anew in each process: set NUMBA_CACHE_DIR to a folder that can be written"
        ]
    return found


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _print(found: Mapping[str, Any]) -> None:
    """The page, for people."""
    from voicebank.cli.terminal import table

    speech = found["speech"]
    machine = f"{found['cores']} cores, {found.get('threads', '?')} threads" + (", CUDA" if found.get("cuda") else "")
    rows = [("voicebank", found["voicebank"]), ("Python", found["python"]), ("system", found["system"])]
    rows += [("machine", machine), *found["packages"].items()]
    table(("what", "here"), rows)
    typer.echo()
    lacks = {extra: "; ".join(map(": ".join, one.items())) for extra, one in found["extras"].items()}
    table(("extra", "complete", "lacks"), [(extra, "no" if one else "yes", one) for extra, one in lacks.items()])
    typer.echo()
    plugins()
    typer.echo()
    if "error" in speech:
        typer.echo(f"No voice speaks: {speech['error']}")
    else:
        typer.echo(
            f"{speech['voice']}: loaded in {speech['load_seconds']} s, first sentence in {speech['first_seconds']} s "
            f"(loops {speech['loops']}, kept in {speech['loops_kept_in'] or 'no folder'}), then {speech['seconds']} s "
            f"for {speech['sound_seconds']} s of speech"
        )
    for line in found["advice"] or ["Nothing is missing."]:
        typer.echo(f"- {line}")
