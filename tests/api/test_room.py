"""How much a user may have stored."""

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy import text

from app.acting import for_users
from app.chats.form import UploadForm
from app.chats.room import QuotaExceeded
from app.chats.upload import Uploads
from app.db import snapshot
from app.main import create_app
from app.settings import Settings
from tests.support.api import CHAT, Client, refusal, unlock, upload
from tests.support.rights import by_worker

ROOM = 12_000
"""For one chat of CHAT's size and not for two."""
OTHER = CHAT.replace("Ben", "Bob")


@pytest.fixture
async def app(settings: Settings, redis: Redis) -> AsyncGenerator[FastAPI]:
    app = create_app(settings.model_copy(update={"storage_bytes_max": ROOM}))
    async with app.router.lifespan_context(app):
        yield app


async def stored_bytes() -> int:
    async with by_worker(snapshot()) as connection:
        blocks = "SELECT sum(octet_length(sealed)) FROM chat_blocks"
        metas = "SELECT sum(octet_length(sealed_meta)) FROM chats"
        found = await connection.execute(text(f"SELECT ({blocks}) + ({metas})"))
        return int(found.scalar_one() or 0)


async def fill(alice: Client) -> str:
    """Stores chats until there is no room; the id of the first."""
    first = await upload(alice, CHAT.encode())
    assert first.status_code == 201
    reply = first
    while reply.status_code == 201:
        reply = await upload(alice, OTHER.encode())
    assert refusal(reply) == (413, "quota_exceeded")
    assert await stored_bytes() <= ROOM
    return first.json()["id"]


async def test_what_does_not_fit_is_refused_and_a_deletion_makes_room(
    alice: Client, bob: Client
) -> None:
    chat_id = await fill(alice)
    assert (await upload(bob, CHAT.encode())).status_code == 201
    assert (await alice.delete(f"/api/chats/{chat_id}")).status_code == 204
    assert (await upload(alice, CHAT.encode())).status_code == 201


async def test_without_room_an_upload_is_refused_before_any_of_it_is_read(
    app: FastAPI, alice: Client
) -> None:
    full = app.state.api
    full.settings = full.settings.model_copy(update={"storage_bytes_max": 1})
    assert (await upload(alice, CHAT.encode())).status_code == 201  # Nothing is stored yet.

    async def body() -> Any:
        raise AssertionError("the body was read")
        yield b""

    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": "1000"}
    chat_id = (await alice.get("/api/chats")).json()["items"][0]["id"]
    for path in ("/api/chats", f"/api/chats/{chat_id}/revisions"):
        reply = await alice.post(path, content=body(), headers=headers)
        assert refusal(reply) == (413, "quota_exceeded")
        assert reply.headers["connection"] == "close"
        assert reply.json()["bytes_max"] == 1


async def test_a_revision_needs_room_too(alice: Client) -> None:
    chat_id = (await upload(alice, CHAT.encode())).json()["id"]
    unlocked = await unlock(alice, chat_id)
    await alice.post(f"/api/insights/jobs/{unlocked.json()['job_id']}/cancel")
    noise = random.Random(1)
    longer = CHAT + "".join(
        f"01/05/2024, {n // 60:02}:{n % 60:02} - Ana: {noise.randbytes(20).hex()}\n"
        for n in range(900)
    )
    reply = await alice.post(
        f"/api/chats/{chat_id}/revisions", files={"file": ("chat.txt", longer.encode())}
    )
    assert refusal(reply) == (413, "quota_exceeded")
    chat = (await alice.get(f"/api/chats/{chat_id}")).json()
    assert (chat["revision"], chat["message_count"]) == (1, 600)


async def test_two_uploads_at_once_cannot_both_have_the_last_room(app: FastAPI) -> None:
    state = app.state.api
    processes = [
        Uploads(state.keyring, at_once=2, workers=1, file_bytes_max=10**6, stored_bytes_max=ROOM)
        for _ in range(4)
    ]
    form = UploadForm("chat.txt", CHAT.encode(), {})
    with for_users("alice"):
        outcomes = await asyncio.gather(
            *(process.import_chat("alice", form) for process in processes), return_exceptions=True
        )
    for process in processes:
        await process.close()
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert {type(each) for each in refused} == {QuotaExceeded}
    assert 0 < await stored_bytes() <= ROOM
