"""`python -m tests.llm.caller REDIS_URL BASE_URL LIMIT CALLS`: one process of several.

Makes CALLS calls at once, each within the shared limits, and prints how many were answered.
"""

import asyncio
import sys
from uuid import uuid4

from pydantic import BaseModel
from redis.asyncio import Redis

from app.llm.client import ModelClient
from app.llm.limits import CallLimits
from app.llm.protocol import LLMFailed, Prompt
from app.llm.shared import Bounds
from app.logging import configure_logging


class Report(BaseModel):
    headline: str


async def main(redis_url: str, base_url: str, limit: int, calls: int) -> int:
    # A Redis that is slow for seconds is not away: without it each has a share of its own.
    redis = Redis.from_url(redis_url, socket_timeout=60, socket_connect_timeout=60)
    llm = ModelClient(
        model="gpt-test", api_key="sk", base_url=base_url, concurrency=limit, timeout_s=40
    )
    limits = CallLimits(redis, model="gpt-test", bounds=Bounds(concurrency=limit, lease_s=50))

    async def call() -> int:
        async with limits.slot("user", uuid4(), tokens=100):
            try:
                await llm.complete(Prompt("s", "c", "q"), Report)
            except LLMFailed:
                return 0
            return 1

    answered = sum(await asyncio.gather(*(call() for _ in range(calls))))
    await limits.close()
    await llm.close()
    await redis.aclose()
    return answered


if __name__ == "__main__":
    configure_logging(json=True, level="WARNING")  # Not among what is printed.
    redis_url, base_url, limit, calls = sys.argv[1:]
    sys.stdout.write(f"{asyncio.run(main(redis_url, base_url, int(limit), int(calls)))}\n")
