from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from app.llm.client import ModelClient
from tests.llm.asking import KEY, MakeModel
from tests.provider_stub import ProviderStub


@pytest.fixture
async def make_model(stub: ProviderStub) -> AsyncIterator[MakeModel]:
    """Makes clients of the stub."""
    async with AsyncExitStack() as stack:

        def make(**given: object) -> ModelClient:
            options = {"model": "gpt-test", "api_key": KEY, "base_url": stub.base_url, **given}
            client = ModelClient(**options)  # pyright: ignore[reportArgumentType]
            stack.push_async_callback(client.close)
            return client

        yield make


@pytest.fixture
def model(make_model: MakeModel) -> ModelClient:
    return make_model()
