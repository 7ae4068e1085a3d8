import contextlib
import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.chats.archive import ArchiveLimits, BadArchive, TooLarge, read_transcript
from app.chats.formats.registry import is_chat
from app.chats.transcript import SeveralChats
from app.errors import DomainError

CHAT = "31/12/22, 22:15 - Ann: grüß 😀\n".encode()


def packed(*entries, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_text_file_passes_through():
    assert read_transcript(CHAT, "chat.txt") == CHAT


@pytest.mark.parametrize(
    "names",
    [
        ["_chat.txt", "WhatsApp Chat with Bob.txt", "notes.txt"],
        ["WhatsApp Chat with Ann.txt", "notes.txt", "IMG-1.jpg"],
        ["Chat de WhatsApp con Ann.txt", "photo.jpg"],
        ["WhatsApp Chat - Ann/_chat.txt", "WhatsApp Chat - Ann/1.jpg"],
        ["../../etc/_chat.txt", "../other.txt"],
        ["/_chat.txt"],
        ["only.txt", "__MACOSX/._only.txt"],
    ],
)
def test_the_transcript_is_found_among_the_entries(names, tmp_path, monkeypatch):
    folder = tmp_path / "of" / "this" / "test"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    raw = packed((names[0], CHAT), *((name, b"other") for name in names[1:]))
    assert read_transcript(raw, "export.zip") == CHAT
    assert list(tmp_path.rglob("*.txt")) == []


def test_the_content_decides_and_not_the_name():
    assert read_transcript(packed(("_chat.txt", CHAT)), "chat.txt") == CHAT
    with pytest.raises(BadArchive):
        read_transcript(CHAT, "chat.ZIP")


@pytest.mark.parametrize("entries", [[], [("a.jpg", b"x")], [("a.txt/", b"")]])
def test_an_archive_without_one_transcript_is_refused(entries):
    with pytest.raises(BadArchive):
        read_transcript(packed(*entries), "a.zip")


def test_a_transcript_that_unpacks_without_end_is_stopped_while_reading():
    raw = packed(("_chat.txt", b"\0" * (64 << 20)))
    assert len(raw) < 100_000
    with pytest.raises(BadArchive, match="far more"):
        read_transcript(raw, "bomb.zip")
    with pytest.raises(TooLarge) as refusal:
        read_transcript(raw, "bomb.zip", limits=ArchiveLimits(transcript_bytes_max=1 << 20))
    assert refusal.value.http_status == 413


def test_an_archive_that_lies_about_its_size_is_stopped_too():
    raw = bytearray(packed(("_chat.txt", b"a" * (16 << 20))))
    directory = raw.rfind(b"PK\x01\x02")
    raw[directory + 24 : directory + 28] = (100).to_bytes(4, "little")
    with pytest.raises(DomainError):
        read_transcript(bytes(raw), "bomb.zip")


def test_text_files_above_the_limit_are_too_large():
    with pytest.raises(TooLarge):
        read_transcript(b"x" * 11, "a.txt", limits=ArchiveLimits(transcript_bytes_max=10))


def test_media_beside_the_transcript_are_never_unpacked():
    raw = packed(("_chat.txt", CHAT), ("huge.bin", b"\0" * (64 << 20)))
    limits = ArchiveLimits(transcript_bytes_max=1_000, ratio_max=2)
    assert read_transcript(raw, "a.zip", limits=limits) == CHAT


def test_too_many_entries_are_refused():
    raw = packed(("_chat.txt", CHAT), *((f"{n}.jpg", b"") for n in range(50)))
    assert read_transcript(raw, "a.zip", limits=ArchiveLimits(entries_max=51)) == CHAT
    with pytest.raises(BadArchive, match="too many"):
        read_transcript(raw, "a.zip", limits=ArchiveLimits(entries_max=50))


def test_an_encrypted_transcript_is_refused():
    raw = bytearray(packed(("_chat.txt", CHAT)))
    raw[6] |= 1
    raw[raw.rfind(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(BadArchive, match="encrypted"):
        read_transcript(bytes(raw), "a.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packing_that_exports_never_use_is_refused(method):
    with pytest.raises(BadArchive):
        read_transcript(packed(("_chat.txt", CHAT), method=method), "a.zip")


def test_a_damaged_transcript_is_refused():
    raw = packed(("_chat.txt", CHAT), method=zipfile.ZIP_STORED)
    with pytest.raises(BadArchive):
        read_transcript(raw.replace(b"Ann", b"Bob"), "a.zip")


def test_every_truncation_is_refused():
    raw = packed(("_chat.txt", CHAT * 20))
    for length in range(4, len(raw)):
        with pytest.raises(BadArchive):
            read_transcript(raw[:length], "a.zip")


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6))
@settings(max_examples=300)
def test_any_damage_raises_nothing_but_refusals(changes):
    raw = bytearray(packed(("_chat.txt", CHAT), ("1.jpg", b"x" * 40)))
    for position, value in changes:
        raw[position % len(raw)] = value
    with contextlib.suppress(DomainError):
        assert read_transcript(bytes(raw), "a.zip") is not None


@pytest.mark.parametrize(
    "name",
    ["_chat.txt", "_CHAT.TXT", "Chat de WhatsApp con Ana.txt", "WhatsApp Chat mit Ana.txt",
     "Čat WhatsApp s uživatelem Ana.txt", "folder/_chat.txt", "anything.txt", "a/b/c/_Chat.Txt",
     "Чат WhatsApp с Аней.txt", "與安娜的 WhatsApp 對話.txt", "🏖️ tutto.TXT", "a\\b\\_chat.txt",
     "_chat (1).txt", "chat.text", "chat.log", "chat", "transcript.md"],
)  # fmt: skip
def test_the_chat_is_found_in_any_language_beside_notes_and_attributes(name):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("notes.txt", "Dear diary")
        writer.writestr("._" + name.rpartition("/")[2], b"\0\5\26\7")
        writer.writestr("__MACOSX/._" + name.rpartition("/")[2], b"\0\5\26\7")
        writer.writestr("photo.jpg", "x")
        writer.writestr(name, CHAT)
    assert read_transcript(archive.getvalue(), "a.zip", is_chat=is_chat) == CHAT


@pytest.mark.parametrize(
    ("other", "content"),
    [("_chat.txt", b""), ("_chat.txt", b"Dear diary"), ("WhatsApp readme.txt", b"Dear diary")],
)
def test_a_file_that_is_named_as_the_chat_and_holds_none_is_passed_over(other, content):
    raw = packed((other, content), ("x.txt", CHAT))
    assert read_transcript(raw, "a.zip", is_chat=is_chat) == CHAT


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("_chat.rtf", "plain text"), ("chat.rtfd/TXT.rtf", "plain text"), ("a.docx", "plain text"),
        ("Index/Document.iwa", "plain text"), ("export/messages.html", "text or JSON"),
        ("WhatsApp.zip", "another archive"), ("chat.PDF", "PDF"), ("__MACOSX/._a.rtf", "no trans"),
    ],
)  # fmt: skip
def test_what_an_archive_holds_in_place_of_a_chat_is_told(name, told):
    with pytest.raises(BadArchive, match=told):
        read_transcript(packed((name, b"x"), ("a.jpg", b"x")), "a.zip", is_chat=is_chat)


