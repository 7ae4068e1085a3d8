"""The ledger against a dictionary: any sequence of operations, by several users, repeats included.

After every step the balances, the whole statement and the invariants are compared. A longer
search: `HYPOTHESIS_PROFILE=deep make test ARGS=tests/credits/test_model.py`.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.credits.accounts import adjust_coins, ensure_account, grant_coins, read_statement
from app.credits.invariants import check_invariants
from app.credits.models import ReservationState
from app.credits.service import (
    SIGNUP_COINS,
    Balance,
    CreditService,
    InsufficientCoins,
    ReferenceReused,
    Settlement,
)
from app.db import close_engine, in_transaction, open_engine, transaction

settings.register_profile("quick", max_examples=20, stateful_step_count=50)
settings.register_profile("deep", max_examples=1_000, stateful_step_count=60)

OF_JOBS = {"I6", "I7", "I9", "I10"}
"""Invariants about jobs: here are none, every reservation stands alone."""

Result = TypeVar("Result")

users = st.sampled_from(["alice", "bob"])
references = st.sampled_from(["r1", "r2"])
reasons = st.sampled_from(["gift", "sorry"])
# Few, and the same for all users: an id belongs to its user alone.
ids = st.integers(1, 5).map(lambda number: UUID(int=number))
coins = st.integers(1, 60)
prices = st.integers(1, 20) | coins
# Of a reservation: what to capture, given its amount.
PARTS: dict[str, Callable[[int], int | None]] = {
    "whole by default": lambda amount: None,
    "all but one": lambda amount: amount - 1,
    "one": lambda amount: 1,
    "too much": lambda amount: amount + 1,
}
SIXTHS = {f"{completed} of six": completed for completed in range(7)}
"""Of a job's price, for each insight that was written; of a small price it may be nothing."""
parts = st.sampled_from([*PARTS, *SIXTHS])
states = st.sampled_from(
    [ReservationState.CAPTURED, ReservationState.RELEASED, ReservationState.EXPIRED]
)


@dataclass
class Reservation:
    amount: int
    after: Balance
    captured: int | None = None
    """None while it is held."""


@dataclass
class Account:
    """What the ledger must say of one user; movements as (op_key, kind, change, held change)."""

    available: int = SIGNUP_COINS
    held: int = 0
    moves: list[tuple[str, str, int, int]] = field(
        default_factory=lambda: [("signup", "grant", SIGNUP_COINS, 0)]
    )
    references: dict[str, tuple[int, str]] = field(default_factory=dict)
    reservations: dict[UUID, Reservation] = field(default_factory=dict)

    def move(self, op_key: str, kind: str, available: int, held: int = 0) -> None:
        self.available += available
        self.held += held
        self.moves.append((op_key, kind, available, held))

    def settle(self, reservation_id: UUID, state: ReservationState, captured: int | None) -> bool:
        reservation = self.reservations.get(reservation_id)
        if reservation is None or reservation.captured is not None:
            return False
        amount = reservation.amount
        if state is not ReservationState.CAPTURED:
            reservation.captured = 0
            self.move(f"settle:{reservation_id}", "release", amount, -amount)
            return True
        reservation.captured = amount if captured is None else captured
        if not reservation.captured:
            self.move(f"settle:{reservation_id}", "release", amount, -amount)
            return True
        self.move(f"settle:{reservation_id}", "capture", 0, -reservation.captured)
        rest = amount - reservation.captured
        if rest:
            self.move(f"settle-rest:{reservation_id}", "release", rest, -rest)
        return True


