"""What the stub's model writes: insights whose evidence stands in the prompt."""

import json
import re
from typing import Any

from tests.provider_stub.behaviour import Behaviour, Fault

CHARS_A_TOKEN = 4
TOKENS_OUT = 120
SHARED_CHARS = 2_000
"""Prompts that agree so far have the same beginning."""

_LINE = re.compile(r"^#(\d+) (?:\d\d:\d\d )?(P\d+): ", re.MULTILINE)
_PERSON = re.compile(r"\bP\d+\b")


def text_of(request: dict[str, Any]) -> str:
    """All that was sent as messages."""
    return "\n".join(str(message.get("content")) for message in request.get("messages", []))


def written(request: dict[str, Any], fault: Fault | None) -> str:
    """The answer's text, as the fault has it."""
    sent = text_of(request)
    lines = _LINE.findall(sent) or [("1", "P1"), ("2", "P1")]
    numbers = [int(number) for number, _ in lines]
    if fault is Fault.WRONG_EVIDENCE:
        numbers = [10_000_000]
    people = sorted(set(_PERSON.findall(sent))) or ["P1"]
    insight = {
        "headline": f"{people[0]} writes most",
        "summary": f"{' and '.join(people[:2])} write to each other.",
        "findings": [
            {"claim": f"{lines[0][1]} began.", "evidence": numbers[:2]},
            {"claim": f"{lines[-1][1]} had the last word.", "evidence": numbers[-1:]},
        ],
        "confidence": 0.7,
    }
    match fault:
        case Fault.INVALID:
            return json.dumps({"headline": "", "opinion": "none"})
        case Fault.TRUNCATED:
            return json.dumps(insight)[:60]
        case Fault.REFUSED:
            return ""
        case _:
            return json.dumps(insight)


def completion(
    request: dict[str, Any], text: str, fault: Fault | None, behaviour: Behaviour, *, is_known: bool
) -> dict[str, Any]:
    """The body of a good answer of the protocol."""
    tokens_in = len(text_of(request)) // CHARS_A_TOKEN
    cached = int(tokens_in * behaviour.cached_share) if is_known else 0
    reason = {Fault.TRUNCATED: "length", Fault.REFUSED: "stop"}.get(fault or Fault.CUT, "stop")
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if fault is Fault.REFUSED:
        message |= {"content": None, "refusal": "I cannot help with that."}
    return {
        "id": "chatcmpl-stub",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": f"{request.get('model')}-stub",
        "choices": []
        if fault is Fault.EMPTY
        else [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": tokens_in,
            "completion_tokens": TOKENS_OUT,
            "total_tokens": tokens_in + TOKENS_OUT,
            "prompt_tokens_details": {"cached_tokens": cached},
        },
    }
