"""What a user thinks of findings: kept beside what wrote them, shown, withdrawn, forgotten."""

import asyncio
import io
import json
import zipfile
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.catalog.categories import CATEGORIES
from app.db import lone_read, transaction
from app.progress.feedback import count_feedback, feedback_text
from tests.support.api import Client, Finish, FinishWith, Login, refusal, unlock
from tests.support.jobs import ScriptedGenerator
from tests.support.rights import as_worker, by_worker

KEYS = [spec.key for spec in CATEGORIES["friendship"].insights]


@pytest.fixture
async def job(alice: Client, chat_id: str, finish: Finish) -> str:
    """A job of alice's, of which six insights with one finding each are written."""
    unlocked = (await unlock(alice, chat_id)).json()["job_id"]
    await finish("alice", unlocked)
    return unlocked


def path_of(job: str) -> str:
    return f"/api/insights/jobs/{job}/feedback"


async def judge(client: Client, job: str, verdict: str | None, **body: Any) -> Any:
    body = {"insight": KEYS[0], "finding": 0, "verdict": verdict} | body
    return await client.post(path_of(job), json=body)


async def shown(client: Client, job: str) -> list[list[dict[str, Any]]]:
    """What was said of each of the six, when the job is read."""
    read = (await client.get(f"/api/insights/jobs/{job}")).json()
    return [one["feedback"] for one in read["insights"]]


async def rows() -> list[Any]:
    async with by_worker(lone_read()) as connection:
        return list(await connection.execute(text("SELECT * FROM feedback ORDER BY ord, finding")))


async def test_a_verdict_is_shown_when_the_job_is_read_and_a_later_one_replaces_it(
    alice: Client, job: str
) -> None:
    version = (await alice.get(f"/api/insights/jobs/{job}")).json()["version"]
    first = await judge(alice, job, "wrong")
    assert first.status_code == 200
    assert first.json()["version"] == version + 1
    assert first.json()["insights"][0]["feedback"] == [{"finding": 0, "verdict": "wrong"}]
    assert await shown(alice, job) == [[{"finding": 0, "verdict": "wrong"}], [], [], [], [], []]
    repeated = await judge(alice, job, "wrong")
    assert repeated.json() == first.json()
    await judge(alice, job, "unkind")
    await judge(alice, job, "right", finding=None)
    await judge(alice, job, "right", insight=KEYS[5])
    assert await shown(alice, job) == [
        [{"finding": None, "verdict": "right"}, {"finding": 0, "verdict": "unkind"}],
        *([], [], [], []),
        [{"finding": 0, "verdict": "right"}],
    ]
    [listed] = (await alice.get("/api/insights/jobs")).json()["items"]
    assert [one["feedback"] for one in listed["insights"]] == await shown(alice, job)


async def test_a_verdict_is_withdrawn_by_null_and_by_delete(alice: Client, job: str) -> None:
    kept = await judge(alice, job, "wrong", finding=None)
    version = kept.json()["version"]
    for is_deleted in (False, True):
        await judge(alice, job, "right")
        version += 2
        for _ in range(2):  # A repeat changes nothing, and is answered alike.
            if is_deleted:
                reply = await alice.delete(f"{path_of(job)}?insight={KEYS[0]}&finding=0")
            else:
                reply = await judge(alice, job, None)
            assert (reply.status_code, reply.json()["version"]) == (200, version)
        assert (await shown(alice, job))[0] == [{"finding": None, "verdict": "wrong"}]
    assert (await alice.delete(f"{path_of(job)}?insight={KEYS[0]}")).status_code == 200
    assert await rows() == []


async def test_of_many_at_once_one_is_kept(alice: Client, job: str) -> None:
    verdicts = ["right", "wrong", "unkind"] * 3
    replies = await asyncio.gather(*(judge(alice, job, one) for one in verdicts))
    assert {reply.status_code for reply in replies} == {200}
    assert len(await rows()) == 1


async def test_beside_a_verdict_is_what_wrote_the_insight_and_no_text(
    alice: Client, chat_id: str, job: str
) -> None:
    await judge(alice, job, "unkind")
    [row] = await rows()
    expected = {
        "user_id": "alice",
        "ord": 1,
        "finding": 0,
        "verdict": "unkind",
        "prompt_version": CATEGORIES["friendship"].prompt_version,
        "writer": "scripted-1",
    }
    told = dict(row._mapping)
    assert {key: told[key] for key in expected} == expected
    assert set(told) == {*expected, "job_id", "given_at"}


