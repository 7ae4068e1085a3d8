"""The scenarios, each a question with its answer in rows."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from benchmarks.bench import Bench
from benchmarks.scenarios import (
    backlog,
    connect,
    growth,
    idle,
    imports,
    overhead,
    realistic,
    recovery,
    stream,
    unlock,
)

Scenario = Callable[[Bench], Awaitable[dict[str, Any]]]

NOT_QUICK = frozenset({"connect", "growth", "recovery"})
"""What a quick run leaves out unless it is asked for."""

SCENARIOS: Mapping[str, Scenario] = {
    "overhead": overhead.run,
    "realistic": realistic.run,
    "unlock": unlock.run,
    "idle": idle.run,
    "connect": connect.run,
    "growth": growth.run,
    "backlog": backlog.run,
    "stream": stream.run,
    "imports": imports.run,
    "recovery": recovery.run,
}
