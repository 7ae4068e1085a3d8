"""What the benchmark compares: anything that takes queued jobs and brings them to an end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

Job = tuple[str, UUID]
"""(user_id, job_id)"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a job does beside the database.

    `llm_s` ± `llm_spread_s` is the latency of each call to the model, drawn uniformly;
    `llm_slow_share` of the calls take `llm_slow_times` as long. `seed` makes the latencies
    repeatable. With `is_signed` each answer holds a digest of the context it was written from, by
    which two designs are compared.
    """

    llm_s: float
    llm_spread_s: float
    seed: int
    llm_slow_share: float = 0.0
    llm_slow_times: float = 1.0
    is_signed: bool = False


class Contestant(Protocol):
    """One design at one setting, with worker processes of its own.

    All use the same tables, coins, entries and durability, and the same model double.
    """

    name: str

    def start(self, *, database_url: str, redis_url: str, master_key: str, load: Load) -> None:
        """Spawns its worker processes; returns when they are ready to take jobs."""
        ...

    def enqueue(self, jobs: Sequence[Job]) -> None:
        """Tells its workers of jobs whose rows (queued, coins reserved) exist already."""
        ...

    def pids(self) -> list[int]:
        """All its worker processes, masters included."""
        ...

    def stop(self) -> None:
        """Ends them by pid and waits for them. Safe to call twice, and after a failed start."""
        ...
