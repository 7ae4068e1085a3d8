"""Files that are made to take time or memory: each ends, within memory in proportion to it."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.chats.formats.format import ReadingOptions
from app.chats.formats.registry import FORMATS, read_export
from app.chats.transcript import UnrecognisedFormat
from tests.chats.fuzz import memory_allowed, memory_of, try_one

TELEGRAM = b'{"type":"personal_chat","messages":['
PC_DAY = (
    "x 님과 카카오톡 대화\n저장한 날짜 : 2\n"
    "--------------- 2024년 3월 11일 월요일 ---------------\n"
)
SENT = "From: a\nType: incoming\nSent: Mon, 2 Jan 2006 15:04:05 +0000\n"
HOSTILE = {
    "tiny lists": TELEGRAM + b"[]," * 150_000 + b"{}]}",
    "tiny objects": TELEGRAM + b"{}," * 150_000 + b"{}]}",
    "lists in lists": TELEGRAM + b"[" * 450_000,
    "a text that never ends": TELEGRAM + b'"' + b'\\"' * 450_000,
    "arrays without end": b'{"type":"personal_chat"' + b',"messages":[]' * 60_000,
    "names without end": TELEGRAM + b"]" + b',"name":"x' * 90_000,
    "objects that are one line": b'{"at":1700000000,"author":"a","text":"b"}\n' + b"{" * 900_000,
    "texts of one character": b"<smses>"
    + b'<sms address="1" date="1700000000000" body="x"/>' * 18_000,
    "attributes that never end": b"<smses>" + b"<sms a='<sms b=\"" * 55_000,
    "rows of nothing": b"localId,Time,SenderName,Content\n" + b"," * 900_000,
    "quotation marks": b'localId,Time,SenderName,Content\n' + b'1,2024-01-01 10:00:00,a,"' * 36_000,
    "one text of many lines": b'[LINE] x\n2024/01/01(Mon)\n10:00\tA\t"' + b"x\n" * 450_000,
    "days alone": b"[LINE] a\n" + "2024/01/01 月\n".encode() * 60_000,
    "headers alone": (PC_DAY + "[a] [오전 9:12] 님이 님을\n" * 25_000).encode(),
    "headers in a line": (PC_DAY + "[a] [오전 9:12] " * 40_000).encode(),
    "blank lines": ("Conversation: a\n\n" + SENT + "\n" * 900_000).encode(),
    "reactions": b"[2024-02-13 10:15:00] A: x  \n\n[2024-02-13 10:15:00] A: " + b"\n(- " * 220_000,
    "attachments": b"[2024-02-13 10:15:00] A: x  " + b"![a](./media/" * 70_000,
    "events": b"May 17, 2022  5:29:42 PM\nA\n" + b"May 17, 2022  5:29:42 PM\n" * 36_000,
    "a path": b"May 17, 2022  5:29:42 PM\nA\n" + b"a/" * 450_000,
    "edits": b"May 17, 2022  5:29:42 PM\nA\n" + b"Edited a later: \n" * 50_000,
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_read_or_refused_in_proportion(name):
    raw = HOSTILE[name]
    peak, made = memory_of(raw)
    assert peak <= memory_allowed(raw, made)


PIECES = [
    b'{"messages":[', b'"type":"personal_chat",', b"[", b"]", b"{", b"}", b'"', b"\\", b",", b"\n",
    b'"participants":[', b'"sender_name":', b'"guild":{', b'"channel":{', b'"conversationId":"x"',
    b"<smses>", b'<sms address="1" date="1"', b"<mms ", b"localId,Time,SenderName,Content\n",
    b"[LINE] x\n", b"2024/01/01\n", b"10:00\tA\tx\n", b"Conversation: a\n\n", SENT.encode(),
    b"2024-01-01 10:00 A: x\n", b"[Feb 13, 2024 10:15:00] <A> x\n", PC_DAY.encode(), b"\xff", b"\0",
    b"[2024-02-13 10:15:00] A: x  \n\n", b"May 17, 2022  5:29:42 PM\nA\n", b'{"at":1,"author":"a",',
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join))
@settings(max_examples=400, deadline=None)
def test_scrambled_exports_raise_nothing_but_refusals(raw):
    assert {known.recognises(raw) for known in FORMATS} <= {True, False}
    try_one(raw)


@pytest.mark.parametrize(
    "column", [b"Ti\xffme", b"Time\xff", b"\xe5\x86\x85\xe5\xae", b"Content\0"]
)
def test_a_stray_byte_in_the_names_of_columns_is_refused_or_read(column):
    row = b"\n1,2024-01-01 10:00:00,Nia,hi"
    for header in (b"localId,%s,SenderName,Content", b"localId,Time,SenderName,%s"):
        with contextlib.suppress(UnrecognisedFormat):
            read_export(header % column + row, ReadingOptions())
