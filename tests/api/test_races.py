"""Clients that all ask at once, through the whole stack of the API."""

import asyncio

from app.credits.accounts import grant_coins
from app.credits.invariants import check_invariants
from tests.support.api import CHAT, Client, Reply, balance, refusal, unlock, upload

AT_ONCE = 30


async def _assert_healthy() -> None:
    assert [finding for finding in await check_invariants() if finding.violations] == []


async def _grant(coins: int) -> None:
    await grant_coins("alice", coins=coins, reason="gift", reference="g", actor="ops")


async def test_thirty_requests_with_one_key_get_one_answer(alice: Client, chat_id: str) -> None:
    replies = await asyncio.gather(*(unlock(alice, chat_id, key="k1") for _ in range(AT_ONCE)))
    assert {reply.status_code for reply in replies} == {202}
    assert len({reply.content for reply in replies}) == 1
    assert sum("idempotency-replayed" not in reply.headers for reply in replies) == 1
    assert await balance(alice) == {"available": 0, "held": 50}
    await _assert_healthy()


async def test_thirty_keys_on_one_chat_sell_it_once(alice: Client, chat_id: str) -> None:
    await _grant(5_000)
    replies: list[Reply] = await asyncio.gather(
        *(unlock(alice, chat_id, key=f"k{number}") for number in range(AT_ONCE))
    )
    (sold,) = [reply for reply in replies if reply.status_code == 202]
    refused = [reply for reply in replies if reply is not sold]
    assert {refusal(reply) for reply in refused} == {(409, "unlock_in_progress")}
    assert {reply.json()["job_id"] for reply in refused} == {sold.json()["job_id"]}
    assert await balance(alice) == {"available": 5_000, "held": 50}
    await _assert_healthy()


async def test_coins_for_three_unlock_exactly_three_of_eight(alice: Client) -> None:
    chats = [(await upload(alice, CHAT.encode())).json()["id"] for _ in range(8)]
    await _grant(120)
    replies = await asyncio.gather(*(unlock(alice, one) for one in chats))
    refused = [reply for reply in replies if reply.status_code != 202]
    assert {refusal(reply) for reply in refused} == {(402, "insufficient_coins")}
    assert len(replies) - len(refused) == 3
    assert await balance(alice) == {"available": 20, "held": 150}
    await _assert_healthy()
