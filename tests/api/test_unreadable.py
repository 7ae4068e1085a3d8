"""What is stored and does not open with the keys there are: shown as that, beside all the rest."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from structlog.testing import capture_logs

from app.credits.accounts import grant_coins
from app.db import transaction
from app.progress.snapshots import QueuePositions, Snapshot
from app.progress.subscriptions import SnapshotBroken, SnapshotFeed, watch
from tests.api.test_following import events
from tests.support.api import CHAT, Client, Finish, refusal, unlock, upload
from tests.support.waiting import until

DEADLINE_S = 60

BREAK_META = (
    "UPDATE chats SET sealed_meta = set_byte(sealed_meta, 20, 255 - get_byte(sealed_meta, 20))"
    " WHERE id = :id"
)
LOSE_KEY = "UPDATE chat_keys SET key_id = 'lost' WHERE chat_id = :id"


async def change(statement: str, **values: Any) -> None:
    async with transaction() as connection:
        await connection.execute(text(statement), values)


@pytest.fixture
async def other_id(alice: Client) -> str:
    """Another chat of alice's, which nothing happens to."""
    return (await upload(alice, CHAT.encode())).json()["id"]


@pytest.fixture
async def job(alice: Client, chat_id: str, finish: Finish) -> dict[str, Any]:
    """A charged job of alice's on `chat_id`."""
    unlocked = (await unlock(alice, chat_id)).json()
    await finish("alice", unlocked["job_id"])
    return unlocked


@pytest.mark.parametrize("damage", [BREAK_META, LOSE_KEY])
async def test_an_unreadable_chat_is_listed_as_that_beside_the_others(
    alice: Client, chat_id: str, other_id: str, damage: str
) -> None:
    await change(damage, id=UUID(chat_id))
    reply = await alice.get("/api/chats")
    assert reply.status_code == 200
    shown = {chat["id"]: chat for chat in reply.json()["items"]}
    assert shown[chat_id]["unreadable"]
    assert (shown[chat_id]["title"], shown[chat_id]["participants"]) == ("", [])
    assert shown[chat_id]["message_count"] == shown[other_id]["message_count"]
    assert not shown[other_id]["unreadable"]
    assert shown[other_id]["title"]


async def test_an_unreadable_chat_is_refused_when_it_alone_is_asked_for(
    alice: Client, chat_id: str
) -> None:
    await change(LOSE_KEY, id=UUID(chat_id))
    for path in (f"/api/chats/{chat_id}", f"/api/chats/{chat_id}/messages?numbers=1"):
        with capture_logs() as logs:
            reply = await alice.get(path)
        assert refusal(reply) == (409, "content_unreadable")
        assert "lost" not in reply.text
        assert [one["event"] for one in logs if one["log_level"] == "error"] == [
            "content.unreadable"
        ]
    deleted = await alice.delete(f"/api/chats/{chat_id}")
    assert deleted.status_code == 204


async def test_what_was_sent_for_an_unreadable_chat_is_refused_too(
    alice: Client, chat_id: str, job: dict[str, Any]
) -> None:
    await change(LOSE_KEY, id=UUID(chat_id))
    reply = await alice.get(f"{job['links']['self']}/sent")
    assert refusal(reply) == (409, "content_unreadable")


