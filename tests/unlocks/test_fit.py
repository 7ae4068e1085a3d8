"""What holds too little is not sold, by the same rule in the statement that sells and in Python."""

from itertools import product
from uuid import UUID

import pytest

from app.catalog.categories import CATEGORIES
from app.catalog.fit import ENOUGH, LEAST, Fit, Measures, fit_of
from app.credits.accounts import grant_coins, opened_balance, read_statement
from app.credits.service import Balance
from app.crypto import KeyRing
from app.errors import NotFound
from app.jobs.cancel import cancel_job
from app.jobs.refund import refund_job
from app.unlocks.offers import list_offers
from app.unlocks.unlock import (
    AlreadyUnlocked,
    NotEnoughMessages,
    PriceChanged,
    UnlockInProgress,
)
from tests.support.jobs import (
    MakeEngine,
    assert_healthy,
    execute,
    small_chat,
    store_chat,
    unlock,
)
from tests.support.statements import noted_statements

HOLDS = (
    "UPDATE chats SET worded_count = :worded, voice_count = :voices, day_count = :days,"
    " message_count = :messages"
)
EDGES = {
    "worded": sorted({n + d for n in (LEAST["work"].worded, ENOUGH.worded) for d in (-1, 0)}),
    "voices": [0, 1, 2, None],
    "days": [0, 1, ENOUGH.days, None],
}


async def hold(held: Measures) -> None:
    await execute(
        HOLDS, worded=held.worded, voices=held.voices, days=held.days, messages=held.worded + 1
    )


async def test_a_chat_that_holds_too_little_is_refused_and_nothing_is_reserved(
    engine: None, keyring: KeyRing
) -> None:
    chat = await store_chat(keyring, "alice", small_chat(40))
    await opened_balance("alice")
    for category in CATEGORIES:
        with noted_statements() as statements, pytest.raises(NotEnoughMessages) as refused:
            await unlock("alice", chat, category, idempotency_key=category)
        assert len(statements) <= 3
        assert refused.value.facts["reason"] == {
            "code": "too_few_messages",
            "text": "The chat has 40 messages with words; 60 are needed for any insight.",
        }
    assert [str(entry.kind) for entry in await read_statement("alice", limit=9)] == ["grant"]
    assert await opened_balance("alice") == Balance(50, 0)
    await assert_healthy()


async def test_the_statement_and_the_rule_agree_at_every_edge(chat: UUID) -> None:
    await opened_balance("alice")
    await grant_coins("alice", coins=10_000, reason="gift", reference="g", actor="ops")
    for worded, voices, days in product(*EDGES.values()):
        held = Measures(worded, voices, days)
        await hold(held)
        offers = {offer.category.key: offer for offer in await list_offers("alice", chat)}
        for category in CATEGORIES:
            fit, short = fit_of(category, held)
            assert (offers[category].fit, offers[category].short) == (fit, short)
            with noted_statements() as statements:
                try:
                    unlocked = await unlock("alice", chat, category)
                except NotEnoughMessages:
                    assert fit is Fit.NONE, (category, held)
                    continue
            assert len(statements) == 1
            assert fit is not Fit.NONE, (category, held)
            await cancel_job("alice", unlocked.job_id)
    await assert_healthy()


async def test_what_was_not_counted_yet_is_sold_by_the_number_of_its_messages(chat: UUID) -> None:
    await execute(HOLDS, worded=None, voices=None, days=None, messages=59)
    with pytest.raises(NotEnoughMessages):
        await unlock("alice", chat)
    await execute(HOLDS, worded=None, voices=None, days=None, messages=60)
    await unlock("alice", chat)


async def test_a_chat_of_an_earlier_release_is_counted_when_it_is_prepared(
    engine: None, keyring: KeyRing, make_engine: MakeEngine
) -> None:
    chat = await store_chat(keyring, "alice", small_chat(70), is_prepared=False)
    await execute(HOLDS, worded=None, voices=None, days=None, messages=70)
    await make_engine().prepare_chat("alice", chat)
    await execute(
        "DO $$ BEGIN ASSERT (SELECT (worded_count, voice_count, day_count) = (70, 2, 1)"
        " FROM chats); END $$"
    )


async def test_the_refusals_come_in_the_order_of_the_contract(
    chat: UUID, make_engine: MakeEngine
) -> None:
    """A replay, what is unlocked and what is being unlocked come first; prices and coins later."""
    too_little = Measures(3, 2, 1)
    await hold(too_little)
    with pytest.raises(NotEnoughMessages):
        await unlock("alice", chat, price_coins=1)
    await hold(Measures(80, 2, 1))
    with pytest.raises(PriceChanged):
        await unlock("alice", chat, price_coins=1)
    first = await unlock("alice", chat, idempotency_key="k")
    await hold(too_little)
    assert (await unlock("alice", chat, idempotency_key="k")).job_id == first.job_id
    with pytest.raises(UnlockInProgress):
        await unlock("alice", chat)
    await make_engine().run_job("alice", first.job_id)
    with pytest.raises(AlreadyUnlocked):
        await unlock("alice", chat)


async def test_an_offer_says_what_is_owned_until_it_is_refunded(
    chat: UUID, make_engine: MakeEngine
) -> None:
    job_id = (await unlock("alice", chat)).job_id
    assert {offer.job_id for offer in await list_offers("alice", chat)} == {None}
    await make_engine().run_job("alice", job_id)
    owned = {offer.category.key: offer.job_id for offer in await list_offers("alice", chat)}
    assert owned == dict.fromkeys(CATEGORIES) | {"friendship": job_id}
    await refund_job("alice", job_id, reason="poor", actor="ops")
    assert {offer.job_id for offer in await list_offers("alice", chat)} == {None}
    with pytest.raises(NotFound):
        await list_offers("bob", chat)
