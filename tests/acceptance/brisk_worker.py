"""A worker with the configured model, whose circuit opens for a fifth of a second at most."""

from taskiq import TaskiqEvents, TaskiqState

from app.generation.model.generator import ModelGenerator
from app.llm.breaker import Breaker
from app.llm.configured import configured_llm
from app.settings import load_settings
from workers.process import GENERATOR
from workers.tasks import broker

__all__ = ["broker"]

settings = load_settings()
llm = configured_llm(settings)
if llm is None:
    raise SystemExit("this worker is for tests with a model")

broker.state[GENERATOR] = ModelGenerator(llm, breaker=Breaker(open_first_s=0.05, open_max_s=0.2))


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def close(_state: TaskiqState) -> None:
    """After the worker's own shutdown: no call is under way any more."""
    await llm.close()
