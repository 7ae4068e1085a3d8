"""Nobody pays for an insight that was not written: jobs of which some have nothing to say."""

import asyncio
from uuid import UUID

import pytest

from app.catalog.categories import CATEGORIES, InsightSpec
from app.catalog.content import NOTHING_FOUND, UNPROVEN
from app.credits.accounts import opened_balance, read_statement
from app.credits.service import Balance
from app.crypto import KeyRing
from app.generation.protocol import GenerationFailed
from app.jobs.cancel import cancel_job
from app.jobs.chat_deletion import delete_chat
from app.jobs.models import InsightState
from app.jobs.refund import refund_job
from app.progress.snapshots import QueuePositions, Snapshot, load_snapshot
from tests.support.jobs import (
    MakeEngine,
    ScriptedGenerator,
    assert_healthy,
    execute,
    job_row,
    store_chat,
    unlock,
)
from tests.support.waiting import until

PRICE = CATEGORIES["friendship"].price_coins
DUE_NOW = "UPDATE jobs SET next_run_at = clock_timestamp() WHERE state = 'queued'"


async def seen(keyring: KeyRing, job_id: UUID) -> Snapshot:
    return await load_snapshot("alice", job_id, keyring, QueuePositions())


async def moves() -> list[tuple[str, int, str | None]]:
    """What the job moved, in order; all but the coins that a new user gets."""
    entries = await read_statement("alice", limit=20)
    return [(str(one.kind), one.amount, one.reason) for one in entries[::-1][1:]]


@pytest.mark.parametrize("completed", range(7))
async def test_a_sixth_of_the_price_is_charged_for_each_insight_that_is_written(
    chat: UUID,
    make_engine: MakeEngine,
    generator: ScriptedGenerator,
    keyring: KeyRing,
    completed: int,
) -> None:
    generator.empty = range(completed + 1, 7)
    job_id = (await unlock("alice", chat)).job_id
    await make_engine().run_job("alice", job_id)

    charged = PRICE * completed // 6
    expected = [("reserve", PRICE, None), ("capture", charged, None)]
    expected += [("release", PRICE - charged, "nothing_to_say")]
    assert await moves() == [move for move in expected if move[1]]
    assert await opened_balance("alice") == Balance(PRICE - charged, 0)
    shown = await seen(keyring, job_id)
    assert [one.state for one in shown.insights] == (
        [InsightState.COMPLETED] * completed + [InsightState.EMPTY] * (6 - completed)
    )
    assert [one.empty_reason for one in shown.insights] == (
        [None] * completed + [NOTHING_FOUND.text] * (6 - completed)
    )
    assert [one.content is None for one in shown.insights] == (
        [False] * completed + [True] * (6 - completed)
    )
    assert not any(one.content_unreadable for one in shown.insights)
    assert (shown.progress.completed, shown.progress.empty) == (completed, 6 - completed)
    assert (shown.settlement.charged_coins, shown.settlement.released_coins) == (
        charged,
        PRICE - charged,
    )
    if completed:
        assert (shown.state, shown.error_code) == ("succeeded", None)
    else:
        assert (shown.state, shown.error_code) == ("failed", "nothing_to_say")
        assert shown.message == "You were not charged. 50 coins came back."
    await assert_healthy()


async def test_a_job_that_has_failed_for_a_lack_of_words_may_be_tried_again_for_free(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, keyring: KeyRing
) -> None:
    """What was found empty is taken over: no model is asked twice."""
    generator.empty = range(1, 7)
    job_engine = make_engine()
    await job_engine.run_job("alice", (await unlock("alice", chat)).job_id)
    again = (await unlock("alice", chat)).job_id
    await job_engine.run_job("alice", again)

    assert len(generator.calls) == 6
    shown = await seen(keyring, again)
    assert (shown.state, shown.error_code) == ("failed", "nothing_to_say")
    assert [one.empty_reason for one in shown.insights] == [NOTHING_FOUND.text] * 6
    assert await opened_balance("alice") == Balance(PRICE, 0)
    await assert_healthy()


