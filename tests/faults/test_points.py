"""The list of fault points is the truth: nothing in the product is outside of it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app import faults
from app.db import in_statement
from app.faults import Moment, Step
from tests.support.jobs import execute

APP = Path(__file__).resolve().parents[2] / "app"


def _calls(name: str) -> Iterator[tuple[Path, ast.Call]]:
    for path in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == name:
                yield path, node


@pytest.mark.parametrize("opens", ["in_transaction", "in_turn", "transaction"])
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


@pytest.mark.parametrize("is_hooked", [False, True])
async def test_a_statement_that_commits_itself_has_no_transaction_around_it_with_a_hook_either(
    engine: None, monkeypatch: pytest.MonkeyPatch, is_hooked: bool
) -> None:
    """What is tested is what runs: the procedure's COMMIT is refused after a BEGIN."""
    reached: list[str] = []

    async def hook(point: str, _: object) -> None:
        reached.append(point)

    await execute("CREATE PROCEDURE alone(INOUT n int) LANGUAGE plpgsql AS $$ BEGIN COMMIT; END $$")
    monkeypatch.setattr(faults, "hook", hook if is_hooked else None)
    (row,) = await in_statement(text("CALL alone(7)"), {}, step=Step.STORE)
    assert row.n == 7
    assert reached == [f"{Step.STORE}.{moment}" for moment in Moment if is_hooked]
