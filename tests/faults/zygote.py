"""A process that has the product imported and forks a child for every step that is to die.

Starting Python and importing the product takes a second; a fork takes a millisecond. It has one
thread and no event loop, so forking it is safe.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import IO

from app import faults
from app.db import open_engine
from app.faults import Spot, Step
from app.logging import configure_logging
from tests.faults.scenarios import SCENARIOS
from tests.faults.world import Address, open_world

ROOT = Path(__file__).resolve().parents[2]
SURVIVED = 3


class Zygote:
    """The test's end of it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    async def kill_at(self, step: Step | Spot, point: str, address: Address) -> None:
        """A child carries `step` out on this world, and dies by SIGKILL at `point`."""
        order = {"step": str(step), "point": point, "address": asdict(address)}
        status = await asyncio.to_thread(self._ask, json.dumps(order))
        assert status == -signal.SIGKILL, f"the child was not killed at {point}: {status}"

    def close(self) -> None:
        self._process.communicate(timeout=60)

    def _ask(self, order: str) -> int:
        to, answers = _pipes(self._process)
        to.write(order.encode() + b"\n")
        to.flush()
        return int(answers.readline())


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    assert process.stdin is not None
    assert process.stdout is not None
    return process.stdin, process.stdout


def main() -> None:
    """Reads orders, a line each; forks; answers with the child's exit status."""
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                asyncio.run(_die(json.loads(line)))
            except Exception:  # noqa: BLE001 (shown, and the child ends)
                traceback.print_exc()
            finally:
                os._exit(SURVIVED)
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


async def _die(order: dict[str, object]) -> None:
    step = order["step"]
    configure_logging(json=True)
    world = await open_world(Address(**order["address"]))  # type: ignore[arg-type]

    async def hook(point: str, connection: object) -> None:
        if point == order["point"]:
            os.kill(os.getpid(), signal.SIGKILL)

    faults.hook = hook
    await open_engine(world.database_url)
    await next(one for key, one in SCENARIOS.items() if key == step).act(world)


if __name__ == "__main__":
    main()
