"""What the API asks of its reading processes, and what it gets.

Apart from what reads: the API knows no format, and starts the sooner without their patterns.
"""

from dataclasses import dataclass

from app.chats.alignment import Changes
from app.chats.blocks import EncodedChat
from app.chats.transcript import DateOrder


@dataclass(frozen=True, slots=True)
class ReadingOrder:
    """How to read a file: its name, the order of dates if the user knows it, the time zone, and
    which of several chats."""

    filename: str
    date_order: DateOrder | None
    timezone: str
    chat: str | None = None


@dataclass(frozen=True, slots=True)
class Revision:
    """A chat as it is to be stored, and what of it is new; None if it is the same."""

    chat: EncodedChat | None
    changes: Changes
