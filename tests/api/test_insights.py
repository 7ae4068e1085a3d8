from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from app.catalog.categories import CATEGORIES
from app.main import unlock_terms
from app.progress.snapshots import QueuePositions, load_snapshot
from app.settings import Settings
from app.unlocks.batch import UnlockBatcher, UnlockTerms
from tests.support.api import CHAT, Client, Finish, Login, balance, refusal, unlock, upload

NO_ONE_S = "018f3b5e-0000-7000-8000-000000000000"


async def test_the_catalog_offers_categories_of_six_insights(alice: Client) -> None:
    items = (await alice.get("/api/categories")).json()["items"]
    assert {item["key"]: item["price_coins"] for item in items} == {
        "friendship": 50, "family": 50, "romance": 100, "work": 100,
    }  # fmt: skip
    assert {len(item["insights"]) for item in items} == {6}
    assert set(items[0]["insights"][0]) == {"key", "title", "description"}


async def test_an_unlock_holds_the_coins_and_queues_the_job(alice: Client, chat_id: str) -> None:
    reply = await unlock(alice, chat_id, price_coins=50, language="pt-BR")
    job = reply.json()
    assert reply.status_code == 202
    assert job == {
        "job_id": job["job_id"],
        "state": "queued",
        "price_coins": 50,
        "balance": {"available": 0, "held": 50},
        "links": {
            "self": f"/api/insights/jobs/{job['job_id']}",
            "events": f"/api/insights/jobs/{job['job_id']}/events",
        },
    }
    assert "idempotency-replayed" not in reply.headers
    waiting = (await alice.get(job["links"]["self"])).json()
    assert (waiting["state"], waiting["version"], waiting["attempt"]) == ("queued", 1, 0)
    assert waiting["settlement"] == {
        "state": "held", "charged_coins": 0, "released_coins": 0, "refunded_coins": 0,
    }  # fmt: skip
    assert waiting["progress"] == {
        "completed": 0, "empty": 0, "failed": 0, "total": 6, "queue_position": 1,
    }  # fmt: skip
    titles = [insight.title for insight in CATEGORIES["friendship"].insights]
    assert [insight["title"] for insight in waiting["insights"]] == titles
    assert {insight["state"] for insight in waiting["insights"]} == {"queued"}
    assert waiting["message"].startswith("50 coins are held.")


