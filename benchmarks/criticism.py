"""benchmarks/CRITICISM.md: what a skeptic would say of the benchmark, and the row that answers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.bench import Row, is_valid, middle
from benchmarks.headline import NOT_MEASURED, as_configured, cost_table, engine_alone, real_chats
from benchmarks.tables import number

Scenarios = Mapping[str, Any]
Answer = Callable[[Scenarios], str]

AS_IT_WAS = "sync, threads 64"
HEAD = """\
# What a skeptic would say

Written by `make bench` from the rows of its last whole run; the tables stand in \
[performance](../docs/performance.md). Where the criticism is right, the answer says so.
"""


def criticism(scenarios: Scenarios, environment: str) -> str:
    """The page; an answer whose scenario was not run says that."""
    parts = [HEAD, environment]
    for objection, answer in OBJECTIONS:
        try:
            parts.append(f"**{objection}** {answer(scenarios).strip()}\n")
        except (KeyError, IndexError):
            parts.append(f"**{objection}** {NOT_MEASURED}\n")
    return "\n".join(parts)


def _slots(seen: Scenarios) -> str:
    rows = [row for row in seen["even"]["rows"] if row["contestant"].startswith("sync")]
    ends = [f"{row['contestant']} ({row['why_last']})" for row in rows if row.get("why_last")]
    best = seen["even"]["sync_best"]
    return (
        f"{len(rows)} settings were tried on chats of 4,000 messages, each with four fillings of"
        f" its slots, twice the slots each step, until two steps did not pay or memory ended:"
        f" {'; '.join(ends) or 'no ladder ended before its last step'}. All ratios are against the"
        f" best, {best['contestant']}, {_jobs_s(best)}."
    )


def _rewritten(seen: Scenarios) -> str:
    even = seen["even"]
    plain = [row for row in even["rows"] if row["contestant"] == AS_IT_WAS]
    return (
        "Both are contestants. Chats of 4,000 messages, LLM 1 s, all queued at once: a connection"
        f" for each task {', '.join(map(_jobs_s, plain)) or 'not tried'} ({AS_IT_WAS}); connections"
        f" kept and the best setting {_jobs_s(even['sync_best'])}"
        f" ({even['sync_best']['contestant']}); one task with six threads in place of the chord"
        f" {_jobs_s(even['rewritten_best'])} ({even['rewritten_best']['contestant']}); this design"
        f" {_jobs_s(even['product'])}. Leaving the chord is worth more than any setting; what then"
        " remains is a slot for each job that waits, a connection for each slot, and statements"
        " that are not shared."
    )


def _prepared(seen: Scenarios) -> str:
    new, prepared = seen["even"]["product_new"], seen["even"]["product"]
    once_ms = seen["whole_job"]["stub_4000"]["preparing_ms"]
    return (
        "Reading a chat was moved to its upload, and done once in place of once a job: of 4,000"
        f" messages it takes {number(middle(once_ms))} ms of processor, and serves four categories."
        " All designs are given prepared chats, the synchronous one too. Where every chat of"
        f" {new['jobs']} jobs was uploaded just now, so that the worker prepares it first, this"
        f" design does {_jobs_s(new)} at {number(middle(new['cpu_ms_job']))} ms of processor a job,"
        f" in place of {_jobs_s(prepared)} at {number(middle(prepared['cpu_ms_job']))} ms."
    )


def _gevent(seen: Scenarios) -> str:
    rows = [row for row in seen["even"]["rows"] if "gevent" in row["contestant"]]
    rows.sort(key=lambda row: middle(row["jobs_s"]) if is_valid(row) else 0.0)
    fastest = rows[-1]
    return (
        "Greenlets make waiting cheap, not reading or the chord's messages: chats of 4,000"
        f" messages, LLM 1 s, up to 512 of them: {_jobs_s(fastest)} ({fastest['contestant']})."
    )


def _open_loop(seen: Scenarios) -> str:
    rows = seen["open_loop"]["product"]
    told = "; ".join(
        f"{row['load']} ({_two(row['rate_s'])}/s): p50 {_two(row['p50_ms'], 1000)} s,"
        f" p99 {_two(row['p99_ms'], 1000)} s"
        for row in rows
        if is_valid(row)
    )
    sync = seen["open_loop"]["sync"]
    theirs = (
        f"p50 {_two(sync['p50_ms'], 1000)} s, p99 {_two(sync['p99_ms'], 1000)} s"
        if is_valid(sync)
        else sync.get("invalid", "invalid")
    )
    return (
        "`open_loop` lets whole jobs on chats of 4,000 messages arrive by lot and counts from when"
        f" each was due, so that a late sender is the contestant's loss. This design: {told}. The"
        f" sync design at 80 % of its own capacity ({_two(sync['rate_s'])}/s): {theirs}."
    )


def _held(seen: Scenarios) -> str:
    before, opened = seen["held"]["before"], seen["held"]["open"]
    return (
        f"`held` leaves a transaction open under full load ({opened['transaction']}):"
        f" {_two(opened['jobs_s'])} jobs/s against {_two(before['jobs_s'])} before, p99 of a"
        f" claim {_two(opened['claim_p99_ms'])} ms against {_two(before['claim_p99_ms'])}, with"
        f" {opened['dead_rows']:,} dead rows in `jobs`. A claim finds its row by key, from the"
        " wake-up; only rescue walks an index. Half an hour:"
        " `python -m benchmarks.held_snapshot`."
    )


def _lost(seen: Scenarios) -> str:
    row = seen["overhead"]["rows"][-1]
    return (
        f"In this run {row['contestant']} lost {row['lost']} of {row['jobs']} jobs in try"
        f" {row['tries']} of at most three ({row['why']}). It is no row of any ratio."
    )


def _loop_of_one(seen: Scenarios) -> str:
    return f"Nor is it here. {as_configured(seen) or NOT_MEASURED}"


def _two(value: Any, by: float = 1.0) -> str:
    """Two digits of a number, or of the median of a spread."""
    return number(middle(value) / by)


def _jobs_s(row: Row) -> str:
    if not is_valid(row):
        return str(row.get("invalid") or "no valid figure")
    return f"{number(middle(row['jobs_s']))} jobs/s"


def _said(text: str) -> Answer:
    return lambda _: text


OBJECTIONS: Sequence[tuple[str, Answer]] = (
    ("The chats are toys and the context is a sleep.", real_chats),
    ("The work was moved to where nothing measures it.", _prepared),
    ("Two thousand in flight against one slot is no comparison.", _loop_of_one),
    ("The old design stopped at 64 slots, where slots are the limit.", _slots),
    ("A good engineer would keep connections and drop the chord first.", _rewritten),
    ("Greenlets would have solved it.", _gevent),
    (
        "Celery can run coroutines.",
        _said(
            "Celery 5.7 has no pool that does (an asyncio pool is proposed, in no release)."
            " celery-aio-pool 0.1.0rc8 awaits a coroutine on a loop of its own and runs one task at"
            " a time in a process (`limit = 1`), so six calls of one job wait together and two jobs"
            " never do; where it is installed, `--peers` adds its row to `waiting`. celery-asyncio"
            " is a rewrite of Celery for Python 3.14, a pre-release."
        ),
    ),
    (
        "Jobs a second hide what it costs.",
        lambda seen: (
            "So cost comes first, at one throughput:\n\n" + (cost_table(seen) or NOT_MEASURED)
        ),
    ),
    ("Queued all at once, latency means nothing.", _open_loop),
    (
        "The gain comes from batched statements, not from the design.",
        lambda seen: f"Where nothing waits, mostly, yes. {engine_alone(seen)}",
    ),
    ("Threads with the bridge lose jobs, it says, over a row with 0 lost.", _lost),
    ("Leave a transaction open and the queue drowns in dead rows.", _held),
    (
        "A contestant that breaks down makes the ratio endless.",
        _said(
            "A row whose jobs did not all end, or not well, is invalid: none of its figures is"
            " compared, and a target that rests on it is missed"
            " (`benchmarks/tests/test_report.py`)."
        ),
    ),
    (
        "The contestants do not do the same work.",
        _said(
            "`benchmarks/tests/test_same_work.py` runs every one of them on the same rows and"
            " compares what is left of each with what the product leaves, row by row: jobs,"
            " insights (opened), reservations, entries, accounts."
        ),
    ),
    (
        "One run on one machine.",
        _said(
            "Yes. All figures have two digits; those of rounds read median (least to most), and all"
            " contestants take turns in each round, so that a slow minute hits all of them. Load"
            " clients, servers and contestants share the machine: compare ratios, and run it"
            " yourself."
        ),
    ),
    (
        "The model double is not a provider.",
        _said(
            "Yes: it waits, and no call crosses a network. `python -m benchmarks.provider` puts a"
            " provider's stub behind HTTP, with limits, and measures the path of a call."
        ),
    ),
    (
        "The text of the chats repeats.",
        _said(
            "Yes: beyond 4,099 messages the sample's lines come again, so the vocabulary of a large"
            " chat is that of a small one. It is the same for every contestant."
        ),
    ),
    (
        "Durability was switched off.",
        _said("No: `fsync` and `synchronous_commit` as the server reports them stand above."),
    ),
)
