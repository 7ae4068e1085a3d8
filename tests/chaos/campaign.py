"""One campaign: everything started, disturbed for a while, healed, and held against its rules."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import httpx2
from pydantic import SecretStr

from app.credits.invariants import check_invariants
from app.db import close_engine, open_engine
from app.errors import Unavailable
from app.settings import Settings
from app.users.auth import issue_token
from tests.chaos import plan
from tests.chaos.audit import count_active, count_deadlocks, prepare_database, read_evidence
from tests.chaos.checks import RULES
from tests.chaos.client import Client
from tests.chaos.fleet import Fleet, Role
from tests.chaos.history import History, Kind, Outcome
from tests.chaos.nemesis import Nemesis
from tests.chaos.network import Line
from tests.chaos.outages import Lines, Outages
from tests.chaos.place import ROOT, Place, free_port, make_place
from tests.chaos.plan import Options, draw_strikes
from tests.chaos.provider import Provider
from tests.chaos.report import Report, make_report
from tests.chaos.spending import judge_spending, recovery_times_s
from tests.chaos.users import Users
from tests.support.proxy import Proxy

READY_S = 60.0
SAMPLE_EVERY_S = 4.0
USERS_END_S = 45.0
REPLAYED_MAX = 400
TOKEN_TTL_S = 6 * 3600
GRANTER = "granter"


async def run_campaign(
    options: Options, *, source: Path = ROOT, statements: Sequence[str] = ()
) -> Report:
    """Runs the product in `source` and reports; leaves nothing running, however it ends.

    `statements` change the migrated database first.
    """
    with _ending_on_signals(), make_place(source=source, keep=options.keep) as place:
        place.migrate()
        await prepare_database(place.postgres.url, statements)
        await open_engine(place.postgres.url, pool_size=2)
        try:
            return await _Campaign(options, place).run()
        finally:
            await close_engine()


class _Campaign:
    def __init__(self, options: Options, place: Place) -> None:
        self._options, self._place = options, place
        self._history = History()
        self._provider = Provider(options.seed)
        self._provider.is_reliable = options.is_provider_reliable
        self._proxy = Proxy(place.postgres.url)
        self._proxy.delay_s = options.database_delay_s
        self._violations: dict[str, list[str]] = {}
        self._worst: dict[str, int] = {}
        self._samples = 0
        self._deadlocks = 0
        self._deadlocks_before = 0

    async def run(self) -> Report:
        async with (
            self._network() as lines,
            self._processes(lines) as (fleet, urls),
            httpx2.AsyncClient(limits=_LIMITS) as http,
        ):
            await _until_ready(http, urls)
            client = Client(http, urls, self._history, self._token_of(), f"{self._options.seed}")
            users = Users(client, self._options, self._provider.written)
            outages = self._outages(lines, fleet, urls)
            nemesis = Nemesis(
                fleet=fleet,
                proxy=self._proxy,
                postgres=self._place.postgres,
                valkey=self._place.valkey,
                outages=outages,
            )
            sampling = asyncio.create_task(self._sample())
            living = asyncio.create_task(users.run())
            try:
                started = time.monotonic()
                await nemesis.run(draw_strikes(self._options))
                await asyncio.sleep(max(0.0, started + self._options.seconds - time.monotonic()))
                users.is_over.set()
                if outages is not None:
                    outages.is_over.set()
                self._provider.is_reliable = True
                await nemesis.heal()
                healed_at = time.monotonic()
                client.give_up_at = healed_at + min(USERS_END_S, self._options.heal_s)
                await living
                stuck = await self._wait_for_the_end(healed_at)
                ended_s = time.monotonic() - healed_at
                await self._replay(client)
            finally:
                sampling.cancel()
                living.cancel()
                await nemesis.rest()  # A service must not come back after it was stopped.
            return await self._judge(fleet, nemesis, outages, stuck, ended_s)

    @asynccontextmanager
    async def _network(self) -> AsyncIterator[Lines | None]:
        """Lines to the servers, where their outages are asked for: they cost time and CPU."""
        await self._provider.start()
        await self._proxy.open()
        lines = self._lines() if plan.OUTAGES & set(self._options.only) else None
        try:
            if lines is not None:
                await lines.open()
            yield lines
        finally:
            if lines is not None:
                await lines.close()
            await self._proxy.close()
            await self._provider.stop()

    def _lines(self) -> Lines:
        database, redis = urlsplit(self._proxy.url), urlsplit(self._place.valkey.url)
        return Lines(
            Line(database.hostname or "", database.port or 0),
            Line(redis.hostname or "", redis.port or 0),
            Line("127.0.0.1", self._provider.port),
        )

    @asynccontextmanager
    async def _processes(self, lines: Lines | None) -> AsyncIterator[tuple[Fleet, list[str]]]:
        database_url, redis_url = self._proxy.url, self._place.valkey.url
        provider_url = f"http://127.0.0.1:{self._provider.port}/"
        if lines is not None:
            database_url = lines.database.through(database_url)
            redis_url = lines.redis.through(redis_url)
            provider_url = lines.provider.through(provider_url)
        environment = self._place.environment(
            database_url=database_url,
            redis_url=redis_url,
            provider_url=provider_url,
            rescue_s=self._options.rescue_s,
        )
        fleet = Fleet(self._place.tree, environment, self._place.logs, self._options.seed)
        try:
            yield fleet, await _start_all(fleet, self._options)
        finally:
            await fleet.stop()

    def _outages(self, lines: Lines | None, fleet: Fleet, urls: list[str]) -> Outages | None:
        if lines is None:
            return None
        return Outages(lines, self._place.valkey.url, fleet, self._place.journals, urls)

    def _token_of(self) -> Callable[[str], str]:
        settings = Settings(
            database_url=self._place.postgres.url,
            redis_url=self._place.valkey.url,
            master_key=SecretStr("chaos:" + "A" * 43),
            auth_secret=SecretStr(self._place.secret),
        )

        @cache
        def token_of(user: str) -> str:
            scopes = ("credits:grant",) if user == GRANTER else ()
            return issue_token(settings, user, scopes, TOKEN_TTL_S)

        return token_of

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_EVERY_S)
            with suppress(Unavailable):
                await self._check_invariants()

    async def _check_invariants(self) -> None:
        for finding in await check_invariants():
            if finding.violations:
                told = f"{finding.violations} rows, such as {finding.samples[:2]}"
                name = f"{finding.name} {finding.meaning}"
                self._violations.setdefault(name, []).append(told)
                self._worst[name] = max(self._worst.get(name, 0), finding.violations)
        self._samples += 1
        counted = await count_deadlocks()
        # An immediate stop loses the count: then it begins at zero again.
        self._deadlocks += max(0, counted - self._deadlocks_before)
        self._deadlocks_before = counted

    async def _wait_for_the_end(self, healed_at: float) -> list[dict[str, str]]:
        while True:
            active = await count_active(self._place.postgres.url)
            if not active or time.monotonic() > healed_at + self._options.heal_s:
                return active
            await asyncio.sleep(0.5)

    async def _replay(self, client: Client) -> None:
        """Every key once more, when all is over: still the first answer."""
        client.give_up_at = time.monotonic() + USERS_END_S
        acknowledged = self._history.of(Kind.UNLOCK, Outcome.OK)[-REPLAYED_MAX:]
        for operation in acknowledged:
            await client.repeat_unlock(operation)

    async def _judge(
        self,
        fleet: Fleet,
        nemesis: Nemesis,
        outages: Outages | None,
        stuck: list[dict[str, str]],
        ended_s: float,
    ) -> Report:
        await self._check_invariants()
        evidence = await read_evidence(self._place.postgres.url)
        for rule in RULES:
            found = list(rule(self._history, evidence))
            if found:
                self._violations[rule.__name__] = found
        if self._history.strange:
            self._violations["answers that must not be"] = self._history.strange
        if fleet.unexpected:
            self._violations["processes that ended by themselves"] = fleet.unexpected
        return make_report(
            options=self._options,
            history=self._history,
            evidence=evidence,
            fleet=fleet,
            nemesis=nemesis,
            outages=outages,
            proxy=self._proxy,
            spending=judge_spending(self._place.journals, evidence, fleet.kills),
            recovery=recovery_times_s(self._place.journals, evidence, fleet.kills),
            violations=self._violations,
            worst=self._worst,
            stuck=stuck,
            ended_s=ended_s,
            samples=self._samples,
            deadlocks=self._deadlocks,
        )


_LIMITS = httpx2.Limits(max_connections=300, max_keepalive_connections=20, keepalive_expiry=2)


async def _start_all(fleet: Fleet, options: Options) -> list[str]:
    ports = [free_port() for _ in range(options.apis)]
    for number, port in enumerate(ports, start=1):
        serve = ("-m", "app.cli", "serve", "--port", str(port))
        await fleet.start(f"api-{number}", Role.API, *serve)
    limits = ("--workers", "1", "--max-async-tasks", "50", "--wait-tasks-timeout", "2")
    for number in range(1, options.workers + 1):
        worker = ("-m", "taskiq", "worker", "tests.chaos.worker:broker", *limits)
        if number == 1:
            worker += ("--max-tasks-per-child", "60")
        await fleet.start(f"worker-{number}", Role.WORKER, *worker)
    for number in range(1, options.schedulers + 1):
        scheduler = ("-m", "taskiq", "scheduler", "tests.chaos.scheduler:scheduler")
        await fleet.start(f"scheduler-{number}", Role.SCHEDULER, *scheduler)
    return [f"http://127.0.0.1:{port}" for port in ports]


async def _until_ready(http: httpx2.AsyncClient, urls: list[str]) -> None:
    async with asyncio.timeout(READY_S):
        for url in urls:
            while True:
                with suppress(httpx2.TransportError):
                    if (await http.get(f"{url}/readyz")).is_success:
                        break
                await asyncio.sleep(0.1)


@contextmanager
def _ending_on_signals() -> Iterator[None]:
    """Ctrl-C and SIGTERM cancel the campaign; everything it started is ended on the way out."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