def test_of_two_chats_in_one_archive_the_one_that_is_named_is_read():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("a.txt", CHAT)
        writer.writestr("b.txt", CHAT)
    with pytest.raises(SeveralChats) as refusal:
        read_transcript(archive.getvalue(), "a.zip", is_chat=is_chat)
    assert [choice["chat"] for choice in refusal.value.facts["chats"]] == ["a.txt", "b.txt"]
    chosen = read_transcript(archive.getvalue(), "a.zip", is_chat=is_chat, chat="b.txt")
    assert chosen == CHAT


def test_the_chats_of_a_download_of_all_information_are_found_among_its_other_files():
    """Hundreds of each; the longest chats are named, and any of them can be."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for n in range(200):
            writer.writestr(f"activity/other_{n}.json", "{}")
        writer.writestr("no-data.txt", "nothing")
        for n in range(300):
            for part in range(1, 3):
                writer.writestr(f"inbox/p{n}/message_{part}.json", f"{n} {part} " + "x" * n)
    with pytest.raises(SeveralChats) as refusal:
        read_transcript(archive.getvalue(), "a.zip", is_chat=is_chat)
    named = [choice["chat"] for choice in refusal.value.facts["chats"]]
    assert named[:2] == ["inbox/p299", "inbox/p298"]
    assert len(named) == 200
    chosen = read_transcript(archive.getvalue(), "a.zip", is_chat=is_chat, chat="inbox/p1")
    assert chosen == b"1 1 x\n1 2 x"


def test_a_lone_text_beside_a_chat_is_no_chat():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("notes.txt", "Dear diary")
        writer.writestr("chat.csv", b"Date,User,Message\n2024-02-13 10:15:00,Nia,hi\n")
    chosen = read_transcript(archive.getvalue(), "a.zip", is_chat=is_chat)
    assert chosen.startswith(b"Date,")


def test_an_office_document_is_told_as_one():
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("[Content_Types].xml", "<x/>")
        writer.writestr("word/document.xml", "<x/>")
    with pytest.raises(BadArchive, match="plain text"):
        read_transcript(archive.getvalue(), "a.docx", is_chat=is_chat)


def test_chats_whose_files_have_one_name_are_told_apart_by_their_folders():
    raw = packed(("Nia/_chat.txt", CHAT), ("Olo/_chat.txt", CHAT))
    with pytest.raises(SeveralChats) as refusal:
        read_transcript(raw, "export.zip", is_chat=is_chat)
    assert {chat["title"] for chat in refusal.value.facts["chats"]} == {"Nia", "Olo"}


def test_a_chat_that_signal_export_writes_twice_is_one_chat():
    data = (
        b'{"date": "2024-02-13T10:15:01", "sender": "Nia", "body": "hi", "quote": "", '
        b'"sticker": "", "reactions": [], "attachments": []}\n'
    )
    markdown = b"[2024-02-13 10:15:01] Nia: hi  \n"
    for folder in ("Nia/", ""):
        raw = packed((f"{folder}chat.md", markdown), (f"{folder}data.json", data))
        assert read_transcript(raw, "export.zip", is_chat=is_chat) == data
