"""What a worker process is told by the process that starts it."""

import json
import os
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from app.crypto import KeyRing
from app.settings import parse_master_key
from benchmarks.contestant import Load
from benchmarks.model import StubModel

VARIABLE = "SYNC_DESIGN"


@dataclass(frozen=True, slots=True)
class Setup:
    """`bridge`: charge by `asyncio.run()` on the async CreditService, as the old code did.
    `kept_connections`: how many a process keeps open; 0 opens one for each task, as the old code.
    """

    database_url: str
    redis_url: str
    master_key: str
    queue: str
    bridge: bool
    kept_connections: int
    load: Load

    def to_environment(self) -> dict[str, str]:
        """The variables from which `setup()` makes an equal one in another process."""
        return {VARIABLE: json.dumps(asdict(self))}


@cache
def setup() -> Setup:
    """This worker's."""
    given: dict[str, Any] = json.loads(os.environ[VARIABLE])
    return Setup(**given | {"load": Load(**given["load"])})


@cache
def keyring() -> KeyRing:
    return KeyRing([parse_master_key(setup().master_key)])


@cache
def model() -> StubModel:
    return StubModel(setup().load)
