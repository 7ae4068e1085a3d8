import codecs
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.chats.formats.format import ReadingOptions
from app.chats.formats.registry import find_format
from app.chats.formats.text import read_text
from app.chats.formats.whatsapp.export import parse_export
from app.chats.transcript import EmptyChat, UnrecognisedFormat
from app.errors import DomainError
from tests.chats.fuzz import make, memory_allowed, memory_of, try_one


@pytest.mark.parametrize("text", ["", "\n \n", "\ufeff"])
def test_an_empty_file_is_an_empty_chat(text):
    with pytest.raises(EmptyChat):
        parse_export(text)


def test_notices_alone_are_an_empty_chat():
    with pytest.raises(EmptyChat):
        parse_export("30/12/22, 22:15 - Bob left\n30/12/22, 22:15 - Ann left\n")


@pytest.mark.parametrize("text", ["Dear diary,\nnothing.", "a,b\n1,2", "99/99/99, 10:00 - A: b"])
def test_other_text_is_not_recognised(text):
    with pytest.raises(UnrecognisedFormat):
        parse_export(text)


TWO = "30/12/22, 22:15 - Ann: grüß 😀\n30/12/22, 22:16 - Bob: hi\n"


@pytest.mark.parametrize(
    "raw",
    [
        *map(TWO.encode, ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")),
        codecs.BOM_UTF16_BE + TWO.encode("utf-16-be"),
        codecs.BOM_UTF32_BE + TWO.encode("utf-32-be"),
        codecs.BOM_UTF8 * 2 + TWO.encode(),
        codecs.BOM_UTF8 + TWO.encode("utf-16-le"),
        codecs.BOM_UTF16_LE + TWO.encode(),
        TWO.encode() + b"\0" * 900,
        TWO.encode("utf-16") + b"\0" * 900,
        TWO.encode() + b"\x1a",
    ],
)
def test_the_encodings_of_exports_and_of_what_spoils_them_are_read(raw):
    chat = find_format(raw).read(raw, ReadingOptions())
    assert [m.text for m in chat.messages] == ["grüß 😀", "hi"]
    assert chat.report.replaced_bytes == 0


@pytest.mark.parametrize(
    "newline", ["\n", "\r\n", "\r", "\r\r\n", "\u2028", "\u2029", "\x85", "\x0b", "\x0c"]
)
def test_lines_end_as_editors_end_them(newline):
    raw = TWO.replace("\n", newline).encode()
    chat = find_format(raw).read(raw, ReadingOptions())
    assert [m.text for m in chat.messages] == ["grüß 😀", "hi"]


def test_lines_may_end_in_several_ways_in_one_file():
    header = "30/12/22, 22:15 - Ann: "
    chat = parse_export(f"{header}a\r\n{header}b\r{header}c\n{header}d\u2028e")
    assert [m.text for m in chat.messages] == ["a", "b", "c", "d\u2028e"]


@pytest.mark.parametrize("raw", [b"\xff\xd8\xff\xe0 jpeg" * 9, b"\0\1\2" * 50, b"caf\xe9 " * 50])
def test_a_binary_is_refused(raw):
    with pytest.raises(UnrecognisedFormat):
        read_text(raw)


def test_a_stray_byte_is_replaced_and_counted():
    raw = b"30/12/22, 22:15 - Ann: caf" + b"\xe9 \xef\xbf\xbd au lait\n"
    chat = find_format(raw).read(raw, ReadingOptions())
    assert chat.messages[0].text == "caf\ufffd \ufffd au lait"
    assert chat.report.replaced_bytes == 1


@given(st.binary(max_size=400))
@settings(max_examples=200)
def test_random_bytes_raise_nothing_but_refusals(raw):
    with contextlib.suppress(DomainError):
        find_format(raw).read(raw, ReadingOptions())


STAMPS = ["30/12/22, 22:15 - ", "[1/2/2023, 10:00:00 PM] ", "31/02/22, 99:99 - ", "13. 6. 2018. "]
BODIES = ["<attached: a.jpg>", "x.y (file attached)", "This message was deleted", "Bob added Ann"]
PIECES = [*STAMPS, *BODIES, *'<>[]: \n\0"', "Ann: ", "\u200e", "\ud800", "2566", "klo 18.00 - "]


@given(st.lists(st.sampled_from(PIECES), max_size=40))
@settings(max_examples=400)
def test_scrambled_exports_raise_nothing_but_refusals(pieces):
    with contextlib.suppress(DomainError):
        messages = parse_export("".join(pieces)).messages
        assert [m.number for m in messages] == list(range(1, len(messages) + 1))
        stored = "".join(m.author + m.text for m in messages)
        assert "\0" not in stored
        assert stored.encode().decode() == stored


@pytest.mark.parametrize(
    "run",
    ["\u200e", " ", "<", "\n\u200e", "started a ", "[", '"', "\n1/1/1", "<a:", "\n12/12/22, "],
)
def test_long_runs_of_one_thing_are_read_in_linear_time(run):
    long = run * (200_000 // len(run))
    chat = parse_export(f"30/12/22, 22:15 - Ann: \u200e{long}\n30/12/22, 22:15 - Bob: hi\n")
    assert chat.messages[-1].text == "hi"


def test_hostile_mutations_of_exports_raise_nothing_but_refusals():
    for seed in range(1, 200):
        try_one(make(seed))


@pytest.mark.parametrize("seed", [1, 7, 2_000])
def test_memory_stays_in_proportion_to_the_input(seed):
    raw = make(seed)
    peak, made = memory_of(raw)
    assert peak <= memory_allowed(raw, made)
