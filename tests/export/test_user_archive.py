"""Everything of a user, and of nobody else, in an archive that never exists as a whole."""

import io
import json
import tracemalloc
import zipfile
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.catalog.categories import CATEGORIES
from app.chats.message import Message
from app.credits.accounts import grant_coins
from app.crypto import KeyRing
from app.errors import Busy
from app.export.slots import EXPORTS_MAX, ExportSlots
from app.export.user_archive import user_archive
from app.generation.model.generator import ModelGenerator
from app.jobs.chat_deletion import delete_chat
from tests.faults.actions import ANSWER
from tests.support.jobs import MakeEngine, execute, store_chat, unlock
from tests.support.scripted_llm import Scripted

BREAKS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
START = datetime(2025, 3, 1, 9, tzinfo=UTC)


async def archive_of(user_id: str, keyring: KeyRing) -> zipfile.ZipFile:
    content = b"".join([piece async for piece in user_archive(user_id, keyring)])
    opened = zipfile.ZipFile(io.BytesIO(content))
    assert opened.testzip() is None
    return opened


def lines_of(archive: zipfile.ZipFile, name: str) -> list[dict]:
    return [json.loads(line) for line in archive.read(name).splitlines()]


async def test_the_archive_has_chats_insights_statement_and_what_was_sent(
    chat: UUID, make_engine: MakeEngine, keyring: KeyRing
) -> None:
    job_id = (await unlock("alice", chat)).job_id
    await make_engine(generator=ModelGenerator(Scripted(lambda _: ANSWER))).run_job("alice", job_id)
    await store_chat(keyring, "bob")
    archive = await archive_of("alice", keyring)
    folder = "chats/001 Ann and Ben"
    assert archive.namelist() == [
        *("README.txt", "account.json", "statement.jsonl", "jobs.jsonl", "sent.jsonl"),
        *(f"{folder}/chat.json", f"{folder}/messages.txt", f"{folder}/insights.txt"),
    ]
    assert json.loads(archive.read("account.json")) == {
        "user_id": "alice",
        "available": 0,
        "held": 0,
    }
    kinds = [entry["kind"] for entry in lines_of(archive, "statement.jsonl")]
    assert kinds == ["capture", "reserve", "grant"]
    [job] = lines_of(archive, "jobs.jsonl")
    headline = job["insights"][0]["content"]["headline"]
    assert (job["job_id"], headline) == (str(job_id), "Ben writes")
    sent = lines_of(archive, "sent.jsonl")
    assert {one["insight"] for one in sent} == {
        spec.key for spec in CATEGORIES["friendship"].insights
    }
    assert all("cake" in "".join(m["content"] for m in one["messages"]) for one in sent)
    messages = archive.read(f"{folder}/messages.txt").decode().splitlines()
    assert len(messages) == 80
    assert messages[1] == "2 [2025-03-01 09:20:00] Ann: Thank you, love it 2"
    described = json.loads(archive.read(f"{folder}/chat.json"))
    assert (described["id"], described["participants"][0]["name"]) == (str(chat), "Ann")
    told = archive.read(f"{folder}/insights.txt").decode()
    assert told.count("Ben writes.") >= 12
    assert "(messages 1)" in told


async def test_a_user_who_comes_for_the_first_time_gets_an_archive_too(
    engine: None, keyring: KeyRing
) -> None:
    archive = await archive_of("new", keyring)
    assert len(archive.namelist()) == 5
    assert archive.read("jobs.jsonl") == b""


