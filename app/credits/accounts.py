"""Use cases on one user's account, each a transaction of its own."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from app.acting import for_users
from app.credits.service import Balance, CreditService, Entry
from app.credits.sql import NOT_BEFORE, SIGN_OUT
from app.db import in_turn, lone_read, snapshot
from app.errors import NotFound
from app.faults import Step


class NoAccount(NotFound):
    """There is no account of this user."""


async def ensure_account(user_id: str) -> None:
    """The account exists afterwards; a new one got its signup coins, once."""

    async def open_it(connection: AsyncConnection) -> bool:
        return await CreditService(connection).open_account(user_id)

    await in_turn(user_id, open_it, step=Step.OPEN_ACCOUNT)


async def opened_balance(user_id: str) -> Balance:
    """The balance; the account is opened if this is the user's first visit."""
    balance = await _balance(user_id)
    if balance is None:
        await ensure_account(user_id)
        balance = await _balance(user_id)
    if balance is None:
        raise RuntimeError("an account is missing right after it was opened")
    return balance


async def known_balance(user_id: str) -> Balance:
    """The balance of a user who has an account; none is opened. Raises NoAccount."""
    balance = await _balance(user_id)
    if balance is None:
        raise NoAccount(f"There is no account of {user_id}: no request of that user was seen yet.")
    return balance


async def grant_coins(
    user_id: str, *, coins: int, reason: str, reference: str, actor: str
) -> tuple[Entry, bool]:
    """Grants once for each `reference`; the entry, and whether it is new.

    Raises ReferenceReused when the reference granted something else before, and OwnAccount when
    the actor is the user.
    """

    async def grant(connection: AsyncConnection) -> tuple[Entry, bool]:
        return await CreditService(connection).grant(
            user_id, coins=coins, reason=reason, reference=reference, actor=actor
        )

    await ensure_account(user_id)
    return await in_turn(user_id, grant, step=Step.GRANT)


async def adjust_coins(
    user_id: str, *, coins: int, reason: str, reference: str, actor: str
) -> tuple[Entry, bool]:
    """Adds or takes coins once for each reference; the entry, and whether it is new.

    Raises ReferenceReused, OwnAccount, and InsufficientCoins rather than a negative balance.
    """

    async def adjust(connection: AsyncConnection) -> tuple[Entry, bool]:
        return await CreditService(connection).adjust(
            user_id, coins=coins, reason=reason, reference=reference, actor=actor
        )

    await ensure_account(user_id)
    return await in_turn(user_id, adjust, step=Step.ADJUST)


async def sign_out(user_id: str, *, issued_at: float) -> float:
    """From now on every token of the user that was issued until now is refused, and also the one
    issued at `issued_at` by a clock that is ahead. Until when, in Unix seconds."""

    async def end_sessions(connection: AsyncConnection) -> float:
        ended = await connection.execute(SIGN_OUT, {"user_id": user_id, "issued_at": issued_at})
        return float(ended.scalar_one())

    await ensure_account(user_id)
    return await in_turn(user_id, end_sessions, step=Step.SIGN_OUT)


async def read_not_before(user_ids: Sequence[str]) -> dict[str, float]:
    """Until when tokens of these users are refused, in Unix seconds; without those that never
    signed out."""
    with for_users(*user_ids):
        return await _read_not_before(user_ids)


async def _read_not_before(user_ids: Sequence[str]) -> dict[str, float]:
    async with lone_read() as connection:
        found = await connection.execute(NOT_BEFORE, {"user_ids": list(user_ids)})
        return {row.user_id: row.not_before for row in found}


async def read_statement(user_id: str, *, limit: int, before_seq: int | None = None) -> list[Entry]:
    """At most `limit` entries, newest first; opens the account on a first visit."""
    await opened_balance(user_id)
    async with snapshot() as connection:
        return await CreditService(connection).statement(
            user_id, limit=limit, before_seq=before_seq
        )


async def _balance(user_id: str) -> Balance | None:
    async with snapshot() as connection:
        return await CreditService(connection).balance(user_id)
