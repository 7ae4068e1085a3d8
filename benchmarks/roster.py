"""Who takes part: this design, the sync design at several settings, ceilings, other queues."""

import math
from dataclasses import dataclass
from importlib.util import find_spec

from app.jobs.models import INSIGHTS_PER_JOB
from benchmarks.ceiling import Ceiling
from benchmarks.contestant import Contestant
from benchmarks.peers import LIBRARIES, Peer
from benchmarks.product import Product
from benchmarks.services import Services
from benchmarks.sync_design.contestant import Pool, SyncDesign
from benchmarks.sync_design.watched import Watched

IN_FLIGHT = 2_000
OVERHEAD_IN_FLIGHT = 64
REAL_IN_FLIGHT = 600
"""`--max-async-tasks` of the deployment guide."""
JOBS_MIN = 60
"""Fewer would be over before the children of a large pool have warmed up."""
LOSING_THREADS = 8


def product(services: Services, *, tasks: int = IN_FLIGHT, processes: int = 1) -> Contestant:
    """This design."""
    return Product(services, tasks=tasks, processes=processes)


def ceilings() -> dict[str, Contestant]:
    """The same effects without a framework: a transaction a step, and batched."""
    return {"ceiling": Ceiling("plain"), "batched": Ceiling("batched")}


def sync_as_configured() -> Contestant:
    """The old production set-up: prefork, one process, `asyncio.run()` for the charge."""
    return SyncDesign(pool="prefork", concurrency=1, bridge=True)


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to run the sync design's worker, with `slots` tasks at once.

    `kept`: connections are kept, in place of a new one for each task. `one_task`: a job is one
    task with six threads, in place of a chord.
    """

    pool: Pool
    slots: int
    kept: bool = True
    one_task: bool = False

    def contestant(self) -> SyncDesign:
        """Without the bridge, which only costs."""
        return SyncDesign(
            pool=self.pool,
            concurrency=self.slots,
            bridge=False,
            # Greenlets take `slots × prefetch` tasks every two seconds (sync_design/README.md).
            prefetch=8 if self.pool == "gevent" else 1,
            kept=self.kept,
            one_task=self.one_task,
        )

    def jobs(self, fillings: int) -> int:
        """So many that each slot works `fillings` times on a call; of one task a job, on a job."""
        calls = 1 if self.one_task else INSIGHTS_PER_JOB
        return max(JOBS_MIN, math.ceil(fillings * self.slots / calls))


@dataclass(frozen=True, slots=True)
class Ladder:
    """A kind of setting, and how many slots to try, each step twice the one before."""

    pool: Pool
    slots: tuple[int, ...]
    kept: bool = True
    one_task: bool = False

    def settings(self) -> list[Setting]:
        return [Setting(self.pool, each, self.kept, self.one_task) for each in self.slots]


IDLE_SETTING = Setting("prefork", 8, kept=False)
"""One job at a time, as it was: room for its six calls at once."""

CHORD_LADDERS = (
    Ladder("threads", (128, 256, 512)),
    Ladder("prefork", (64, 128, 256)),
    Ladder("gevent", (256, 512)),
    Ladder("threads", (64,), kept=False),
)
"""The sync design where jobs wait: each pool as far as it pays; the last as it was, to compare."""
REWRITTEN_LADDERS = (
    Ladder("threads", (64, 128, 256), one_task=True),
    Ladder("prefork", (64,), one_task=True),
)
"""One task a job: what a good engineer would do first with the old design."""
LLM_0_LADDERS = (
    Ladder("prefork", (8, 16)),
    Ladder("threads", (16,)),
    Ladder("gevent", (32,)),
)
LLM_0_REWRITTEN_LADDERS = (
    Ladder("prefork", (4,), one_task=True),
    Ladder("threads", (8,), one_task=True),
)
"""Where nothing waits but the database: fewer."""
QUICK_LADDERS = (Ladder("threads", (64,)),)
QUICK_REWRITTEN_LADDERS = (Ladder("threads", (64,), one_task=True),)


def sync_losing() -> Watched:
    """Threads that charge by `asyncio.run()` on one engine: the variant that loses jobs."""
    return Watched(pool="threads", concurrency=LOSING_THREADS, bridge=True)


def aio_pool() -> list[Contestant]:
    """celery-aio-pool, where it is installed: coroutines, one at a time (sync_design/README.md)."""
    if find_spec("celery_aio_pool") is None:
        return []
    return [SyncDesign(pool="custom", concurrency=1, bridge=False, one_task=True)]


def stock_queue() -> Contestant:
    """A queue as it comes, with the body that batches: what this project's own queue adds."""
    return Peer("saq", form="batched")


def peers() -> list[Contestant]:
    """Other queues with the plain body."""
    return [*map(Peer, LIBRARIES)]
