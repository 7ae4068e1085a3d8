"""Whether a container does its work: the health check of compose.yaml and of the image.

    python ops/healthy.py api PORT     the API says that it is ready
    python ops/healthy.py loops        every process of this container has ticked a moment ago
    python ops/healthy.py worker       … and a worker used the database
    python ops/healthy.py scheduler    … and the scheduler woke a worker

A process that is there may hang. So each writes down the ticks of its event loop, where
SIXFOLD_LIVENESS_DIR says; `loops` reads nothing else and is for liveness probes. PostgreSQL is
asked when this container, known by the address it connects from, last used this database; Redis
whether the scheduler of this host left its mark in this database of Redis. Exits 1 and says why
when there is nothing lately.
"""

import asyncio
import http.client
import sys
from collections.abc import Callable, Sequence

from redis import Redis

from app.database_connect import connect
from app.database_url import parse_database_url
from app.liveness import last_ticks
from app.redis import scheduler_mark
from app.settings import SchedulerSettings, load_scheduler_settings, load_settings

ASK_TIMEOUT_S = 5.0

LOOP_SILENT_S_MAX = 45.0
"""Its own watchdog, which logs the stack, ends a process after some 30 s."""

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


def loops() -> str | None:
    """Asks no server: it is true of the processes here, whatever else is away."""
    return _silent_loop(load_scheduler_settings(), "")


def worker() -> str | None:
    """Every worker polls the database for due jobs, Redis or not: its silence is a failure."""
    settings = load_settings()
    if settings.liveness_dir is not None and (silent := _silent_loop(settings, "worker")):
        return silent
    silence_s = asyncio.run(_database_silence_s(settings.database_url))
    limit_s = max(SILENCE_S_MIN, settings.rescue_s * RESCUES_MISSED_MAX)
    return _too_long(silence_s, limit_s, "no worker here used the database")


def scheduler() -> str | None:
    """The scheduler leaves a mark that lasts a little longer than its pause."""
    settings = load_scheduler_settings()
    if settings.liveness_dir is not None and (silent := _silent_loop(settings, "scheduler")):
        return silent
    with Redis.from_url(settings.redis_url, socket_timeout=ASK_TIMEOUT_S) as redis:
        return None if redis.exists(scheduler_mark()) else "nothing was sent here lately"


CHECKS: dict[str, Callable[..., str | None]] = {
    "api": api,
    "loops": loops,
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


def _silent_loop(settings: SchedulerSettings, process: str) -> str | None:
    if settings.liveness_dir is None:
        return "SIXFOLD_LIVENESS_DIR is not set"
    ticks = last_ticks(settings.liveness_dir, process)
    if not ticks:
        return "no loop ticks here"
    name = max(ticks, key=lambda one: ticks[one])
    return _too_long(ticks[name], LOOP_SILENT_S_MAX, f"the loop of {name} has not ticked")


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
