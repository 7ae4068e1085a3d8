"""What a format of chats has to bring along."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, tzinfo

from app.chats.transcript import DateOrder, Transcript

HEAD_BYTES = 256 * 1024
"""So much of a file is looked at to tell its format."""


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """What the user says of a file: the order of its dates, used only where the file leaves it
    open, the zone of its wall times, used only where the file names none, and which of its chats
    to read, used only where it holds several."""

    date_order: DateOrder | None = None
    tz: tzinfo = UTC
    chat: str | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """One format. `recognises` gets the first HEAD_BYTES of a file and must not raise, whatever
    they are; `read` gets the whole file and raises the refusals of `app.chats.transcript`."""

    name: str
    title: str
    recognises: Callable[[bytes], bool]
    read: Callable[[bytes, ReadingOptions], Transcript]
