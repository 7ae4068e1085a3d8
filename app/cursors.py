"""Where a list goes on: an opaque text that a caller hands back unread."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.errors import ValidationFailed

LIMIT_DEFAULT = 20
LIMIT_MAX = 100
POSITION_PATTERN = "^[0-9]{1,16}-[0-9a-f]{32}$"
"""Of `position_cursor`: microseconds since 1970, and an id."""
SEQ_PATTERN = "^[0-9]{1,18}$"
"""Of `seq_cursor`."""

_POSITION = re.compile(POSITION_PATTERN[1:-1])
_SEQ = re.compile(SEQ_PATTERN[1:-1])
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Position = tuple[datetime, UUID]


def position_cursor(position: Position) -> str:
    """The cursor after the object made at that time, with that id."""
    at, object_id = position
    return f"{(at - _EPOCH) // _MICROSECOND}-{object_id.hex}"


def read_position(cursor: str | None) -> Position | None:
    """What `position_cursor` was given; None for the start. Raises ValidationFailed."""
    if cursor is None:
        return None
    if _POSITION.fullmatch(cursor) is None:
        raise _unreadable()
    at, _, object_id = cursor.partition("-")
    return _EPOCH + int(at) * _MICROSECOND, UUID(hex=object_id)


def seq_cursor(seq: int) -> str:
    """The cursor after the entry with that number."""
    return str(seq)


def read_seq(cursor: str | None) -> int | None:
    """What `seq_cursor` was given; None for the start. Raises ValidationFailed."""
    if cursor is None:
        return None
    if _SEQ.fullmatch(cursor) is None:
        raise _unreadable()
    return int(cursor)


def _unreadable() -> ValidationFailed:
    return ValidationFailed.of("cursor", "is not a cursor that was given out here")
