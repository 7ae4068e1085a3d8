"""Samples of py-spy become shares of packages and of functions."""

import asyncio
import sys
from pathlib import Path

import pytest

from benchmarks.sampling import layer_of, parsed, sample, tables

RAW = """\
main (taskiq/cli/run.py:10);run (app/jobs/engine.py:5);execute (asyncpg/connection.py:7) 6
main (taskiq/cli/run.py:10);run (app/jobs/engine.py:5) 3
main (taskiq/cli/run.py:10);run (app/jobs/engine.py:5);run (app/jobs/engine.py:5) 1
"""

BUSY = """
def burn():
    while True:
        sum(range(1000))

print("ready", flush=True)
burn()
"""


def test_a_function_has_its_own_time_and_that_of_its_calls():
    shares = {name: rest for name, *rest in parsed(RAW.splitlines()).by_function()}

    assert shares["execute (asyncpg/connection.py)"] == [0.6, 0.6]
    assert shares["run (app/jobs/engine.py)"] == [0.4, 1.0], "a recursion counts once"


def test_own_time_is_added_up_by_whose_code_it_is():
    assert parsed(RAW.splitlines()).by_layer() == [("asyncpg", 0.6), ("app.jobs", 0.4)]


@pytest.mark.parametrize(
    ("frame", "layer"),
    [
        ("seal (app/crypto.py)", "app.crypto"),
        ("write (app/jobs/calls.py)", "app.jobs"),
        ("run (asyncio/runners.py)", "Python's asyncio"),
        ("get (email/message.py)", "Python's email"),
        ("execute (sqlalchemy/engine/base.py)", "sqlalchemy"),
    ],
)
def test_a_frame_belongs_to_a_package(frame: str, layer: str):
    assert layer_of(frame) == layer


def test_the_tables_name_packages_and_functions():
    shown = tables(parsed(RAW.splitlines()))

    assert "| asyncpg | 60.0% |" in shown
    assert "| `run (app/jobs/engine.py)` | 40.0% | 100.0% |" in shown


async def test_a_process_at_work_is_seen_in_the_function_that_works(tmp_path: Path):
    busy = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BUSY, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert busy.stdout is not None
        await busy.stdout.readline()
        samples = await sample(busy.pid, 1, tmp_path / "raw")
    finally:
        busy.kill()
        await busy.communicate()

    assert samples.by_function()[0][0].startswith("burn ")
