import re
from collections import Counter
from datetime import UTC, datetime

import pytest

from app.chats.formats.text import read_text
from app.chats.formats.whatsapp.export import parse_export
from app.chats.message import MessageKind
from app.chats.statistics import compute_statistics
from samples.generate import SAMPLE, generate


@pytest.fixture(scope="module")
def chat():
    return parse_export(read_text(SAMPLE.read_bytes()))


def test_the_sample_is_written_the_same_every_time():
    assert generate().encode() == SAMPLE.read_bytes()


def test_the_sample_is_read_without_a_line_left_over(chat):
    assert chat.report.unparsed_lines == 0
    assert (chat.report.format, chat.report.date_order) == ("android-24h", "dmy")
    assert chat.report.order_confidence == "certain"
    assert set(chat.participants) == {"Maya", "Jonas"}
    assert 4_000 <= len(chat.messages) <= 6_000


def test_every_message_of_the_sample_becomes_one(chat):
    headers = re.findall(r"(?m)^\d\d/\d\d/\d{4}, \d\d:\d\d - (?:Maya|Jonas): ", generate())
    assert len(headers) == len(chat.messages)
    assert chat.messages[0].at == datetime(2024, 3, 4, 18, 22, tzinfo=UTC)


def test_the_sample_has_what_a_year_of_friendship_has(chat):
    kinds = Counter(m.kind for m in chat.messages)
    assert min(kinds[MessageKind.MEDIA], kinds[MessageKind.DELETED]) > 5
    assert sum(m.edited for m in chat.messages) > 20
    assert sum("\n" in m.text for m in chat.messages) > 3
    statistics = compute_statistics(chat.messages)
    assert statistics.longest_silence is not None
    assert statistics.longest_silence.seconds > 7 * 86_400
    assert statistics.total.questions > 500
    assert statistics.total.links > 10


def test_lines_of_the_sample_seldom_repeat(chat):
    long = Counter(m.text for m in chat.messages if len(m.text) > 30)
    assert len(long) > 0.9 * sum(long.values())


def test_nothing_of_the_templates_is_left_in_the_sample(chat):
    assert not [m.text for m in chat.messages if re.search(r"[{}|\[\]]|//(?!\S)", m.text)]
