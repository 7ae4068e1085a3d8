"""Absolute times stay what they are in a zone whose clocks change."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.chats.formats.format import ReadingOptions
from app.chats.formats.registry import read_export
from tests.support.exports import LAYOUTS, TITLE, Said

BERLIN = ZoneInfo("Europe/Berlin")
CHANGES = (datetime(2024, 3, 31, 1, tzinfo=UTC), datetime(2024, 10, 27, 1, tzinfo=UTC))
ABSOLUTE = ("telegram", "meta", "meta-encrypted", "discord", "sigtop-text", "sigtop-json", "sms",
            "wechat")  # fmt: skip


@pytest.mark.parametrize("name", ABSOLUTE)
def test_times_around_a_change_of_clocks_are_those_of_the_zone(name):
    layout = LAYOUTS[name]
    seconds = [
        int(change.timestamp()) + 600 * step for change in CHANGES for step in range(-60, 60)
    ]
    said = [Said(datetime.fromtimestamp(s, UTC), layout.own, f"at {s}") for s in seconds]
    said[0] = said[0]._replace(author=TITLE)
    read = read_export(layout.render(said).encode(), ReadingOptions(tz=BERLIN)).messages
    assert {m.text: (m.at.isoformat(), m.at.fold) for m in read} == {
        f"at {s}": ((at := datetime.fromtimestamp(s, BERLIN)).isoformat(), at.fold) for s in seconds
    }
