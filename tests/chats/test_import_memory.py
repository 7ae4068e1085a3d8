"""What reading an export takes of memory: in proportion to its messages, whatever its format."""

import tracemalloc

import orjson
import pytest

from app.chats.import_process import answer
from benchmarks.seed import export_of
from tests.support.exports import LAYOUTS, TITLE, chat_of

MESSAGES = 4_000
MESSAGE_BYTES_MAX = 700
"""300,000 of them make 210 MB, beside the file twice and the program itself."""
REVISED_BYTES_MAX = 1_000


def order():
    asked = {"filename": "chat", "date_order": "dmy", "timezone": "UTC", "bytes_max": 1 << 30}
    return orjson.dumps(asked)


def most_held(request):
    """The most bytes that answering a request takes at a time, beyond the request; and the
    answer."""
    tracemalloc.start()
    try:
        reply = answer(request)
        return tracemalloc.get_traced_memory()[1], reply
    finally:
        tracemalloc.stop()


def exports():
    yield "whatsapp", export_of(MESSAGES)
    for name, layout in LAYOUTS.items():
        yield name, layout.render(chat_of(MESSAGES, people=(layout.own, TITLE))).encode()


@pytest.mark.parametrize("export", [pytest.param(raw, id=name) for name, raw in exports()])
def test_a_message_takes_so_much_at_most_while_it_is_read(export):
    answer([order(), b"", export])  # What is made once, such as expressions, counts for nothing.
    held, reply = most_held([order(), b"", export])
    assert orjson.loads(reply[0])["message_count"] == MESSAGES
    assert held <= 2 * len(export) + MESSAGE_BYTES_MAX * MESSAGES


def test_a_message_takes_so_much_at_most_while_its_chat_is_revised():
    _, meta, *blocks = answer([order(), b"", export_of(MESSAGES)])
    held, reply = most_held([order(), meta, export_of(MESSAGES + 40), *blocks])
    assert orjson.loads(reply[0])["changes"]["added"] == 40
    assert held <= REVISED_BYTES_MAX * MESSAGES


def test_a_file_is_given_back_before_the_chat_is_described():
    request = [order(), b"", export_of(100)]
    answer(request)
    assert request == []
