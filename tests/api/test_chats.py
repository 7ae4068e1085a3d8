import asyncio
import io
import zipfile
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.chats.exchange import ReadingOrder
from app.chats.import_workers import ImportWorkers
from app.chats.upload import Uploads
from app.crypto import KeyRing
from app.db import snapshot
from app.errors import Busy
from app.process_pool import ProcessFailed
from app.settings import Settings
from tests.support.api import CHAT, Client, balance, refusal, unlock, upload
from tests.support.rights import by_worker

NO_ONE_S = "018f3b5e-0000-7000-8000-000000000000"


def zipped(**files: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as writer:
        for name, content in files.items():
            writer.writestr(name.replace("__", "."), content)
    return archive.getvalue()


async def test_an_upload_answers_with_all_that_is_free(alice: Client) -> None:
    reply = await upload(alice, CHAT.encode(), "WhatsApp Chat with Ben.txt")
    chat = reply.json()
    assert reply.status_code == 201
    assert set(chat) == {
        "id", "title", "participants", "message_count", "first_at", "last_at", "created_at",
        "expires_at", "statistics", "import", "unreadable", "revision",
    }  # fmt: skip
    assert chat["title"] == "Ben"
    assert chat["participants"] == [
        {"name": "Ana", "messages": 400},
        {"name": "Ben", "messages": 200},
    ]
    assert (chat["message_count"], chat["first_at"]) == (600, "2024-03-01T00:00:00Z")
    assert chat["statistics"]["total"]["messages"] == 600
    assert chat["import"] == {
        "format": "android-24h",
        "date_order": "dmy",
        "order_confidence": "certain",
        "unparsed_lines": 0,
        "possibly_truncated": False,
        "messenger": "whatsapp",
        "notices": 0,
        "unknown_notices": 0,
        "merged_headers": 0,
        "merged_header_lines": [],
        "replaced_bytes": 0,
        "repeated_messages": 0,
        "unsaid": ["time_zone"],
        "examples": [],
        "message_lines": 600,
        "notice_lines": 0,
        "blank_lines": 0,
    }


async def test_a_chat_is_read_back_as_it_was_uploaded(alice: Client, chat_id: str) -> None:
    uploaded = (await upload(alice, CHAT.encode())).json()
    assert (await alice.get(f"/api/chats/{uploaded['id']}")).json() == uploaded
    listed = (await alice.get("/api/chats")).json()
    assert [chat["id"] for chat in listed["items"]] == [uploaded["id"], chat_id]
    del uploaded["statistics"]
    assert listed["items"][0] == uploaded


async def test_an_archive_and_its_times_in_the_user_s_zone(alice: Client) -> None:
    archive = zipped(_chat__txt=CHAT, photo__jpg="x")
    reply = await upload(alice, archive, "WhatsApp Chat - Trip.zip", timezone="Europe/Berlin")
    chat = reply.json()
    assert chat["title"] == "Trip"
    assert chat["first_at"] == "2024-02-29T23:00:00Z"
    messages = await alice.get(f"/api/chats/{chat['id']}/messages?numbers=1")
    assert messages.json()["items"][0]["at"] == "2024-03-01T00:00:00+01:00"


async def test_messages_are_found_by_number_across_blocks(alice: Client, chat_id: str) -> None:
    reply = await alice.get(f"/api/chats/{chat_id}/messages?numbers=600,3,501,3,601,0")
    assert [message["number"] for message in reply.json()["items"]] == [3, 501, 600]
    assert reply.json()["items"][0] == {
        "number": 3,
        "at": "2024-03-01T02:02:00Z",
        "author": "Ana",
        "text": "Fine, thanks 😀",
        "kind": "text",
    }


@pytest.mark.parametrize(
    "numbers", ["", "x", "1,", "-1", "1;2", "1" * 10, ",".join(map(str, range(101)))]
)
async def test_numbers_that_are_none_are_refused(alice: Client, chat_id: str, numbers: str) -> None:
    reply = await alice.get(f"/api/chats/{chat_id}/messages", params={"numbers": numbers})
    assert refusal(reply) == (422, "validation_failed")


async def test_a_chat_of_somebody_else_does_not_exist(
    alice: Client, bob: Client, chat_id: str
) -> None:
    for reply in (
        await bob.get(f"/api/chats/{chat_id}"),
        await bob.get(f"/api/chats/{chat_id}/messages?numbers=1"),
        await bob.get(f"/api/chats/{chat_id}/insights"),
        await bob.delete(f"/api/chats/{chat_id}"),
        await unlock(bob, chat_id),
        await alice.get(f"/api/chats/{NO_ONE_S}"),
    ):
        assert refusal(reply) == (404, "not_found")
    assert (await bob.get("/api/chats")).json() == {"items": [], "next_cursor": None}
    assert await balance(bob) == {"available": 50, "held": 0}
    assert (await alice.get(f"/api/chats/{chat_id}")).status_code == 200


@pytest.mark.parametrize(
    ("content", "filename", "expected"),
    [
        (b"", "a.txt", (422, "empty_chat")),
        (b"   \n", "a.txt", (422, "empty_chat")),
        (bytes(range(256)) * 50, "a.txt", (422, "unrecognised_format")),
        (b"\0" * 5000, "a.txt", (422, "unrecognised_format")),
        (b"Dear diary,\n" * 100, "a.txt", (422, "unrecognised_format")),
        (b"PK\x03\x04 broken", "a.zip", (422, "bad_archive")),
        (b"no zip", "a.zip", (422, "bad_archive")),
        (zipped(photo__jpg="x"), "a.zip", (422, "bad_archive")),
        (b"01/02/2024, 10:00 - Ana: hi\n", "a.txt", (422, "ambiguous_dates")),
    ],
)
async def test_what_is_no_chat_is_refused_and_leaves_nothing(
    alice: Client, content: bytes, filename: str, expected: tuple[int, str]
) -> None:
    reply = await upload(alice, content, filename)
    assert refusal(reply) == expected
    assert (await alice.get("/api/chats")).json()["items"] == []


async def test_ambiguous_dates_name_their_readings_and_take_the_user_s_word(
    alice: Client,
) -> None:
    chat = b"01/02/2024, 10:00 - Ana: hi\n"
    reply = await upload(alice, chat)
    assert {reading["date_order"] for reading in reply.json()["readings"]} == {"dmy", "mdy"}
    declared = await upload(alice, chat, date_order="mdy")
    assert declared.json()["first_at"] == "2024-01-02T10:00:00Z"


async def test_a_zip_bomb_is_refused(alice: Client) -> None:
    bomb = zipped(_chat__txt="0" * (200 * 2**20))
    assert len(bomb) < 2**20
    status, code = refusal(await upload(alice, bomb, "bomb.zip"))
    assert (status, code) in {(413, "too_large"), (422, "bad_archive")}


@pytest.mark.parametrize(
    "fields",
    [
        {"date_order": "ydm"},
        {"timezone": "Mars/Olympus"},
        {"timezone": "../../etc/passwd"},
        {"timezone": "Europe"},
        {"timezone": "a\0b"},
        {"date_order": "x" * 600},
    ],
)
async def test_fields_that_cannot_be_are_refused(alice: Client, fields: dict[str, str]) -> None:
    reply = await upload(alice, CHAT.encode(), **fields)
    assert refusal(reply) == (422, "validation_failed")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"garbage"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\nhi"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\ncut',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="other"\r\n\r\nv\r\n--x--\r\n',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="\xff.txt"\r\n\r\nv'
            b"\r\n--x--\r\n",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a\0.txt"\r\n\r\nv'
            b"\r\n--x--\r\n",
        ),
        ("multipart/form-data; boundary=" + "x" * 5000, b"--x--"),
    ],
)
async def test_a_form_that_is_none_is_refused(
    alice: Client, content_type: str, body: bytes
) -> None:
    reply = await alice.post("/api/chats", content=body, headers={"content-type": content_type})
    assert refusal(reply) == (422, "validation_failed")


