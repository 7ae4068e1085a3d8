"""A worker process that is frozen beyond its lease, while another one finishes its job."""

import os
import signal
from pathlib import Path

from tests.support.processes import SHORT_LEASES, MakeClient, Processes, assert_healthy, worker
from tests.support.waiting import until


async def test_a_process_frozen_beyond_its_lease_wakes_up_and_writes_nothing(
    make_client: MakeClient,
    processes: Processes,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    gate, log = tmp_path / "gate", tmp_path / "processes.log"
    gated = worker(broker="tests.races.gated_worker:broker")
    frozen = processes.start(*gated, **SHORT_LEASES, RACE_GATE=str(gate))
    alice = make_client("alice")
    job = await alice.unlock((await alice.upload())["id"])
    await alice.snapshot_when(job, lambda seen: seen["progress"]["completed"] == 3)
    os.killpg(frozen.pid, signal.SIGSTOP)
    try:
        gate.touch()  # Its model has answered by the time it wakes up.
        processes.start(*worker(), **SHORT_LEASES)
        done = await alice.finished(job)
    finally:
        os.killpg(frozen.pid, signal.SIGCONT)
    assert (done["state"], done["attempt"]) == ("succeeded", 2)
    await until(lambda: "insight_job.lease_lost" in log.read_text())
    assert await alice.get(job["links"]["self"]) == done
    assert await alice.charges() == [50]
    await assert_healthy(environment)
