"""CreditService: every movement of coins, inside a transaction that the caller owns.

Safe to repeat: each operation has an op_key that is unique for its user, and what comes second
meets it. Lock order, always: account → job → reservation. Batches lock their accounts in order
of user id first (`lock_accounts`), and never one after them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import telemetry
from app.credits.models import Bucket, EntryKind, ReservationState
from app.credits.sql import (
    ADJUST,
    BALANCE,
    ENTRY,
    GRANT,
    LOCK_ACCOUNTS,
    LOCK_FREE_ACCOUNTS,
    OPEN_ACCOUNT,
    REFUND,
    RESERVE,
    SETTLE,
    STATEMENT,
)
from app.db import after_commit
from app.driver import DriverConnection
from app.errors import DomainError

_CAPTURED, _REFUNDED = map(telemetry.coins_moved.labels, ("captured", "refunded"))

SIGNUP_COINS = 50
GRANT_COINS_MAX = 1_000_000


class InsufficientCoins(DomainError):
    """The available balance is below the price; nothing was reserved."""

    code, http_status = "insufficient_coins", 402


class OwnAccount(DomainError):
    """The caller may not give coins to the own account: another operator has to do it."""

    code, http_status = "forbidden", 403


class ReferenceReused(DomainError):
    """This reference was used before, for other coins or another reason."""

    code, http_status = "reference_reused", 409


@dataclass(frozen=True, slots=True)
class Balance:
    available: int
    held: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of coins, as the ledger holds it."""

    seq: int
    kind: EntryKind
    src: Bucket
    dst: Bucket
    amount: int
    available_after: int
    held_after: int
    op_key: str
    reservation_id: UUID | None
    actor: str
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Settlement:
    """How one reservation ends: `captured` coins go to revenue, the rest comes back.

    `reason` is that of the coins that come back.
    """

    user_id: str
    reservation_id: UUID
    state: ReservationState
    captured: int | None = None
    """None captures the whole amount, 0 nothing; read only when `state` is captured."""
    reason: str | None = None