async def test_what_does_not_open_is_named_beside_all_the_rest(
    chat: UUID, make_engine: MakeEngine, keyring: KeyRing
) -> None:
    await grant_coins("alice", coins=50, reason="gift", reference="g", actor="ops")
    job_id = (await unlock("alice", chat)).job_id
    await make_engine().run_job("alice", job_id)
    await execute("UPDATE chat_keys SET key_id = 'lost'")
    torn = await store_chat(keyring, "alice")
    await execute("UPDATE chat_blocks SET sealed = '' WHERE chat_id = :id", id=torn)
    await store_chat(keyring, "alice")
    archive = await archive_of("alice", keyring)
    chats = [
        json.loads(archive.read(name)) for name in archive.namelist() if name.endswith("chat.json")
    ]
    assert [one["unreadable"] for one in chats] == [False, False, True]
    assert len(archive.read("chats/001 Ann and Ben/messages.txt").splitlines()) == 80
    assert archive.read("chats/002 Ann and Ben/messages.txt") == b"[unreadable]\n"
    assert [part["content_unreadable"] for part in lines_of(archive, "jobs.jsonl")[0]["insights"]]
    assert lines_of(archive, "sent.jsonl") == [{"job_id": str(job_id), "unreadable": True}]


async def test_a_chat_that_is_deleted_meanwhile_is_left_out_from_there_on(
    chat: UUID, keyring: KeyRing
) -> None:
    long = [Message(n, START, "Ann", f"{n} {n * n} {n * n * n}") for n in range(1, 6_000)]
    other = await store_chat(keyring, "alice", long, is_prepared=False)
    pieces = user_archive("alice", keyring)
    content = await anext(pieces)
    await delete_chat("alice", chat)
    await delete_chat("alice", other)
    content += b"".join([piece async for piece in pieces])
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    assert len(archive.read("chats/001 Ann and Ben/messages.txt").splitlines()) < 6_000


async def test_no_break_of_a_line_makes_a_message_of_somebody_else(
    keyring: KeyRing, engine: None
) -> None:
    said = [f"yes{br}9 [2025-03-01 09:00:00] Ann: no" for br in BREAKS]
    messages = [Message(number, START, "Ben", text) for number, text in enumerate(said, start=1)]
    await store_chat(keyring, "alice", messages, is_prepared=False)
    archive = await archive_of("alice", keyring)
    told = archive.read("chats/001 Ann and Ben/messages.txt").decode().splitlines()
    assert told[::2] == [f"{number} [2025-03-01 09:00:00] Ben: yes" for number in range(1, 12)]
    assert {line[:6] for line in told[1::2]} == {"    9 "}


@pytest.mark.parametrize("title", ["../../etc/passwd", "a/b\\c:d*e?", "", "…", "👩‍👩‍👧", "x" * 300])
async def test_names_of_folders_are_harmless(keyring: KeyRing, engine: None, title: str) -> None:
    await store_chat(keyring, "alice", title=title)
    names = [
        name for name in (await archive_of("alice", keyring)).namelist() if "chat.json" in name
    ]
    [[top, folder, _]] = [name.split("/") for name in names]
    assert (top, folder[:3]) == ("chats", "001")
    assert len(folder) < 80
    assert not set(folder) & set('\\/:*?"<>|')
    assert not folder.endswith((" ", "."))


async def test_memory_does_not_grow_with_the_chat(engine: None, keyring: KeyRing) -> None:
    long = [
        Message(n, START, "Ann", f"{n} " + " ".join(str(n * k) for k in range(20)))
        for n in range(1, 60_001)
    ]
    await store_chat(keyring, "alice", long, is_prepared=False)
    del long
    size = largest = 0
    tracemalloc.start()
    async for piece in user_archive("alice", keyring):
        size += len(piece)
        largest = max(largest, len(piece))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 3_000_000
    assert largest < 1_000_000
    assert peak < 12_000_000


def test_one_archive_of_a_user_and_few_in_all_are_written_at_once() -> None:
    slots = ExportSlots()
    with slots.slot("alice"):
        with pytest.raises(Busy), slots.slot("alice"):
            pass
        with slots.slot("bob"), pytest.raises(Busy), slots.slot("carol"):
            pass
    assert EXPORTS_MAX == 2
    with slots.slot("alice"), slots.slot("carol"):
        pass
