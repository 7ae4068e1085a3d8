"""WeChat's chats as exporters write them in CSV: MemoTrace's (WeChatMsg's) of all chats and of
one, and chatlog's. What the columns mean, their names tell."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.chats.formats.assembly import ME, OTHER_FORM, UNNAMED, Assembly
from app.chats.formats.choosing import SeveralAssemblies
from app.chats.formats.csv_rows import header_of, rows_of
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.text import clean_text, decode_text, head_text
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

# What a column holds, by its name; of several names for one thing the first that is there.
_NAMES: dict[str, tuple[str, ...]] = {
    "seconds": ("CreateTime",),
    "time": ("StrTime", "Time", "时间"),
    "text": ("StrContent", "Content", "内容"),
    "type": ("Type", "类型"),
    "is_own": ("IsSender",),
    "chat": ("TalkerId", "Talker"),
    "chat_name": ("TalkerName",),
    "remark": ("Remark", "备注"),
    "nickname": ("NickName", "昵称", "SenderName", "发送人"),
    "sender": ("Sender", "wxid"),
}
_KINDS: dict[str, MessageKind] = {
    "1": MessageKind.TEXT, "3": MessageKind.MEDIA, "34": MessageKind.MEDIA,
    "42": MessageKind.MEDIA, "43": MessageKind.MEDIA, "47": MessageKind.MEDIA,
    "48": MessageKind.LOCATION, "49": MessageKind.MEDIA, "50": MessageKind.CALL,
    "文本": MessageKind.TEXT, "图片": MessageKind.MEDIA, "语音": MessageKind.MEDIA,
    "视频": MessageKind.MEDIA, "表情包": MessageKind.MEDIA, "文件": MessageKind.MEDIA,
    "分享链接": MessageKind.MEDIA, "名片": MessageKind.MEDIA, "位置": MessageKind.LOCATION,
    "音视频通话": MessageKind.CALL, "引用消息": MessageKind.TEXT,
}  # fmt: skip
_SYSTEM = frozenset({"10000", "10002", "系统消息", "拍一拍"})
_MARKS = re.compile(r"\[(?:图片|语音|视频|表情包|动画表情|文件|链接|名片|转账|红包)\]")
_RECALLED = "撤回了一条消息"
_JOINED, _LEFT = ("加入了群聊", "加入群聊"), ("退出了群聊", "移出了群聊", "移出群聊")


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where each thing stands in a row."""

    places: Mapping[str, int]

    def of(self, row: list[str], name: str) -> str:
        """What a row holds under `name`; empty if the file has no such column."""
        place = self.places.get(name)
        return row[place].strip() if place is not None and place < len(row) else ""


def _columns(header: str) -> _Columns | None:
    row = header_of(header)
    places = {
        meaning: row.index(name)
        for meaning, names in _NAMES.items()
        if (name := next((n for n in names if n in row), None)) is not None
    }
    has_time, has_author = {"seconds", "time"} & places.keys(), {"nickname", "sender", "is_own"}
    is_complete = has_time and "text" in places and has_author & places.keys()
    return _Columns(places) if is_complete and len(row) > 3 else None


def _recognises(head: bytes) -> bool:
    first = head_text(head).partition("\n")[0]
    return len(first) < 2_000 and "," in first and _columns(first) is not None


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    decoded, replaced = decode_text(raw)
    text = clean_text(decoded)
    columns = _columns(text.partition("\n")[0])
    if columns is None:
        raise RuntimeError("a header that was recognised is gone")
    chats = SeveralAssemblies("wechat-csv", "wechat")
    unread: list[tuple[int, str]] = []
    for number, row in rows_of(text):
        try:
            _read_row(chats.of(columns.of(row, "chat")), columns, row, options)
        except OTHER_FORM:
            unread.append((number, ",".join(row)))
    chosen = chats.chosen(options.chat)
    chosen.replaced_bytes = replaced
    for number, written in unread:
        chosen.leave_out(number, written)
    return chosen.transcript()


def _read_row(chat: Assembly, columns: _Columns, row: list[str], options: ReadingOptions) -> None:
    at = _time(chat, columns, row, options)
    text, kind = columns.of(row, "text"), columns.of(row, "type")
    if kind in _SYSTEM or (not kind and columns.of(row, "sender") == "系统消息"):
        chat.note(at, _event(text), text)
        return
    if not chat.title and columns.of(row, "is_own") != "1":
        chat.title = columns.of(row, "chat_name") or columns.of(row, "remark") or None
    said = _KINDS.get(kind, MessageKind.TEXT) if kind else MessageKind.TEXT
    if _MARKS.fullmatch(text) or text.startswith(("![", "<?xml", "<msg")):
        said, text = (MessageKind.MEDIA if said is MessageKind.TEXT else said), ""
    elif said is MessageKind.CALL or (
        said is MessageKind.MEDIA and kind in ("3", "34", "43", "47")
    ):
        text = ""
    chat.say(at, _author(chat, columns, row), text, said)


def _author(chat: Assembly, columns: _Columns, row: list[str]) -> str:
    sender = columns.of(row, "sender")
    name = columns.of(row, "remark") or columns.of(row, "nickname") or sender
    if columns.of(row, "is_own") == "1" and not name:
        chat.lacks("author")
        return chat.author(ME)
    if not name:
        chat.lacks("author")
    return chat.author(sender or name, name or UNNAMED)


def _time(chat: Assembly, columns: _Columns, row: list[str], options: ReadingOptions) -> datetime:
    if (seconds := columns.of(row, "seconds")).isdigit():
        return datetime.fromtimestamp(int(seconds), options.tz)
    told = datetime.fromisoformat(columns.of(row, "time"))
    if told.tzinfo is not None:
        return told.astimezone(options.tz)
    chat.lacks("time_zone")
    return told.replace(tzinfo=options.tz)


def _event(text: str) -> NoticeKind:
    if any(word in text for word in _JOINED):
        return NoticeKind.JOINED
    if any(word in text for word in _LEFT):
        return NoticeKind.LEFT
    return NoticeKind.SETTING if _RECALLED in text or "拍了拍" in text else NoticeKind.UNKNOWN


WECHAT = Format("wechat", "WeChat (CSV of MemoTrace or chatlog)", _recognises, _read)
