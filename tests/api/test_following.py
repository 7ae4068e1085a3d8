"""Following a job live: its stream, and the one reader behind all streams of a process."""

import asyncio
import json
from contextlib import aclosing
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from sqlalchemy import text

from app.db import transaction
from app.progress.subscriptions import SnapshotEvent, SnapshotFeed, follow, watch
from tests.support.api import CHAT, Client, Finish, refusal, unlock, upload
from tests.support.rights import by_worker

NO_ONE_S = "018f3b5e-0000-7000-8000-000000000000"
DEADLINE_S = 60


def events(stream: str) -> list[tuple[str, dict[str, Any]]]:
    """(id, data) of the snapshots in a stream."""
    found: list[tuple[str, dict[str, Any]]] = []
    for block in stream.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        if fields.get("event") == "snapshot":
            found.append((fields["id"], json.loads(fields["data"])))
    return found


async def test_a_stream_shows_the_job_from_queued_to_charged_and_ends(
    alice: Client, chat_id: str, finish: Finish
) -> None:
    job = (await unlock(alice, chat_id)).json()
    async with asyncio.timeout(DEADLINE_S):
        reply, _ = await asyncio.gather(
            alice.get(job["links"]["events"]), finish("alice", job["job_id"])
        )
    assert reply.headers["content-type"].startswith("text/event-stream")
    seen = events(reply.text)
    versions = [int(number) for number, _ in seen]
    assert versions == sorted(set(versions))
    assert [data["version"] for _, data in seen] == versions
    current = (await alice.get(job["links"]["self"])).json()
    assert seen[-1][1] == current
    assert current["state"] == "succeeded"


async def test_a_finished_stream_is_not_opened_again(
    alice: Client, bob: Client, chat_id: str
) -> None:
    job = (await unlock(alice, chat_id)).json()
    await alice.post(f"{job['links']['self']}/cancel")
    stream = job["links"]["events"]
    [(last, _)] = events((await alice.get(stream)).text)
    reply = await alice.get(stream, headers={"last-event-id": last})
    assert (reply.status_code, reply.content) == (204, b"")
    older = await alice.get(stream, headers={"last-event-id": "1"})
    assert [number for number, _ in events(older.text)] == [last]
    assert refusal(await bob.get(stream)) == (404, "not_found")
    junk = await alice.get(stream, headers={"last-event-id": "x"})
    assert refusal(junk) == (422, "validation_failed")


async def test_watching_ends_when_the_process_stops(
    app: FastAPI, alice: Client, chat_id: str
) -> None:
    job_id = UUID((await unlock(alice, chat_id)).json()["job_id"])
    seen = 0
    async with asyncio.timeout(DEADLINE_S):
        async for _ in watch(app.state.api.feed, "alice", job_id, after_version=None):
            seen += 1
            app.state.stopping.set()
    assert seen == 1


async def test_a_job_on_which_nothing_happens_is_told_to_be_quiet(
    app: FastAPI, alice: Client, chat_id: str
) -> None:
    job_id = UUID((await unlock(alice, chat_id)).json()["job_id"])
    following = follow(app.state.api.feed, "alice", job_id, after_version=None, quiet_s=0.01)
    async with asyncio.timeout(DEADLINE_S), aclosing(following):
        while await anext(following) is None:
            pass  # The first look at the job may take longer than the quiet.
        assert [await anext(following) for _ in range(2)] == [None, None]


async def test_many_listeners_of_one_job_all_see_its_end(
    alice: Client, chat_id: str, finish: Finish
) -> None:
    job = (await unlock(alice, chat_id)).json()
    async with asyncio.timeout(DEADLINE_S):
        *replies, _ = await asyncio.gather(
            *(alice.get(job["links"]["events"]) for _ in range(20)),
            finish("alice", job["job_id"]),
        )
    current = (await alice.get(job["links"]["self"])).json()
    assert [events(reply.text)[-1][1] for reply in replies] == [current] * 20


async def test_a_queued_job_s_place_moves_up_in_its_stream(
    app: FastAPI, alice: Client, bob: Client, chat_id: str
) -> None:
    other_chat = (await upload(bob, CHAT.encode())).json()["id"]
    ahead = (await unlock(bob, other_chat)).json()["job_id"]
    mine = UUID((await unlock(alice, chat_id)).json()["job_id"])
    places: list[int | None] = []
    async with asyncio.timeout(DEADLINE_S):
        async for event in watch(app.state.api.feed, "alice", mine, after_version=None):
            places.append(event.snapshot.progress.queue_position)
            if len(places) == 2:
                break
            await bob.post(f"/api/insights/jobs/{ahead}/cancel")
    assert places == [2, 1]


async def test_a_job_that_was_announced_is_read_at_once_and_an_unknown_one_harms_nothing(
    app: FastAPI, alice: Client, chat_id: str
) -> None:
    job_id = UUID((await unlock(alice, chat_id)).json()["job_id"])
    feed: SnapshotFeed = app.state.api.feed
    async with asyncio.timeout(DEADLINE_S):
        with feed.subscribed(("alice", job_id)) as watched:
            await watched.changed.wait()
            assert watched.latest is not None
            assert watched.latest.snapshot.state == "queued"
            await alice.post(f"/api/insights/jobs/{job_id}/cancel")
            await feed.refresh(UUID(NO_ONE_S))
            await feed.refresh(job_id)
            # Its place in the queue may have been event before that.
            while watched.latest.snapshot.state == "queued":
                await watched.changed.wait()
            assert watched.latest.snapshot.state == "cancelled"


async def test_a_job_that_cannot_be_read_silences_nobody_else(
    app: FastAPI, alice: Client, bob: Client, chat_id: str, finish: Finish
) -> None:
    broken = (await unlock(alice, chat_id)).json()["job_id"]
    await finish("alice", broken)
    async with by_worker(transaction()) as connection:
        await connection.execute(text("UPDATE insights SET sealed = 'not what was sealed'"))
    other_chat = (await upload(bob, CHAT.encode())).json()["id"]
    mine = (await unlock(bob, other_chat)).json()
    feed: SnapshotFeed = app.state.api.feed
    async with asyncio.timeout(DEADLINE_S):
        with feed.subscribed(("alice", UUID(broken))):
            hearing = asyncio.create_task(bob.get(mine["links"]["events"]))
            await asyncio.wait({hearing}, timeout=0.05)
            await bob.post(f"{mine['links']['self']}/cancel")
            reply = await hearing
    assert events(reply.text)[-1][1]["state"] == "cancelled"


async def test_listeners_of_one_job_share_one_read(
    app: FastAPI, alice: Client, chat_id: str
) -> None:
    job_id = UUID((await unlock(alice, chat_id)).json()["job_id"])

    async def first_news() -> SnapshotEvent:
        watching = watch(app.state.api.feed, "alice", job_id, after_version=None)
        async with aclosing(watching):
            return await anext(watching)

    async with asyncio.timeout(DEADLINE_S):
        heard = await asyncio.gather(*(first_news() for _ in range(50)))
    assert len({id(event) for event in heard}) == 1
