"""Where a bill begins, and how a terminal shows it."""

from datetime import date

import pytest

from app import telemetry
from app.costs.bill import DAYS_MAX, BadSince, Bill, Cost, Earned, parse_since
from app.costs.text import bill_text, dollars

TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("told", "since"),
    [("0d", TODAY), ("7d", date(2026, 11, 15)), ("2026-11-01", date(2026, 11, 1))],
)
def test_a_bill_begins_some_days_ago_or_on_a_day(told: str, since: date) -> None:
    assert parse_since(told, today=TODAY) == since


@pytest.mark.parametrize("told", ["", "7", "7h", "-7d", "2026-13-01", "2026-11-23", "9999d"])
def test_a_bill_begins_on_no_other_day(told: str) -> None:
    with pytest.raises(BadSince):
        parse_since(told, today=TODAY)
    assert parse_since(f"{DAYS_MAX}d", today=TODAY) < TODAY


def test_the_bill_as_text_is_exact_and_names_every_reason() -> None:
    told = Bill(
        TODAY,
        [
            Cost(TODAY, "m-1", "work", 2, 11, 1_000, 400, 90, 1_234_567, 1, 20, 300),
            Cost(TODAY, None, "work", 1, 0, 0, 0, 0, 0, 0, 0, 0),
        ],
        [Earned(TODAY, "work", 100, 50)],
    )
    shown = bill_text(told)
    assert "1.234567 US$ spent, 50 coins earned (100 captured, 50 refunded)" in shown
    assert "0.000321 US$ (failed 0.000001, cancelled 0.000020, expired 0.000300)" in shown
    assert [line.split() for line in shown.splitlines()[:3]][1] == (
        ["2026-11-22", "work", "m-1", "2", "11", "1,000", "400", "90", "1.234567", "0.000321"]
    )


def test_no_name_of_a_model_commands_a_terminal() -> None:
    name = "m\x1b[2J\n" + "x" * 100
    shown = bill_text(Bill(TODAY, [Cost(TODAY, name, "work", 1, 6, 1, 0, 1, 1, 0, 0, 0)], []))
    assert "m?[2J?xxx" in shown
    assert all(len(line) < 200 for line in shown.splitlines())


def test_dollars_keep_every_micro_dollar() -> None:
    assert [dollars(one) for one in (0, 1, 1_000_000, -1_234_567_890)] == (
        ["0.000000", "0.000001", "1.000000", "-1,234.567890"]
    )


def test_names_that_providers_choose_make_a_bounded_number_of_labels() -> None:
    label = telemetry.BoundedLabel(most=20)
    labels = [label(f"model-{number}") for number in [*range(1_000), 0]]
    assert len(set(labels)) == 21
    assert (labels[19], labels[20], labels[-1]) == ("model-19", "other", "model-0")