async def test_lists_go_on_where_the_page_before_ended(alice: Client) -> None:
    ids = [(await upload(alice, CHAT.encode())).json()["id"] for _ in range(5)]
    seen: list[str] = []
    cursor = ""
    while cursor is not None:
        page = (await alice.get(f"/api/chats?limit=2{cursor and '&cursor=' + cursor}")).json()
        seen += [chat["id"] for chat in page["items"]]
        cursor = page["next_cursor"]
    assert seen == ids[::-1]


async def test_nothing_of_a_chat_stands_readable_in_the_database(
    alice: Client, chat_id: str
) -> None:
    async with by_worker(snapshot()) as connection:
        rows = (await connection.execute(text("SELECT c::text FROM chats c"))).all()
        rows += (await connection.execute(text("SELECT b::text FROM chat_blocks b"))).all()
    stored = " ".join(row[0] for row in rows)
    assert len(rows) == 3
    for word in ("Ana", "Ben", "morning"):
        assert word not in stored
        assert word.encode().hex() not in stored


async def test_a_deleted_chat_is_gone_and_its_statement_stays(alice: Client, chat_id: str) -> None:
    job_id = (await unlock(alice, chat_id)).json()["job_id"]
    assert (await alice.delete(f"/api/chats/{chat_id}")).status_code == 204
    assert refusal(await alice.get(f"/api/chats/{chat_id}")) == (404, "not_found")
    assert refusal(await alice.delete(f"/api/chats/{chat_id}")) == (404, "not_found")
    assert (await alice.get(f"/api/insights/jobs/{job_id}")).json()["state"] == "cancelled"
    assert len((await alice.get("/api/credits/entries")).json()["items"]) == 3
    assert await balance(alice) == {"available": 50, "held": 0}


