"""One message of a chat: what the importer yields and everything else reads."""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, NamedTuple

CONVERSATION_SILENCE_S = 6 * 3600
"""After so long a silence the next message starts a conversation; sooner, it may be a reply.
Statistics and insights count by the same one, so that their figures agree."""


class MessageKind(StrEnum):
    """Their order is stored: new ones are added at the end."""

    TEXT = "text"
    MEDIA = "media"
    DELETED = "deleted"
    EMPTY = "empty"
    POLL = "poll"
    CALL = "call"
    LOCATION = "location"


class Message(NamedTuple):
    """A message by a person. A tuple, since an import makes hundreds of thousands of them.

    `number` counts from 1 in file order over messages by people only. `at` is aware, in the
    time zone of the upload. `text` is the body without import marks (edited, direction marks
    at its ends); of a medium its caption, or empty;
    of a poll its question and options, of a location the place or its address, of a call nothing.
    """

    number: int
    at: datetime
    author: str
    text: str
    kind: MessageKind = MessageKind.TEXT
    edited: bool = False


make_message: Callable[[tuple[int, datetime, str, str, MessageKind, bool]], Message] = partial(
    tuple[Any, ...].__new__, Message
)
"""A message of all its fields, for hot loops: in a third of the time of calling the class, whose
own `__new__` takes them by their names."""
