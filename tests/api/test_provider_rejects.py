"""While the provider rejects every call nothing new is sold; what was sold is answered."""

from redis.asyncio import Redis

from app.llm.protocol import Rejection
from app.llm.rejections import Rejections
from tests.support.api import Client, balance, refusal, unlock
from tests.support.waiting import until

CREDIT = Rejection("credit", 402, "model.example")


async def reject(client: Client, redis: Redis) -> Rejections:
    """A worker's report, known to the API."""
    rejections = Rejections(redis)
    await rejections.report(CREDIT)

    async def is_known() -> bool:
        return "provider_rejects" in (await client.get("/readyz")).json()

    await until(is_known)
    return rejections


async def test_nothing_is_sold_or_reserved_until_the_provider_answers_again(
    alice: Client, chat_id: str, redis: Redis
) -> None:
    rejections = await reject(alice, redis)
    refused = await unlock(alice, chat_id)
    assert refusal(refused) == (503, "provider_unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert "model.example" not in refused.text
    assert await balance(alice) == {"available": 50, "held": 0}
    await rejections.clear()

    async def is_sold() -> bool:
        return (await unlock(alice, chat_id)).status_code == 202

    await until(is_sold)


async def test_a_replay_and_what_stands_against_an_unlock_are_answered_all_the_same(
    alice: Client, chat_id: str, redis: Redis
) -> None:
    first = await unlock(alice, chat_id, key="k")
    await reject(alice, redis)
    again = await unlock(alice, chat_id, key="k")
    assert (again.status_code, again.json()) == (202, first.json())
    assert refusal(await unlock(alice, chat_id)) == (409, "unlock_in_progress")
    # No coins are left; a user must not be sent to buy some for what cannot be had.
    assert refusal(await unlock(alice, chat_id, "romance")) == (503, "provider_unavailable")


async def test_readiness_names_reason_status_and_host_and_stays(
    alice: Client, redis: Redis
) -> None:
    await reject(alice, redis)
    ready = await alice.get("/readyz")
    told = ready.json()["provider_rejects"]
    assert ready.status_code == 200
    assert (told["reason"], told["status"], told["host"]) == ("credit", 402, "model.example")
