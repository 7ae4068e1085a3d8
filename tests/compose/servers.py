"""PostgreSQL and Redis as the operating system ships them; else the embedded ones of the run."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit
from uuid import uuid4

from redis import Redis
from redis.exceptions import ConnectionError as RedisAway

from app.local.embedded.data_dir import LOOPBACK, Runner, free_port, new_runner
from tests.support.servers import (
    execute,
    own_folder,
    postgres_cluster,
    running,
    system_postgres,
    system_redis,
)


@contextmanager
def empty_database(embedded_url: str, *, user: str, password: str) -> Generator[str]:
    """The URL of a database with nothing in it, on the newest PostgreSQL of the system."""
    runner = new_runner()
    if system_postgres(runner) is not None:
        with (
            own_folder(runner) as own,
            postgres_cluster(own, runner, free_port(), user=user, password=password) as url,
        ):
            asyncio.run(execute(url, f"CREATE DATABASE {user}"))
            yield urlsplit(url)._replace(path=f"/{user}").geturl()
        return
    name = f"t_{uuid4().hex}"
    asyncio.run(execute(embedded_url, f"CREATE DATABASE {name}"))
    yield urlsplit(embedded_url)._replace(path=f"/{name}").geturl()
    asyncio.run(execute(embedded_url, f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def empty_redis(embedded_url: str, *, password: str) -> Generator[str]:
    """The URL of a Redis with nothing in it, on the server of the system."""
    program = system_redis()
    if program is None:
        with Redis.from_url(embedded_url) as redis:
            redis.flushdb()
        yield embedded_url
        return
    with own_folder(Runner()) as own:
        port = free_port()
        config = f'bind {LOOPBACK}\nport {port}\nrequirepass {password}\nsave ""\ndir {own}\n'
        (own / "redis.conf").write_text(config)
        url = f"redis://:{password}@{LOOPBACK}:{port}/0"
        with running([program, own / "redis.conf"], own, Runner(), lambda: _answers(url)):
            yield url


def _answers(url: str) -> bool:
    try:
        with Redis.from_url(url) as redis:
            return bool(redis.ping())
    except RedisAway:
        return False
