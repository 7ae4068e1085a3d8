"""Real jobs: chats as people have them, prepared at their upload, and a model that waits.

Both designs open what was prepared by the same code. A row of its own has chats that were uploaded
just now: there the worker prepares each of them first.
"""

from dataclasses import dataclass, replace
from typing import Any

from app.catalog.categories import CATEGORIES
from benchmarks import roster
from benchmarks.bench import SEED, Bench, Row, interleaved
from benchmarks.contestant import Load
from benchmarks.seed import Work
from benchmarks.sweep import FILLINGS, SECONDS_MAX, Sweep, entry_of, swept
from benchmarks.throughput import Entry

LOAD = Load(llm_s=1.0, llm_spread_s=0.5, seed=SEED)
SLOW_TAIL = replace(LOAD, llm_slow_share=0.05, llm_slow_times=4.0)
ALL = tuple(CATEGORIES.values())
SMALLEST, LARGEST, SIZES = 200, 100_000, 12
SIZES_IF_QUICK = 8
"""The smaller ones: of the others each takes seconds to read and to prepare."""
MESSAGES = 4_000
JOBS, JOBS_NEW = 2_400, 240
EVEN_ROUNDS, MIXED_ROUNDS = 2, 3
REWRITTEN_S_MAX = 60.0

EVEN = Work((MESSAGES,), ALL)
NEW = replace(EVEN, is_prepared=False)
MIXED = Work(
    tuple(
        round(SMALLEST * (LARGEST / SMALLEST) ** ((place + 0.5) / SIZES)) for place in range(SIZES)
    ),
    ALL,
)
"""Sizes drawn in even steps from a log-uniform distribution: each tenfold is as frequent."""


@dataclass(frozen=True)
class Found:
    """The best settings of the sync design for chats of 4,000 messages, and all that were tried."""

    chord: Sweep
    rewritten: Sweep


async def found(bench: Bench) -> Found:
    """What the sweep of this run found; it is made once."""
    if "settings" not in bench.found:
        chord = roster.QUICK_LADDERS if bench.quick else roster.CHORD_LADDERS
        rewritten = roster.QUICK_REWRITTEN_LADDERS if bench.quick else roster.REWRITTEN_LADDERS
        bench.found["settings"] = Found(
            await swept(bench, LOAD, EVEN, chord),
            await swept(bench, LOAD, EVEN, rewritten, seconds_max=REWRITTEN_S_MAX),
        )
    return bench.found["settings"]


async def run_even(bench: Bench) -> dict[str, Any]:
    """Chats of one size, one and two worker processes, against the best of the sync design."""
    settings = await found(bench)
    ours = {"product": _product(bench, EVEN)}
    if not bench.quick:
        ours["product_two"] = _product(bench, EVEN, processes=2)
    rows, named = await _rounds(bench, LOAD, EVEN, ours, EVEN_ROUNDS)
    if not bench.quick:
        [named["product_new"]] = await interleaved(bench, LOAD, [_product(bench, NEW)], rounds=1)
        named["product_new"]["contestant"] += ", chats uploaded just now"
        rows.append(named["product_new"])
    return {
        "about": f"Chats of {MESSAGES:,} messages, prepared at their upload, all four categories of"
        " each; LLM 1 s ± 0.5 s; all jobs queued at once. The first rows are rounds"
        " taken in turns. The settings below them were tried once each, with four fillings of their"
        " slots, until more slots did not pay (why_last).",
        **named,
        "rows": [*rows, *settings.chord.others(), *settings.rewritten.others()],
    }


async def run_mixed(bench: Bench) -> dict[str, Any]:
    """Chats of all sizes and a model with a slow tail."""
    work = Work(MIXED.sizes[:SIZES_IF_QUICK], ALL) if bench.quick else MIXED
    ours, sizes = {"product": _product(bench, work)}, work.sizes
    rows, named = await _rounds(bench, SLOW_TAIL, work, ours, MIXED_ROUNDS)
    return {
        "about": f"{len(sizes)} sizes of chats from {sizes[0]:,} to {sizes[-1]:,} messages,"
        f" log-uniform (half of them below {sizes[len(sizes) // 2]:,}, on average"
        f" {sum(sizes) / len(sizes):,.0f}), prepared at their upload, all four categories of each;"
        " LLM 1 s ± 0.5 s, and 5 % of the calls take four times as long; all jobs queued at once;"
        f" the sync settings are the best ones for chats of {MESSAGES:,} messages.",
        **named,
        "rows": rows,
    }


async def _rounds(
    bench: Bench, load: Load, work: Work, ours: dict[str, Entry], rounds: int
) -> tuple[list[Row], dict[str, Row]]:
    """Rows of all that take part, and by name."""
    settings = await found(bench)
    best = {"sync_best": settings.chord.best, "rewritten_best": settings.rewritten.best}
    known = {name: setting for name, setting in best.items() if setting is not None}
    fillings = FILLINGS if not bench.quick else 1
    theirs = [entry_of(setting, work, fillings=fillings) for setting in known.values()]
    rounds = 1 if bench.quick else rounds
    rows = await interleaved(bench, load, [*ours.values(), *theirs], rounds=rounds)
    return rows, dict(zip([*ours, *known], rows, strict=True))


def _product(bench: Bench, work: Work, *, processes: int = 1) -> Entry:
    product = roster.product(bench.services, tasks=roster.REAL_IN_FLIGHT, processes=processes)
    jobs = JOBS * processes if work.is_prepared else JOBS_NEW
    return Entry(product, jobs // bench.less, SECONDS_MAX, work)
