"""Use cases on one user's account, each a transaction of its own."""

from sqlalchemy.ext.asyncio import AsyncConnection

from app.credits.service import Balance, CreditService, Entry
from app.db import in_turn, snapshot
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
        raise NoAccount(f"There is no account of {user_id}: nobody of that name was here yet.")
    return balance


async def grant_coins(
    user_id: str, *, coins: int, reason: str, reference: str, actor: str
) -> tuple[Entry, bool]:
    """Grants once for each `reference`; the entry, and whether it is new.

    Raises ReferenceReused when the reference granted something else before.
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

    Raises ReferenceReused, and InsufficientCoins rather than a negative balance.
    """

    async def adjust(connection: AsyncConnection) -> tuple[Entry, bool]:
        return await CreditService(connection).adjust(
            user_id, coins=coins, reason=reason, reference=reference, actor=actor
        )

    await ensure_account(user_id)
    return await in_turn(user_id, adjust, step=Step.ADJUST)


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
