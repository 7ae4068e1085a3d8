"""A chat is revised while it is unlocked, prepared, revised or deleted: one of them comes first."""

import asyncio
from uuid import UUID

import pytest

from app.chats.blocks import ChatMeta, encode_chat
from app.chats.revisions import ChatChanged, Content, load_content
from app.chats.storage import SealedRevision, load_messages, seal_revision
from app.credits.accounts import opened_balance
from app.crypto import KeyRing
from app.errors import NotFound
from app.faults import Moment, Step
from app.jobs.chat_deletion import delete_chat
from app.jobs.chat_revisions import ChatInUse, store_revision
from app.jobs.prepared_chats import find_size, seal_parts, store_prepared, take_chat
from tests.support.barriers import Barriers, stalled, until_transaction_waits
from tests.support.jobs import (
    assert_healthy,
    execute,
    job_row,
    prepared_small_chat,
    small_chat,
    unlock,
)

REVISED = len(small_chat()) + 1


def next_revision(content: Content, text: str = "and one more") -> SealedRevision:
    messages = small_chat()
    messages.append(messages[-1]._replace(number=len(messages) + 1, text=text))
    encoded = encode_chat(ChatMeta("Ann and Ben", [], {}, {}), messages)
    return seal_revision(
        content.key,
        "alice",
        content.chat.id,
        encoded,
        revision=content.chat.revision + 1,
        first_ord=content.next_ord,
    )


@pytest.mark.usefixtures("several_processes")
async def test_an_unlock_that_comes_during_a_revision_reads_the_new_one(
    chat: UUID, keyring: KeyRing, barriers: Barriers
) -> None:
    await opened_balance("alice")
    revision = next_revision(await load_content(keyring, "alice", chat))
    storing = barriers.hold(Step.STORE_CHAT, Moment.BEFORE_COMMIT)
    stored = asyncio.create_task(store_revision(revision))
    await storing.arrived.wait()
    unlocked = asyncio.create_task(unlock("alice", chat))
    await until_transaction_waits()
    storing.let_go()
    await stored
    job = await job_row("alice", (await unlocked).job_id)
    assert (job.revision, job.content_hmac) == (2, revision.content_hmac)
    await assert_healthy()


async def test_a_revision_that_comes_during_an_unlock_is_refused(
    chat: UUID, keyring: KeyRing
) -> None:
    await opened_balance("alice")
    revision = next_revision(await load_content(keyring, "alice", chat))
    async with stalled("INSERT", "jobs") as stall:
        unlocked = asyncio.create_task(unlock("alice", chat))
        await stall.arrived()
        stored = asyncio.create_task(store_revision(revision))
        await stall.arrived(2)
    job_id = (await unlocked).job_id
    with pytest.raises(ChatInUse) as refusal:
        await stored
    assert refusal.value.facts == {"job_id": job_id}
    assert (await job_row("alice", job_id)).revision == 1


@pytest.mark.usefixtures("several_processes")
async def test_of_two_revisions_at_once_the_second_is_refused(chat: UUID, keyring: KeyRing) -> None:
    content = await load_content(keyring, "alice", chat)
    tries = await asyncio.gather(
        *(store_revision(next_revision(content, text)) for text in ("one", "two")),
        return_exceptions=True,
    )
    assert sorted(type(outcome) for outcome in tries if outcome) == [ChatChanged]
    assert len(await load_messages(keyring, "alice", chat, range(1, 100))) == REVISED


async def test_a_revision_is_stored_once_however_often_it_is_tried(
    chat: UUID, keyring: KeyRing
) -> None:
    revision = next_revision(await load_content(keyring, "alice", chat))
    await store_revision(revision)
    await store_revision(revision)
    assert (await load_content(keyring, "alice", chat)).chat.revision == 2


async def test_what_was_prepared_of_an_old_revision_is_not_stored(
    chat: UUID, keyring: KeyRing
) -> None:
    await execute("DELETE FROM prepared_chats")
    place = ("alice", chat)
    taken = await take_chat(place, seconds=600)
    assert taken is not None
    content = await load_content(keyring, "alice", chat)
    await store_revision(next_revision(content))
    parts = seal_parts(content.key, place, prepared_small_chat())
    await store_prepared(place, parts, revision=taken.revision)
    assert await find_size(place) == REVISED
    await store_prepared(place, parts, revision=2)
    assert await find_size(place) is None


async def test_a_chat_that_is_deleted_during_its_revision_stays_deleted(
    chat: UUID, keyring: KeyRing
) -> None:
    content = await load_content(keyring, "alice", chat)
    await delete_chat("alice", chat)
    with pytest.raises(NotFound):
        await store_revision(next_revision(content))
