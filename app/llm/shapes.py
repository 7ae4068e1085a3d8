"""JSON of unknown shape, read without surprise."""

from typing import Any, cast

Json = dict[str, Any]


def object_of(value: object) -> Json:
    """`value` if it is an object; else an empty one."""
    return cast("Json", value) if isinstance(value, dict) else {}


def first_of(value: object) -> Json:
    """The object that the list `value` begins with; else an empty one."""
    return object_of(cast("list[object]", value)[0]) if isinstance(value, list) and value else {}
