"""Whether a container does its work: the health check of compose.yaml and of the image.

    python ops/healthy.py api PORT     the API says that it is ready
    python ops/healthy.py worker       a worker of this container used the database a moment ago
    python ops/healthy.py scheduler    the scheduler of this container woke a worker a moment ago

A process that is there may hang. So PostgreSQL is asked when this container, known by the address
it connects from, last used this database; and Redis whether the scheduler of this host left its
mark in this database of Redis. Exits 1 and says why when there is nothing lately.
"""

import asyncio
import http.client
import sys
from collections.abc import Callable, Sequence

from redis import Redis

from app.database_connect import connect
from app.database_url import parse_database_url
from app.redis import scheduler_mark
from app.settings import load_settings

ASK_TIMEOUT_S = 5.0

RESCUES_MISSED_MAX = 6
SILENCE_S_MIN = 30.0
LAST_USED = """
    SELECT extract(epoch FROM clock_timestamp() - max(state_change))::float8
    FROM pg_stat_activity
    WHERE datname = current_database() AND usename = current_user
      AND application_name = current_setting('application_name') AND pid <> pg_backend_pid()
      AND client_addr IS NOT DISTINCT FROM inet_client_addr()
"""


def api(port: str = "8000") -> str | None:
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=ASK_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return None if answer.status == http.HTTPStatus.OK else answer.read(1_000).decode()
    finally:
        connection.close()


def worker() -> str | None:
    """Every worker polls the database for due jobs, Redis or not: its silence is a failure."""
    settings = load_settings()
    silence_s = asyncio.run(_database_silence_s(settings.database_url))
    limit_s = max(SILENCE_S_MIN, settings.rescue_s * RESCUES_MISSED_MAX)
    return _too_long(silence_s, limit_s, "no worker here used the database")


def scheduler() -> str | None:
    """The scheduler leaves a mark that lasts a little longer than its pause."""
    url = load_settings().redis_url
    with Redis.from_url(url, socket_timeout=ASK_TIMEOUT_S) as redis:
        return None if redis.exists(scheduler_mark()) else "nothing was sent here lately"


CHECKS: dict[str, Callable[..., str | None]] = {
    "api": api,
    "worker": worker,
    "scheduler": scheduler,
}


def main(arguments: Sequence[str]) -> int:
    if not arguments or arguments[0] not in CHECKS:
        return _fail(f"usage: healthy.py {'|'.join(CHECKS)}")
    try:
        problem = CHECKS[arguments[0]](*arguments[1:])
    except Exception as error:  # noqa: BLE001 (whatever it is, the answer is: not healthy)
        problem = f"{type(error).__name__} when asking"  # A driver's message may hold the URL.
    return 0 if problem is None else _fail(problem)


async def _database_silence_s(url: str) -> float | None:
    address = parse_database_url(url)
    connection = await connect(address, pooled=True, statement_timeout_s=ASK_TIMEOUT_S)
    try:
        async with connection.transaction():
            return await connection.fetchval(LAST_USED)
    finally:
        await connection.close()


def _too_long(silence_s: float | None, limit_s: float, what: str) -> str | None:
    if silence_s is None:
        return f"{what}: not connected"
    return None if silence_s <= limit_s else f"{what} for {silence_s:.0f} s"


def _fail(reason: str) -> int:
    sys.stderr.write(f"{reason}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
