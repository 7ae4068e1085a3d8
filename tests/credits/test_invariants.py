"""Each invariant is shown to find what it is for: a check that cannot fail proves nothing."""

from uuid import UUID

import pytest
from sqlalchemy import text

from app.credits.accounts import ensure_account
from app.credits.invariants import check_invariants
from app.credits.service import CreditService
from app.db import in_transaction, transaction

pytestmark = pytest.mark.usefixtures("engine")

JOB = UUID(int=7)
# Disables the append-only trigger for this transaction, as no code of the product can.
UNGUARDED = "SET LOCAL session_replication_role = replica"

INSERT_JOB = (
    "INSERT INTO jobs (user_id, id, chat_id, category, state, next_run_at, finished_at,"
    " price_coins, content_hmac, prompt_version) SELECT 'alice', '{id}', '{chat}', 'friendship',"
    " '{state}', CASE WHEN '{state}' = 'queued' THEN now() END,"
    " CASE WHEN '{state}' = 'queued' THEN NULL ELSE now() END, 30, '', 1"
)
INSERT_INSIGHTS = (
    "INSERT INTO insights (user_id, job_id, ord, key)"
    f" SELECT 'alice', '{JOB}', n, 'k' || n FROM generate_series(1, 6) n"
)


async def _violated() -> set[str]:
    return {finding.name for finding in await check_invariants() if finding.violations}


async def _execute(*statements: str) -> None:
    async with transaction() as connection:
        for statement in statements:
            await connection.execute(text(statement))


@pytest.fixture
async def held_job() -> None:
    """Alice holds 30 coins for one queued job."""
    await ensure_account("alice")
    await in_transaction(
        lambda connection: CreditService(connection).reserve(
            "alice", coins=30, reservation_id=JOB, expires_s=60
        )
    )
    await _execute(INSERT_JOB.format(id=JOB, chat=UUID(int=1), state="queued"), INSERT_INSIGHTS)


async def test_a_healthy_ledger_violates_nothing(held_job: None) -> None:
    assert await _violated() == set()


@pytest.mark.parametrize(
    ("expected", "damage"),
    [
        ({"I1", "I11"}, ["UPDATE accounts SET available = available + 1"]),
        ({"I2"}, ["UPDATE accounts SET seq = seq + 1"]),
        ({"I2"}, [UNGUARDED, "UPDATE entries SET seq = 5 WHERE seq = 2"]),
        ({"I3"}, [UNGUARDED, "UPDATE entries SET held_after = 31 WHERE seq = 2"]),
        ({"I4", "I5"}, ["UPDATE reservations SET amount = 29"]),
        (
            {"I4", "I5", "I6"},
            ["UPDATE reservations SET state = 'captured', captured = 30, resolved_at = now()"],
        ),
        (
            {"I6", "I7"},
            ["UPDATE jobs SET state = 'succeeded', finished_at = now()"],
        ),
        (
            {"I5"},
            [
                UNGUARDED,
                "INSERT INTO entries (user_id, seq, kind, src, dst, amount, available_after,"
                " held_after, op_key, reservation_id, actor) VALUES ('alice', 3, 'refund',"
                f" 'revenue', 'available', 30, 50, 30, 'refund:x', '{JOB}', 'x')",
                "UPDATE accounts SET available = 50, seq = 3",
            ],
        ),
        ({"I8"}, ["UPDATE reservations SET expires_at = now() - interval '11 min'"]),
        (
            {"I6", "I9"},
            [
                "DROP INDEX uq_jobs_active",
                INSERT_JOB.format(id=UUID(int=8), chat=UUID(int=1), state="queued"),
            ],
        ),
        ({"I6", "I10"}, ["DELETE FROM jobs"]),
        ({"I4", "I6", "I10"}, ["DELETE FROM reservations"]),
    ],
)
async def test_damage_is_found(held_job: None, expected: set[str], damage: list[str]) -> None:
    await _execute(*damage)
    assert await _violated() == expected


async def test_a_settling_job_may_hold_its_coins_past_their_expiry(held_job: None) -> None:
    await _execute(
        "UPDATE jobs SET state = 'settling'",
        "UPDATE reservations SET expires_at = now() - interval '11 min'",
    )
    assert await _violated() == set()


@pytest.mark.parametrize(
    ("completed", "empty", "charged", "expected"),
    [
        (6, 0, 30, set()),
        (4, 2, 20, set()),
        (1, 5, 5, set()),
        (4, 2, 30, {"I7"}),
        (4, 2, 19, {"I7"}),
        (4, 1, 20, {"I7"}),
        (6, 0, 29, {"I7"}),
        (0, 6, 0, {"I7"}),
    ],
)
async def test_a_succeeded_job_was_charged_for_what_is_written(
    held_job: None, completed: int, empty: int, charged: int, expected: set[str]
) -> None:
    await in_transaction(
        lambda connection: CreditService(connection).capture("alice", JOB, coins=charged)
    )
    await _execute(
        "UPDATE jobs SET state = 'succeeded', finished_at = now(), next_run_at = NULL",
        f"UPDATE insights SET state = 'completed', sealed = 'x' WHERE ord <= {completed}",
        "UPDATE insights SET state = 'empty', sealed = 'x'"
        f" WHERE ord > {completed} AND ord <= {completed + empty}",
    )
    assert await _violated() == expected
