"""Fixtures with language models: generators over a stub or a script, closed whatever comes."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from app.catalog.categories import CATEGORIES
from app.generation.context import InsightContext
from app.generation.model.generator import ModelGenerator
from app.generation.protocol import Draft, GenerationFailed, Generator, Turn
from app.llm.client import ModelClient
from app.llm.limits import CallLimits
from app.llm.prices import Price
from app.llm.protocol import LLM, Outgoing
from app.llm.shared import Bounds
from tests.provider_stub import ProviderStub

PRICE = Price(input=2.0, cached=0.5, output=8.0)
BOUNDS = Bounds(concurrency=60)

MakeModel = Callable[..., ModelGenerator]


def client_of(stub: ProviderStub, **given: Any) -> ModelClient:
    """A client of the stub; the generator it is given to closes it."""
    options = {"model": "gpt-test", "api_key": "sk-test", "timeout_s": 30} | given
    return ModelClient(base_url=stub.base_url, **options)


@pytest.fixture
async def make_model(redis: Redis) -> AsyncIterator[MakeModel]:
    """`make_model(llm)`: the generator of one of the worker processes that share a model."""
    async with AsyncExitStack() as stack:

        def make(llm: LLM, *, limits: CallLimits | None = None, **given: Any) -> ModelGenerator:
            bounds = given.pop("bounds", BOUNDS)
            limits = limits or CallLimits(redis, model=llm.name, bounds=bounds)
            generator = ModelGenerator(llm, limits, **given)
            stack.push_async_callback(generator.close)
            return generator

        yield make


@pytest.fixture
def model(make_model: MakeModel, stub: ProviderStub) -> ModelGenerator:
    """The generator of a worker whose model is the stub."""
    return make_model(client_of(stub), price=PRICE)


async def go_on() -> None:
    """The job is ours."""


async def forget(_outgoing: Outgoing, _shared: str) -> None:
    """What is sent is written down nowhere."""


def turn() -> Turn:
    """An attempt at a job of Alice's."""
    return Turn("alice", uuid4(), go_on, forget)


def attempt(model: ModelGenerator) -> Generator:
    return model.begin(turn())


async def call(
    writer: Generator, context: InsightContext, spec: int = 0
) -> GenerationFailed | Draft:
    try:
        return await writer.write(CATEGORIES["friendship"].insights[spec], context, language=None)
    except GenerationFailed as failure:
        return failure


async def refused(writer: Generator, context: InsightContext) -> GenerationFailed:
    told = await call(writer, context)
    assert isinstance(told, GenerationFailed)
    return told
