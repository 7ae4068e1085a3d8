"""What a run writes down: spreads, verdicts, tables and charts."""

from typing import Any
from xml.etree import ElementTree

import pytest

from benchmarks.bench import middle, summary
from benchmarks.charts import Bar, bar_chart
from benchmarks.run import _wrong
from benchmarks.sync_design.watched import OTHER_LOOP, shortened
from benchmarks.tables import number, table
from benchmarks.targets import judged
from benchmarks.throughput import percentiles_ms


def test_rounds_become_medians_with_their_spread_and_violations_add_up():
    rows = [
        {"contestant": "one", "jobs_s": rate, "violations": found, "ended": ended}
        for rate, found, ended in ((10.0, 0, 344), (30.0, 1, 343), (20.0, 1, 344))
    ]

    joined = summary(rows)

    assert joined["contestant"] == "one"
    assert joined["jobs_s"] == {"median": 20.0, "min": 10.0, "max": 30.0}
    assert joined["violations"] == 2
    assert joined["ended"] == 343
    assert joined["rounds"] == 3


def test_a_round_in_which_nothing_ended_leaves_the_others_their_median():
    joined = summary([{"jobs_s": 0.0}, {"jobs_s": 4.0, "p50_ms": 9.0}])

    assert middle(joined["jobs_s"]) == 2.0
    assert middle(joined["p50_ms"]) == 9.0


@pytest.mark.parametrize(("longest_s", "met"), [(9.0, True), (11.0, False)])
def test_a_target_is_met_or_not_by_what_was_measured(longest_s: float, met: bool):
    scenarios = {"recovery": {"rows": [{"max_s": longest_s}, {"max_s": 5.0}]}}

    verdicts = {row["name"]: row for row in judged(scenarios)}

    assert verdicts["killed worker: its jobs run again after lease end"]["met"] is met
    assert verdicts["Redis gone: a new unlock starts"]["met"] is True


def test_a_target_that_was_not_measured_is_neither_met_nor_missed():
    assert {row["met"] for row in judged({})} == {None}


OURS = {"contestant": "ours", "jobs_s": 60.0, "all_cpu_ms_job": 10.0}


@pytest.mark.parametrize(
    ("theirs", "told"),
    [
        ({"contestant": "sync", "ended": 0, "invalid": "9 of 9 jobs did not end"}, "9 of 9"),
        ({"contestant": "sync", "jobs_s": 2.0, "failed": 1}, "jobs failed"),
        (None, "no setting"),
    ],
    ids=["ended no job", "failed a job", "no valid setting"],
)
def test_a_ratio_to_a_contestant_that_did_not_end_its_jobs_is_missed(theirs: Any, told: str):
    even = {"product": OURS} | ({} if theirs is None else {"sync_best": theirs})

    verdict = next(one for one in judged({"even": even}) if "best sync setting" in one["name"])

    assert verdict["met"] is False
    assert told in verdict["measured"]


def test_a_ratio_to_a_valid_row_is_measured():
    theirs = {"contestant": "sync", "jobs_s": 5.0, "all_cpu_ms_job": 120.0}

    verdicts = judged({"even": {"product": OURS, "sync_best": theirs}})

    assert [one["measured"] for one in verdicts if "best sync" in one["name"]][:2] == [12.0, 12.0]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1372.3, "1,400"), (8.36, "8.4"), (0.651, "0.65"), (99.6, "100"), (0.0, "0.0"), (7, "7")],
)
def test_a_figure_has_two_digits_that_say_something(value: float, shown: str):
    assert number(value) == shown


def test_percentiles_of_a_single_value_are_that_value():
    assert percentiles_ms([0.25]) == {
        "p50_ms": 250.0,
        "p95_ms": 250.0,
        "p99_ms": 250.0,
        "max_ms": 250.0,
    }


def test_a_table_has_a_column_for_whatever_any_row_tells():
    lines = table([{"who": "a", "jobs_s": 12.5}, {"who": "b", "memory_mb": 3}]).splitlines()

    assert lines[0] == "| who | jobs/s | memory mb |"
    assert lines[2:] == ["| a | 12 |  |", "| b |  | 3 |"]


@pytest.mark.parametrize("log", [True, False])
def test_a_chart_is_valid_and_its_longest_bar_is_the_largest_value(log: bool):
    bars = [Bar("a & b", 0.2, False), Bar("none", 0.0, False), Bar("ours", 700.0, True)]

    chart = ElementTree.fromstring(bar_chart("<title>", "jobs/s", bars, log=log))  # noqa: S314 (ours)

    widths = [float(each.get("width", 0)) for each in chart if each.tag.endswith("rect")]
    assert widths.index(max(widths)) == 2
    assert widths[1] == 0.0


@pytest.mark.parametrize("name", ["violations", "failed"])
def test_a_run_with_a_violation_or_a_failed_job_is_named_as_wrong(name: str):
    rows = [{"contestant": "good", name: 0}, summary([{"contestant": "bad", name: 1}] * 2)]

    assert _wrong({"overhead": {"rows": rows}}) == ["overhead: bad"]


def test_errors_of_two_loops_are_told_from_others_and_equal_ones_look_equal():
    one, other = (
        f"RuntimeError: Task-{number} got Future <0x7f{number}> attached to a different loop"
        for number in (12, 345)
    )

    assert shortened(one) == shortened(other)
    assert OTHER_LOOP.search(one)
    assert not OTHER_LOOP.search("ConnectionError: the server closed the connection")