async def test_one_user_cannot_take_every_place_for_uploads(settings: Settings) -> None:
    uploads = Uploads(KeyRing(settings.master_keys), at_once=2, workers=1, file_bytes_max=10)
    async with uploads.slot("alice"):
        with pytest.raises(Busy):
            async with uploads.slot("alice"):
                raise AssertionError("a second place for the same user")
        async with asyncio.timeout(60), uploads.slot("bob"):
            pass
    async with asyncio.timeout(60), uploads.slot("alice"):
        pass


async def test_a_worker_is_told_of_a_new_chat_once_it_is_stored(
    app: FastAPI, alice: Client
) -> None:
    announced: list[tuple[str, str, int]] = []

    async def announce(user_id: str, chat_id: UUID) -> None:
        async with by_worker(snapshot()) as connection:
            stored = await connection.scalar(text("SELECT count(*) FROM chats"))
        announced.append((user_id, str(chat_id), stored or 0))

    app.state.api.announce = announce
    reply = await upload(alice, CHAT.encode())
    assert (await upload(alice, b"Dear diary")).status_code == 422
    assert announced == [("alice", reply.json()["id"], 1)]


async def test_the_reading_process_serves_many_uploads_and_refusals(alice: Client) -> None:
    replies: list[Any] = []
    for content in (CHAT.encode(), b"Dear diary", CHAT.encode(), b""):
        replies.append((await upload(alice, content)).status_code)
    assert replies == [201, 422, 201, 422]


async def test_a_reader_that_fails_tells_no_content_and_the_next_one_works() -> None:
    workers, raw = ImportWorkers(1), CHAT.encode()
    try:
        with pytest.raises(ProcessFailed, match="ZoneInfoNotFoundError at ") as failed:
            await workers.read(raw, ReadingOrder("a.txt", None, "No/Zone"), bytes_max=len(raw))
        assert "Ana" not in str(failed.value)
        chat = await workers.read(raw, ReadingOrder("a.txt", None, "UTC"), bytes_max=len(raw))
        assert chat.message_count == 600
    finally:
        await workers.close()
