"""The ceiling: what the same effects cost by bare asyncpg on uvloop, without any framework.

python -m benchmarks.ceiling jobs      jobs/s of every form, on embedded services
python -m benchmarks.ceiling unlock    unlocks/s, spread users and one hot account
"""

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

from benchmarks.bare.body import BodySetup
from benchmarks.bare.unlock import measure_unlock
from benchmarks.bare.worker import VARIABLE
from benchmarks.child import Child
from benchmarks.contestant import Job, Load
from benchmarks.services import Services, services, violations
from benchmarks.throughput import Entry, measure

IN_FLIGHT = 64
CONNECTIONS = 16

Form = Literal["plain", "cte", "batched"]
FORMS: tuple[Form, ...] = ("plain", "cte", "batched")
_NAMES: dict[Form, str] = {
    "plain": "bare asyncpg, one transaction a step",
    "cte": "bare asyncpg, one CTE a step",
    "batched": "bare asyncpg, batched",
}


class Ceiling:
    """One process that holds `in_flight` jobs and does their effects in the given form.

    `plain`: a transaction of several statements a step. `cte`: the product's statements, for one
    job each. `batched`: the product's statements, for all jobs that are ready.
    """

    def __init__(
        self, form: Form, *, in_flight: int = IN_FLIGHT, connections: int = CONNECTIONS
    ) -> None:
        self.name = _NAMES[form]
        self._form = form
        self._in_flight = in_flight
        self._connections = connections
        self._child: Child | None = None

    def start(self, *, database_url: str, redis_url: str, master_key: str, load: Load) -> None:
        """Nothing is sent through Redis: the process is told of its jobs by a pipe."""
        body = BodySetup(self._form, self._connections, database_url, master_key, load)
        given = {"in_flight": self._in_flight, "body": asdict(body)}
        self._child = Child("benchmarks.bare.worker", variables={VARIABLE: json.dumps(given)})

    def enqueue(self, jobs: Sequence[Job]) -> None:
        assert self._child is not None, "start it first"
        lines = (json.dumps([user_id, str(job_id)]) + "\n" for user_id, job_id in jobs)
        self._child.write("".join(lines))

    def pids(self) -> list[int]:
        return self._child.pids() if self._child is not None else []

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("jobs", "unlock"))
    parser.add_argument("--jobs", type=int, default=2000, help="of each form (jobs)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement (unlock)")
    parser.add_argument("--connections", type=int, default=32, help="at once (unlock)")
    given = parser.parse_args()
    with services() as running:
        if given.what == "jobs":
            asyncio.run(_measure_jobs(running, given.jobs))
        else:
            asyncio.run(_measure_unlocks(running, given.seconds, given.connections))


async def _measure_jobs(running: Services, jobs: int) -> None:
    load = Load(llm_s=0, llm_spread_s=0, seed=1)
    for form in FORMS:
        measured = await measure(running, Entry(Ceiling(form), jobs, seconds_max=120), load)
        print(json.dumps(measured))


async def _measure_unlocks(running: Services, seconds: float, connections: int) -> None:
    for is_hot in (False, True):
        async with running.database() as database_url:
            measured = await measure_unlock(
                database_url,
                connections=connections,
                seconds=seconds,
                is_hot=is_hot,
            )
            found = await violations(database_url)
        print(json.dumps(asdict(measured) | {"violations": found}))


if __name__ == "__main__":
    main()
