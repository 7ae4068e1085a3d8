"""What a statement costs a process: by SQLAlchemy and by the driver itself.

python -m benchmarks.statement_cost [--times 500] [--rounds 7]

Microseconds of processor time of one statement with two arrays of eight values and eight rows, in
turns; medians. PostgreSQL's part is not in it.
"""

import argparse
import time
from collections.abc import Awaitable, Callable, Mapping
from statistics import median
from typing import Any
from uuid import uuid4

import uvloop
from sqlalchemy import text

from app.db import in_driver_transaction, in_transaction, lone_read, read_rows
from app.faults import Step
from benchmarks.run import silence_libraries
from benchmarks.services import Services, product_engine, services

ROWS = 8
STATEMENT = text("""
    SELECT t.user_id, t.id, true AS is_written
    FROM unnest(CAST(:user_ids AS text[]), CAST(:ids AS uuid[])) AS t (user_id, id)
""")
VALUES = {
    "user_ids": [f"user-{number}" for number in range(ROWS)],
    "ids": [uuid4() for _ in range(ROWS)],
}


async def _execute(connection: Any) -> None:
    rows = await connection.execute(STATEMENT, VALUES)
    assert len(rows.all()) == ROWS


async def _lone_read() -> None:
    async with lone_read() as connection:
        await _execute(connection)


async def _read_rows() -> None:
    assert len(await read_rows(STATEMENT, VALUES)) == ROWS


WAYS: Mapping[str, Callable[[], Awaitable[None]]] = {
    "one statement, SQLAlchemy": _lone_read,
    "one statement, the driver": _read_rows,
    "a transaction of one, SQLAlchemy": lambda: in_transaction(_execute),
    "a transaction of one, the driver": lambda: in_driver_transaction(_execute, step=Step.STORE),
}


async def measure(servers: Services, *, times: int, rounds: int) -> dict[str, float]:
    """Microseconds of each way."""
    taken: dict[str, list[float]] = {name: [] for name in WAYS}
    async with servers.database() as database_url, product_engine(database_url):
        for _ in range(rounds):
            for name, way in WAYS.items():
                started = time.process_time()
                for _ in range(times):
                    await way()
                taken[name].append(1e6 * (time.process_time() - started) / times)
    return {name: median(microseconds) for name, microseconds in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    silence_libraries()
    with services() as servers:
        found = uvloop.run(measure(servers, times=given.times, rounds=given.rounds))
    for name, microseconds in found.items():
        print(f"{name:36} {microseconds:6.0f} us")


if __name__ == "__main__":
    main()