class LedgerMachine(RuleBasedStateMachine):
    """Operations in any order. What the model refuses the ledger must refuse, and no more."""

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.accounts: dict[str, Account] = {}

    def wait(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(coroutine)

    def on_ledger(self, work: Callable[[CreditService], Awaitable[Result]]) -> Result:
        return self.wait(in_transaction(lambda connection: work(CreditService(connection))))

    def account(self, user: str) -> Account:
        return self.accounts.setdefault(user, Account())

    @initialize()
    def start_empty(self) -> None:
        self.wait(_empty())

    @rule(user=users)
    def open(self, user: str) -> None:
        self.wait(ensure_account(user))
        self.account(user)

    @rule(user=users, coins=coins, reason=reasons, reference=references)
    def grant(self, user: str, coins: int, reason: str, reference: str) -> None:
        self._by_reference(f"grant:{reference}", user, coins, reason, grant_coins)

    @rule(user=users, coins=st.integers(-60, 60).filter(bool), reason=reasons, reference=references)
    def adjust(self, user: str, coins: int, reason: str, reference: str) -> None:
        self._by_reference(f"adjust:{reference}", user, coins, reason, adjust_coins)

    def _by_reference(
        self, op_key: str, user: str, coins: int, reason: str, operation: Callable[..., Any]
    ) -> None:
        kind, _, reference = op_key.partition(":")
        account = self.account(user)
        order = operation(user, coins=coins, reason=reason, reference=reference, actor="ops")
        earlier = account.references.get(op_key)
        if earlier not in {None, (coins, reason)}:
            with pytest.raises(ReferenceReused):
                self.wait(order)
        elif earlier is None and account.available + coins < 0:
            with pytest.raises(InsufficientCoins) as refused:
                self.wait(order)
            assert refused.value.facts == {"available": account.available, "required": -coins}
        else:
            entry, is_new = self.wait(order)
            assert is_new is (earlier is None)
            assert (entry.op_key, entry.amount, entry.reason) == (op_key, abs(coins), reason)
            if is_new:
                account.references[op_key] = (coins, reason)
                account.move(op_key, kind, coins)

    @rule(user=users, reservation_id=ids, coins=prices)
    def reserve(self, user: str, reservation_id: UUID, coins: int) -> None:
        account = self.accounts.get(user)
        earlier = account and account.reservations.get(reservation_id)
        available = account.available if account else 0

        def work(credits: CreditService) -> Awaitable[Balance]:
            return credits.reserve(user, coins=coins, reservation_id=reservation_id, expires_s=3600)

        if earlier:
            assert self.on_ledger(work) == earlier.after
        elif account is None or available < coins:
            with pytest.raises(InsufficientCoins) as refused:
                self.on_ledger(work)
            assert refused.value.facts == {"available": available, "required": coins}
        else:
            account.move(f"reserve:{reservation_id}", "reserve", -coins, coins)
            after = Balance(account.available, account.held)
            assert self.on_ledger(work) == after
            account.reservations[reservation_id] = Reservation(coins, after)

    @rule(picked=st.data(), part=parts)
    def capture(self, picked: st.DataObject, part: str) -> None:
        user, reservation_id = self.pick(picked)
        account = self.account_or_none(user)
        reservation = account.reservations.get(reservation_id)
        is_held = reservation is not None and reservation.captured is None
        coins = _part_of(reservation.amount if reservation else 1, part)

        def work(credits: CreditService) -> Awaitable[bool]:
            return credits.capture(user, reservation_id, coins=coins)

        if is_held and coins is not None and not 0 <= coins <= reservation.amount:
            with pytest.raises(DBAPIError):  # The CHECK constraints: no code asks for this.
                self.on_ledger(work)
        else:
            settled = account.settle(reservation_id, ReservationState.CAPTURED, coins)
            assert self.on_ledger(work) is settled

    @rule(picked=st.data())
    def release(self, picked: st.DataObject) -> None:
        user, reservation_id = self.pick(picked)
        settled = self.account_or_none(user).settle(reservation_id, ReservationState.RELEASED, None)
        assert settled is self.on_ledger(
            lambda credits: credits.release(user, reservation_id, reason="cancelled")
        )

    @precondition(lambda self: self.accounts)
    @rule(
        batch=st.lists(
            st.tuples(users, ids, states, st.integers(0, 6)),
            max_size=8,
            unique_by=lambda one: one[:2],
        )
    )
    def settle_batch(self, batch: list[tuple[str, UUID, ReservationState, int]]) -> None:
        """As jobs end: each with so many of its six insights completed."""
        charges: dict[tuple[str, UUID], int] = {}
        for user, reservation_id, _, completed in batch:
            reservation = self.account_or_none(user).reservations.get(reservation_id)
            amount = reservation.amount if reservation else 6
            charges[user, reservation_id] = amount * completed // 6

        async def work(credits: CreditService) -> set[tuple[str, UUID]]:
            await credits.lock_accounts([user for user, _, _, _ in batch])
            return await credits.settle(
                [
                    Settlement(user, one, state, charges[user, one], reason="batch")
                    for user, one, state, _ in batch
                ]
            )

        # The entries of one account are numbered in order of their reservations' ids.
        settled = {
            (user, one)
            for user, one, state, _ in sorted(batch, key=lambda one: one[1])
            if self.account_or_none(user).settle(one, state, charges[user, one])
        }
        assert self.on_ledger(work) == settled

    @rule(picked=st.data())
    def refund(self, picked: st.DataObject) -> None:
        user, reservation_id = self.pick(picked)
        account = self.account_or_none(user)
        reservation = account.reservations.get(reservation_id)
        op_key = f"refund:{reservation_id}"
        refunded = self.on_ledger(
            lambda credits: credits.refund(user, reservation_id, reason="poor", actor="ops")
        )
        if reservation is None or not reservation.captured:
            assert refunded is None
            return
        is_repeat = any(move[0] == op_key for move in account.moves)
        assert refunded is not None
        assert (refunded[0].amount, refunded[1]) == (reservation.captured, not is_repeat)
        if not is_repeat:
            account.move(op_key, "refund", reservation.captured)

    def pick(self, picked: st.DataObject) -> tuple[str, UUID]:
        """A reservation that is there, most of the time; else any."""
        there = [(user, one) for user in self.accounts for one in self.accounts[user].reservations]
        held = [
            (user, one)
            for user, one in there
            if self.accounts[user].reservations[one].captured is None
        ]
        anything = [(user, UUID(int=number)) for user in ("alice", "bob") for number in range(1, 6)]
        return picked.draw(
            st.sampled_from(held or anything)
            | st.sampled_from(there or anything)
            | st.sampled_from(anything)
        )

    def account_or_none(self, user: str) -> Account:
        """The account; an empty stand-in, which changes nothing, when it is not open."""
        return self.accounts.get(user) or Account()

    @invariant()
    def the_ledger_says_what_the_model_says(self) -> None:
        self.wait(self._compare())

    async def _compare(self) -> None:
        violated = {one.name for one in await check_invariants() if one.violations}
        assert violated <= OF_JOBS
        for user, account in self.accounts.items():
            entries = (await read_statement(user, limit=1_000))[::-1]
            assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
            last = entries[-1]
            assert (last.available_after, last.held_after) == (account.available, account.held)
            assert [(entry.op_key, str(entry.kind), abs(entry.amount)) for entry in entries] == [
                (op_key, kind, abs(available or held))
                for op_key, kind, available, held in account.moves
            ]


def _part_of(amount: int, part: str) -> int | None:
    return amount * SIXTHS[part] // 6 if part in SIXTHS else PARTS[part](amount)


def test_the_ledger_agrees_with_a_dictionary_after_every_step(database_url: str) -> None:
    loop = asyncio.new_event_loop()
    LedgerMachine.loop = loop
    loop.run_until_complete(open_engine(database_url, pool_size=1, overflow=0))
    try:
        run_state_machine_as_test(
            LedgerMachine,
            settings=settings(
                settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick")),
                deadline=None,
                database=None,
                derandomize="HYPOTHESIS_PROFILE" not in os.environ,
                suppress_health_check=list(HealthCheck),
                phases=[Phase.generate, Phase.shrink],
            ),
        )
    finally:
        loop.run_until_complete(close_engine())
        loop.close()


async def _empty() -> None:
    async with transaction() as connection:
        # Past the append-only trigger, as no code of the product can.
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in ("entries", "reservations", "accounts"):
            await connection.execute(text(f"DELETE FROM {table}"))