async def test_without_its_key_a_job_is_shown_without_content_and_its_stream_ends(
    alice: Client, chat_id: str, other_id: str, finish: Finish, job: dict[str, Any]
) -> None:
    await grant_coins("alice", coins=50, reason="a test", reference="a test", actor="a test")
    other = (await unlock(alice, other_id)).json()
    await finish("alice", other["job_id"])
    await change(LOSE_KEY, id=UUID(chat_id))
    reply = await alice.get("/api/insights/jobs")
    assert reply.status_code == 200
    shown = {one["job_id"]: one for one in reply.json()["items"]}
    assert {part["content_unreadable"] for part in shown[job["job_id"]]["insights"]} == {True}
    assert {part["content"] for part in shown[job["job_id"]]["insights"]} == {None}
    assert shown[job["job_id"]]["settlement"]["state"] == "captured"
    assert {part["content_unreadable"] for part in shown[other["job_id"]]["insights"]} == {False}
    assert all(part["content"] for part in shown[other["job_id"]]["insights"])
    of_chat = (await alice.get(f"/api/chats/{chat_id}/insights")).json()["items"]
    assert of_chat == [shown[job["job_id"]]]
    assert (await alice.get(job["links"]["self"])).json() == shown[job["job_id"]]
    with capture_logs() as logs:
        async with asyncio.timeout(DEADLINE_S):
            stream = await alice.get(job["links"]["events"])
    assert [data for _, data in events(stream.text)] == [shown[job["job_id"]]]
    assert [one["event"] for one in logs if one["log_level"] == "error"] == ["job.unreadable"]


@pytest.mark.parametrize("sealed", [b"\x01broken", b"\x09"])
async def test_one_broken_insight_leaves_the_other_five(
    alice: Client, job: dict[str, Any], sealed: bytes
) -> None:
    await change(
        "UPDATE insights SET sealed = :sealed WHERE job_id = :id AND ord = 2",
        sealed=sealed,
        id=UUID(job["job_id"]),
    )
    insights = (await alice.get(job["links"]["self"])).json()["insights"]
    assert [bool(part["content"]) for part in insights].count(True) == 5
    [broken] = [part for part in insights if part["content_unreadable"]]
    assert (broken["content"], broken["state"]) == (None, "completed")


class Positions(QueuePositions):
    """Fails as often as it is said to."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures
        self.asked = 0

    async def of(self, user_id: str, job_id: UUID) -> int | None:
        self.asked += 1
        if self.failures:
            self.failures -= 1
            raise RuntimeError
        return await super().of(user_id, job_id)


async def test_a_job_that_cannot_be_shown_ends_its_streams_and_is_read_once(
    app: FastAPI, alice: Client, chat_id: str
) -> None:
    job_id = UUID((await unlock(alice, chat_id)).json()["job_id"])
    positions = Positions(10**6)
    feed = SnapshotFeed(app.state.api.keyring, positions, stopping=asyncio.Event())
    with capture_logs() as logs:
        async with asyncio.timeout(DEADLINE_S):
            for _ in range(2):
                watching = watch(feed, "alice", job_id, after_version=None)
                with pytest.raises(SnapshotBroken):
                    await anext(watching)
    await feed.close()
    assert positions.asked == 2
    assert [one["event"] for one in logs] == ["snapshot_feed.job_broken"] * 2


async def test_the_stream_of_such_a_job_says_why_it_ends(
    app: FastAPI, alice: Client, chat_id: str
) -> None:
    job = (await unlock(alice, chat_id)).json()
    app.state.api.feed = SnapshotFeed(
        app.state.api.keyring, Positions(10**6), stopping=asyncio.Event()
    )
    async with asyncio.timeout(DEADLINE_S):
        stream = await alice.get(job["links"]["events"])
    await app.state.api.feed.close()
    assert stream.text.startswith("event: problem\ndata: {")
    assert '"code":"job_unreadable"' in stream.text


async def test_an_error_that_nothing_expects_does_not_end_the_shared_reader(
    app: FastAPI, alice: Client, chat_id: str, finish: Finish
) -> None:
    """It comes between two snapshots: while the positions of waiting jobs are read."""
    job_id = UUID((await unlock(alice, chat_id)).json()["job_id"])
    positions = Positions(0)
    feed = SnapshotFeed(app.state.api.keyring, positions, stopping=asyncio.Event())
    seen: list[Snapshot] = []
    async with asyncio.timeout(DEADLINE_S):
        async for event in watch(feed, "alice", job_id, after_version=None):
            seen.append(event.snapshot)
            if len(seen) == 1:
                positions.failures = 1
                await until(lambda: not positions.failures)
                await finish("alice", str(job_id))
    await feed.close()
    assert seen[-1].is_terminal
