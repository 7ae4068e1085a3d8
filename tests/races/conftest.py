"""A hook at the engine's steps, at which a test can hold a transaction."""

from collections.abc import AsyncIterator

import pytest

from app import faults
from app.logging import configure_logging
from tests.support.barriers import Barriers


@pytest.fixture
async def barriers() -> AsyncIterator[Barriers]:
    configure_logging(json=True)
    barriers = Barriers()
    faults.hook = barriers
    yield barriers
    faults.hook = None
