from collections.abc import Sequence

import asyncpg
import pytest

from benchmarks.contestant import Job, Load
from benchmarks.peers import LIBRARIES, Peer
from benchmarks.tests.ending import assert_charged_once, run_to_the_end

PEERS = [*map(Peer, LIBRARIES), Peer("saq", form="batched")]


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
async def test_every_peer_has_the_effects_of_the_product(
    peer: Peer,
    connection: asyncpg.Connection,
    jobs: Sequence[Job],
    database_url: str,
    redis_url: str,
    load: Load,
):
    await run_to_the_end(
        peer, connection, jobs, database_url=database_url, redis_url=redis_url, load=load
    )
    await assert_charged_once(connection, jobs, database_url)