async def test_what_is_empty_is_not_asked_for_again_by_the_next_attempt(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    def fail_the_third(spec: InsightSpec) -> Exception | None:
        return GenerationFailed("provider_error", retry_after_s=0.0) if spec.ord == 3 else None

    generator.empty, generator.script = {1, 2}, fail_the_third
    job_engine = make_engine()
    job_id = (await unlock("alice", chat)).job_id
    await job_engine.run_job("alice", job_id)
    row = await job_row("alice", job_id)
    assert row.insight_states == ["empty", "empty", "failed", *["completed"] * 3]
    assert await opened_balance("alice") == Balance(0, PRICE)

    generator.script = lambda spec: None
    await execute(DUE_NOW)
    await job_engine.run_job("alice", job_id)
    assert len(generator.calls) == 5 + 3 + 1
    assert (await job_row("alice", job_id)).state == "succeeded"
    assert await opened_balance("alice") == Balance(PRICE - PRICE * 4 // 6, 0)
    await assert_healthy()


async def test_an_insight_that_fails_for_good_gives_all_coins_back_beside_empty_ones(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, keyring: KeyRing
) -> None:
    generator.empty = {1, 2}
    generator.script = lambda spec: (
        GenerationFailed("refused", is_final=True) if spec.ord == 3 else None
    )
    job_id = (await unlock("alice", chat)).job_id
    await make_engine().run_job("alice", job_id)
    shown = await seen(keyring, job_id)
    assert (shown.state, shown.error_code) == ("failed", "refused")
    assert [one.empty_reason for one in shown.insights] == [None] * 6
    assert await opened_balance("alice") == Balance(PRICE, 0)
    await assert_healthy()


async def test_claims_that_no_message_bears_out_end_as_empty_beside_others_that_are_written(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, keyring: KeyRing
) -> None:
    """Until then it is asked again, as for any answer that cannot be used."""
    generator.script = lambda spec: (
        GenerationFailed("evidence_missing", retry_after_s=0.0) if (spec.ord == 6) else None
    )
    job_engine = make_engine()
    job_id = (await unlock("alice", chat)).job_id
    await job_engine.run_job("alice", job_id)
    row = await job_row("alice", job_id)
    assert (row.state, row.error_code) == ("queued", "evidence_missing")
    assert row.insight_states == ["completed"] * 5 + ["failed"]

    await execute(DUE_NOW)
    await job_engine.run_job("alice", job_id)
    shown = await seen(keyring, job_id)
    assert shown.state == "succeeded"
    assert (shown.insights[5].state, shown.insights[5].empty_reason) == ("empty", UNPROVEN.text)
    assert len(generator.calls) == 5 + 3 + 3
    assert await opened_balance("alice") == Balance(PRICE - PRICE * 5 // 6, 0)
    await assert_healthy()


async def test_what_an_empty_insight_has_cost_is_wasted(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.empty = {1}
    job_id = (await unlock("alice", chat)).job_id
    await make_engine().run_job("alice", job_id)
    await execute(
        "DO $$ BEGIN ASSERT (SELECT array_agg(wasted_microusd ORDER BY ord) = '{5,0,0,0,0,0}'"
        " AND sum(cost_microusd) = 5 + 5 * 7 FROM insights); END $$"
    )


async def test_a_refund_gives_back_what_was_charged_and_hides_why_the_rest_was_not(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, keyring: KeyRing
) -> None:
    generator.empty = {1, 2}
    job_id = (await unlock("alice", chat)).job_id
    await make_engine().run_job("alice", job_id)
    await refund_job("alice", job_id, reason="poor", actor="ops")
    shown = await seen(keyring, job_id)
    assert shown.message == "You were charged 33 coins and got 33 coins back."
    assert [one.empty_reason for one in shown.insights] == [None] * 6
    assert await opened_balance("alice") == Balance(PRICE, 0)
    await assert_healthy()


async def test_deleting_the_chat_empties_why_there_was_nothing_to_say(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, keyring: KeyRing
) -> None:
    generator.empty = {1, 2}
    job_id = (await unlock("alice", chat)).job_id
    await make_engine().run_job("alice", job_id)
    await delete_chat("alice", chat)
    shown = await seen(keyring, job_id)
    assert [one.content_deleted for one in shown.insights] == [True] * 6
    assert [one.empty_reason for one in shown.insights] == [None] * 6
    await execute(
        "DO $$ BEGIN ASSERT NOT EXISTS (SELECT FROM insights WHERE sealed IS NOT NULL); END $$"
    )
    await assert_healthy()


async def test_a_user_who_cancels_reads_no_reason(
    chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator, keyring: KeyRing
) -> None:
    generator.empty, generator.gate = {1, 2}, asyncio.Event()
    job_id = (await unlock("alice", chat)).job_id
    run = asyncio.create_task(make_engine().run_job("alice", job_id))
    await until(lambda: len(generator.calls) == 6)
    await execute(
        "UPDATE insights SET state = 'empty', sealed = 'x' WHERE ord = 1",
    )
    await cancel_job("alice", job_id)
    generator.gate.set()
    await run
    shown = await seen(keyring, job_id)
    assert (shown.state, shown.insights[0].state) == ("cancelled", "empty")
    assert [one.empty_reason for one in shown.insights] == [None] * 6
    assert await opened_balance("alice") == Balance(PRICE, 0)
    await assert_healthy()


async def test_a_price_of_which_a_sixth_is_no_coin_is_charged_nothing(
    engine: None, keyring: KeyRing, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    """No category is so cheap today; the ledger would be right all the same."""
    chat = await store_chat(keyring, "alice")
    generator.empty = range(2, 7)
    job_id = (await unlock("alice", chat)).job_id
    await execute("UPDATE jobs SET price_coins = 5")
    await execute("UPDATE reservations SET amount = 5")
    await make_engine().run_job("alice", job_id)
    row = await job_row("alice", job_id)
    assert row.state == "succeeded"
    assert (await moves())[1:] == [("release", 5, "nothing_to_say")]
