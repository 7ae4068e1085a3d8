from collections.abc import AsyncIterator, Callable

import pytest

from app.llm.openai_compatible import OpenAICompatible
from app.llm.protocol import Prompt
from tests.provider_stub import ProviderStub

PROMPT = Prompt(system="Be exact.", shared="#1 P1: hello\n#2 P2: hi", question="Who began?")
KEY = "sk-a-secret-for-tests"


@pytest.fixture
async def stub() -> AsyncIterator[ProviderStub]:
    """A provider on loopback that answers well until it is told otherwise."""
    async with ProviderStub() as running:
        yield running


MakeModel = Callable[..., OpenAICompatible]


@pytest.fixture
async def make_model(stub: ProviderStub) -> AsyncIterator[MakeModel]:
    """Makes clients of the stub."""
    made: list[OpenAICompatible] = []

    def make(**given: object) -> OpenAICompatible:
        options = {"model": "gpt-test", "api_key": KEY, "base_url": stub.base_url, **given}
        made.append(OpenAICompatible(**options))  # pyright: ignore[reportArgumentType]
        return made[-1]

    yield make
    for model in made:
        await model.close()


@pytest.fixture
def model(make_model: MakeModel) -> OpenAICompatible:
    return make_model()
