"""Who takes part: this design, the sync design at several settings, ceilings, other queues."""

from dataclasses import dataclass

from benchmarks.ceiling import Ceiling
from benchmarks.contestant import Contestant
from benchmarks.peers import LIBRARIES, Peer
from benchmarks.product import Product
from benchmarks.services import Services
from benchmarks.sync_design.contestant import Pool, SyncDesign
from benchmarks.sync_design.watched import Watched

IN_FLIGHT = 2_000
OVERHEAD_IN_FLIGHT = 64


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
    """One way to run the sync design's worker."""

    pool: Pool
    concurrency: int
    prefetch: int = 1
    """Greenlets take `concurrency × prefetch` tasks every two seconds (sync_design/README.md)."""

    def contestant(self) -> Contestant:
        """Without the bridge, which only costs."""
        return SyncDesign(
            pool=self.pool, concurrency=self.concurrency, bridge=False, prefetch=self.prefetch
        )


IDLE_SETTING = Setting("prefork", 8)
"""One job at a time: room for its six calls at once."""


def sync_sweep(*, quick: bool) -> list[Setting]:
    """Settings at which the sync design may do best with waiting jobs: many at once."""
    if quick:
        return [Setting("prefork", 32)]
    prefork = [Setting("prefork", count) for count in (32, 64)]
    return [*prefork, Setting("threads", 64), Setting("gevent", 64, prefetch=8)]


def sync_sweep_llm_0(*, quick: bool) -> list[Setting]:
    """Settings at which it may do best when nothing waits but the database: fewer."""
    if quick:
        return [Setting("prefork", 8)]
    prefork = [Setting("prefork", count) for count in (8, 16, 32)]
    return [*prefork, Setting("threads", 16), Setting("gevent", 32, prefetch=8)]


def sync_losing() -> Watched:
    """Threads that charge by `asyncio.run()` on one engine: the variant that loses jobs."""
    return Watched(pool="threads", concurrency=32, bridge=True)


def peers() -> list[Contestant]:
    """Other queues with the plain body; and one of them with the body that batches."""
    return [*map(Peer, LIBRARIES), Peer("saq", form="batched")]
