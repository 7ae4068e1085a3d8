"""The messages of the offline insights, read from the code that says them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import app.generation.offline as offline

_FOLDER = Path(offline.__path__[0])
SOURCES = [*sorted((_FOLDER / "claims").glob("*.py")), _FOLDER / "writers.py"]
_PLURAL = {"tell_n", "head_n", "plural"}


def plural_messages() -> dict[str, str]:
    """The form for one, and the form for many."""
    return {
        call.args[0].value: call.args[1].value
        for tree in _trees()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in _PLURAL
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[1], ast.Constant)
    }


def single_messages() -> list[str]:
    """All others: every text with a space that is no docstring is said."""
    plural = plural_messages()
    return sorted(set(_texts()) - set(plural) - set(plural.values()))


def _texts() -> Iterator[str]:
    for tree in _trees():
        notes = {
            id(node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and " " in text.strip() and id(node) not in notes:
                yield text


def _trees() -> Iterator[ast.Module]:
    for path in SOURCES:
        yield ast.parse(path.read_text(encoding="utf-8"))
