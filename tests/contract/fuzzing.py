"""How requests that were made by chance are sent, and what every answer to them must be."""

import asyncio
import json
import os
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from itertools import islice
from typing import Any

import httpx2

from tests.support.raw_http import Answer, Connection

SEED = int(os.environ.get("SEED", "1"))
AT_ONCE = 16
DEADLINE_S = 100
UNLIMITED = {"SIXFOLD_REQUESTS_PER_MINUTE": "100000000", "SIXFOLD_UPLOADS_AT_ONCE": "64"}

Send = Callable[[bytes], Awaitable[Answer | None]]


def examples(short: int) -> int:
    """How many are tried: `make fuzz` asks for more than a run of the suite can afford."""
    return int(os.environ.get("EXAMPLES", str(short)))


def one_of(chance: random.Random, good: list[Any], bad: list[Any], *, often: float = 0.1) -> Any:
    """One of the good ones, and so often one of the bad."""
    return chance.choice(bad if chance.random() < often else good)


def port_of(api: httpx2.AsyncClient) -> int:
    assert api.base_url.port is not None
    return api.base_url.port


async def answer_to(port: int, sent: bytes) -> Answer | None:
    """The first answer; None when the API ends the connection without one."""
    async with asyncio.timeout(DEADLINE_S), Connection(port) as connection:
        await connection.send(sent)
        return await connection.answer()


async def known_codes(api: httpx2.AsyncClient, path: str, method: str) -> set[str]:
    """Of refusals, as the description of the API has them for a call."""
    told = (await api.get("/openapi.json")).json()["paths"][path][method]["responses"].values()
    kinds = [one.get("content", {}).get("application/problem+json") for one in told]
    schemas = [kind["schema"] for kind in kinds if kind is not None]
    parts = [part for one in schemas for part in one.get("allOf", ()) if "properties" in part]
    return {code for part in parts for code in part["properties"]["code"]["enum"]}


def code_of(answer: Answer, sent: bytes, codes: set[str]) -> str:
    """The code of a refusal, after a look at its form."""
    assert 400 <= answer.status < 500, (answer, sent)
    assert answer.code in codes, (answer, sent)
    assert json.loads(answer.body)["detail"]
    return answer.code


async def in_batches(each: Callable[[Any], Awaitable[str]], all_of_them: Iterator[Any]) -> Counter:
    """What became of all of them, some at once."""
    seen: Counter[str] = Counter()
    while batch := list(islice(all_of_them, AT_ONCE)):
        seen.update(await asyncio.gather(*map(each, batch)))
    return seen
