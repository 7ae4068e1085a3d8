"""Every key moves under the new master key, however often it is interrupted, beside what runs."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from app import faults
from app.chats import rewrapping
from app.chats.key_storage import find_key_ids
from app.chats.rewrapping import Rewrapped, rewrap_keys
from app.chats.storage import list_chats, load_messages
from app.crypto import KeyRing
from app.db import snapshot, transaction
from app.errors import NotFound
from app.jobs.chat_deletion import delete_chat
from app.master_keys import parse_master_key
from tests.support.environment import MASTER_KEY
from tests.support.jobs import MakeEngine, execute, store_chat, unlock

pytestmark = pytest.mark.usefixtures("engine")

KEYS = [(f"k{number}", bytes([number]) * 32) for number in range(1, 5)]
K1, K2, K3, K4 = KEYS
CHATS = 7


async def stored(keyring: KeyRing, count: int = CHATS) -> list[tuple[str, UUID]]:
    return [
        (f"user-{number}", await store_chat(keyring, f"user-{number}", is_prepared=False))
        for number in range(count)
    ]


async def as_the_release_before() -> None:
    """From here on new chats have their keys with them."""
    await execute("DELETE FROM contractions")


async def assert_open(keyring: KeyRing, chats: list[tuple[str, UUID]]) -> None:
    for chat in chats:
        assert [one.number for one in await load_messages(keyring, *chat, [1, 40])] == [1, 40]


async def test_after_three_rotations_the_newest_master_key_opens_everything_alone() -> None:
    chats: list[tuple[str, UUID]] = []
    for place in range(3):
        chats += await stored(KeyRing(KEYS[place::-1]))
    newest_first = KeyRing(KEYS[::-1])
    await assert_open(newest_first, chats)
    assert await find_key_ids() == {"k1", "k2", "k3"}
    assert await rewrap_keys(newest_first) == Rewrapped("k4", moved=len(chats))
    assert await find_key_ids() == {"k4"}
    await assert_open(KeyRing([K4]), chats)
    assert await rewrap_keys(newest_first) == Rewrapped("k4")


async def test_keys_of_the_release_before_are_moved_apart_and_open_all_the_while() -> None:
    await as_the_release_before()
    chats = await stored(KeyRing([K1]))
    async with snapshot() as connection:
        assert (await connection.execute(text("SELECT * FROM chat_keys"))).all() == []
    await assert_open(KeyRing([K1]), chats)
    assert (await rewrap_keys(KeyRing([K2, K1]))).moved == CHATS
    async with snapshot() as connection:
        left = await connection.execute(text("SELECT DISTINCT key_id, sealed_key FROM chats"))
        assert left.all() == [("", b"")]
    await assert_open(KeyRing([K2]), chats)
    await assert_open(KeyRing([K2]), await stored(KeyRing([K2])))
    assert await find_key_ids() == {"k2"}


@pytest.mark.parametrize("moment", ["begin", "before_commit", "after_commit"])
async def test_one_that_dies_at_any_batch_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    monkeypatch.setattr(rewrapping, "BATCH_MAX", 2)
    chats = await stored(KeyRing([K1]))
    ring, reached = KeyRing([K2, K1]), 0

    async def die(point: str, _: object) -> None:
        nonlocal reached
        reached += point == f"rewrap.{moment}"
        if reached == 3:
            raise RuntimeError

    monkeypatch.setattr(faults, "hook", die)
    with pytest.raises(RuntimeError):
        await rewrap_keys(ring)
    monkeypatch.setattr(faults, "hook", None)
    assert await find_key_ids() == {"k1", "k2"}
    await assert_open(ring, chats)
    assert (await rewrap_keys(ring)).is_complete
    await assert_open(KeyRing([K2]), chats)


async def test_a_key_that_does_not_open_is_told_of_and_holds_up_no_other() -> None:
    lost = await stored(KeyRing([K3]), 2)
    chats = [("other", await store_chat(KeyRing([K1]), "other", is_prepared=False))]
    assert await rewrap_keys(KeyRing([K2, K1])) == Rewrapped("k2", moved=1, unreadable=2)
    await assert_open(KeyRing([K2]), chats)
    listed = await list_chats(KeyRing([K2]), lost[0][0], limit=5, after=None)
    assert [one.is_readable for one in listed] == [False]
    assert (await rewrap_keys(KeyRing([K2, K3]))).is_complete
    await assert_open(KeyRing([K2]), lost)


async def test_a_locked_chat_is_left_and_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewrapping, "ROUNDS_MAX", 2)
    chats = await stored(KeyRing([K1]), 2)
    lock = text("SELECT 1 FROM chat_keys WHERE chat_id = :id FOR UPDATE")
    async with transaction() as connection:
        await connection.execute(lock, {"id": chats[0][1]})
        assert await rewrap_keys(KeyRing([K2, K1])) == Rewrapped("k2", moved=1, left=1)
    assert (await rewrap_keys(KeyRing([K2, K1]))).is_complete


async def test_jobs_run_and_chats_come_and_go_beside_it(
    make_engine: MakeEngine, keyring: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrapping, "BATCH_MAX", 1)
    old = KeyRing([K1])
    gone = await stored(old, 6)
    kept = [(f"kept-{n}", await store_chat(keyring, f"kept-{n}")) for n in range(4)]
    jobs = [(user_id, (await unlock(user_id, chat)).job_id) for user_id, chat in kept]
    both = KeyRing([K2, K1, parse_master_key(MASTER_KEY)])
    engine = make_engine()
    engine._keyring = both
    told, *_ = await asyncio.gather(
        rewrap_keys(both),
        *(engine.run_job(*job) for job in jobs),
        *(delete_chat(*chat) for chat in gone),
        stored(both, 3),
    )
    assert told.is_complete or (await rewrap_keys(both)).is_complete
    async with snapshot() as connection:
        states = (await connection.execute(text("SELECT state FROM jobs"))).scalars().all()
    assert states == ["succeeded"] * len(jobs)
    assert await find_key_ids() == {"k2"}
    for chat in gone:
        with pytest.raises(NotFound):
            await load_messages(both, *chat, [1])
    await assert_open(KeyRing([K2]), kept)
