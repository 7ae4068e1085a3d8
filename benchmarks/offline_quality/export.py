"""Writes a made-up chat as a WhatsApp export, in the layout phones of its language use."""

from datetime import datetime

from app.chats.transcript import DateOrder
from benchmarks.offline_quality.chat import Chat

_NOTICE = (
    "Messages and calls are end-to-end encrypted. Only people in this chat can read, listen to, "
    "or share them."
)


def date_order(chat: Chat) -> DateOrder:
    """What the uploader says of the dates: a chat of two days does not tell by itself."""
    return DateOrder.MDY if chat.language == "en" and chat.kind != "group" else DateOrder.DMY


def export(chat: Chat) -> bytes:
    """The bytes of the file a phone would write."""
    first = chat.said[0].at
    entries = [f"{_stamp(first, chat.language)} - {_NOTICE}"]
    if chat.language == "en" and chat.kind == "group":
        return _ios(chat)
    entries += [
        f"{_stamp(each.at, chat.language)} - {each.author}: {each.text}" for each in chat.said
    ]
    return ("\n".join(entries) + "\n").encode()


def _stamp(at: datetime, language: str) -> str:
    if language == "en":
        hour = f"{at.hour % 12 or 12}:{at:%M}\u202f{'AM' if at.hour < 12 else 'PM'}"
        return f"{at.month}/{at.day}/{at:%y}, {hour}"
    if language in ("de", "tr", "fi"):
        return f"{at:%d.%m.%y}, {at:%H:%M}"
    if language == "nl":
        return f"{at:%d-%m-%Y} {at:%H:%M}"
    return f"{at:%d/%m/%Y}, {at:%H:%M}"


def _ios(chat: Chat) -> bytes:
    lines = [f"[{each.at:%d/%m/%Y, %H:%M:%S}] {each.author}: {each.text}" for each in chat.said]
    return ("\r\n".join(lines) + "\r\n").encode("utf-8-sig")
