"""From the bytes of an uploaded file to a chat in the form that is stored. Pure computation."""

import re
import unicodedata
from dataclasses import asdict, dataclass
from zoneinfo import ZoneInfo

from app.chats.archive import ArchiveLimits, read_transcript
from app.chats.blocks import ChatMeta, EncodedChat, encode_chat
from app.chats.formats.format import ReadingOptions
from app.chats.formats.registry import is_chat, read_export
from app.chats.statistics import compute_statistics
from app.chats.transcript import DateOrder, NoticeKind

TITLE_CHARS_MAX = 100
NAMES_IN_TITLE_MAX = 3
MEMBERSHIP_MAX = 2_000
"""So many joins and leaves of a chat are kept at most, the first ones."""

# "WhatsApp Chat with Ana.txt", "WhatsApp Chat - Ana.zip", and the same in other languages.
_FILE_NAMES = re.compile(
    r"(?:whatsapp[ -]chat (?:with|mit|met|med|com|con)|whatsapp chat -"
    r"|(?:chat|conversa|conversación) (?:de|do) whatsapp (?:con|com)"
    r"|discussion whatsapp avec|chat whatsapp con)\s+(?P<name>.+?)(?: ?\(\d+\))?\.(?:txt|zip)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ReadingOrder:
    """How to read a file: its name, the order of dates if the user knows it, the time zone, and
    which of several chats."""

    filename: str
    date_order: DateOrder | None
    timezone: str
    chat: str | None = None


def read_chat(raw: bytes, order: ReadingOrder, *, bytes_max: int) -> EncodedChat:
    """The chat in an export, or in an archive that holds one.

    Raises the refusals of `read_transcript` and of `read_export`.
    """
    transcript = read_transcript(
        raw,
        order.filename,
        limits=ArchiveLimits(transcript_bytes_max=bytes_max),
        is_chat=is_chat,
        chat=order.chat,
    )
    options = ReadingOptions(order.date_order, ZoneInfo(order.timezone), order.chat)
    parsed = read_export(transcript, options)
    meta = ChatMeta(
        title=_title(parsed.title, order.filename, list(parsed.participants)),
        participants=[
            {"name": name, "messages": count} for name, count in parsed.participants.items()
        ],
        statistics=compute_statistics(parsed.messages).model_dump(mode="json"),
        report=asdict(parsed.report),
        membership=[
            {"at": notice.at, "kind": notice.kind, "people": notice.people}
            for notice in parsed.notices
            if notice.kind in (NoticeKind.JOINED, NoticeKind.LEFT)
        ][:MEMBERSHIP_MAX],
    )
    return encode_chat(meta, parsed.messages)


def _title(group: str | None, filename: str, names: list[str]) -> str:
    named_file = _FILE_NAMES.fullmatch(filename.rsplit("/", 1)[-1].rsplit("\\", 1)[-1])
    for title in (group, named_file and named_file["name"]):
        if title and (cleaned := _clean(title)):
            return cleaned
    more = len(names) - NAMES_IN_TITLE_MAX
    shown = ", ".join(names[:NAMES_IN_TITLE_MAX])
    return _clean(f"{shown} and {more} more" if more > 0 else shown)


def _clean(title: str) -> str:
    kept = "".join(char for char in title if unicodedata.category(char) != "Cc")
    return kept.strip()[:TITLE_CHARS_MAX]
