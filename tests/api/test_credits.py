import csv
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.credits.accounts import adjust_coins, grant_coins
from app.credits.service import OwnAccount
from app.jobs.refund import refund_job
from tests.support.api import Client, Finish, Login, balance, refusal, unlock

GRANT: dict[str, Any] = {"user_id": "bob", "coins": 70, "reason": "welcome", "reference": "r-1"}


@pytest.fixture
def admin(login: Login) -> Client:
    return login("admin", "credits:grant", "other")


async def test_a_first_look_opens_the_account_with_fifty_coins_once(alice: Client) -> None:
    assert await balance(alice) == {"available": 50, "held": 0}
    assert await balance(alice) == {"available": 50, "held": 0}
    [entry] = (await alice.get("/api/credits/entries")).json()["items"]
    assert (entry["seq"], entry["kind"], entry["amount"]) == (1, "grant", 50)
    assert set(entry) == {
        "user_id", "seq", "kind", "src", "dst", "amount", "available_after", "held_after",
        "op_key", "reservation_id", "actor", "reason", "at",
    }  # fmt: skip


async def test_a_grant_is_made_once_for_each_reference(admin: Client, bob: Client) -> None:
    first = await admin.post("/api/credits/grants", json=GRANT)
    again = await admin.post("/api/credits/grants", json=GRANT)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.json()["actor"] == "admin"
    assert await balance(bob) == {"available": 120, "held": 0}
    for other in ({"coins": 71}, {"reason": "else"}):
        reply = await admin.post("/api/credits/grants", json=GRANT | other)
        assert refusal(reply) == (409, "reference_reused")


async def test_a_grant_needs_the_scope(alice: Client, bob: Client) -> None:
    reply = await alice.post("/api/credits/grants", json=GRANT)
    assert refusal(reply) == (403, "forbidden")
    assert await balance(bob) == {"available": 50, "held": 0}


async def test_nobody_gives_coins_to_himself(
    login: Login, chat_id: str, alice: Client, finish: Finish
) -> None:
    """By a grant, by a refund, and below them by the ledger, whoever calls it."""
    job_id = (await unlock(alice, chat_id)).json()["job_id"]
    await finish("alice", job_id)
    before = await balance(alice)
    mighty = login("alice", "credits:grant", "credits:refund")
    own = {"user_id": "alice", "reason": "mine"}
    for path, given in (
        ("grants", own | {"coins": 70, "reference": "r-1"}),
        ("refunds", own | {"job_id": job_id}),
    ):
        reply = await mighty.post(f"/api/credits/{path}", json=given)
        assert refusal(reply) == (403, "forbidden")
    for give in (
        partial(grant_coins, "alice", coins=70, reference="r-1"),
        partial(adjust_coins, "alice", coins=70, reference="r-1"),
        partial(refund_job, "alice", UUID(job_id)),
    ):
        with pytest.raises(OwnAccount):
            await give(reason="mine", actor="alice")
    assert await balance(alice) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"coins": 0},
        {"coins": 1_000_001},
        {"coins": "70"},
        {"coins": 1.5},
        {"coins": True},
        {"user_id": ""},
        {"user_id": "a" * 256},
        {"user_id": "a\nb"},
        {"user_id": "a\x00b"},
        {"reason": ""},
        {"reference": ""},
        {"reference": "r" * 201},
        {"reason": "a\x00b"},
        {"extra": 1},
    ],
)
async def test_a_grant_of_wrong_values_is_refused(admin: Client, wrong: dict[str, Any]) -> None:
    reply = await admin.post("/api/credits/grants", json=GRANT | wrong)
    assert refusal(reply) == (422, "validation_failed")


async def test_the_statement_goes_on_where_the_page_before_ended(
    alice: Client, chat_id: str
) -> None:
    for _ in range(3):
        job_id = (await unlock(alice, chat_id)).json()["job_id"]
        assert (await alice.post(f"/api/insights/jobs/{job_id}/cancel")).status_code == 200
    seen: list[int] = []
    cursor = ""
    while cursor is not None:
        query = f"limit=3{cursor and '&cursor=' + cursor}"
        page = (await alice.get(f"/api/credits/entries?{query}")).json()
        seen += [entry["seq"] for entry in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [7, 6, 5, 4, 3, 2, 1]


async def test_the_statement_as_a_file_is_whole_and_harmless_in_a_spreadsheet(
    login: Login, admin: Client
) -> None:
    mallory = login("=cmd|'/c calc'!A1")
    for reason in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", 'plain, "quoted"'):
        given = {"user_id": "=cmd|'/c calc'!A1", "reason": reason, "reference": reason.strip()}
        assert (await admin.post("/api/credits/grants", json=GRANT | given)).status_code == 201
    reply = await mallory.get("/api/credits/entries.csv")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert reply.headers["content-disposition"].startswith("attachment;")
    rows = list(csv.DictReader(reply.text.splitlines()))
    assert [int(row["seq"]) for row in rows] == [7, 6, 5, 4, 3, 2, 1]
    assert {row["user_id"] for row in rows} == {"'=cmd|'/c calc'!A1"}
    assert [row["reason"] for row in rows] == [
        'plain, "quoted"', "'\tx", "'@SUM(A1)", "'-1", "'+1", "'=1+1", "signup",
    ]  # fmt: skip
