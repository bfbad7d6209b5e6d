"""The size and the shape of the package: ``python tests/test_house.py`` prints them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "voicebank"
LONGEST = 60  # lines of a function without its docstring


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


if __name__ == "__main__":
    for what, value in house().items():
        print(f"{what}: {value}")
