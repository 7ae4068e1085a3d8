"""Where a list goes on: an opaque text that a caller hands back unread."""

import base64
import binascii
from datetime import datetime
from uuid import UUID

from app.errors import ValidationFailed

LIMIT_DEFAULT = 20
LIMIT_MAX = 100
CURSOR_CHARS_MAX = 200

Position = tuple[datetime, UUID]


def position_cursor(position: Position) -> str:
    """The cursor after the object made at that time, with that id."""
    at, object_id = position
    return _encode(f"{at.isoformat()}|{object_id}")


def read_position(cursor: str | None) -> Position | None:
    """What `position_cursor` was given; None for the start. Raises ValidationFailed."""
    if cursor is None:
        return None
    at, _, object_id = _decode(cursor).partition("|")
    try:
        position = datetime.fromisoformat(at), UUID(object_id)
    except ValueError as error:
        raise _unreadable() from error
    if position[0].tzinfo is None:
        raise _unreadable()
    return position


def seq_cursor(seq: int) -> str:
    """The cursor after the entry with that number."""
    return _encode(str(seq))


def read_seq(cursor: str | None) -> int | None:
    """What `seq_cursor` was given; None for the start. Raises ValidationFailed."""
    if cursor is None:
        return None
    number = _decode(cursor)
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise _unreadable()
    return int(number)


def _encode(plain: str) -> str:
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def _decode(cursor: str) -> str:
    if len(cursor) > CURSOR_CHARS_MAX:
        raise _unreadable()
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError) as error:
        raise _unreadable() from error


def _unreadable() -> ValidationFailed:
    return ValidationFailed.of("cursor", "is not a cursor that was given out here")
