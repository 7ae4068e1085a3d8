import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.credits.accounts import ensure_account, grant_coins, opened_balance, read_statement
from app.credits.models import ReservationState
from app.credits.service import (
    Balance,
    CreditService,
    InsufficientCoins,
    ReferenceReused,
    Settlement,
)
from app.db import in_transaction, transaction

pytestmark = pytest.mark.usefixtures("engine")


async def with_credits(work: Callable[[CreditService], Awaitable[Any]]) -> Any:
    return await in_transaction(lambda connection: work(CreditService(connection)))


async def reserve(user_id: str, coins: int, **ids: Any) -> Any:
    reservation_id = ids.get("reservation_id") or uuid4()
    await with_credits(
        lambda credits: credits.reserve(
            user_id, coins=coins, reservation_id=reservation_id, expires_s=60
        )
    )
    return reservation_id


@pytest.mark.usefixtures("several_processes")
async def test_a_new_user_gets_fifty_coins_once() -> None:
    balances = await asyncio.gather(*(opened_balance("alice") for _ in range(8)))
    assert set(balances) == {Balance(50, 0)}
    (signup,) = await read_statement("alice", limit=10)
    assert (signup.seq, signup.kind, signup.op_key, signup.amount) == (1, "grant", "signup", 50)


async def test_a_reservation_that_is_captured_leaves_one_charge() -> None:
    await ensure_account("alice")
    reservation_id = await reserve("alice", 30)
    assert await opened_balance("alice") == Balance(20, 30)
    assert await with_credits(lambda credits: credits.capture("alice", reservation_id))
    assert not await with_credits(lambda credits: credits.capture("alice", reservation_id))
    assert await opened_balance("alice") == Balance(20, 0)
    kinds = [entry.kind for entry in await read_statement("alice", limit=10)]
    assert kinds == ["capture", "reserve", "grant"]


async def test_a_released_reservation_gives_all_coins_back() -> None:
    await ensure_account("alice")
    reservation_id = await reserve("alice", 30)
    assert await with_credits(
        lambda credits: credits.release("alice", reservation_id, reason="cancelled")
    )
    assert await opened_balance("alice") == Balance(50, 0)
    assert not await with_credits(lambda credits: credits.capture("alice", reservation_id))
    assert await opened_balance("alice") == Balance(50, 0)


async def test_a_partial_capture_gives_the_rest_back() -> None:
    await ensure_account("alice")
    reservation_id = await reserve("alice", 30)
    assert await with_credits(lambda credits: credits.capture("alice", reservation_id, coins=10))
    assert await opened_balance("alice") == Balance(40, 0)
    newest, second, *_ = await read_statement("alice", limit=10)
    assert (second.op_key, second.amount) == (f"settle:{reservation_id}", 10)
    assert (newest.op_key, newest.amount) == (f"settle-rest:{reservation_id}", 20)


async def test_more_than_the_balance_cannot_be_reserved() -> None:
    await ensure_account("alice")
    with pytest.raises(InsufficientCoins) as refusal:
        await reserve("alice", 51)
    assert refusal.value.facts == {"available": 50, "required": 51}
    assert await opened_balance("alice") == Balance(50, 0)


async def test_reserving_twice_under_one_id_reserves_once() -> None:
    await ensure_account("alice")
    reservation_id = await reserve("alice", 30)
    await reserve("alice", 30, reservation_id=reservation_id)
    assert await opened_balance("alice") == Balance(20, 30)


async def test_a_grant_is_made_once_for_each_reference() -> None:
    first = await grant_coins("bob", coins=25, reason="gift", reference="r1", actor="ops")
    again = await grant_coins("bob", coins=25, reason="gift", reference="r1", actor="ops")
    assert first[1] is True
    assert again == (first[0], False)
    assert await opened_balance("bob") == Balance(75, 0)
    with pytest.raises(ReferenceReused):
        await grant_coins("bob", coins=26, reason="gift", reference="r1", actor="ops")


async def test_twenty_reservations_at_once_cannot_spend_more_than_there_is() -> None:
    await ensure_account("alice")
    outcomes = await asyncio.gather(
        *(reserve("alice", 20) for _ in range(20)), return_exceptions=True
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, InsufficientCoins)]
    assert len(refused) == 18
    assert await opened_balance("alice") == Balance(10, 40)


async def test_capture_and_release_at_once_settle_once() -> None:
    await ensure_account("alice")
    for _ in range(10):
        reservation_id = await reserve("alice", 5)
        settled = await asyncio.gather(
            with_credits(lambda credits, r=reservation_id: credits.capture("alice", r)),
            with_credits(
                lambda credits, r=reservation_id: credits.release("alice", r, reason="race")
            ),
        )
        assert sorted(settled) == [False, True]
    balance = await opened_balance("alice")
    assert balance.held == 0
    captured = [e for e in await read_statement("alice", limit=50) if e.kind == "capture"]
    assert balance.available == 50 - 5 * len(captured)


async def test_one_batch_settles_many_reservations_of_several_users() -> None:
    for user_id in ("alice", "bob"):
        await ensure_account(user_id)
    ids = {user: [await reserve(user, 10) for _ in range(3)] for user in ("alice", "bob")}

    async def settle(credits: CreditService) -> Any:
        await credits.lock_accounts(["alice", "bob"])
        return await credits.settle(
            [
                Settlement("alice", ids["alice"][0], ReservationState.CAPTURED),
                Settlement("bob", ids["bob"][0], ReservationState.RELEASED, reason="x"),
                Settlement("alice", ids["alice"][1], ReservationState.RELEASED, reason="x"),
                Settlement("alice", ids["alice"][2], ReservationState.CAPTURED, captured=4),
                Settlement("bob", ids["bob"][1], ReservationState.EXPIRED, reason="expired"),
                Settlement("bob", uuid4(), ReservationState.CAPTURED),
            ]
        )

    assert len(await with_credits(settle)) == 5
    assert await opened_balance("alice") == Balance(36, 0)
    assert await opened_balance("bob") == Balance(40, 10)
    entries = await read_statement("alice", limit=50)
    assert [entry.seq for entry in entries] == list(range(len(entries), 0, -1))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET amount = 1",
        "DELETE FROM entries",
        "TRUNCATE entries",
    ],
)
async def test_the_ledger_is_append_only(statement: str) -> None:
    await ensure_account("alice")
    with pytest.raises(DBAPIError, match="append-only"):
        async with transaction() as connection:
            await connection.execute(text(statement))


@pytest.mark.parametrize("coins", [0, 1_000_001])
async def test_a_grant_out_of_bounds_is_a_mistake_of_the_caller(coins: int) -> None:
    with pytest.raises(ValueError, match="1 to 1000000 coins"):
        await grant_coins("alice", coins=coins, reason="gift", reference="r1", actor="ops")


async def test_an_account_that_cannot_be_opened_is_a_loud_error() -> None:
    async with transaction() as connection:
        await connection.execute(
            text(
                "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql"
                " AS 'BEGIN RETURN NULL; END'"
            )
        )
        await connection.execute(
            text(
                "CREATE TRIGGER swallow BEFORE INSERT ON accounts"
                " FOR EACH ROW EXECUTE FUNCTION swallow()"
            )
        )
    with pytest.raises(RuntimeError, match="missing right after it was opened"):
        await opened_balance("alice")
