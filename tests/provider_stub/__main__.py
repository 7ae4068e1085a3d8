"""`python -m tests.provider_stub --port N`: the stub as a process of its own, until SIGTERM.

It prints its base URL, answers GET /stats with what it counted, and takes changes of its
behaviour as JSON at POST /program.
"""

import argparse
import asyncio
import signal
import sys

from tests.provider_stub.behaviour import Behaviour, Fault
from tests.provider_stub.server import ProviderStub


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.provider_stub")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="mean seconds a call")
    parser.add_argument("--spread", type=float, default=0.0, help="their deviation")
    parser.add_argument("--retry-after", type=float, default=1.0, help="seconds told with a 429")
    parser.add_argument("--cached-share", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--fault", action="append", default=[], metavar="KIND=CHANCE", help=", ".join(Fault)
    )
    given = parser.parse_args()
    chances = dict(each.split("=") for each in given.fault)
    behaviour = Behaviour(
        latency_s=given.latency,
        spread_s=given.spread,
        chances={Fault(kind): float(chance) for kind, chance in chances.items()},
        retry_after_s=given.retry_after,
        cached_share=given.cached_share,
        seed=given.seed,
    )
    asyncio.run(_serve(ProviderStub(behaviour, port=given.port)))


async def _serve(stub: ProviderStub) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with stub:
        sys.stdout.write(f"{stub.base_url}\n")
        sys.stdout.flush()
        await stopped.wait()


if __name__ == "__main__":
    main()
