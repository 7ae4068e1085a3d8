from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from app.llm.told import Told
from app.llm.waits import WAIT_MAX_S, wait_told_s


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-4"}, None),
        ({"retry-after": "9" * 400}, WAIT_MAX_S),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_a_wait_is_read_as_seconds_milliseconds_or_a_date(
    headers: dict[str, str], wait_s: float | None
) -> None:
    assert wait_told_s(headers, Told(429)) == wait_s


def test_a_wait_until_a_date_is_the_time_until_then() -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    wait_s = wait_told_s({"retry-after": then}, Told(429))
    assert wait_s is not None
    assert 90 < wait_s <= 100