class CreditService:
    """Coins of users. Holds a connection inside a transaction; never commits."""

    def __init__(self, connection: AsyncConnection | DriverConnection) -> None:
        self._connection = connection

    async def open_account(self, user_id: str) -> bool:
        """Opens the account with the signup coins; False when it is open already."""
        opened = await self._connection.execute(
            OPEN_ACCOUNT, {"user_id": user_id, "coins": SIGNUP_COINS}
        )
        return opened.first() is not None

    async def lock_accounts(self, user_ids: Sequence[str]) -> int:
        """Locks these accounts in order of user id; how many there are."""
        users = sorted(set(user_ids))
        locked = await self._connection.execute(LOCK_ACCOUNTS, {"user_ids": users})
        return len(locked.all())

    async def lock_free_accounts(self, user_ids: Iterable[str]) -> set[str]:
        """Locks those of the accounts that no other transaction has locked; which they are."""
        locked = await self._connection.execute(
            LOCK_FREE_ACCOUNTS, {"user_ids": sorted(set(user_ids))}
        )
        return {row.user_id for row in locked}

    async def balance(self, user_id: str) -> Balance | None:
        """The balance; None when there is no account yet."""
        found = await self._connection.execute(BALANCE, {"user_id": user_id})
        row = found.first()
        return None if row is None else Balance(row.available, row.held)

    async def grant(
        self, user_id: str, *, coins: int, reason: str, reference: str, actor: str
    ) -> tuple[Entry, bool]:
        """Adds `coins` once for each `reference`; the entry, and whether it is new.

        Raises ReferenceReused when `reference` granted other coins or for another reason, and
        OwnAccount when the actor is the user. The account must be open.
        """
        _check_another(user_id, actor)
        if not 1 <= coins <= GRANT_COINS_MAX:
            raise ValueError(f"a grant is 1 to {GRANT_COINS_MAX} coins")
        op_key = f"grant:{reference}"
        await self.lock_accounts([user_id])
        earlier = await self.entry(user_id, op_key)
        if earlier is not None:
            if (earlier.amount, earlier.reason) != (coins, reason):
                raise ReferenceReused(reference=reference)
            return earlier, False
        granted = await self._connection.execute(
            GRANT,
            {"user_id": user_id, "coins": coins, "op_key": op_key}
            | {"actor": actor, "reason": reason},
        )
        return _entry(granted.one()), True

    async def reserve(
        self, user_id: str, *, coins: int, reservation_id: UUID, expires_s: float
    ) -> Balance:
        """Holds `coins` for `expires_s` seconds under `reservation_id`; the balance after it.

        A repeat with the same id changes nothing and answers the balance after the first one.
        Raises InsufficientCoins.
        """
        await self.lock_accounts([user_id])
        earlier = await self.entry(user_id, f"reserve:{reservation_id}")
        if earlier is not None:
            return Balance(earlier.available_after, earlier.held_after)
        reserved = await self._connection.execute(
            RESERVE,
            {"user_id": user_id, "price": coins, "id": reservation_id, "expires_s": expires_s},
        )
        row = reserved.first()
        if row is None:
            balance = await self.balance(user_id)
            available = 0 if balance is None else balance.available
            raise InsufficientCoins(available=available, required=coins)
        return Balance(row.available, row.held)

    async def capture(
        self, user_id: str, reservation_id: UUID, *, coins: int | None = None
    ) -> bool:
        """Charges `coins` (all by default), gives back the rest; False if it was settled before."""
        return await self._settle_one(
            Settlement(user_id, reservation_id, ReservationState.CAPTURED, coins)
        )

    async def release(self, user_id: str, reservation_id: UUID, *, reason: str) -> bool:
        """Gives all held coins back; False if the reservation was settled before."""
        return await self._settle_one(
            Settlement(user_id, reservation_id, ReservationState.RELEASED, reason=reason)
        )

    async def refund(
        self, user_id: str, reservation_id: UUID, *, reason: str, actor: str
    ) -> tuple[Entry, bool] | None:
        """Returns what a reservation was charged, once; the entry, and whether it is new.

        None when nothing was charged for it. Raises OwnAccount when the actor is the user.
        """
        _check_another(user_id, actor)
        await self.lock_accounts([user_id])
        op_key = f"refund:{reservation_id}"
        earlier = await self.entry(user_id, op_key)
        if earlier is not None:
            return earlier, False
        refunded = await self._connection.execute(
            REFUND,
            {"user_id": user_id, "id": reservation_id, "op_key": op_key}
            | {"actor": actor, "reason": reason},
        )
        row = refunded.first()
        if row is None:
            return None
        after_commit(self._connection, partial(_REFUNDED.inc, row.amount))
        return _entry(row), True

    async def adjust(
        self, user_id: str, *, coins: int, reason: str, reference: str, actor: str
    ) -> tuple[Entry, bool]:
        """Adds `coins`, or takes them when negative, once for each `reference`.

        The entry, and whether it is new. Raises ReferenceReused as `grant` does, and
        InsufficientCoins rather than taking more than is available, and OwnAccount when the actor
        is the user. The account must be open.
        """
        _check_another(user_id, actor)
        if not 1 <= abs(coins) <= GRANT_COINS_MAX:
            raise ValueError(f"an adjustment is 1 to {GRANT_COINS_MAX} coins, or as many less")
        await self.lock_accounts([user_id])
        op_key = f"adjust:{reference}"
        earlier = await self.entry(user_id, op_key)
        if earlier is not None:
            moved = earlier.amount if earlier.dst is Bucket.AVAILABLE else -earlier.amount
            if (moved, earlier.reason) != (coins, reason):
                raise ReferenceReused(reference=reference)
            return earlier, False
        adjusted = await self._connection.execute(
            ADJUST,
            {"user_id": user_id, "coins": coins, "op_key": op_key}
            | {"actor": actor, "reason": reason},
        )
        row = adjusted.first()
        if row is None:
            balance = await self.balance(user_id)
            available = 0 if balance is None else balance.available
            raise InsufficientCoins(available=available, required=-coins)
        return _entry(row), True

    async def settle(self, settlements: Sequence[Settlement]) -> set[tuple[str, UUID]]:
        """Ends these reservations; `(user_id, reservation_id)` of those that were still held.

        The caller has locked their accounts (`lock_accounts`), and their jobs after them.
        """
        settled = await self._connection.execute(
            SETTLE,
            {
                "user_ids": [one.user_id for one in settlements],
                "ids": [one.reservation_id for one in settlements],
                "states": [one.state.value for one in settlements],
                "captures": [one.captured for one in settlements],
                "reasons": [one.reason for one in settlements],
            },
        )
        rows = settled.all()
        captured = sum(row.captured for row in rows)
        if captured:
            after_commit(self._connection, partial(_CAPTURED.inc, captured))
        return {(row.user_id, row.id) for row in rows}

    async def entry(self, user_id: str, op_key: str) -> Entry | None:
        """The entry of an operation; None if it never happened."""
        found = await self._connection.execute(ENTRY, {"user_id": user_id, "op_key": op_key})
        row = found.first()
        return None if row is None else _entry(row)

    async def statement(
        self, user_id: str, *, limit: int, before_seq: int | None = None
    ) -> list[Entry]:
        """At most `limit` entries, newest first, those before `before_seq` if it is given."""
        found = await self._connection.execute(
            STATEMENT, {"user_id": user_id, "limit": limit, "before_seq": before_seq}
        )
        return [_entry(row) for row in found]

    async def _settle_one(self, settlement: Settlement) -> bool:
        await self.lock_accounts([settlement.user_id])
        return bool(await self.settle([settlement]))


def _check_another(user_id: str, actor: str) -> None:
    if actor == user_id:
        raise OwnAccount


def _entry(row: Any) -> Entry:
    return Entry(
        seq=row.seq,
        kind=EntryKind(row.kind),
        src=Bucket(row.src),
        dst=Bucket(row.dst),
        amount=row.amount,
        available_after=row.available_after,
        held_after=row.held_after,
        op_key=row.op_key,
        reservation_id=row.reservation_id,
        actor=row.actor,
        reason=row.reason,
        at=row.at,
    )
