"""A user of Redis who may touch `sixfold:*` alone, by the rule that docs/deployment.md gives."""

import re
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from redis.asyncio import Redis

from tests.provider_stub import ProviderStub
from tests.support.processes import ROOT, MakeClient, Processes, with_model, worker

RULE = re.compile(r"^ACL SETUSER (\S+) (.*)$", re.MULTILINE)
SECRET = "p@ss/word"


@pytest.fixture
async def environment(
    environment: dict[str, str], stub: ProviderStub, redis: Redis
) -> AsyncIterator[dict[str, str]]:
    """Of processes that log in as the limited user."""
    found = RULE.search((ROOT / "docs" / "deployment.md").read_text())
    assert found is not None
    user, rule = found.groups()
    name = f"{user}-{redis.connection_pool.connection_kwargs['db']}"
    await redis.execute_command("ACL", "SETUSER", name, *rule.replace("PASSWORD", SECRET).split())
    await redis.execute_command("ACL", "LOG", "RESET")
    url = urlsplit(environment["SIXFOLD_REDIS_URL"])
    limited = url._replace(netloc=f"{name}:p%40ss%2Fword@{url.hostname}:{url.port}").geturl()
    yield with_model(environment, stub, SIXFOLD_REDIS_URL=limited, SIXFOLD_RESCUE_S="60")
    await redis.execute_command("ACL", "DELUSER", name)


async def test_nothing_of_the_product_is_beyond_its_prefix(
    make_client: MakeClient, processes: Processes, redis: Redis
) -> None:
    """Wake-ups, notifications, the limits of a provider and the scheduler's messages."""
    processes.start(*worker())
    scheduler = ("-m", "taskiq", "scheduler", "workers.scheduler:scheduler")
    processes.start(*scheduler)
    alice = make_client("alice")
    chat = await alice.upload()
    done = await alice.finished(await alice.unlock(chat["id"]))
    assert done["state"] == "succeeded"
    names = {name.decode() async for name in redis.scan_iter()}
    assert {name.partition(":")[0] for name in names} == {"sixfold"}
    assert {"wakeups", "llm"} <= {name.split(":")[1] for name in names}
    assert await redis.execute_command("ACL", "LOG") == []
