"""The form an answer must have: told to the provider as a JSON schema, checked by pydantic."""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from app.llm.mending import mended
from app.llm.protocol import AnswerT

ANSWER_CHARS_MAX = 60_000
OBJECTS_MAX = 40
"""Places in an answer at which a JSON object is looked for."""
PROBLEMS_MAX = 6
_KEPT = frozenset({"type", "properties", "items", "enum", "const", "anyOf", "description"})
_BOUNDS = frozenset({"minLength", "maxLength", "minItems", "maxItems"})
_THOUGHT = re.compile(
    r"<(think|thinking|thought|reasoning|reflection|analysis)\b[^>]*>.*?</\1\s*>"
    r"|◁think▷.*?◁/think▷|<\|channel\|>analysis.*?<\|end\|>|\[THINK\].*?\[/THINK\]",
    re.DOTALL | re.IGNORECASE,
)
_THOUGHT_BEGIN = re.compile(r"<(?:think|thinking|thought|reasoning)\b|◁think▷|\[THINK\]", re.I)
_THOUGHT_END = re.compile(r"</(?:think|thinking|thought|reasoning)\s*>|◁/think▷|\[/THINK\]", re.I)
_DECODER = json.JSONDecoder(strict=False)  # Line breaks in strings are read.


class AnswerUnusable(Exception):
    """The text is no answer in the form asked for; its message may be shown to the model."""


@cache
def strict_schema(form: type[BaseModel], *, is_bounded: bool = False) -> dict[str, Any]:
    """The JSON schema of `form` in the subset that providers enforce.

    Every property is required and no other is allowed; references, which some grammars do not
    know, are written out, and bounds, which some refuse, left out: `read_answer` checks them.
    `is_bounded`: where they are enforced, they end what a small model would repeat for ever.
    """
    schema = form.model_json_schema()
    kept = _KEPT | _BOUNDS if is_bounded else _KEPT
    return cast("dict[str, Any]", _strict(schema, schema.get("$defs", {}), kept))


def read_answer(text: str, form: type[AnswerT]) -> AnswerT:
    """The answer in `text`, which may stand in a fence, after thought or between words.

    Of several objects the last that fits counts. Raises AnswerUnusable.
    """
    if len(text) > ANSWER_CHARS_MAX:
        raise AnswerUnusable("The answer is far too long.")
    said = without_thought(text)
    error: ValidationError | None = None
    for written in (said, mended(said)):
        errors: list[ValidationError] = []
        for found in reversed(list(_objects(written))):
            for candidate in (found, *_wrapped(found)):
                try:
                    return form.model_validate(candidate)
                except ValidationError as problem:
                    errors.append(problem)
        error = next(iter(errors), error)
    if error is None:
        raise AnswerUnusable("There is no whole JSON object in the answer.")
    raise AnswerUnusable(_problems(error)) from None  # Its cause would quote the answer.


def without_thought(text: str) -> str:
    """`text` without what a model thought aloud before it."""
    text = _THOUGHT.sub("", text)
    *_, rest = _THOUGHT_END.split(text)  # Some servers cut off where thought begins.
    return rest


def is_only_thought(text: str) -> bool:
    """Whether nothing was said but thought, which may have been cut off."""
    said = without_thought(text).strip()
    return not said or _THOUGHT_BEGIN.match(said) is not None


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Whole JSON objects in `text`, outermost, in order."""
    at = 0
    for _ in range(OBJECTS_MAX):
        at = text.find("{", at)
        if at < 0:
            break
        try:
            found, at = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            at += 1
            continue
        if isinstance(found, dict):
            yield cast("dict[str, Any]", found)
    if text.lstrip().startswith('"'):  # JSON written as a string of JSON.
        try:
            inner = json.loads(text)
        except ValueError:
            return
        if isinstance(inner, str) and not inner.lstrip().startswith('"'):
            yield from _objects(inner)


def _wrapped(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What stands under a name of its own: `{"answer": {…}}`, `{"name": "f", "arguments": {…}}`."""
    for inner in found.values():
        if isinstance(inner, dict):
            yield cast("dict[str, Any]", inner)


def _problems(error: ValidationError) -> str:
    found = error.errors(include_input=False, include_url=False, include_context=False)
    lines = [
        f"{'.'.join(str(part) for part in problem['loc']) or 'answer'}: {problem['msg']}"
        for problem in found[:PROBLEMS_MAX]
    ]
    return "\n".join(lines)


def _strict(node: Any, definitions: dict[str, Any], names: frozenset[str]) -> Any:
    if isinstance(node, list):
        return [_strict(each, definitions, names) for each in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    schema = cast("dict[str, Any]", node)
    if "$ref" in schema:
        return _strict(definitions[schema["$ref"].rpartition("/")[2]], definitions, names)
    kept = {key: value for key, value in schema.items() if key in names}
    if "properties" in kept:
        kept["properties"] = {
            key: _strict(value, definitions, names) for key, value in kept["properties"].items()
        }
    for name in ("items", "anyOf"):
        if name in kept:
            kept[name] = _strict(kept[name], definitions, names)
    if kept.get("type") == "object":
        kept["required"] = list(kept.get("properties", {}))
        kept["additionalProperties"] = False
    return kept
