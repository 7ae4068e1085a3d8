"""The product's own workers, with nothing of the benchmark in them: a provider's stub, or none."""

import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import redis

from app.jobs.notifications import JOB_CANCELLED
from benchmarks.bench import SEED
from benchmarks.product import Product
from benchmarks.services import ROOT, Services

CALLS_MAX = 10_000
"""At once: what is measured is the worker, not a limit of a provider."""


class Own(Product):
    """Workers as an operator starts them: insights are written offline."""

    def __init__(self, services: Services, *, tasks: int, processes: int = 1) -> None:
        super().__init__(services, tasks=tasks, processes=processes)
        self.name += ", offline insights"
        self.broker = "workers.tasks:broker"
        self._redis_url = services.redis_url

    def is_ready(self, _ready: object) -> bool:
        """Each process hears of cancelled jobs just before it asks for work."""
        with redis.Redis.from_url(self._redis_url) as client:
            heard: Any = client.pubsub_numsub(JOB_CANCELLED)
            return heard[0][1] >= self._processes


class Provided(Own):
    """The same, with a model behind a network."""

    def __init__(
        self, services: Services, base_url: str, *, tasks: int, processes: int = 1
    ) -> None:
        super().__init__(services, tasks=tasks, processes=processes)
        self.name = self.name.replace("offline insights", "a model behind a network")
        self.variables = {
            "SIXFOLD_LLM_BASE_URL": base_url,
            "SIXFOLD_LLM_API_KEY": "sk-benchmark",
            "SIXFOLD_LLM_MODEL": "gpt-4.1-mini",
            "SIXFOLD_LLM_CONCURRENCY": str(CALLS_MAX),
        }


@contextmanager
def provider_stub(latency_s: float, spread_s: float) -> Generator[str]:
    """The base URL of a provider's stub in a process of its own."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.provider_stub", "--seed", str(SEED)),
            *("--latency", str(latency_s), "--spread", str(spread_s)),
        ],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
