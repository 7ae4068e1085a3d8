"""A process that runs jobs by bare asyncpg on uvloop; it is told of them on its standard input.

BARE='{…}' python -m benchmarks.bare.worker
"""

import asyncio
import json
import os
import sys
from typing import Any
from uuid import UUID

import uvloop

from benchmarks.bare.body import Body, BodySetup
from benchmarks.child import READY
from benchmarks.contestant import Job, Load

VARIABLE = "BARE"


async def main() -> None:
    given: dict[str, Any] = json.loads(os.environ[VARIABLE])
    body = await Body.open(BodySetup(**given["body"] | {"load": Load(**given["body"]["load"])}))
    jobs: asyncio.Queue[Job] = asyncio.Queue()
    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(_run_each(body, jobs)) for _ in range(given["in_flight"])]
        print(READY, flush=True)
        await _read_jobs(jobs)
        for task in running:
            task.cancel()


async def _run_each(body: Body, jobs: asyncio.Queue[Job]) -> None:
    """For ever."""
    while True:
        await body.run_job(await jobs.get())


async def _read_jobs(jobs: asyncio.Queue[Job]) -> None:
    """Until the standard input ends."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        user_id, job_id = json.loads(line)
        jobs.put_nowait((user_id, UUID(job_id)))


if __name__ == "__main__":
    uvloop.run(main())
