"""What every format of a chat is read into: messages, notices, and how the reading went."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from app.chats.message import Message
from app.errors import DomainError

PARTICIPANTS_MAX = 1_024
AUTHOR_CHARS_MAX = 255
TITLE_CHARS_MAX = 100
EXAMPLES_MAX = 10
"""So many line numbers and examples of each kind a report holds at most."""
EXAMPLE_CHARS_MAX = 200

OrderConfidence = Literal["certain", "by_time_order", "declared", "by_separator"]


class DateOrder(StrEnum):
    DMY = "dmy"
    MDY = "mdy"
    YMD = "ymd"


class UnrecognisedFormat(DomainError):
    """This is not the text of a chat in a format that is read here."""

    code, http_status = "unrecognised_format", 422


class AmbiguousDates(DomainError):
    """The dates can be read in more than one order; say which one with date_order."""

    code, http_status = "ambiguous_dates", 422


class EmptyChat(DomainError):
    """The export holds no message by a person."""

    code, http_status = "empty_chat", 422


class SeveralChats(DomainError):
    """The file holds several chats; say which one with chat."""

    code, http_status = "several_chats", 422


class TooManyChats(DomainError):
    """The file holds more chats than can be told apart; export the one alone."""

    code, http_status = "too_large", 413


class TooManyParticipants(DomainError):
    """More people write in this chat than a chat can hold."""

    code, http_status = "too_large", 413


class NoticeKind(StrEnum):
    """What a line tells that the messenger itself wrote. UNKNOWN: it is one, in unknown words."""

    JOINED = "joined"
    LEFT = "left"
    CALL = "call"
    SETTING = "setting"
    UNKNOWN = "unknown"


class Notice(NamedTuple):
    """A line that the messenger wrote into a chat. `line` counts from 1 in the file, and is 0
    where a format has no lines. `people` are those who joined or left, as far as it says."""

    at: datetime
    kind: NoticeKind
    text: str
    line: int = 0
    people: tuple[str, ...] = ()


ExampleKind = Literal["unknown_notice", "merged_header", "unparsed_line"]


@dataclass(frozen=True, slots=True)
class Example:
    """A line of the file that the user should look at; `text` is cut at EXAMPLE_CHARS_MAX."""

    kind: ExampleKind
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """How a file was read, and all in it that did not become a message.

    `format` names the layout (`ios-24h`), `messenger` the program it comes from. `date_order`
    and `order_confidence` are None where the format writes dates that have one reading only.
    `unparsed_lines` stand before the first header, have a header with an impossible date, or a
    header of another layout. `merged_headers` look like a header and were taken for text inside
    a message; `merged_header_lines` are the first of them. `replaced_bytes` could not be decoded.
    `repeated_messages` stand a second time in the file, which holds two exports. `unsaid` names
    what the format does not tell: `time_zone`, `author`, `year`. Of a format of lines,
    `message_lines`, `notice_lines`, `unparsed_lines`, `merged_headers` and `blank_lines`, those
    before the first header, are all lines of the file.
    """

    format: str
    date_order: DateOrder | None = None
    order_confidence: OrderConfidence | None = None
    unparsed_lines: int = 0
    possibly_truncated: bool = False
    messenger: str = "whatsapp"
    notices: int = 0
    unknown_notices: int = 0
    merged_headers: int = 0
    merged_header_lines: tuple[int, ...] = ()
    replaced_bytes: int = 0
    repeated_messages: int = 0
    unsaid: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    message_lines: int = 0
    notice_lines: int = 0
    blank_lines: int = 0


@dataclass(frozen=True, slots=True)
class Transcript:
    """`messages` by people only, numbered from 1 in file order; `participants` maps names to how
    many they wrote, most first; `title` is the group's name where the export tells it; `notices`
    in file order, neither numbered nor counted."""

    messages: list[Message]
    title: str | None
    participants: dict[str, int]
    report: ImportReport
    notices: list[Notice] = field(default_factory=list[Notice])
