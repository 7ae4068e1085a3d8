"""The unlock endpoint under load: spread over users, and one hot account."""

from dataclasses import dataclass
from typing import Any

import asyncpg

from benchmarks import machine
from benchmarks.api import Api, running_api, unlocks
from benchmarks.bare.unlock import measure_unlock
from benchmarks.bench import Bench, Row, summary
from benchmarks.http_load import Plan, Result, run_plan
from benchmarks.seed import CATEGORY, SMALL_CHAT, SeededChat, encoded_chat, seed_rows
from benchmarks.services import Services, violations
from benchmarks.throughput import percentiles_ms

CONNECTIONS = 32
LOAD_S, LOAD_S_IF_QUICK = 3.0, 1.5
ROUNDS_MIN = 2
"""Also late in a run: a load of seconds meets slow seconds of the machine."""
WARM_UP_REQUESTS = 300
RATE_MAX = 2_500
"""No API process on this kind of machine answers more a second; so many chats are prepared."""
HOT_COINS = 10_000_000


@dataclass(frozen=True)
class Prepared:
    """Chats that nobody has unlocked, of many users or of one."""

    kind: str
    chats: list[SeededChat]


async def run(bench: Bench) -> dict[str, Any]:
    """Requests a second and latencies; the same transaction by bare asyncpg beside it."""
    measured: dict[str, list[Row]] = {}
    load_s = LOAD_S_IF_QUICK if bench.quick else LOAD_S
    for _ in range(1 if bench.quick else max(bench.rounds, ROUNDS_MIN)):
        for row in await _round(bench, load_s):
            measured.setdefault(row["load"], []).append(row)
            bench.say(f"unlock, {row['load']}: {row['requests_s']:.0f}/s, p99 {row['p99_ms']:.1f}")
    rows = {load: summary(each) for load, each in measured.items()}
    return {
        "about": f"POST /api/insights/unlock over {CONNECTIONS} connections, token checked,"
        " wake-up sent; half load is half of what was just reached, at a fixed rate.",
        **{load.replace(" ", "_").replace(",", ""): row for load, row in rows.items()},
        "rows": list(rows.values()),
    }


async def _round(bench: Bench, load_s: float) -> list[Row]:
    rows: list[Row] = []
    for kind in ("spread", "hot"):
        async with bench.services.database() as database_url:
            prepared = await _prepare(bench.services, database_url, kind, load_s)
            async with running_api(bench.services, database_url) as api:
                rows += await _load(bench.services, api, prepared, load_s)
            rows[-1]["violations"] = await violations(database_url)
        rows.append(await _ceiling(bench.services, kind, load_s))
    return rows


async def _ceiling(services: Services, kind: str, load_s: float) -> Row:
    async with services.database() as database_url:
        rate = await measure_unlock(
            database_url,
            connections=CONNECTIONS,
            seconds=load_s,
            is_hot=kind == "hot",
        )
        return {
            "load": f"{kind}, bare asyncpg",
            "requests_s": rate.unlocks_s,
            "p50_ms": rate.p50_ms,
            "p99_ms": rate.p99_ms,
            "violations": await violations(database_url),
        }


async def _prepare(services: Services, database_url: str, kind: str, load_s: float) -> Prepared:
    count = int(RATE_MAX * load_s * 3 / 2) + WARM_UP_REQUESTS  # As long at half load.
    connection = await asyncpg.connect(database_url)
    try:
        is_hot = kind == "hot"
        chats = await seed_rows(
            connection,
            encoded_chat(SMALL_CHAT),
            users=1 if is_hot else count,
            chats_each=count if is_hot else 1,
            coins=HOT_COINS if is_hot else CATEGORY.price_coins,
        )
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
    return Prepared(kind, chats)


async def _load(services: Services, api: Api, prepared: Prepared, load_s: float) -> list[Row]:
    left = unlocks(api, [(one.user_id, str(one.chat_id)) for one in prepared.chats], CATEGORY.key)
    await run_plan(Plan(api.port, CONNECTIONS, 1.0, None, left[:WARM_UP_REQUESTS]))
    left = left[WARM_UP_REQUESTS:]
    full, full_row = await _under(
        services,
        api,
        f"{prepared.kind}, full load",
        Plan(api.port, CONNECTIONS, load_s, None, left),
    )
    rate_s = len(full.latencies) / full.seconds / 2
    left = left[sum(full.statuses.values()) + CONNECTIONS :]  # The last ones are not answered.
    _, half_row = await _under(
        services,
        api,
        f"{prepared.kind}, half load",
        Plan(api.port, CONNECTIONS, load_s, rate_s, left),
    )
    return [full_row, half_row]


async def _under(services: Services, api: Api, load: str, plan: Plan) -> tuple[Result, Row]:
    api_before = machine.cpu_s([api.process.pid])
    postgres_before = machine.cpu_s(machine.family(services.postgres_pid))
    result = await run_plan(plan)
    answers = len(result.latencies)
    if result.ran_dry:
        raise RuntimeError(f"more than {RATE_MAX} unlocks a second: prepare for more")
    if set(result.statuses) != {"202"}:
        raise RuntimeError(f"the load was not one of unlocks alone: {result.statuses}")
    api_s = machine.cpu_s([api.process.pid]) - api_before
    postgres_s = machine.cpu_s(machine.family(services.postgres_pid)) - postgres_before
    return result, {
        "load": load,
        "requests_s": answers / result.seconds,
        **percentiles_ms(result.latencies),
        "api_cpu_ms": 1000 * api_s / answers,
        "postgres_cpu_ms": 1000 * postgres_s / answers,
    }
