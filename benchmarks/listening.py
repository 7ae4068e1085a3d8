"""Listeners of event streams, started and ended for a measurement."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from benchmarks.api import Api
from benchmarks.contestant import Job

ARRIVALS_S_MAX = 30.0

Arrivals = list[tuple[int, int, float]]
"""(number of the job, its version, when the event had come)"""


@asynccontextmanager
async def listeners(api: Api, jobs: Sequence[Job]) -> AsyncGenerator[Any]:
    """A listener of each job, in a process of their own. A function that ends them and answers what
    arrived at them."""
    requests = [
        api.request("GET", f"/api/insights/jobs/{job_id}/events", user_id)
        for user_id, job_id in jobs
    ]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.sse_listeners", str(api.port)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the runner to answer.
    )
    stdin, stderr = process.stdin, process.stderr
    assert stdin is not None
    assert stderr is not None
    try:
        stdin.write(json.dumps(requests).encode() + b"\n")
        said = await stderr.readline()
        if said != b"ready\n":
            told = (said + await stderr.read()).decode()
            raise RuntimeError(f"the listeners did not come up: {told}")

        async def arrivals() -> Arrivals:
            stdin.close()
            output, _ = await asyncio.wait_for(process.communicate(), ARRIVALS_S_MAX)
            return [(number, version, at) for number, version, at in json.loads(output)]

        yield arrivals
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
