"""What a database that cannot do it just now is answered with: 503, and when to come back."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import text

from app.db import lone_read
from app.settings import Settings
from tests.support.api import CHAT, Client, Reply, balance, refusal, unlock, upload

POOL_SIZE = 2


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"db_pool_size": POOL_SIZE})


@pytest.fixture
async def chat_id(alice: Client) -> str:
    return (await upload(alice, CHAT.encode())).json()["id"]


def assert_unavailable(reply: Reply) -> None:
    assert refusal(reply) == (503, "unavailable")
    assert int(reply.headers["retry-after"]) >= 1


async def test_a_database_that_became_read_only_sells_again_when_it_writes(
    alice: Client, chat_id: str, owner_url: str
) -> None:
    """Its sessions stay read-only, as those of a server that was demoted: they are replaced."""
    before = await balance(alice)
    name = urlsplit(owner_url).path[1:]
    server = await asyncpg.connect(owner_url)
    await server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    await server.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
        f" WHERE datname = '{name}' AND pid <> pg_backend_pid()"
    )
    assert_unavailable(await unlock(alice, chat_id))
    assert await balance(alice) == before
    await server.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    await server.close()
    assert (await unlock(alice, chat_id)).status_code == 202


@pytest.mark.parametrize("state", ["53100", "57014", "58030"])
async def test_a_server_that_cannot_do_it_now_is_no_error_of_the_program(
    alice: Client, chat_id: str, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    async def refuse(point: str, connection: Any) -> None:
        if point == "unlock.before_commit":
            await connection.execute(
                text(f"DO $$ BEGIN RAISE EXCEPTION SQLSTATE '{state}'; END $$")
            )

    monkeypatch.setattr("app.faults.hook", refuse)
    assert_unavailable(await unlock(alice, chat_id))
    monkeypatch.setattr("app.faults.hook", None)
    assert (await unlock(alice, chat_id)).status_code == 202


async def test_while_all_connections_are_taken_requests_are_refused(
    alice: Client, chat_id: str
) -> None:
    async with lone_read(), lone_read():
        assert_unavailable(await unlock(alice, chat_id))
        assert_unavailable(await alice.get("/api/credits"))
    assert (await unlock(alice, chat_id)).status_code == 202


async def test_a_locked_account_is_told_and_takes_no_connection_of_others(
    alice: Client, bob: Client, chat_id: str, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.db.LOCK_TURN_MS", 100)
    job_id = (await unlock(alice, chat_id)).json()["job_id"]
    bobs = (await upload(bob, CHAT.encode())).json()["id"]
    await balance(bob)
    stranger = await asyncpg.connect(owner_url)
    async with stranger.transaction():
        await stranger.execute("SELECT FROM accounts WHERE user_id = 'alice' FOR UPDATE")
        asked = [
            asyncio.ensure_future(one)
            for _ in range(4 * POOL_SIZE)
            for one in (
                alice.post(f"/api/insights/jobs/{job_id}/cancel"),
                alice.delete(f"/api/chats/{chat_id}"),
            )
        ]
        while not any(one.done() for one in asked):
            assert (await balance(bob))["available"] == 50
            await asyncio.wait(asked, timeout=0.01, return_when=asyncio.FIRST_COMPLETED)
        assert (await bob.delete(f"/api/chats/{bobs}")).status_code == 204
        for done in [one for one in asked if one.done()]:
            assert_unavailable(done.result())
    statuses = {reply.status_code for reply in await asyncio.gather(*asked)}
    await stranger.close()
    assert statuses & {200, 204}
    assert (await balance(alice))["available"] == 50
