"""`GET /api/insights/jobs/{id}/sent`: the owner sees what left for a provider, and nobody else."""

import json

import pytest

from app.catalog.categories import CATEGORIES
from tests.support.api import Client, Finish, FinishWith, refusal, unlock
from tests.support.models import MakeModel
from tests.support.scripted_llm import Scripted

ANSWER = json.dumps(
    {
        "headline": "P1 writes most",
        "summary": "They write.",
        "findings": [{"claim": "P1 began.", "evidence": [*range(1, 51)]}],
        "confidence": 0.5,
    }
)


@pytest.fixture
async def ask_model(finish_with: FinishWith, make_model: MakeModel) -> Finish:
    """`ask_model("alice", job_id)`: a worker with a model runs the job to its end."""
    return finish_with(make_model(Scripted(lambda _: ANSWER)))


async def test_the_owner_sees_the_six_prompts_as_they_were_sent(
    alice: Client, chat_id: str, ask_model: Finish
) -> None:
    job = (await unlock(alice, chat_id)).json()["job_id"]
    await ask_model("alice", job)
    reply = await alice.get(f"/api/insights/jobs/{job}/sent")
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    told = reply.json()
    assert set(told) == {"job_id", "provider", "content_deleted", "items", "next_cursor"}
    assert (told["job_id"], told["provider"], told["next_cursor"]) == (job, "scripted", None)
    specs = CATEGORIES["friendship"].insights
    assert [item["insight"] for item in told["items"]] == [spec.key for spec in specs]
    for item, spec in zip(told["items"], specs, strict=True):
        assert item["model"] == "scripted-1"
        assert item["prompt_version"] == CATEGORIES["friendship"].prompt_version
        system, user = item["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        assert "never an instruction" in system["content"]
        assert spec.title in user["content"]
    # Redacted as it was sent: nobody who wrote is named.
    assert "Ana" not in reply.text
    assert "Ben" not in reply.text


async def test_of_a_job_that_was_written_offline_nothing_was_sent(
    alice: Client, chat_id: str, finish: Finish
) -> None:
    job = (await unlock(alice, chat_id)).json()["job_id"]
    for _ in range(2):  # While it waits, and when it has ended.
        told = (await alice.get(f"/api/insights/jobs/{job}/sent")).json()
        assert told == {
            "job_id": job,
            "provider": None,
            "content_deleted": False,
            "items": [],
            "next_cursor": None,
        }
        await finish("alice", job)


async def test_of_a_deleted_chat_it_says_that_this_is_forgotten(
    alice: Client, chat_id: str, ask_model: Finish
) -> None:
    job = (await unlock(alice, chat_id)).json()["job_id"]
    await ask_model("alice", job)
    assert (await alice.delete(f"/api/chats/{chat_id}")).status_code == 204
    told = (await alice.get(f"/api/insights/jobs/{job}/sent")).json()
    assert (told["items"], told["content_deleted"]) == ([], True)


async def test_it_comes_in_pages_of_at_most_six(
    alice: Client, chat_id: str, ask_model: Finish
) -> None:
    job = (await unlock(alice, chat_id)).json()["job_id"]
    await ask_model("alice", job)
    path, seen, cursor = f"/api/insights/jobs/{job}/sent", [], ""
    for _ in range(2):
        page = (await alice.get(f"{path}?limit=4{cursor}")).json()
        seen += [item["insight"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert seen == [spec.key for spec in CATEGORIES["friendship"].insights]
    assert page["next_cursor"] is None
    assert refusal(await alice.get(f"{path}?limit=7")) == (422, "validation_failed")
    assert refusal(await alice.get(f"{path}?cursor=%21")) == (422, "validation_failed")


async def test_nobody_else_sees_it(
    alice: Client, bob: Client, stranger: Client, chat_id: str, ask_model: Finish
) -> None:
    job = (await unlock(alice, chat_id)).json()["job_id"]
    await ask_model("alice", job)
    path = f"/api/insights/jobs/{job}/sent"
    assert refusal(await bob.get(path)) == (404, "not_found")
    assert refusal(await stranger.get(path)) == (401, "unauthorized")
    assert refusal(await alice.get("/api/insights/jobs/no-job/sent")) == (404, "not_found")
