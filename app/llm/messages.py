"""The words of a call: the turns that a prompt becomes."""

from enum import IntEnum

import orjson
from pydantic import BaseModel

from app.llm.answers import strict_schema
from app.llm.protocol import Message, Prompt


class Format(IntEnum):
    """How an answer is asked for, the strictest first."""

    JSON_SCHEMA = 0
    JSON_OBJECT = 1
    PLAIN = 2


def messages_of(
    prompt: Prompt,
    form: type[BaseModel],
    asked: Format = Format.JSON_SCHEMA,
    *,
    merged: bool = False,
) -> tuple[Message, ...]:
    """One user turn, the shared part first: some models insist on turns that alternate.

    `merged`: for models without a role for the system, whose words then come first.
    """
    question = prompt.question
    if asked is not Format.JSON_SCHEMA:
        schema = orjson.dumps(strict_schema(form)).decode()
        question += f"\n\nAnswer with one JSON object of this schema and nothing else:\n{schema}"
    if merged:
        told = (Message("user", f"\n\n{question}", f"{prompt.system}\n\n{prompt.shared}"),)
    else:
        system = Message("system", prompt.system)
        told = (system, Message("user", f"\n\n{question}", prompt.shared))
    if prompt.repair is None:
        return told
    return (
        *told,
        Message("assistant", prompt.repair.answer or "(no answer)"),
        Message(
            "user",
            f"That answer cannot be used:\n{prompt.repair.problem}\n"
            "Write the whole answer again, as one JSON object in the form asked for.",
        ),
    )
