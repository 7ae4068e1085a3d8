"""CreditService: every movement of coins, inside a transaction that the caller owns.

Safe to repeat: each operation has an op_key that is unique for its user, and what comes second
meets it. Lock order, always: account → job → reservation. Batches lock their accounts in order
of user id first (`lock_accounts`), and never one after them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.credits.models import Bucket, EntryKind, ReservationState
from app.errors import DomainError

SIGNUP_COINS = 50
GRANT_COINS_MAX = 1_000_000


class InsufficientCoins(DomainError):
    """The available balance is below the price; nothing was reserved."""

    code, http_status = "insufficient_coins", 402


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
    """How one reservation ends: `captured` coins go to revenue, the rest comes back."""

    user_id: str
    reservation_id: UUID
    state: ReservationState
    captured: int | None = None
    """None captures the whole amount; read only when `state` is captured."""
    reason: str | None = None


class CreditService:
    """Coins of users. Holds a connection inside a transaction; never commits."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def open_account(self, user_id: str) -> bool:
        """Opens the account with the signup coins; False when it is open already."""
        opened = await self._connection.execute(
            _OPEN_ACCOUNT, {"user_id": user_id, "coins": SIGNUP_COINS}
        )
        return opened.first() is not None

    async def lock_accounts(self, user_ids: Sequence[str]) -> int:
        """Locks these accounts in order of user id; how many there are."""
        users = sorted(set(user_ids))
        locked = await self._connection.execute(_LOCK_ACCOUNTS, {"user_ids": users})
        return len(locked.all())

    async def balance(self, user_id: str) -> Balance | None:
        """The balance; None when there is no account yet."""
        found = await self._connection.execute(_BALANCE, {"user_id": user_id})
        row = found.first()
        return None if row is None else Balance(row.available, row.held)

    async def grant(
        self, user_id: str, *, coins: int, reason: str, reference: str, actor: str
    ) -> tuple[Entry, bool]:
        """Adds `coins` once for each `reference`; the entry, and whether it is new.

        Raises ReferenceReused when `reference` granted other coins or for another reason.
        The account must be open.
        """
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
            _GRANT,
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
            _RESERVE,
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

    async def settle(self, settlements: Sequence[Settlement]) -> set[tuple[str, UUID]]:
        """Ends these reservations; `(user_id, reservation_id)` of those that were still held.

        The caller has locked their accounts (`lock_accounts`), and their jobs after them.
        """
        settled = await self._connection.execute(
            _SETTLE,
            {
                "user_ids": [one.user_id for one in settlements],
                "ids": [one.reservation_id for one in settlements],
                "states": [one.state.value for one in settlements],
                "captures": [one.captured for one in settlements],
                "reasons": [one.reason for one in settlements],
            },
        )
        return {(row.user_id, row.id) for row in settled}

    async def entry(self, user_id: str, op_key: str) -> Entry | None:
        """The entry of an operation; None if it never happened."""
        found = await self._connection.execute(_ENTRY, {"user_id": user_id, "op_key": op_key})
        row = found.first()
        return None if row is None else _entry(row)

    async def statement(
        self, user_id: str, *, limit: int, before_seq: int | None = None
    ) -> list[Entry]:
        """At most `limit` entries, newest first, those before `before_seq` if it is given."""
        found = await self._connection.execute(
            _STATEMENT, {"user_id": user_id, "limit": limit, "before_seq": before_seq}
        )
        return [_entry(row) for row in found]

    async def _settle_one(self, settlement: Settlement) -> bool:
        await self.lock_accounts([settlement.user_id])
        return bool(await self.settle([settlement]))


def _entry(row: Row[Any]) -> Entry:
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


_ENTRY_COLUMNS = (
    "seq, kind, src, dst, amount, available_after, held_after,"
    " op_key, reservation_id, actor, reason, at"
)

_OPEN_ACCOUNT = text("""
    WITH account AS (
        INSERT INTO accounts (user_id, available, held, seq) VALUES (:user_id, :coins, 0, 1)
        ON CONFLICT DO NOTHING RETURNING user_id
    )
    INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                         op_key, actor, reason)
    SELECT user_id, 1, 'grant', 'mint', 'available', :coins, :coins, 0, 'signup', 'system', 'signup'
    FROM account
    RETURNING seq
""")

_LOCK_ACCOUNTS = text("""
    SELECT user_id FROM accounts WHERE user_id = ANY(CAST(:user_ids AS text[]))
    ORDER BY user_id FOR NO KEY UPDATE
""")

_BALANCE = text("SELECT available, held FROM accounts WHERE user_id = :user_id")

_ENTRY = text(f"""
    SELECT {_ENTRY_COLUMNS} FROM entries WHERE user_id = :user_id AND op_key = :op_key
""")  # noqa: S608 (column names only)

