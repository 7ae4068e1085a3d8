"""Whole jobs that arrive at a rate: what users wait, and what a job costs at one throughput."""

from typing import Any

from benchmarks import roster
from benchmarks.arrivals import Phase, arriving
from benchmarks.bench import Bench, Row, is_valid, middle
from benchmarks.contestant import Contestant
from benchmarks.scenarios import waiting
from benchmarks.scenarios.chats import EVEN, LOAD, MESSAGES, found, run_even
from benchmarks.seed import SMALL, SMALL_CHAT

SHARES = (0.2, 0.5, 0.8, 0.95)
OWN_SHARE = 0.8
PHASE_S, PHASE_S_IF_QUICK = 6.0, 3.0
ENGINE_S = 6.0


async def run(bench: Bench) -> dict[str, Any]:
    """The product at shares of its capacity; both forms of the sync design at theirs, and the
    product at the rate of the better one.
    """
    even = bench.found.get("even") or await run_even(bench)
    ours = roster.product(bench.services, tasks=roster.REAL_IN_FLIGHT)
    capacity = _capacity(even["product"])
    shares = SHARES[2:3] if bench.quick else SHARES
    rates = {f"{share:.0%} of its capacity": share * capacity for share in shares}
    named: dict[str, Any] = {}
    settings = await found(bench)
    for name, sweep in (("sync", settings.chord), ("rewritten", settings.rewritten)):
        if sweep.best is None:
            continue
        rate = OWN_SHARE * _capacity(even[f"{name}_best"])
        load = f"{OWN_SHARE:.0%} of its capacity"
        [named[name]] = await _rows(bench, sweep.best.contestant(), {load: rate})
        rates[f"the rate of {sweep.best.contestant().name}"] = rate
    rows = await _rows(bench, ours, rates)
    named |= {"product": rows[: len(shares)], "at_their_rate": rows[len(shares) :]}
    engine = await _engine(bench)
    return {
        "about": f"Chats of {MESSAGES:,} messages, prepared at their upload, LLM 1 s ± 0.5 s;"
        " arrivals drawn by lot; latency from when a job was due; added is latency less the slowest"
        " call. Capacity is what `even` measured in this run. The last row: chats of"
        f" {SMALL_CHAT} messages.",
        **named,
        "engine": engine,
        "rows": [*rows, *(named[name] for name in ("sync", "rewritten") if name in named), engine],
    }


async def _rows(bench: Bench, contestant: Contestant, rates: dict[str, float]) -> list[Row]:
    seconds = PHASE_S_IF_QUICK if bench.quick else PHASE_S
    phases = [Phase(load, rate, seconds) for load, rate in rates.items()]
    rows = await arriving(bench.services, contestant, LOAD, EVEN, phases)
    for row in rows:
        _say(bench, row)
    return rows


async def _engine(bench: Bench) -> Row:
    """Jobs that only wait, at 80 % of what `waiting` measured; without it, of a modest guess."""
    measured = bench.found.get("waiting")
    capacity = _capacity(measured["product"]) if measured else ENGINE_GUESS_S
    phase = Phase("80% of its capacity, waiting only", OWN_SHARE * capacity, ENGINE_S)
    product = roster.product(bench.services)
    [row] = await arriving(bench.services, product, waiting.LOAD, SMALL, [phase])
    _say(bench, row)
    return row


ENGINE_GUESS_S = 400.0


def _capacity(row: Row) -> float:
    return middle(row["jobs_s"]) if is_valid(row) else 1.0


def _say(bench: Bench, row: Row) -> None:
    bench.say(
        f"{row['contestant']}, {row['load']}, {row['rate_s']:.1f}/s:"
        f" p50 {row.get('p50_ms', 0):.0f} ms, p99 {row.get('p99_ms', 0):.0f} ms"
        f" {row.get('invalid', '')}"
    )
