"""A provider of language models for tests: real HTTP, programmable, and it counts."""

from tests.provider_stub.behaviour import Behaviour, Fault
from tests.provider_stub.meter import Meter
from tests.provider_stub.server import ProviderStub, Received

__all__ = ["Behaviour", "Fault", "Meter", "ProviderStub", "Received"]
