"""Orders to unlock that come together, and are written together: the usual case of T1."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.acting import for_users
from app.catalog.categories import Category
from app.catalog.fit import LEAST
from app.credits.service import CreditService
from app.db import in_statement, in_turn
from app.faults import Step
from app.group_commit import GroupCommit
from app.jobs.leases import Locking
from app.jobs.models import JobState
from app.unlocks.sql import UNLOCK

TOGETHER_MAX = 64
"""Unlocks in one transaction: its accounts are locked while it lasts."""


@dataclass(frozen=True, slots=True)
class UnlockOrder:
    user_id: str
    chat_id: UUID
    category: str
    price_coins: int | None = None
    language: str | None = None
    idempotency_key: str | None = None
    issued_at: float = math.inf
    """When the token was issued, in Unix seconds: the user may have signed out since."""


@dataclass(frozen=True, slots=True)
class UnlockTerms:
    """What every unlock is under; the limits are of one user in 24 hours, None is none.

    `daily_cost_max` is in micro-dollars, of what a provider was paid.
    """

    expires_s: float
    daily_jobs_max: int | None = None
    daily_cost_max: int | None = None


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The answer to an order; a replay repeats the first one to the letter."""

    job_id: UUID
    state: str
    price_coins: int
    available: int
    held: int
    replayed: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """An order that nothing is known against yet."""

    order: UnlockOrder
    job_id: UUID
    category: Category


class Unwritten(Enum):
    """Why an order was not written."""

    UNDECIDED = 1
    """Not decided: its account was busy, or there is none."""
    DOUBTFUL = 2
    """Something stands against it: a closer look tells what."""


Outcome = Unlocked | Unwritten


class UnlockBatcher:
    """The group commit of unlocks: orders that arrive during a transaction share the next one.

    The first one does not wait. Orders whose account is busy wait for it in a group commit of
    their user, where those that wait together are written together: so an account that several
    processes sell to is sold to in turns, and no other user waits for it.
    """

    def __init__(self, terms: UnlockTerms) -> None:
        self.terms = terms
        self._first = GroupCommit[Opening, Outcome](
            self._write, kind="unlocks", batch_max=TOGETHER_MAX
        )
        self._of_users: dict[str, GroupCommit[Opening, Outcome]] = {}

    async def submit(self, opening: Opening) -> Outcome:
        """What became of the order; UNDECIDED only if its user has no account."""
        outcome = await self._first.submit(opening)
        if outcome is not Unwritten.UNDECIDED:
            return outcome
        return await self._of_user(opening.order.user_id).submit(opening)

    async def close(self) -> None:
        """Waits for what was submitted."""
        await self._first.close()
        while self._of_users:
            await next(iter(self._of_users.values())).close()

    def _of_user(self, user_id: str) -> GroupCommit[Opening, Outcome]:
        if user_id not in self._of_users:
            self._of_users[user_id] = GroupCommit(
                partial(self._write_waiting, user_id),
                kind="unlocks_of_user",
                batch_max=TOGETHER_MAX,
                idle=partial(self._of_users.pop, user_id),
            )
        return self._of_users[user_id]

    async def _write(self, openings: Sequence[Opening]) -> list[Outcome]:
        values = unlock_values(openings, self.terms)
        with for_users(*{opening.order.user_id for opening in openings}):
            rows = await in_statement(UNLOCK[Locking.SKIP], values, step=Step.UNLOCK)
        return outcomes_of(openings, rows)

    async def _write_waiting(self, user_id: str, openings: Sequence[Opening]) -> list[Outcome]:
        """The same with the account locked first, so that the statement's snapshot is newer."""

        async def write(connection: AsyncConnection) -> list[Outcome]:
            if not await CreditService(connection).lock_accounts([user_id]):
                return [Unwritten.UNDECIDED for _ in openings]
            values = unlock_values(openings, self.terms)
            written = await connection.execute(UNLOCK[Locking.SKIP], values)
            return outcomes_of(openings, written)

        return await in_turn(user_id, write, step=Step.UNLOCK)


def unlock_values(openings: Sequence[Opening], terms: UnlockTerms) -> dict[str, Any]:
    """What UNLOCK is given: arrays of the orders, the categories they are for, their insights."""
    written_once: dict[UUID, Opening] = {}
    for opening in openings:
        # Of two orders under one key the second is looked at alone: it may be for something else.
        written_once.setdefault(opening.job_id, opening)
    orders = [opening.order for opening in written_once.values()]
    sold = {opening.category.key: opening.category for opening in written_once.values()}
    least = [LEAST[key] for key in sold]
    specs = [(key, spec.ord, spec.key) for key, one in sold.items() for spec in one.insights]
    return {
        "user_ids": [order.user_id for order in orders],
        "ids": list(written_once),
        "chat_ids": [order.chat_id for order in orders],
        "categories": [order.category for order in orders],
        "languages": [order.language for order in orders],
        "issued": [order.issued_at for order in orders],
        "sold": list(sold),
        "prices": [category.price_coins for category in sold.values()],
        "prompt_versions": [category.prompt_version for category in sold.values()],
        "worded_mins": [needs.worded for needs in least],
        "voices_mins": [needs.voices for needs in least],
        "days_mins": [needs.days for needs in least],
        "spec_categories": [category for category, _, _ in specs],
        "spec_ords": [ord_ for _, ord_, _ in specs],
        "spec_keys": [key for _, _, key in specs],
        "expires_s": terms.expires_s,
        "jobs_max": terms.daily_jobs_max,
        "cost_max": terms.daily_cost_max,
    }


def outcomes_of(openings: Sequence[Opening], rows: Iterable[Any]) -> list[Outcome]:
    """What UNLOCK's rows say of each of the orders it was given."""
    balances: dict[UUID, Any] = {}
    decided: set[str] = set()
    for row in rows:
        if row.decided is None:
            balances[row.id] = row
        else:
            decided.add(row.decided)
    return [_outcome(opening, balances.pop(opening.job_id, None), decided) for opening in openings]


def _outcome(opening: Opening, balance: Any, decided: set[str]) -> Outcome:
    if balance is None:
        is_decided = opening.order.user_id in decided
        return Unwritten.DOUBTFUL if is_decided else Unwritten.UNDECIDED
    return Unlocked(
        opening.job_id,
        JobState.QUEUED,
        opening.category.price_coins,
        balance.available,
        balance.held,
        replayed=False,
    )