async def test_what_cannot_be_seen_cannot_be_judged(
    alice: Client, bob: Client, stranger: Client, job: str, chat_id: str
) -> None:
    assert refusal(await judge(bob, job, "right")) == (404, "not_found")
    assert refusal(await judge(stranger, job, "right")) == (401, "unauthorized")
    assert refusal(await judge(alice, "no-job", "right")) == (404, "not_found")
    unknown = await judge(alice, job, "right", insight="love")
    assert refusal(unknown) == (404, "unknown_insight")
    beyond = await judge(alice, job, "right", finding=1)
    assert (refusal(beyond), beyond.json()["findings"]) == ((404, "unknown_finding"), 1)
    for reply in (
        await bob.delete(f"{path_of(job)}?insight={KEYS[0]}&finding=0"),
        await bob.post(path_of(job), json={"insight": KEYS[0], "verdict": None}),
    ):
        assert refusal(reply) == (404, "not_found")
    assert await rows() == []


NO_VERDICTS: tuple[dict[str, Any], ...] = (
    *({"verdict": "great"}, {"verdict": 1}, {"finding": -1}, {"finding": 10}, {"finding": "0"}),
    *({"finding": 0.5}, {"insight": ""}, {"insight": None}, {"note": "text"}),
)


async def test_what_is_no_verdict_is_refused(alice: Client) -> None:
    given = {"insight": KEYS[0], "finding": 0, "verdict": "right"}
    for body in (*(given | wrong for wrong in NO_VERDICTS), {"insight": KEYS[0]}):
        reply = await alice.post(path_of(str(uuid4())), json=body)
        assert refusal(reply) == (422, "validation_failed"), body


async def test_only_a_succeeded_job_and_a_written_insight_are_judged(
    alice: Client, chat_id: str, finish_with: FinishWith
) -> None:
    waiting = (await unlock(alice, chat_id)).json()["job_id"]
    assert refusal(await judge(alice, waiting, "right")) == (409, "not_ratable")
    await finish_with(ScriptedGenerator(empty=frozenset({2})))("alice", waiting)
    assert (await judge(alice, waiting, "right")).status_code == 200
    empty = await judge(alice, waiting, "right", insight=KEYS[1])
    assert refusal(empty) == (409, "not_ratable")
    assert len(await rows()) == 1


async def test_after_a_refund_nothing_is_judged_but_what_was_said_can_be_withdrawn(
    alice: Client, job: str, login: Login
) -> None:
    await judge(alice, job, "wrong")
    staff = login("staff", "credits:refund")
    order = {"user_id": "alice", "job_id": job, "reason": "it was poor"}
    assert (await staff.post("/api/credits/refunds", json=order)).status_code == 201
    assert refusal(await judge(alice, job, "right")) == (409, "not_ratable")
    assert (await shown(alice, job))[0] == [{"finding": 0, "verdict": "wrong"}]
    assert (await judge(alice, job, None)).status_code == 200
    assert await rows() == []


async def test_it_goes_with_the_chat(alice: Client, bob: Client, job: str, chat_id: str) -> None:
    await judge(alice, job, "right")
    assert (await alice.delete(f"/api/chats/{chat_id}")).status_code == 204
    assert await rows() == []
    assert refusal(await judge(alice, job, "right")) == (409, "not_ratable")
    assert await shown(alice, job) == [[]] * 6


async def test_a_deletion_by_a_release_before_takes_it_along(
    alice: Client, job: str, chat_id: str
) -> None:
    await judge(alice, job, "right")
    async with by_worker(transaction(step=None)) as connection:
        await connection.execute(text("DELETE FROM chats"))
    assert await rows() == []


async def test_a_user_takes_it_along_and_it_goes_with_the_account(alice: Client, job: str) -> None:
    await judge(alice, job, "unkind")
    archive = zipfile.ZipFile(io.BytesIO((await alice.get("/api/me/export")).content))
    [taken] = [json.loads(line) for line in archive.read("jobs.jsonl").splitlines()]
    assert taken["insights"][0]["feedback"] == [{"finding": 0, "verdict": "unkind"}]
    assert (await alice.delete("/api/me")).status_code == 204
    assert await rows() == []


async def test_operators_see_counts_by_insight_prompt_and_writer(
    alice: Client, job: str, chat_id: str
) -> None:
    await judge(alice, job, "wrong")
    await judge(alice, job, "wrong", finding=None)
    await judge(alice, job, "right", insight=KEYS[1])
    with as_worker():
        counts = await count_feedback()
    prompt = CATEGORIES["friendship"].prompt_version
    assert [
        (one.category, one.insight, one.prompt_version, one.writer, one.verdict, one.count)
        for one in counts
    ] == sorted(
        [
            ("friendship", KEYS[0], prompt, "scripted-1", "wrong", 2),
            ("friendship", KEYS[1], prompt, "scripted-1", "right", 1),
        ]
    )
    lines = [line.split() for line in feedback_text(counts).splitlines()]
    assert lines[0] == ["category", "insight", "prompt", "writer", "right", "wrong", "unkind"]
    assert ["friendship", KEYS[0], str(prompt), "scripted-1", "0", "2", "0"] in lines
    assert ["friendship", KEYS[1], str(prompt), "scripted-1", "1", "0", "0"] in lines
