import asyncio

from benchmarks.provider import LIMIT, Measured, measure, report
from benchmarks.services import services


def test_real_workers_write_by_a_provider_within_its_limit() -> None:
    with services() as servers:
        measured = asyncio.run(measure(servers, jobs=3, kills=False))
    assert (measured.calls, measured.succeeded, measured.violations) == (18, 3, 0)
    assert 6 <= measured.at_once <= LIMIT
    assert measured.seconds is not None
    assert measured.cpu_ms_call > 0


def test_one_call_too_many_a_lost_job_and_a_wrong_ledger_fail_the_run() -> None:
    good = Measured(10.0, 600, LIMIT, 2.0, 100, 0)
    killed = Measured(None, 640, LIMIT, 2.0, 100, 0)
    assert report([good], killed, path_ms=2.0, jobs=100) == []
    bad = Measured(None, 640, LIMIT + 1, 2.0, 99, 1)
    assert len(report([good], bad, path_ms=2.0, jobs=100)) == 3
