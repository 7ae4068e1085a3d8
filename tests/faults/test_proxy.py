"""The proxy does to a transaction what it says: the fault matrix rests on it."""

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.db import CommitUnknown, in_statement, in_transaction, lone_read, snapshot, transaction
from app.errors import Unavailable
from app.faults import Step
from tests.faults.world import until
from tests.support.proxy import Proxy

NOTE = "INSERT INTO sweeps (name, ran_at) VALUES (:name, now()) ON CONFLICT DO NOTHING"


async def _note(name: str) -> None:
    async with transaction() as connection:
        await connection.execute(text(NOTE), {"name": name})


async def _noted() -> set[str]:
    async with snapshot() as connection:
        return {row.name for row in await connection.execute(text("SELECT name FROM sweeps"))}


async def test_a_commit_lost_on_its_way_back_has_happened(proxy: Proxy) -> None:
    await _noted()  # Connected by now.
    proxy.commits_to_cut = 1
    with pytest.raises(CommitUnknown):
        await _note("lost reply")
    assert await _noted() == {"lost reply"}


async def test_a_commit_lost_on_its_way_there_has_not_happened(proxy: Proxy) -> None:
    await _noted()  # Connected by now.
    proxy.commits_to_drop = 1
    with pytest.raises(CommitUnknown):
        await _note("lost")
    assert await _noted() == set()


async def test_a_statement_that_is_its_own_transaction_loses_its_reply_and_is_repeated(
    proxy: Proxy,
) -> None:
    await _note("before")  # The statement is prepared by now.
    proxy.commits_to_cut = 1
    rows = await in_statement(text(f"{NOTE} RETURNING name"), {"name": "alone"}, step=Step.STORE)
    assert proxy.commits_cut == 1
    assert rows == []  # The second run found it there.
    assert await _noted() == {"before", "alone"}


async def test_a_statement_that_is_its_own_transaction_and_never_arrives_is_repeated(
    proxy: Proxy,
) -> None:
    proxy.commits_to_drop = 1
    rows = await in_statement(text(f"{NOTE} RETURNING name"), {"name": "alone"}, step=Step.STORE)
    assert proxy.commits_dropped == 1
    assert [row.name for row in rows] == ["alone"]


async def test_what_only_reads_commits_nothing(proxy: Proxy) -> None:
    await _noted()  # Connected by now.
    proxy.commits_to_cut = proxy.commits_to_drop = 1
    async with lone_read() as connection:
        assert (await connection.execute(text("SELECT name FROM sweeps"))).all() == []
    assert (proxy.commits_cut, proxy.commits_dropped) == (0, 0)


async def test_a_full_database_is_an_unavailable_one(proxy: Proxy) -> None:
    proxy.refusals = 1
    with pytest.raises(Unavailable) as refused:
        await _note("refused")
    cause = refused.value.__cause__
    assert isinstance(cause, DBAPIError | OSError) or getattr(cause, "sqlstate", "") == "53300"
    await _note("let in")
    assert await _noted() == {"let in"}


async def test_a_transaction_survives_a_lost_connection_and_a_full_database(proxy: Proxy) -> None:
    tries: list[int] = []

    async def work(connection) -> None:
        await connection.execute(text(NOTE), {"name": f"try {len(tries)}"})
        tries.append(1)
        if len(tries) == 1:
            proxy.refusals = 2
            proxy.cut()
            await connection.execute(text("SELECT 1"))

    await in_transaction(work)
    assert (len(tries), proxy.refused) == (2, 2)
    assert await _noted() == {"try 1"}


async def test_a_read_meets_no_connection_that_was_lost_while_nobody_used_it(proxy: Proxy) -> None:
    async with snapshot() as connection:
        lost = (await connection.get_raw_connection()).driver_connection
    proxy.cut()
    await until(lost.is_closed)
    assert await _noted() == set()


async def test_a_read_is_refused_while_lost_connections_cannot_be_replaced(proxy: Proxy) -> None:
    async with snapshot() as connection:
        lost = (await connection.get_raw_connection()).driver_connection
    proxy.refusals = 1
    proxy.cut()
    await until(lost.is_closed)
    with pytest.raises(Unavailable):
        await _noted()
    assert await _noted() == set()


async def test_a_share_of_the_connections_is_cut_the_oldest_first(proxy: Proxy) -> None:
    opened = [await asyncpg.connect(proxy.url) for _ in range(4)]
    proxy.cut(0.5)
    await until(lambda: sum(one.is_closed() for one in opened) == 2)
    assert [one.is_closed() for one in opened] == [True, True, False, False]
    assert [await one.fetchval("SELECT 1") for one in opened[2:]] == [1, 1]
    assert proxy.connections_cut == 2
    for one in opened[2:]:
        await one.close()


async def test_a_distant_server_answers_all_the_same(proxy: Proxy) -> None:
    proxy.delay_s = 0.001
    await _note("far away")
    assert await _noted() == {"far away"}
