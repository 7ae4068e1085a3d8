"""`/readyz` is not ready where an unlock would fail, and tells a Redis that only reads."""

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import asyncpg
import httpx2
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.local.embedded import start_valkey
from app.main import create_app
from app.settings import Settings
from tests.support.cluster_node import cluster_node
from tests.support.redis_outages import full, other_password, read_only

Answer = dict[str, object]
Outage = Callable[[str], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def _served(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    app = create_app(settings)
    transport = httpx2.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://sixfold.test") as client,
    ):
        yield client


async def _ready(settings: Settings) -> tuple[int, Answer]:
    async with _served(settings) as client:
        reply = await client.get("/readyz")
        return reply.status_code, reply.json()


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def test_a_database_that_only_reads_is_not_ready(settings: Settings, owner_url: str) -> None:
    name = urlsplit(settings.database_url).path[1:]
    rule = f"ALTER DATABASE {name} SET default_transaction_read_only = on"
    await _execute(owner_url, rule)
    code, answer = await _ready(settings)
    assert (code, answer["database"]) == (503, "read_only")


async def test_a_user_who_may_not_write_is_not_ready(settings: Settings, owner_url: str) -> None:
    role = "r_" + urlsplit(settings.database_url).path[1:]
    made = f"CREATE ROLE {role} LOGIN PASSWORD 'x'"
    await _execute(owner_url, made, f"GRANT pg_read_all_data TO {role}")
    try:
        limited = urlsplit(settings.database_url)
        netloc = f"{role}:x@{limited.hostname}:{limited.port}"
        url = limited._replace(netloc=netloc).geturl()
        code, answer = await _ready(settings.model_copy(update={"database_url": url}))
    finally:
        await _execute(owner_url, f"DROP ROLE {role}")
    assert (code, answer["database"]) == (503, "no_rights")


@pytest.mark.parametrize(
    ("revision", "code"), [("0001", 503), ("9999", 200)], ids=["older", "newer"]
)
async def test_a_newer_database_is_as_good_and_an_older_one_is_not(
    settings: Settings, owner_url: str, revision: str, code: int
) -> None:
    changed = f"UPDATE alembic_version SET version_num = '{revision}'"
    await _execute(owner_url, changed)
    answered, answer = await _ready(settings)
    assert (answered, answer["migrated"]) == (code, code == 200)


async def test_a_database_without_tables_is_not_migrated(settings: Settings) -> None:
    empty = urlsplit(settings.database_url)._replace(path="/postgres").geturl()
    code, answer = await _ready(settings.model_copy(update={"database_url": empty}))
    assert (code, answer["database"], answer["migrated"]) == (503, "ok", False)


@pytest.fixture
def with_own_redis(settings: Settings) -> Iterator[Settings]:
    """A server of its own: what is changed of it is changed for all who use it."""
    with tempfile.TemporaryDirectory(prefix="sixfold-tests-") as folder:
        Path(folder).chmod(0o711)  # Under root it runs as another user, who must pass.
        valkey = start_valkey(Path(folder) / "instance")
        yield settings.model_copy(update={"redis_url": valkey.url})
        valkey.stop()


@pytest.mark.parametrize(
    ("outage", "told"),
    [(read_only, "refuses_writes"), (full, "refuses_writes"), (other_password, "unreachable")],
    ids=["replica", "full", "another password"],
)
async def test_a_redis_that_refuses_every_write_is_told(
    outage: Outage, told: str, with_own_redis: Settings
) -> None:
    async with outage(with_own_redis.redis_url):
        assert await _redis_of(with_own_redis) == told
    assert await _redis_of(with_own_redis) == "ok"


async def test_a_node_of_a_cluster_is_told(settings: Settings) -> None:
    async with cluster_node() as (host, port):
        url = f"redis://:secret@{host}:{port}/0"
        assert await _redis_of(settings.model_copy(update={"redis_url": url})) == "refuses_writes"


async def _redis_of(settings: Settings) -> object:
    code, answer = await _ready(settings)
    assert code == 200, "it is not required"
    return answer["redis"]


async def test_a_redis_that_refuses_a_write_is_told_and_not_required(
    settings: Settings, redis: Redis
) -> None:
    """As a replica (READONLY) or a full one (OOM) does: its answer to a write is an error."""
    await redis.execute_command(
        "ACL", "SETUSER", "reader", "on", ">secret", "~*", "&*", "+@all", "-@write"
    )
    url = urlsplit(settings.redis_url)
    netloc = f"reader:{quote('secret')}@{url.hostname}:{url.port}"
    try:
        reading = settings.model_copy(update={"redis_url": url._replace(netloc=netloc).geturl()})
        code, answer = await _ready(reading)
        wrong = url._replace(netloc=netloc.replace("secret", "wrong")).geturl()
        refused = await _ready(settings.model_copy(update={"redis_url": wrong}))
    finally:
        await redis.execute_command("ACL", "DELUSER", "reader")
    assert (code, answer["redis"]) == (200, "refuses_writes")
    assert (refused[0], refused[1]["redis"]) == (200, "unreachable")


async def test_a_master_key_that_chats_need_and_the_process_lacks_is_named(
    settings: Settings, owner_url: str
) -> None:
    """Reported, and not required: the chats of the other keys are served."""
    async with _served(settings) as client:
        assert "unknown_keys" not in (await client.get("/readyz")).json()
        key = "INSERT INTO chat_keys VALUES ('alice', gen_random_uuid(), '{}', '')"
        chat = (
            "INSERT INTO chats (user_id, id, key_id, sealed_key, sealed_meta, content_hmac,"
            " message_count, first_at, last_at)"
            " VALUES ('alice', gen_random_uuid(), 'older', '', '', '', 1, now(), now())"
        )
        await _execute(owner_url, *[key.format(one) for one in ("lost", "test")], chat)
        with capture_logs() as logs:
            reply = await client.get("/readyz")
        assert (reply.status_code, reply.json()["unknown_keys"]) == (200, ["lost", "older"])
    assert [one["key_ids"] for one in logs if one["event"] == "keys.unknown"] == [["lost", "older"]]
