"""What the API says of a chat's categories, and of insights that have nothing to say."""

import json
from collections import Counter

from app.catalog.categories import CATEGORIES
from app.catalog.content import NOTHING_FOUND
from tests.support.api import CHAT, Client, FinishWith, balance, refusal, unlock, upload
from tests.support.jobs import ScriptedGenerator

LINES = CHAT.splitlines(keepends=True)


async def uploaded(alice: Client, messages: int) -> str:
    reply = await upload(alice, "".join(LINES[:messages]).encode(), date_order="dmy")
    return reply.json()["id"]


async def test_each_category_says_whether_the_chat_can_carry_it(alice: Client) -> None:
    fits = {
        20: ("none", "too_few_messages"),
        200: ("thin", "too_few_messages"),
        600: ("good", None),
    }
    for messages, (fit, code) in fits.items():
        chat_id = await uploaded(alice, messages)
        items = (await alice.get(f"/api/chats/{chat_id}/categories")).json()["items"]
        assert [item["category"] for item in items] == list(CATEGORIES)
        assert {item["fit"] for item in items} == {fit}
        assert {item["reason"] and item["reason"]["code"] for item in items} == {code}
        assert items[0] | {"reason": None} == {
            "category": "friendship",
            "title": CATEGORIES["friendship"].title,
            "price_coins": 50,
            "owned": False,
            "job_id": None,
            "fit": fit,
            "reason": None,
        }


async def test_a_chat_that_cannot_carry_a_category_is_not_sold(alice: Client) -> None:
    chat_id = await uploaded(alice, 20)
    reply = await unlock(alice, chat_id)
    assert refusal(reply) == (409, "not_enough_messages")
    assert reply.json()["reason"]["code"] == "too_few_messages"
    assert reply.json()["detail"] == reply.json()["reason"]["text"]
    assert await balance(alice) == {"available": 50, "held": 0}


async def test_a_chat_that_grows_is_sold(alice: Client) -> None:
    chat_id = await uploaded(alice, 20)
    files = {"file": ("chat.txt", "".join(LINES[:300]).encode())}
    grown = await alice.post(f"/api/chats/{chat_id}/revisions", files=files)
    assert grown.is_success, grown.text
    items = (await alice.get(f"/api/chats/{chat_id}/categories")).json()["items"]
    assert {item["fit"] for item in items} == {"thin"}
    assert (await unlock(alice, chat_id)).status_code == 202


async def test_the_categories_of_a_chat_are_its_owners(
    alice: Client, bob: Client, chat_id: str
) -> None:
    assert refusal(await bob.get(f"/api/chats/{chat_id}/categories")) == (404, "not_found")


async def test_an_empty_insight_is_shown_with_its_reason_and_not_charged(
    alice: Client, chat_id: str, finish_with: FinishWith
) -> None:
    job_id = (await unlock(alice, chat_id)).json()["job_id"]
    await finish_with(ScriptedGenerator(empty={2, 5}))("alice", job_id)

    async with alice.stream("GET", f"/api/insights/jobs/{job_id}/events") as stream:
        told = [line async for line in stream.aiter_lines() if line.startswith("data:")]
    job = json.loads(told[-1].removeprefix("data:"))
    assert job == (await alice.get(f"/api/insights/jobs/{job_id}")).json()
    assert (job["state"], job["error_code"]) == ("succeeded", None)
    assert Counter(one["state"] for one in job["insights"]) == {"completed": 4, "empty": 2}
    empty = job["insights"][1]
    assert (empty["empty_reason"], empty["content"]) == (NOTHING_FOUND.text, None)
    assert job["insights"][0]["empty_reason"] is None
    assert job["progress"] == {
        "completed": 4, "empty": 2, "failed": 0, "total": 6, "queue_position": None,
    }  # fmt: skip
    assert job["settlement"] == {
        "state": "captured", "charged_coins": 33, "released_coins": 17, "refunded_coins": 0,
    }  # fmt: skip
    assert job["message"] == "You were charged 33 coins; 17 coins came back."
    assert await balance(alice) == {"available": 17, "held": 0}
    entries = (await alice.get("/api/credits/entries")).json()["items"]
    assert [(one["kind"], one["amount"], one["reason"]) for one in entries[:2]] == [
        ("release", 17, "nothing_to_say"),
        ("capture", 33, None),
    ]
    items = (await alice.get(f"/api/chats/{chat_id}/categories")).json()["items"]
    assert [(one["owned"], one["job_id"]) for one in items] == [(True, job_id)] + [
        (False, None)
    ] * 3


async def test_a_job_with_nothing_to_say_fails_and_costs_nothing(
    alice: Client, chat_id: str, finish_with: FinishWith
) -> None:
    job_id = (await unlock(alice, chat_id)).json()["job_id"]
    await finish_with(ScriptedGenerator(empty=range(1, 7)))("alice", job_id)
    job = (await alice.get(f"/api/insights/jobs/{job_id}")).json()
    assert (job["state"], job["error_code"]) == ("failed", "nothing_to_say")
    assert {one["empty_reason"] for one in job["insights"]} == {NOTHING_FOUND.text}
    assert job["message"] == "You were not charged. 50 coins came back."
    assert await balance(alice) == {"available": 50, "held": 0}
