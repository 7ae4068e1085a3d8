"""The scenarios, each a question with its answer in rows."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from benchmarks.bench import Bench
from benchmarks.scenarios import (
    backlog,
    chats,
    connect,
    growth,
    held,
    idle,
    imports,
    open_loop,
    overhead,
    recovery,
    stream,
    unlock,
    waiting,
    whole_job,
)

Scenario = Callable[[Bench], Awaitable[dict[str, Any]]]

QUICK = ("even", "mixed", "overhead", "unlock", "held")
"""What a quick run does unless it is asked for more."""

SCENARIOS: Mapping[str, Scenario] = {
    "even": chats.run_even,
    "mixed": chats.run_mixed,
    "whole_job": whole_job.run,
    "waiting": waiting.run,
    "open_loop": open_loop.run,
    "overhead": overhead.run,
    "unlock": unlock.run,
    "idle": idle.run,
    "connect": connect.run,
    "growth": growth.run,
    "backlog": backlog.run,
    "held": held.run,
    "stream": stream.run,
    "imports": imports.run,
    "recovery": recovery.run,
}