_STATEMENT = text(f"""
    SELECT {_ENTRY_COLUMNS} FROM entries
    WHERE user_id = :user_id AND seq < coalesce(CAST(:before_seq AS bigint), 9223372036854775807)
    ORDER BY seq DESC LIMIT :limit
""")  # noqa: S608 (column names only)

_GRANT = text(f"""
    WITH account AS (
        UPDATE accounts SET available = available + :coins, seq = seq + 1
        WHERE user_id = :user_id RETURNING user_id, available, held, seq
    )
    INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                         op_key, actor, reason)
    SELECT user_id, seq, 'grant', 'mint', 'available', :coins, available, held,
           :op_key, :actor, :reason
    FROM account
    RETURNING {_ENTRY_COLUMNS}
""")  # noqa: S608 (column names only)

RESERVE_CTES = """
    money AS (
        UPDATE accounts a
        SET available = a.available - o.price, held = a.held + o.price, seq = a.seq + 1
        FROM opened o WHERE a.user_id = o.user_id
        RETURNING a.user_id, a.available, a.held, a.seq, o.id, o.price
    ), reservation AS (
        INSERT INTO reservations (user_id, id, amount, expires_at)
        SELECT user_id, id, price, clock_timestamp() + make_interval(secs => :expires_s) FROM money
    ), entry AS (
        INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                             op_key, reservation_id, actor)
        SELECT user_id, seq, 'reserve', 'available', 'held', price, available, held,
               'reserve:' || id, id, user_id
        FROM money
    )
"""
"""The effects of a reservation, for a statement whose CTE `opened` has one row
`(user_id, id, price)` for it, and whose account is locked. `money` has the balance after it."""

_RESERVE = text(f"""
    WITH opened AS (
        SELECT user_id, CAST(:id AS uuid) AS id, CAST(:price AS bigint) AS price
        FROM accounts WHERE user_id = :user_id AND available >= CAST(:price AS bigint)
    ), {RESERVE_CTES}
    SELECT available, held FROM money
""")  # noqa: S608 (a constant of this module)

_SETTLE = text("""
    WITH input AS (
        SELECT * FROM unnest(
            CAST(:user_ids AS text[]), CAST(:ids AS uuid[]), CAST(:states AS text[]),
            CAST(:captures AS bigint[]), CAST(:reasons AS text[])
        ) AS t (user_id, id, state, captured, reason)
    ), open AS (
        SELECT r.user_id, r.id, r.amount, i.state, i.reason,
               CASE WHEN i.state = 'captured' THEN coalesce(i.captured, r.amount) ELSE 0 END
                   AS captured
        FROM reservations r JOIN input i USING (user_id, id)
        WHERE r.state = 'held'
        ORDER BY r.user_id, r.id
        FOR NO KEY UPDATE OF r
    ), closed AS (
        UPDATE reservations r
        SET state = o.state, captured = o.captured, resolved_at = clock_timestamp()
        FROM open o WHERE r.user_id = o.user_id AND r.id = o.id
    ), move AS (
        SELECT user_id, id, 1 AS part, 'settle:' || id AS op_key, reason,
               CASE state WHEN 'captured' THEN 'capture' ELSE 'release' END AS kind,
               CASE state WHEN 'captured' THEN 'revenue' ELSE 'available' END AS dst,
               CASE state WHEN 'captured' THEN captured ELSE amount END AS amount
        FROM open
        UNION ALL
        SELECT user_id, id, 2, 'settle-rest:' || id, reason, 'release', 'available',
               amount - captured
        FROM open WHERE state = 'captured' AND captured < amount
    ), numbered AS (
        SELECT *, row_number() OVER run AS n, sum(amount) OVER run AS unheld,
               sum(CASE dst WHEN 'available' THEN amount ELSE 0 END) OVER run AS returned
        FROM move
        WINDOW run AS (PARTITION BY user_id ORDER BY id, part)
    ), booked AS (
        INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after, held_after,
                             op_key, reservation_id, actor, reason)
        SELECT n.user_id, a.seq + n.n, n.kind, 'held', n.dst, n.amount,
               a.available + n.returned, a.held - n.unheld, n.op_key, n.id, 'system', n.reason
        FROM numbered n JOIN accounts a USING (user_id)
    ), total AS (
        SELECT user_id, max(n) AS entries, max(unheld) AS unheld, max(returned) AS returned
        FROM numbered GROUP BY user_id
    ), balanced AS (
        UPDATE accounts a
        SET available = a.available + t.returned, held = a.held - t.unheld, seq = a.seq + t.entries
        FROM total t WHERE a.user_id = t.user_id
    )
    SELECT user_id, id FROM open
""")
