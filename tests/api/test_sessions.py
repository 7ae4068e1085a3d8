"""Signing in by a one-time code, who is signed in, and signing out."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx2
import jwt
import pytest
from fastapi import FastAPI
from redis.asyncio import Redis
from sqlalchemy import text

from app.api import sessions
from app.db import transaction
from app.main import create_app
from app.settings import Settings
from app.users.auth import issue_token
from app.users.sign_in import CODE_LASTS_S, new_code, sign_in_link
from tests.support.api import CHAT, Client, Login, refusal, unlock, upload
from tests.support.rights import as_worker, by_worker
from tests.support.waiting import until

DEADLINE_S = 30


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"local_sign_in": True})


def with_token(token: str, app: FastAPI) -> Client:
    return httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app),
        base_url="http://sixfold.test",
        headers={"authorization": f"Bearer {token}"},
    )


async def issue(user: str) -> str:
    """A code, made by the command that has a worker's rights."""
    with as_worker():
        return await new_code(user)


async def exchange(client: Client, code: str, path: str = "/api/sign-in") -> httpx2.Response:
    return await client.post(path, json={"code": code})


async def test_a_code_names_its_user_and_signs_in_once(stranger: Client, app: FastAPI) -> None:
    code = await issue("alice")
    for _ in range(2):  # To look does not use it up.
        seen = await exchange(stranger, code, "/api/sign-in/preview")
        assert seen.status_code == 200
        assert set(seen.json()) == {"user_id", "expires_at"}
        assert seen.json()["user_id"] == "alice"
    left_s = datetime.fromisoformat(seen.json()["expires_at"]) - datetime.now(UTC)
    assert CODE_LASTS_S - DEADLINE_S < left_s.total_seconds() <= CODE_LASTS_S + DEADLINE_S
    answer = await exchange(stranger, code)
    assert answer.status_code == 200
    assert set(answer.json()) == {"token", "user_id", "expires_at"}
    async with with_token(answer.json()["token"], app) as client:
        me = (await client.get("/api/me")).json()
    assert me == {
        "user_id": "alice",
        "token_expires_at": answer.json()["expires_at"],
        "balance": {"available": 50, "held": 0},
    }
    for path in ("/api/sign-in", "/api/sign-in/preview"):
        assert refusal(await exchange(stranger, code, path)) == (404, "sign_in_code_invalid")


