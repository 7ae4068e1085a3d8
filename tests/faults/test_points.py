"""The list of fault points is the truth: nothing in the product is outside of it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import faults

APP = Path(__file__).resolve().parents[2] / "app"


def _calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    for path in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name:
                yield path, node


@pytest.mark.parametrize("opens", ["in_transaction", "transaction"])
def test_every_transaction_of_the_product_names_its_step(opens: str) -> None:
    unnamed = [
        f"{path}:{call.lineno}"
        for path, call in _calls(opens)
        if "step" not in {keyword.arg for keyword in call.keywords}
    ]
    assert unnamed == []


def test_every_spot_stands_once_in_the_product() -> None:
    reached = [ast.unparse(call.args[0]) for _, call in _calls("reach")]
    assert sorted(reached) == sorted(f"Spot.{spot.name}" for spot in faults.Spot)


def test_nothing_in_the_product_sets_the_hook() -> None:
    setting = [
        path
        for path in APP.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign)
        and any(isinstance(one, ast.Attribute) and one.attr == "hook" for one in node.targets)
    ]
    assert setting == []
    assert faults.hook is None
