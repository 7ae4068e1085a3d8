import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.chats.formats.format import HEAD_BYTES
from app.chats.formats.registry import FORMATS, find_format, is_chat
from app.chats.transcript import EmptyChat, UnrecognisedFormat


def test_a_file_of_no_format_is_refused_with_the_formats_that_are_read():
    with pytest.raises(UnrecognisedFormat) as refusal:
        find_format(b"Dear diary,\nnothing happened.")
    assert "WhatsApp" in refusal.value.facts["formats"]


@pytest.mark.parametrize("raw", [b"", b" \r\n\n", b"\xef\xbb\xbf"])
def test_a_blank_file_is_an_empty_chat(raw):
    with pytest.raises(EmptyChat):
        find_format(raw)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32"])
def test_a_whatsapp_export_is_told_by_its_content(encoding):
    assert find_format("30/12/22, 22:15 - Ann: grüß".encode(encoding)).name == "whatsapp"


def test_a_head_that_ends_inside_a_character_is_recognised():
    raw = b"30/12/22, 22:15 - Ann: a" + "ü".encode() * HEAD_BYTES
    assert find_format(raw).name == "whatsapp"


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_no_format_stumbles_over_bytes_it_does_not_know(raw):
    assert {known.recognises(raw) for known in FORMATS} <= {True, False}


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"{\\rtf1\\ansi 13/02/24", "save it as plain text"),
        (b"\xef\xbb\xbf \n{\\RTF1 x\n13/02/24, 10:15 - Nia: hi\\\n", "save it as plain text"),
        ("{\\urtf1 [13/02/24, 10:15:01] Nia: hi\\".encode("utf-16"), "save it as plain text"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "save it as plain text"),
        (b"%PDF-1.7", "PDF"),
        (b"\xef\xbb\xbf%PDF-1.7", "PDF"),
        (b"<HTML><br>\n13/02/24, 10:15 - Nia: hi<br>\n", "looks like a web page"),
        (b"\xff\xd8\xff\xe0", "picture"),
        (b"\x1f\x8b\x08", "unpack"),
        (b"<!DOCTYPE html><html><div class=\"chatlog__message\">", "looks like Discord"),
        (b"<html><title>Exported Data</title><body>Telegram", "looks like Telegram"),
        (b"[LINE] Chat history with Nia", "looks like LINE"),
        (b"<html><p>my page", "looks like a web page"),
    ],
)  # fmt: skip
def test_a_stranger_is_named_with_what_is_read(head, told):
    with pytest.raises(UnrecognisedFormat, match=told) as refusal:
        find_format(head)
    if "looks like" in told:
        assert "here is what is read: " in refusal.value.detail
        assert "WhatsApp" in refusal.value.detail
    assert not is_chat(head)