async def test_a_replay_repeats_the_first_answer_to_the_letter(
    alice: Client, chat_id: str, finish: Finish
) -> None:
    first = await unlock(alice, chat_id, key="k 1")
    await finish("alice", first.json()["job_id"])
    again = await unlock(alice, chat_id, key="k 1")
    assert (again.status_code, again.content) == (202, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    other = await unlock(alice, chat_id, "family", key="k 1")
    assert refusal(other) == (422, "idempotency_key_reused")


async def test_refusals_to_unlock_hold_nothing(alice: Client, chat_id: str) -> None:
    assert refusal(await unlock(alice, NO_ONE_S)) == (404, "not_found")
    assert refusal(await unlock(alice, chat_id, "love")) == (404, "unknown_category")
    changed = await unlock(alice, chat_id, price_coins=49)
    assert refusal(changed) == (409, "price_changed")
    poor = await unlock(alice, chat_id, "romance")
    assert refusal(poor) == (402, "insufficient_coins")
    assert (poor.json()["available"], poor.json()["required"]) == (50, 100)
    assert await balance(alice) == {"available": 50, "held": 0}
    assert (await alice.get("/api/insights/jobs")).json()["items"] == []


async def test_the_daily_limit_tells_when_to_come_back(
    app: FastAPI, settings: Settings, alice: Client, chat_id: str
) -> None:
    terms = unlock_terms(settings.model_copy(update={"daily_jobs_max": 1}))
    app.state.api.unlocks = UnlockBatcher(terms)
    assert (await unlock(alice, chat_id)).status_code == 202
    refused = await unlock(alice, chat_id, "family")
    assert refusal(refused) == (429, "daily_limit")
    assert 86_000 < int(refused.headers["retry-after"]) <= 86_400
    assert await balance(alice) == {"available": 0, "held": 50}


def test_the_limit_of_cost_counts_only_where_a_provider_is_paid(settings: Settings) -> None:
    assert unlock_terms(settings).daily_cost_max is None
    paid = settings.model_copy(update={"llm_model": "m", "daily_cost_max": 2.5})
    assert unlock_terms(paid).daily_cost_max == 2_500_000
    free = {"llm_model": "m", "daily_cost_max": 0.0, "daily_jobs_max": 0}
    assert unlock_terms(settings.model_copy(update=free)) == UnlockTerms(settings.expires_s)


async def test_what_is_unlocked_or_under_way_is_named_and_not_sold_again(
    alice: Client, chat_id: str, finish: Finish
) -> None:
    job_id = (await unlock(alice, chat_id)).json()["job_id"]
    busy = await unlock(alice, chat_id)
    assert refusal(busy) == (409, "unlock_in_progress")
    assert busy.json()["job_id"] == job_id
    await finish("alice", job_id)
    done = await unlock(alice, chat_id)
    assert refusal(done) == (409, "already_unlocked")
    assert done.json()["job_id"] == job_id


@pytest.mark.parametrize(
    "body",
    [
        {"chat_id": "x"},
        {"category": ""},
        {"category": 5},
        {"category": "x" * 65},
        {"price_coins": "50"},
        {"price_coins": -1},
        {"price_coins": 10**30},
        {"language": "not a tag"},
        {"language": "x" * 40},
        {"language": "en\n"},
        {"surprise": 1},
    ],
)
async def test_an_order_of_wrong_values_is_refused(
    alice: Client, chat_id: str, body: dict[str, Any]
) -> None:
    order = {"chat_id": chat_id, "category": "friendship"} | body
    reply = await alice.post("/api/insights/unlock", json=order)
    assert refusal(reply) == (422, "validation_failed")


@pytest.mark.parametrize(
    "body",
    [
        '{"chat_id": "ID", "category": "friendship"}',
        '{"chat_id": "ID", "category": "friendship", "price_coins": 50.0, "language": "de-AT"}',
        '{"chat_id": "urn:uuid:ID", "category": "friendship", "price_coins": 5e1}',
        '{"chat_id": "{ID}", "category": "friendship", "price_coins": null}',
        '{"category": "family", "chat_id": "ID", "category": "friendship"}',
        '\ufeff{"chat_id": "ID", "category": "friendship"}',
        '{"chat_id": "ID", "category": "friendship", "price_coins": 50.5}',
        '{"chat_id": "ID", "category": "friendship", "price_coins": true}',
        '{"chat_id": "ID", "category": "friendship", "price_coins": NaN}',
        '{"chat_id": "ID", "category": "friendship", "price_coins": 1' + "0" * 5000 + "}",
        '{"chat_id": "ID", "category": "\\ud800"}',
        '{"chat_id": "ID", "category": "\\u0000"}',
        '{"chat_id": "ID", "category": "friendship", "Category": 1}',
        '{"chat_id": "ID", "category": "love"}',
        "[" * 2000,
        "[]",
        "null",
        '{"chat_id": "ID", ',
        "",
    ],
    ids=range(19),
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
async def test_the_short_way_answers_as_the_general_one(
    alice: Client, chat_id: str, body: str, encoding: str
) -> None:
    content = body.replace("ID", chat_id).encode(encoding)
    short, general = [
        await alice.post(
            "/api/insights/unlock",
            content=content,
            headers={"content-type": media_type, "idempotency-key": "k"},
        )
        for media_type in ("application/json", "application/json; charset=utf-8")
    ]
    assert (short.status_code, short.content) == (general.status_code, general.content)
    assert short.headers["content-type"] == general.headers["content-type"]
    assert short.headers["content-length"] == general.headers["content-length"]


@pytest.mark.parametrize("key", ["", "ä", "k" * 256, "a\tb"])
async def test_a_key_that_is_no_printable_ascii_is_refused(
    alice: Client, chat_id: str, key: str
) -> None:
    reply = await alice.post(
        "/api/insights/unlock",
        json={"chat_id": chat_id, "category": "friendship"},
        headers=[(b"idempotency-key", key.encode())],
    )
    assert refusal(reply) == (422, "validation_failed")


async def test_insights_are_shown_once_they_are_charged(
    alice: Client, chat_id: str, finish: Finish
) -> None:
    job_id = (await unlock(alice, chat_id)).json()["job_id"]
    await finish("alice", job_id)
    done = (await alice.get(f"/api/insights/jobs/{job_id}")).json()
    assert (done["state"], done["progress"]["completed"]) == ("succeeded", 6)
    assert done["progress"]["queue_position"] is None
    assert done["settlement"]["charged_coins"] == 50
    assert done["message"] == "You were charged 50 coins."
    for insight in done["insights"]:
        assert set(insight["content"]) == {
            "headline", "summary", "findings", "metrics", "confidence",
        }  # fmt: skip
        assert insight["content"]["findings"][0]["evidence"]
    listed = (await alice.get(f"/api/chats/{chat_id}/insights")).json()
    assert listed == {"items": [done], "next_cursor": None}


async def test_only_succeeded_jobs_of_a_chat_are_listed_as_its_insights(
    alice: Client, chat_id: str
) -> None:
    await unlock(alice, chat_id)
    assert (await alice.get(f"/api/chats/{chat_id}/insights")).json()["items"] == []
    assert len((await alice.get("/api/insights/jobs")).json()["items"]) == 1


async def test_a_cancelled_job_charges_nothing_and_shows_nothing(
    alice: Client, chat_id: str
) -> None:
    job_id = (await unlock(alice, chat_id)).json()["job_id"]
    for _ in range(2):
        reply = await alice.post(f"/api/insights/jobs/{job_id}/cancel")
        assert (reply.status_code, reply.json()["state"]) == (200, "cancelled")
        assert reply.json()["message"] == "You were not charged. 50 coins came back."
    assert await balance(alice) == {"available": 50, "held": 0}


async def test_a_finished_job_cannot_be_cancelled(
    alice: Client, bob: Client, chat_id: str, finish: Finish
) -> None:
    job_id = (await unlock(alice, chat_id)).json()["job_id"]
    foreign = await bob.post(f"/api/insights/jobs/{job_id}/cancel")
    assert refusal(foreign) == (404, "not_found")
    await finish("alice", job_id)
    reply = await alice.post(f"/api/insights/jobs/{job_id}/cancel")
    assert refusal(reply) == (409, "not_cancellable")


async def test_of_a_deleted_chat_the_job_stays_without_its_content(
    alice: Client, chat_id: str, finish: Finish
) -> None:
    job_id = (await unlock(alice, chat_id)).json()["job_id"]
    await finish("alice", job_id)
    before = (await alice.get(f"/api/insights/jobs/{job_id}")).json()
    await alice.delete(f"/api/chats/{chat_id}")
    after = (await alice.get(f"/api/insights/jobs/{job_id}")).json()
    assert after["version"] > before["version"]
    assert after["settlement"]["charged_coins"] == 50
    assert {insight["content"] for insight in after["insights"]} == {None}
    assert {insight["content_deleted"] for insight in after["insights"]} == {True}


async def test_the_queue_position_counts_waiting_jobs_in_order(
    app: FastAPI, alice: Client, bob: Client, chat_id: str
) -> None:
    first = (await unlock(alice, chat_id)).json()["job_id"]
    second_chat = (await upload(bob, CHAT.encode())).json()["id"]
    second = (await unlock(bob, second_chat)).json()["job_id"]
    keyring, positions = app.state.api.keyring, QueuePositions()
    seen = [
        (await load_snapshot(user, UUID(job), keyring, positions)).progress.queue_position
        for user, job in (("alice", first), ("bob", second))
    ]
    assert seen == [1, 2]


async def test_a_refund_needs_its_scope_is_made_once_and_hides_the_content(
    login: Login, alice: Client, chat_id: str, finish: Finish
) -> None:
    job = (await unlock(alice, chat_id)).json()
    admin = login("admin", "credits:refund")
    given = {"user_id": "alice", "job_id": job["job_id"], "reason": "it was poor"}
    early = await admin.post("/api/credits/refunds", json=given)
    assert refusal(early) == (409, "not_refundable")
    await finish("alice", job["job_id"])
    assert refusal(await alice.post("/api/credits/refunds", json=given)) == (403, "forbidden")
    others = await admin.post("/api/credits/refunds", json=given | {"user_id": "bob"})
    assert refusal(others) == (404, "not_found")
    first = await admin.post("/api/credits/refunds", json=given)
    again = await admin.post("/api/credits/refunds", json=given)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert await balance(alice) == {"available": 50, "held": 0}
    current = (await alice.get(job["links"]["self"])).json()
    assert current["settlement"]["state"] == "refunded"
    assert [one["content"] for one in current["insights"]] == [None] * 6
    assert current["message"] == "You were charged 50 coins and got 50 coins back."
