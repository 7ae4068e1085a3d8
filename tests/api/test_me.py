"""A user takes everything that is stored of them, and has it deleted."""

import io
import zipfile

from fastapi import FastAPI

from app.export.slots import EXPORTS_MAX
from tests.support.api import CHAT, Client, Finish, Login, balance, refusal, unlock, upload
from tests.support.jobs import assert_healthy

PATHS = (
    *("/api/credits", "/api/credits/entries", "/api/chats", "/api/insights/jobs", "/api/me/export"),
)


async def test_the_export_is_a_zip_to_be_saved(alice: Client, chat_id: str, finish: Finish) -> None:
    job = (await unlock(alice, chat_id)).json()
    await finish("alice", job["job_id"])
    reply = await alice.get("/api/me/export")
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/zip"
    assert reply.headers["content-disposition"] == 'attachment; filename="sixfold-export.zip"'
    assert reply.headers["cache-control"] == "no-store"
    archive = zipfile.ZipFile(io.BytesIO(reply.content))
    assert any(name.endswith("insights.txt") for name in archive.namelist())
    [messages] = [name for name in archive.namelist() if name.endswith("messages.txt")]
    assert len(archive.read(messages).splitlines()) == 600


async def test_when_as_many_are_written_as_may_be_another_is_told_to_wait(
    app: FastAPI, alice: Client
) -> None:
    slots = app.state.api.exports
    slots._users |= {f"other-{number}" for number in range(EXPORTS_MAX)}
    reply = await alice.get("/api/me/export")
    assert refusal(reply) == (503, "unavailable")
    assert int(reply.headers["retry-after"]) > 0
    slots._users.clear()
    for _ in range(2):
        assert (await alice.get("/api/me/export")).status_code == 200
    assert slots._users == set()


async def test_a_deleted_user_s_tokens_are_refused_and_nobody_else_s(
    login: Login, alice: Client, bob: Client, chat_id: str
) -> None:
    await upload(bob, CHAT.encode())
    await unlock(alice, chat_id)
    deleted = await alice.delete("/api/me")
    assert (deleted.status_code, deleted.content) == (204, b"")
    for client in (alice, login("alice")):
        for path in PATHS:
            assert refusal(await client.get(path)) == (401, "unauthorized")
        assert refusal(await upload(client, CHAT.encode())) == (401, "unauthorized")
        assert refusal(await unlock(client, chat_id)) == (401, "unauthorized")
        assert refusal(await client.delete("/api/me")) == (401, "unauthorized")
    assert await balance(bob) == {"available": 50, "held": 0}
    assert len((await bob.get("/api/chats")).json()["items"]) == 1
    await assert_healthy()


async def test_a_process_that_has_not_heard_of_it_stores_nothing_and_hears_of_it(
    app: FastAPI, login: Login, chat_id: str
) -> None:
    """Another process of the API: its own list is emptied, as before its next look."""
    alice = login("alice")
    await alice.delete("/api/me")
    digests = app.state.deleted._digests
    digests.clear()
    app.state.deleted._read_until = None
    assert (await alice.get("/api/chats")).json()["items"] == []
    for reply in (
        await alice.get("/api/credits"),
        await upload(alice, CHAT.encode()),
        await unlock(alice, chat_id),
    ):
        assert refusal(reply) == (401, "unauthorized")
    await app.state.deleted.read()
    assert refusal(await alice.get("/api/chats")) == (401, "unauthorized")