async def test_of_two_who_use_one_code_at_once_one_is_let_in(stranger: Client) -> None:
    code = await issue("alice")
    answers = await asyncio.gather(*(exchange(stranger, code) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [404] * 7


async def test_unknown_used_and_expired_codes_are_answered_alike(stranger: Client) -> None:
    used, expired = await issue("alice"), await issue("bob")
    await exchange(stranger, used)
    async with by_worker(transaction(step=None)) as connection:
        await connection.execute(
            text("UPDATE sign_in_codes SET expires_at = clock_timestamp() WHERE user_id = 'bob'")
        )
    for path in ("/api/sign-in", "/api/sign-in/preview"):
        answers = [await exchange(stranger, code, path) for code in (used, expired, "x" * 43)]
        assert {answer.text for answer in answers} == {answers[0].text}
        assert refusal(answers[0]) == (404, "sign_in_code_invalid")


async def test_a_code_is_long_and_stored_as_a_hash(app: FastAPI) -> None:
    code = await issue("alice")
    assert len(code) * 6 >= 128
    async with by_worker(transaction(step=None)) as connection:
        rows = (await connection.execute(text("SELECT c::text FROM sign_in_codes c"))).all()
    assert len(rows) == 1
    assert code not in rows[0][0]
    assert code.encode().hex() not in rows[0][0]
    assert sign_in_link("http://127.0.0.1:8000/", code) == (
        f"http://127.0.0.1:8000/sign-in?code={code}"
    )


async def test_without_local_sign_in_no_code_is_taken(settings: Settings, redis: Redis) -> None:
    other = create_app(settings.model_copy(update={"local_sign_in": False}))
    transport = httpx2.ASGITransport(app=other)
    async with (
        other.router.lifespan_context(other),
        httpx2.AsyncClient(transport=transport, base_url="http://x") as client,
    ):
        code = await issue("alice")
        for path in ("/api/sign-in", "/api/sign-in/preview"):
            assert refusal(await exchange(client, code, path)) == (404, "sign_in_code_invalid")


@pytest.mark.parametrize(
    "body", [{}, {"code": ""}, {"code": "x" * 201}, {"code": 5}, {"code": "\x00"}, {"code": None}]
)
async def test_what_is_no_code_is_refused(stranger: Client, body: dict[str, Any]) -> None:
    for path in ("/api/sign-in", "/api/sign-in/preview"):
        reply = await stranger.post(path, json=body)
        assert refusal(reply) == (422, "validation_failed")


async def test_nothing_else_is_open_without_a_token(stranger: Client) -> None:
    for path in ("/api/me", "/api/sign-in", "/api/sign-in/", "/api/sign-in/preview/x"):
        assert refusal(await stranger.get(path)) == (401, "unauthorized")
    for path in ("/api/sign-out", "/api/sign-in/", "/api//sign-in", "/api/sign-in/../me"):
        assert (await stranger.post(path, json={"code": "x"})).status_code == 401


async def test_after_a_sign_out_every_earlier_token_is_refused(
    alice: Client, bob: Client, login: Login, settings: Settings, app: FastAPI
) -> None:
    second = login("alice")
    chat_id = (await upload(alice, CHAT.encode())).json()["id"]
    assert (await alice.post("/api/sign-out")).status_code == 204
    for client in (alice, second):
        for method, path in (
            ("GET", "/api/me"),
            ("GET", "/api/chats"),
            ("DELETE", f"/api/chats/{chat_id}"),
            ("POST", "/api/sign-out"),
        ):
            assert refusal(await client.request(method, path)) == (401, "unauthorized")
        assert refusal(await unlock(client, chat_id)) == (401, "unauthorized")
    assert (await bob.get("/api/me")).status_code == 200
    again = login("alice")
    assert [one["id"] for one in (await again.get("/api/chats")).json()["items"]] == [chat_id]


async def test_who_signs_in_right_after_a_sign_out_is_let_in(
    alice: Client, stranger: Client, app: FastAPI
) -> None:
    code = await issue("alice")
    assert (await alice.post("/api/sign-out")).status_code == 204
    token = (await exchange(stranger, code)).json()["token"]
    async with with_token(token, app) as client:
        assert (await client.get("/api/me")).status_code == 200
        assert (await client.post("/api/sign-out")).status_code == 204
        assert (await client.get("/api/me")).status_code == 401


@pytest.mark.parametrize("issued", [None, 30.0])
async def test_a_token_without_a_time_or_of_a_fast_clock_is_ended_too(
    settings: Settings, app: FastAPI, issued: float | None
) -> None:
    token = issue_token(settings, "alice", (), 600)
    claims = jwt.decode(token, options={"verify_signature": False})
    if issued is None:
        del claims["iat"]
    else:
        claims["iat"] = time.time() + issued
    assert settings.auth_secret is not None
    token = jwt.encode(claims, settings.auth_secret.get_secret_value())
    async with with_token(token, app) as client:
        assert (await client.get("/api/me")).status_code == 200
        assert (await client.post("/api/sign-out")).status_code == 204
        assert (await client.get("/api/me")).status_code == 401


@pytest.fixture
async def elsewhere(settings: Settings, app: FastAPI) -> AsyncIterator[Client]:
    """Alice's earlier session at another API process, which hears of nothing."""
    other = create_app(settings)
    other.state.api = app.state.api
    token = issue_token(settings, "alice", (), 600)
    async with with_token(token, other) as client:
        yield client


async def test_another_process_takes_no_write_with_an_ended_session(
    alice: Client, elsewhere: Client, chat_id: str
) -> None:
    assert (await elsewhere.get("/api/me")).status_code == 200  # Now it knows the session.
    assert (await alice.post("/api/sign-out")).status_code == 204
    assert refusal(await unlock(elsewhere, chat_id)) == (401, "unauthorized")
    assert refusal(await elsewhere.delete(f"/api/chats/{chat_id}")) == (401, "unauthorized")
    assert refusal(await elsewhere.get("/api/me")) == (401, "unauthorized")


async def test_a_process_that_hears_nothing_reads_on_for_two_seconds_at_most(
    alice: Client, elsewhere: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await elsewhere.get("/api/me")).status_code == 200
    assert (await alice.post("/api/sign-out")).status_code == 204
    assert (await elsewhere.get("/api/me")).status_code == 200
    monkeypatch.setattr(sessions, "KEPT_S", 0.0)
    assert refusal(await elsewhere.get("/api/me")) == (401, "unauthorized")


async def test_a_sign_out_ends_the_streams_of_the_user(
    alice: Client, bob: Client, app: FastAPI, chat_id: str
) -> None:
    job = (await unlock(alice, chat_id)).json()
    async with asyncio.timeout(DEADLINE_S):
        stream = asyncio.create_task(alice.get(job["links"]["events"]))
        await until(lambda: app.state.api.sessions._streaming["alice"] == 1)
        assert (await alice.post("/api/sign-out")).status_code == 204
        reply = await stream
    assert reply.status_code == 200
    assert app.state.api.sessions._streaming["alice"] == 0


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for before the application, which then looks often from its start on."""
    monkeypatch.setattr(sessions, "STREAMS_CHECKED_S", 0.01)


async def test_streams_end_where_the_sign_out_was_not_heard_of(
    often: None, app: FastAPI, alice: Client, chat_id: str
) -> None:
    """Somebody signed alice out in the database; no notification comes."""
    job = (await unlock(alice, chat_id)).json()
    async with asyncio.timeout(DEADLINE_S):
        stream = asyncio.create_task(alice.get(job["links"]["events"]))
        await until(lambda: app.state.api.sessions._streaming["alice"] == 1)
        async with by_worker(transaction(step=None)) as connection:
            await connection.execute(text("UPDATE accounts SET not_before = clock_timestamp()"))
        await stream
