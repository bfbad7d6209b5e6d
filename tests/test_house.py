"""The size and the shape of the package: ``python tests/test_house.py`` prints them."""

from __future__ import annotations

import ast
import subprocess
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import griffe
import pytest

import voicebank

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "voicebank"
LONGEST = 60  # lines of a function without its docstring
# Where no release is tagged: the commit with which the preparation of 1.0 began.
BASELINE = "be16cbd5"
# Modules whose names, those in their ``__all__`` or without an underscore, 1.0 promises.
PROMISED = ("voicebank", "voicebank.errors", "voicebank.files", "voicebank.plugins")


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def length(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function of a file and the lines of its body, without its docstring and its signature."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]
            yield f"{path.relative_to(ROOT)}:{node.name}", lines


def house() -> dict[str, float | str]:
    every = files()
    names = Counter(path.name for path in every if path.name != "__init__.py")
    longest = max((function for path in every for function in functions(path)), key=lambda function: function[1])
    return {
        "modules at the root of the package": len(list(PACKAGE.glob("*.py"))),
        "files": len(every),
        "lines": sum(map(length, every)),
        "files of more than 300 lines": sum(length(path) > 300 for path in every),
        "file names that occur twice": sum(count > 1 for count in names.values()),
        "longest function": longest[1],
        "which one": longest[0],
        "dependencies": sum("extra ==" not in one for one in requires("voicebank") or []),
    }


def test_the_house_stays_small() -> None:
    found = house()
    assert found["modules at the root of the package"] <= 9
    assert found["file names that occur twice"] <= 5
    assert found["longest function"] <= LONGEST, found["which one"]
    assert found["dependencies"] <= 11


def test_every_public_name_has_its_type_in_the_stub() -> None:
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    typed = {alias.asname for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert typed | {"__version__"} == set(voicebank.__all__)
    assert all(getattr(voicebank, name) is not None for name in voicebank.__all__)


def released() -> str:
    """The last release, or what stands for it."""
    tag = subprocess.run(["git", "describe", "--tags", "--abbrev=0", "--match", "v*"], cwd=ROOT, capture_output=True)
    return tag.stdout.decode().strip() or BASELINE


def promised(package: griffe.Module) -> set[str]:
    """Where the names that are promised are defined."""
    found = set()
    for name in PROMISED:
        module = package if name == "voicebank" else package[name.removeprefix("voicebank.")]
        for public in module.exports or [key for key in module.members if not key.startswith("_")]:
            member = module.members.get(str(public))
            if member is not None and not (member.is_alias and module.exports is None):
                found.add(member.target_path if member.is_alias else member.path)
    return found


def test_no_public_name_broke_since_the_last_release() -> None:
    """What is to go warns for one minor version before it goes, see CONTRIBUTING.md."""
    try:
        before = griffe.load_git("voicebank", ref=released(), repo=ROOT)
    except (RuntimeError, OSError) as error:
        pytest.skip(f"this checkout has no history to compare with: {error}")
    now = griffe.load("voicebank", search_paths=[ROOT])
    names = promised(before)
    assert len(names) > 30
    kept = {str(name) for name in now.exports or ()}
    gone = [str(name) for name in before.exports or () if str(name) not in kept]
    assert not gone, f"no longer in voicebank.__all__: {gone}"
    # A name that is still in __all__ may be defined elsewhere.
    moved = {before[name].target_path for name in kept if name in before.members and before[name].is_alias}
    broken = [
        breakage.explain(griffe.ExplanationStyle.ONE_LINE)
        for breakage in griffe.find_breaking_changes(before, now)
        if any(breakage.obj.path == name or breakage.obj.path.startswith(f"{name}.") for name in names)
        and not (breakage.kind is griffe.BreakageKind.OBJECT_REMOVED and breakage.obj.path in moved)
    ]
    assert not broken, "\n".join(broken)


if __name__ == "__main__":
    for what, value in house().items():
        print(f"{what}: {value}")
