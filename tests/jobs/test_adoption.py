from uuid import UUID

import pytest

from app.catalog.categories import CATEGORIES
from app.crypto import KeyRing
from app.generation.protocol import GenerationFailed
from app.jobs.cancel import cancel_job
from app.progress.snapshots import QueuePositions, load_snapshot
from tests.support.jobs import (
    MakeEngine,
    ScriptedGenerator,
    assert_healthy,
    execute,
    job_row,
    unlock,
)

KEYS = [spec.key for spec in CATEGORIES["friendship"].insights]
FAILING = KEYS[3]


@pytest.fixture
async def halfway(chat: UUID, make_engine: MakeEngine, generator: ScriptedGenerator) -> UUID:
    """A job that was cancelled after five of its six insights were completed."""
    generator.script = lambda spec: (
        GenerationFailed("provider_error", retry_after_s=0) if spec.key == FAILING else None
    )
    unlocked = await unlock("alice", chat)
    await make_engine().run_job("alice", unlocked.job_id)
    await cancel_job("alice", unlocked.job_id)
    generator.script = lambda spec: None
    generator.calls.clear()
    return unlocked.job_id


async def test_the_next_unlock_adopts_what_a_cancelled_job_completed(
    chat: UUID,
    halfway: UUID,
    make_engine: MakeEngine,
    generator: ScriptedGenerator,
    keyring: KeyRing,
) -> None:
    again = await unlock("alice", chat)
    await make_engine().run_job("alice", again.job_id)
    assert generator.calls == [FAILING]
    seen = await load_snapshot("alice", again.job_id, keyring, QueuePositions())
    assert seen.state == "succeeded"
    assert [one.content is not None for one in seen.insights] == [True] * 6
    assert [one.attempts for one in seen.insights] == [0, 0, 0, 1, 0, 0]
    await execute(
        "DO $$ BEGIN ASSERT 5 = (SELECT count(*) FROM insights"
        f" WHERE adopted_from = '{halfway}' AND tokens_in = 0 AND tokens_out = 0"
        " AND cost_microusd = 0 AND model = 'scripted-1'); END $$"
    )
    await assert_healthy()


async def test_an_adopted_job_lost_before_it_ends_is_adopted_in_turn(
    chat: UUID, halfway: UUID, make_engine: MakeEngine, generator: ScriptedGenerator
) -> None:
    generator.script = lambda spec: GenerationFailed("provider_error", retry_after_s=0)
    second = await unlock("alice", chat)
    await make_engine().run_job("alice", second.job_id)
    await cancel_job("alice", second.job_id)
    generator.calls.clear()
    generator.script = lambda spec: None
    third = await unlock("alice", chat)
    await make_engine().run_job("alice", third.job_id)
    assert generator.calls == [FAILING]
    assert (await job_row("alice", third.job_id)).state == "succeeded"


@pytest.mark.parametrize(
    "difference",
    [
        "UPDATE jobs SET language = 'de'",
        "UPDATE jobs SET prompt_version = prompt_version + 1",
        "UPDATE jobs SET content_hmac = 'other'",
        "UPDATE insights SET sealed = 'does not open' WHERE state = 'completed'",
    ],
)
async def test_nothing_is_adopted_from_another_order(
    chat: UUID,
    halfway: UUID,
    make_engine: MakeEngine,
    generator: ScriptedGenerator,
    difference: str,
) -> None:
    await execute(difference)
    again = await unlock("alice", chat)
    await make_engine().run_job("alice", again.job_id)
    assert sorted(generator.calls) == sorted(KEYS)
    assert (await job_row("alice", again.job_id)).state == "succeeded"
