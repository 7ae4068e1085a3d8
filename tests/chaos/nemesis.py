"""Carries out the schedule: who is struck, how, and how often it came to pass."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import asyncpg
from redis.asyncio import Redis
from redis.exceptions import RedisError

from app.local.embedded import Postgres, Valkey
from app.local.embedded.processes import wait_until
from tests.chaos.audit import refuse_charges, shift_times
from tests.chaos.fleet import Fleet, Member, Role
from tests.chaos.outages import Outages
from tests.chaos.plan import LEASE_S, Fault, Strike
from tests.support.proxy import Proxy

STREAM = "sixfold:wakeups"
DUPLICATED_MAX = 30
DOWN_MIN_S, DOWN_MAX_S = 0.1, 1.5
"""A stopped service stays away this long before it is started again."""
END_WAIT_S = 10.0
SHIFTED_MAX = 6


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault that came to pass: from when to when, by `time.monotonic()`."""

    fault: Fault
    began_at: float
    ended_at: float


class Nemesis:
    """Strikes as planned. A service that is being restarted is not struck again meanwhile."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        proxy: Proxy,
        postgres: Postgres,
        valkey: Valkey,
        outages: Outages | None,
    ) -> None:
        self._fleet, self._proxy = fleet, proxy
        self._postgres, self._valkey = postgres, valkey
        self._database, self._cache = asyncio.Lock(), asyncio.Lock()
        self._under_way: list[asyncio.Task[None]] = []
        self.struck: Counter[Fault] = Counter()
        self.missed: Counter[Fault] = Counter()
        """Nothing was there to strike just then."""
        self.blows: list[Blow] = []
        self._ways: Mapping[Fault, Callable[[Strike], Awaitable[bool]]] = {
            Fault.KILL_WORKER: self._kill_worker,
            Fault.KILL_CHILD: self._kill_child,
            Fault.KILL_MANAGER: self._kill_manager,
            Fault.KILL_API: self._kill_api,
            Fault.KILL_SCHEDULER: self._kill_scheduler,
            Fault.TERMINATE: self._terminate,
            Fault.FREEZE_WORKER: self._freeze_worker,
            Fault.FREEZE_API: self._freeze_api,
            Fault.STOP_DATABASE: self._stop_database,
            Fault.KILL_VALKEY: self._kill_valkey,
            Fault.FLUSHALL: self._flush,
            Fault.CLIENT_KILL: self._kill_clients,
            Fault.DUPLICATE: self._duplicate,
            Fault.CUT: self._cut,
            Fault.CUT_COMMIT: self._cut_commit,
            Fault.DROP_COMMIT: self._drop_commit,
            Fault.REFUSE_CHARGES: self._refuse_charges,
            Fault.SET_CLOCK_BACK: self._set_clock_back,
            **(outages.ways if outages else {}),
        }

    async def run(self, strikes: list[Strike]) -> None:
        """Returns after the last strike; `heal` waits for what is still under way."""
        started = time.monotonic()
        for strike in strikes:
            await asyncio.sleep(max(0.0, started + strike.at_s - time.monotonic()))
            task = asyncio.create_task(self._strike(strike))
            self._under_way.append(task)

    async def heal(self) -> None:
        """Everything struck is back. Raises what a strike raised."""
        self._proxy.commits_to_cut = self._proxy.commits_to_drop = 0
        await asyncio.gather(*self._under_way)

    async def rest(self) -> None:
        """Returns once no strike is under way, however they ended."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    async def _strike(self, strike: Strike) -> None:
        # A task of its own: what it raises is raised again by `heal`.
        began_at = time.monotonic()
        if await self._ways[strike.fault](strike):
            self.struck[strike.fault] += 1
            self.blows.append(Blow(strike.fault, began_at, time.monotonic()))
        else:
            self.missed[strike.fault] += 1

    def _victim(self, role: Role, strike: Strike) -> Member:
        members = self._fleet.of(role)
        first = int(strike.draw * len(members))
        candidates = members[first:] + members[:first]
        return next((one for one in candidates if one.pid is not None), members[first])

    async def _kill_worker(self, strike: Strike) -> bool:
        return self._fleet.kill_group(self._victim(Role.WORKER, strike))

    async def _kill_child(self, strike: Strike) -> bool:
        return self._fleet.kill_child(self._victim(Role.WORKER, strike))

    async def _kill_manager(self, strike: Strike) -> bool:
        return self._fleet.kill_manager(self._victim(Role.WORKER, strike))

    async def _kill_api(self, strike: Strike) -> bool:
        return self._fleet.kill_group(self._victim(Role.API, strike))

    async def _kill_scheduler(self, strike: Strike) -> bool:
        return self._fleet.kill_group(self._victim(Role.SCHEDULER, strike))

    async def _terminate(self, strike: Strike) -> bool:
        return self._fleet.terminate(self._victim(Role.WORKER, strike))

    async def _freeze_worker(self, strike: Strike) -> bool:
        seconds = LEASE_S * (1.2 + 1.2 * strike.size)
        return await self._fleet.freeze(self._victim(Role.WORKER, strike), seconds)

    async def _freeze_api(self, strike: Strike) -> bool:
        return await self._fleet.freeze(self._victim(Role.API, strike), 1 + 4 * strike.size)

    async def _stop_database(self, strike: Strike) -> bool:
        """What `pg_ctl stop -m immediate` does, and a start with crash recovery."""
        if self._database.locked() or not self._postgres.is_alive():
            return False
        async with self._database:
            os.kill(self._postgres.pid, signal.SIGQUIT)
            await _until(lambda: not self._postgres.is_alive())
            await asyncio.sleep(DOWN_MIN_S + (DOWN_MAX_S - DOWN_MIN_S) * strike.size)
            await asyncio.to_thread(self._postgres.restart)
        return True

    async def _kill_valkey(self, strike: Strike) -> bool:
        if self._cache.locked() or not self._valkey.is_alive():
            return False
        async with self._cache:
            os.kill(self._valkey.pid, signal.SIGKILL)
            await _until(lambda: not self._valkey.is_alive())
            await asyncio.sleep(DOWN_MIN_S + (DOWN_MAX_S - DOWN_MIN_S) * strike.size)
            await asyncio.to_thread(self._valkey.restart)
        return True

    async def _flush(self, _: Strike) -> bool:
        async def flush(redis: Redis) -> None:
            await redis.flushall()

        return await self._with_valkey(flush)

    async def _kill_clients(self, _: Strike) -> bool:
        async def kill(redis: Redis) -> None:
            await redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

        return await self._with_valkey(kill)

    async def _duplicate(self, strike: Strike) -> bool:
        """Real messages of the stream are sent again, each up to three times."""

        async def duplicate(redis: Redis) -> None:
            newest = await redis.xrevrange(STREAM, count=DUPLICATED_MAX)
            for _, fields in newest:
                for _ in range(1 + int(strike.size * 3)):
                    await redis.xadd(STREAM, fields)

        return await self._with_valkey(duplicate)

    async def _with_valkey(self, act: Callable[[Redis], Awaitable[None]]) -> bool:
        if self._cache.locked():
            return False
        try:
            async with Redis.from_url(self._valkey.url, socket_timeout=5) as redis:
                await act(redis)
        except (RedisError, OSError):
            return False
        return True

    async def _cut(self, strike: Strike) -> bool:
        self._proxy.cut(0.3 + 0.7 * strike.size)
        return True

    async def _cut_commit(self, strike: Strike) -> bool:
        self._proxy.commits_to_cut += 1 + int(strike.size * 4)
        return True

    async def _drop_commit(self, strike: Strike) -> bool:
        self._proxy.commits_to_drop += 1 + int(strike.size * 4)
        return True

    async def _refuse_charges(self, strike: Strike) -> bool:
        try:
            await refuse_charges(self._postgres.url, 0.5 + 2 * strike.size)
        except _AWAY:
            return False
        return True

    async def _set_clock_back(self, strike: Strike) -> bool:
        count = 1 + int(strike.size * SHIFTED_MAX)
        try:
            return await shift_times(self._postgres.url, count=count, draw=strike.draw) > 0
        except _AWAY:
            return False


_AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


async def _until(condition: Callable[[], bool]) -> None:
    if not await asyncio.to_thread(wait_until, condition, END_WAIT_S):
        raise TimeoutError("a service did not end")
