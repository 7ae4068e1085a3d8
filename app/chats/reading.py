"""From the bytes of an uploaded file to a chat in the form that is stored. Pure computation."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from zoneinfo import ZoneInfo

from app.chats.archive import ArchiveLimits, read_transcript
from app.chats.blocks import ChatMeta, EncodedChat, encode_chat
from app.chats.exchange import ReadingOrder
from app.chats.formats.format import ReadingOptions
from app.chats.formats.registry import is_chat, read_export
from app.chats.message import Message
from app.chats.names import clean_title
from app.chats.statistics import compute_statistics
from app.chats.transcript import NoticeKind, Transcript

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


def read_chat(raw: bytes, order: ReadingOrder, *, bytes_max: int) -> EncodedChat:
    """The chat in an export, or in an archive that holds one.

    Raises the refusals of `read_transcript` and of `read_export`.
    """
    parsed = read_file(raw, order, bytes_max=bytes_max)
    del raw  # Where the caller gave it away, it is given back before the rest is made.
    title = title_of(parsed.title, order.filename, list(parsed.participants))
    meta = describe(parsed.messages, title, asdict(parsed.report), membership_of(parsed))
    return encode_chat(meta, parsed.messages)


def read_file(raw: bytes, order: ReadingOrder, *, bytes_max: int) -> Transcript:
    """What `read_chat` reads before it is described and encoded."""
    transcript = read_transcript(
        raw,
        order.filename,
        limits=ArchiveLimits(transcript_bytes_max=bytes_max),
        is_chat=is_chat,
        chat=order.chat,
    )
    options = ReadingOptions(order.date_order, ZoneInfo(order.timezone), order.chat)
    return read_export(transcript, options)


def describe(
    messages: Sequence[Message],
    title: str,
    report: dict[str, Any],
    membership: list[dict[str, Any]],
) -> ChatMeta:
    """What is known of a chat beside its messages: its participants, most talkative first, and
    its statistics, counted anew."""
    counts = Counter(message.author for message in messages).most_common()
    return ChatMeta(
        title=title,
        participants=[{"name": name, "messages": count} for name, count in counts],
        statistics=compute_statistics(messages).model_dump(mode="json"),
        report=report,
        membership=membership,
    )


def membership_of(parsed: Transcript) -> list[dict[str, Any]]:
    """Who joined and left, the first MEMBERSHIP_MAX of them."""
    return [
        {"at": notice.at.isoformat(), "kind": notice.kind, "people": list(notice.people)}
        for notice in parsed.notices
        if notice.kind in (NoticeKind.JOINED, NoticeKind.LEFT)
    ][:MEMBERSHIP_MAX]


def title_of(group: str | None, filename: str, names: list[str]) -> str:
    """The group's name, that in the file's name, or the participants."""
    named_file = _FILE_NAMES.fullmatch(filename.rsplit("/", 1)[-1].rsplit("\\", 1)[-1])
    for title in (group, named_file and named_file["name"]):
        if title and (cleaned := clean_title(title)):
            return cleaned
    more = len(names) - NAMES_IN_TITLE_MAX
    shown = ", ".join(names[:NAMES_IN_TITLE_MAX])
    return clean_title(f"{shown} and {more} more" if more > 0 else shown)
