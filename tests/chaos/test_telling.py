"""What a campaign tells: delays with their causes, promises with their verdicts, every coin."""

import pytest

from tests.chaos.__main__ import parse_options
from tests.chaos.audit import Clock, Entry, Evidence, Job
from tests.chaos.checks import ended_jobs_moved_their_coins_once
from tests.chaos.delays import start_delays
from tests.chaos.history import History
from tests.chaos.nemesis import Blow
from tests.chaos.plan import HEAL_PATIENT_S, RESCUE_IN_PRODUCTION_S, RESCUE_S, Fault
from tests.chaos.promises import Promise
from tests.chaos.results import has_outages, outages_table, table

FLUSH = Blow(Fault.FLUSHALL, 100.0, 100.01)


def job(name: str, *, created_at: float, started_at: float | None, state: str = "succeeded") -> Job:
    return Job(name, "ann", "chat", "work", state, 50, 50, created_at, started_at, created_at + 40)


def evidence(*jobs: Job, entries: tuple[Entry, ...] = ()) -> Evidence:
    by_id = {one.id: one for one in jobs}
    return Evidence(Clock(0, 0), by_id, {}, {}, {"ann": list(entries)}, frozenset(), 0)


def entry(kind: str, op_key: str, amount: int) -> Entry:
    return Entry("ann", 1, kind, op_key, amount, 0, 0, 0.0)


def test_a_slow_start_at_a_flushall_is_told_with_the_other_faults_that_lay_between() -> None:
    freeze = Blow(Fault.FREEZE_WORKER, 99.0, 106.0)
    found = start_delays(evidence(job("a", created_at=100.5, started_at=107.5)), [FLUSH, freeze])
    assert [(one.seconds, one.is_at_flush, one.others) for one in found] == [
        (7.0, True, (Fault.FREEZE_WORKER,))
    ]
    assert "freeze worker" in str(found[0])


def test_a_start_is_flushalls_alone_when_other_faults_came_after_it_or_long_before() -> None:
    before = Blow(Fault.KILL_WORKER, 95.0, 95.0)
    after = Blow(Fault.STOP_DATABASE, 101.5, 103.0)
    found = start_delays(
        evidence(job("a", created_at=100.5, started_at=101.0)), [before, FLUSH, after]
    )
    assert [(one.is_at_flush, one.others) for one in found] == [(True, ())]


def test_an_unlock_that_expired_unclaimed_waited_to_its_end() -> None:
    expired = job("a", created_at=100.5, started_at=None, state="expired")
    cancelled = job("b", created_at=100.5, started_at=None, state="cancelled")
    assert [one.seconds for one in start_delays(evidence(expired, cancelled), [FLUSH])] == [40.0]


@pytest.mark.parametrize(
    ("state", "moved", "is_right"),
    [
        ("succeeded", [("capture", 50)], True),
        ("succeeded", [("release", 50)], False),
        ("expired", [("release", 50)], True),
        ("expired", [("release", 49)], False),
        ("cancelled", [], False),
        ("failed", [("capture", 50), ("release", 50)], False),
    ],
)
def test_an_end_with_other_coins_than_its_own_is_a_violation(
    state: str, moved: list[tuple[str, int]], is_right: bool
) -> None:
    ended = job("a", created_at=1.0, started_at=2.0, state=state)
    entries = tuple(entry(kind, "settle:a", amount) for kind, amount in moved)
    found = list(ended_jobs_moved_their_coins_once(History(), evidence(ended, entries=entries)))
    assert (found == []) is is_right


def test_a_promise_is_passed_failed_or_not_measured() -> None:
    verdicts = [str(Promise("a wait", measured, 6.0, "s")) for measured in (5.5, 6.5, None)]
    assert [verdict.partition(" ")[0] for verdict in verdicts] == ["PASS", "FAIL", "not"]


def test_flushall_alone_is_measured_under_the_rescue_period_of_production() -> None:
    assert parse_options(["--only", "flushall"]).rescue_s == RESCUE_IN_PRODUCTION_S
    assert parse_options(["--only", "flushall", "cut"]).rescue_s == RESCUE_S
    assert parse_options(["--only", "flushall", "--rescue-s", "2"]).rescue_s == 2


def test_where_times_are_advisory_a_job_gets_longer_to_end_but_must() -> None:
    options = parse_options(["--times-advisory"])
    assert options.are_times_advisory
    assert options.heal_s == HEAL_PATIENT_S


def test_campaigns_are_summed_in_a_table() -> None:
    told = {
        "seed": 1,
        "seconds": 600.0,
        "sums": {"SIGKILLs": 190, "freezes": 72, "database stops": 16, "jobs": 3},
        "jobs": {"succeeded": 2, "expired": 1},
        "violations": {},
        "stuck": [],
        "calls": {"all": 20, "granted_after_settlement": 0, "wasted": 1, "wasted_percent": 5.0},
        "recovery_s": {"p99": 9.9},
        "all_ended_after_s": 12.2,
    }
    broken = told | {"seed": 2, "violations": {"I1": 2, "I4": 1}, "stuck": ["a"]}
    first, second, total = table([told, broken]).splitlines()[2:]
    assert first == "| 1 | 600 | 190 | 72 | 16 | 3 | 1 | 0 | 0 | 20 | 0 | 5.0 % | 9.9 s | 12.2 s |"
    assert second.startswith("| 2 | 600 | 190 | 72 | 16 | 3 | 1 | 3 | 1 |")
    assert total == "| all | 1200 | 380 | 144 | 32 | 6 | 2 | 3 | 1 | 40 | 0 | 5.00 % |  |  |"


def test_campaigns_of_outages_have_a_table_of_their_own() -> None:
    told = {
        "seed": 4,
        "seconds": 600.0,
        "serving_again_s": {"count": 30, "p50": 1.4, "p99": 7.0, "max": 7.7},
        "silence_is_of": "packets",
        "sums": {"jobs": 300},
        "jobs": {"succeeded": 270, "expired": 30},
        "violations": {},
        "stuck": [],
        "calls": {"all": 2000, "wasted_percent": 0.1},
        "all_ended_after_s": 29.5,
    }
    assert has_outages(told)
    assert not has_outages(told | {"serving_again_s": {"count": 0}})
    (row,) = outages_table([told]).splitlines()[2:]
    assert row == (
        "| 4 | 600 | 30 | packets | 1.4 s | 7.7 s | 300 | 270 | 0 | 0 | 2000 | 0.1 % | 29.5 s |"
    )
