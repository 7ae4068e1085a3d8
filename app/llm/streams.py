"""The body of an answer, also of one that comes as a stream though none was asked for."""

from typing import Any

import orjson

from app.llm.shapes import Json, first_of, object_of

_BEGINNINGS = (b"data:", b"event:", b":")
_TEXTS = ("content", "reasoning_content", "reasoning")


def body_of(content: bytes) -> Any:
    """The answer in `content`; that of a stream is put together. Raises ValueError."""
    content = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    return _together(content) if content.startswith(_BEGINNINGS) else orjson.loads(content)


def _together(content: bytes) -> Json:
    lines = (line.removeprefix(b"data:").strip() for line in content.splitlines())
    whole: Json = {}
    message, reason = dict.fromkeys(_TEXTS, ""), ""
    for told in (object_of(orjson.loads(line)) for line in lines if line.startswith(b"{")):
        whole |= {name: value for name, value in told.items() if value is not None}
        choice = first_of(told.get("choices"))
        delta = object_of(choice.get("delta")) or object_of(choice.get("message"))
        for name in _TEXTS:
            message[name] += str(delta.get(name) or "")
        reason = choice.get("finish_reason") or reason
    if "choices" in whole:
        whole["choices"] = [{"message": message, "finish_reason": reason}]
    return whole
