"""What clients of the stub are made with and asked."""

from collections.abc import Callable

from app.llm.client import ModelClient
from app.llm.protocol import Prompt

PROMPT = Prompt(system="Be exact.", shared="#1 P1: hello\n#2 P2: hi", question="Who began?")
KEY = "sk-a-secret-for-tests"


MakeModel = Callable[..., ModelClient]
