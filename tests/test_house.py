"""The house rules that no linter has: sizes, and a share of the whole for each package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "app"
MODULES = sorted([*APP.rglob("*.py"), *(ROOT / "workers").rglob("*.py")])
PACKAGES = sorted({path.parent for path in APP.glob("*/__init__.py")})
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 45
PACKAGE_SHARE_MAX = 0.25


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def functions_of(path: Path) -> Iterator[tuple[str, int]]:
    """Name and length of each, decorators aside."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            yield node.name, node.end_lineno - node.lineno + 1


def test_no_file_and_no_function_is_too_long_to_be_read_at_once() -> None:
    too_long = [
        f"{path.relative_to(ROOT)}: {lines_of(path)} lines"
        for path in MODULES
        if lines_of(path) > FILE_LINES_MAX
    ] + [
        f"{path.relative_to(ROOT)}: {name} has {length} lines"
        for path in MODULES
        for name, length in functions_of(path)
        if length > FUNCTION_LINES_MAX
    ]
    assert too_long == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_no_package_holds_more_than_a_quarter_of_the_application(package: Path) -> None:
    total = sum(lines_of(path) for path in APP.rglob("*.py"))
    assert sum(lines_of(path) for path in package.rglob("*.py")) <= total * PACKAGE_SHARE_MAX
