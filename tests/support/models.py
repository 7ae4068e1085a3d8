"""Fixtures with language models: generators over a stub or a script, closed whatever comes."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.catalog.categories import CATEGORIES, InsightSpec
from app.generation.context import InsightContext
from app.generation.model.generator import ModelGenerator
from app.generation.protocol import CallGuard, CallHistory, Draft, GenerationFailed, Generator
from app.llm.client import ModelClient
from app.llm.limits import CallLimits, Permit
from app.llm.prices import Price
from app.llm.protocol import LLM, Outgoing
from tests.provider_stub import ProviderStub

PRICE = Price(input=2.0, cached=0.5, output=8.0)

MakeModel = Callable[..., ModelGenerator]


def client_of(stub: ProviderStub, **given: Any) -> ModelClient:
    """A client of the stub; the generator it is given to closes it."""
    options = {"model": "gpt-test", "api_key": "sk-test", "timeout_s": 30} | given
    return ModelClient(base_url=stub.base_url, **options)


@pytest.fixture
async def make_model() -> AsyncIterator[MakeModel]:
    """`make_model(llm)`: the generator of one of the worker processes that share a model."""
    async with AsyncExitStack() as stack:

        def make(llm: LLM, **given: Any) -> ModelGenerator:
            stack.push_async_callback(llm.close)
            return ModelGenerator(llm, **given)

        yield make


@pytest.fixture
def model(make_model: MakeModel, stub: ProviderStub) -> ModelGenerator:
    """The generator of a worker whose model is the stub."""
    return make_model(client_of(stub), price=PRICE)


@dataclass
class OpenGuard:
    """The guard of an insight of a job of Alice's: nothing ends it, nothing is written down."""

    limits: CallLimits | None = None
    job_id: UUID = field(default_factory=uuid4)
    history: CallHistory = field(default_factory=CallHistory)

    @property
    def mark(self) -> str:
        return sha256(self.job_id.bytes).hexdigest()[:24]

    def slot(self, *, tokens: int) -> AbstractAsyncContextManager[Permit]:
        if self.limits is None:
            return nullcontext(Permit("", tokens, time.monotonic(), 0))
        return self.limits.slot("alice", self.job_id, tokens=tokens)

    def leaves_time(self, call_s: float) -> bool:
        """It ends when it likes."""
        return True

    async def confirm(self, permit: Permit) -> None:
        """The job is ours."""

    async def note(self, outgoing: Outgoing, shared: str) -> None:
        """It is sent without a record."""


@dataclass
class InsightAttempt:
    """The calls for one insight in one attempt, behind one guard."""

    generator: Generator
    guard: CallGuard

    async def write(
        self, spec: InsightSpec, context: InsightContext, *, language: str | None = None
    ) -> Draft:
        return await self.generator.write(spec, context, language=language, guard=self.guard)


def attempt(generator: Generator, *, limits: CallLimits | None = None) -> InsightAttempt:
    """An attempt at an insight of a job of Alice's."""
    return InsightAttempt(generator, OpenGuard(limits))


async def call(
    writer: InsightAttempt, context: InsightContext, spec: int = 0
) -> GenerationFailed | Draft:
    try:
        return await writer.write(CATEGORIES["friendship"].insights[spec], context)
    except GenerationFailed as failure:
        return failure


async def refused(writer: InsightAttempt, context: InsightContext) -> GenerationFailed:
    told = await call(writer, context)
    assert isinstance(told, GenerationFailed)
    return told
