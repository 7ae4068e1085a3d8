"""WeChat's chats as exporters write them in CSV: MemoTrace's (WeChatMsg's) of all chats and of
one, and chatlog's. What the columns mean, their names tell."""

import re
from collections.abc import Callable
from datetime import datetime, tzinfo
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from app.chats.formats.assembly import ME, OTHER_FORM, UNNAMED, Assembly
from app.chats.formats.choosing import SeveralAssemblies
from app.chats.formats.csv_rows import ends_open, header_of, rows_of
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.tables import rows
from app.chats.formats.text import head_text, read_text
from app.chats.formats.times import (
    DAY_S,
    SECONDS,
    Instants,
    IsoTimes,
    Remembered,
    from_seconds,
    number_of,
)
from app.chats.message import MessageKind, make_message
from app.chats.transcript import NoticeKind, Transcript, UnrecognisedFormat

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
_OWN = ("seconds", "time", "text")
_SHARED = ("type", "is_own", "chat", "chat_name", "remark", "nickname", "sender")
_KINDS = {written: MessageKind(kind) for written, kind in rows("wechat_kinds.tsv")}
_SYSTEM = frozenset({"10000", "10002", "系统消息", "拍一拍"})
_MARKS = re.compile(r"\[(?:图片|语音|视频|表情包|动画表情|文件|链接|名片|转账|红包)\]")
_ODD_BEGINNINGS = frozenset("[!<")
_WORDLESS = frozenset({"3", "34", "43", "47"})
_COLUMNS_LEAST = 3
_TEXT = MessageKind.TEXT
_WALL_CHARS = len("2024-02-13 10:15:07")
_LAST = -1  # An empty column is put behind the others.
_SPREADSHEET_TIME = re.compile(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2}) (\d{1,2}):(\d{2}(?::\d{2})?)")
_RECALLED = "撤回了一条消息"
_JOINED, _LEFT = ("加入了群聊", "加入群聊"), ("退出了群聊", "移出了群聊", "移出群聊")


class _Columns(NamedTuple):
    """What rows hold: each gives a row's own (_OWN) or shared (_SHARED) columns, in that order.
    A row needs `width` columns, and an empty one behind."""

    own: Callable[[list[str]], tuple[str, ...]]
    shared: Callable[[list[str]], tuple[str, ...]]
    width: int


def _columns(header: str) -> _Columns | None:
    row = header_of(header)
    places = {
        meaning: row.index(name)
        for meaning, names in _NAMES.items()
        if (name := next((n for n in names if n in row), None)) is not None
    }
    has_time, has_author = {"seconds", "time"} & places.keys(), {"nickname", "sender", "is_own"}
    is_complete = has_time and "text" in places and has_author & places.keys()
    if not is_complete or len(row) <= _COLUMNS_LEAST:
        return None
    own = itemgetter(*(places.get(meaning, _LAST) for meaning in _OWN))
    shared = itemgetter(*(places.get(meaning, _LAST) for meaning in _SHARED))
    return _Columns(own, shared, max(places.values()) + 1)


def _recognises(head: bytes) -> bool:
    first = head_text(head).partition("\n")[0]
    return len(first) < 2_000 and _columns(first) is not None


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    text, times = read_text(raw), IsoTimes(options.tz)
    columns = _columns(text.beginning()[1:].partition("\n")[0])
    if columns is None:
        raise UnrecognisedFormat
    chats, instants = SeveralAssemblies("wechat-csv", "wechat"), Instants(options.tz)
    unread: list[tuple[int, str]] = []
    # Who, where and what kind: the same few over and over.
    known = Remembered(partial(_frame_of, chats))
    empty, padding = [""], [""] * columns.width
    for number, row in rows_of(text):
        row += padding if len(row) < columns.width else empty
        try:
            _read_row(known[columns.shared(row)], columns.own(row), options.tz, times, instants)
        except OTHER_FORM:
            unread.append((number, ",".join(row).rstrip(",")))
    chosen = chats.chosen(options.chat)
    chosen.replaced_bytes, chosen.is_cut = text.replaced, ends_open(text)
    for number, written in unread:
        chosen.leave_out(number, written)
    return chosen.transcript()


class _Frame(NamedTuple):
    """What the shared columns of a row tell; a notice if `kind` is None."""

    chat: Assembly
    kind: MessageKind | None
    author: str
    is_wordless: bool
    title: str


def _frame_of(chats: SeveralAssemblies, shared: tuple[str, ...]) -> _Frame:
    kind, is_own, talker, chat_name, remark, nickname, sender = map(str.strip, shared)
    chat = chats.of(talker)
    if kind in _SYSTEM or (not kind and sender == "系统消息"):
        return _Frame(chat, None, "", False, "")
    said = _KINDS.get(kind, MessageKind.TEXT) if kind else MessageKind.TEXT
    is_wordless = kind in _WORDLESS or said is MessageKind.CALL
    name = remark or nickname or sender
    author = _author(chat, sender, name, is_own=is_own == "1")
    return _Frame(chat, said, author, is_wordless, "" if is_own == "1" else chat_name or remark)


def _read_row(
    frame: _Frame, own: tuple[str, ...], tz: tzinfo, times: IsoTimes, instants: Instants
) -> None:
    chat, kind, author, is_wordless, title = frame
    seconds, written, text = own
    if seconds.isdigit():
        number = int(seconds)
        if number in SECONDS:
            at = instants.days[number // DAY_S] + instants.steps[number % DAY_S]
        else:
            at = from_seconds(number, tz)
    elif len(written) != _WALL_CHARS or (at := times.wall(written)) is None:
        at = _odd_time(chat, seconds, written.strip(), tz, times)
    elif "time_zone" not in chat.unsaid:
        chat.lacks("time_zone")
    text = text.strip()
    if kind is None:
        chat.note(at, _event(text), text)
        return
    if not chat.title and title:
        chat.title = title
    if is_wordless:
        text = ""
    elif text[:1] in _ODD_BEGINNINGS and (
        _MARKS.fullmatch(text) or text.startswith(("![", "<?xml", "<msg", "<location"))
    ):
        kind, text = (MessageKind.MEDIA if kind is MessageKind.TEXT else kind), ""
    if text and kind is _TEXT:
        said = chat.messages
        said.append(make_message((len(said) + 1, at, author, text, _TEXT, False)))
    else:
        chat.say(at, author, text, kind)


def _odd_time(chat: Assembly, seconds: str, written: str, tz: tzinfo, times: IsoTimes) -> datetime:
    if not written:
        return from_seconds(number_of(seconds), tz)
    if met := _SPREADSHEET_TIME.fullmatch(written):
        year, month, day, hour, rest = met.groups()
        written = f"{year}-{month:0>2}-{day:0>2} {hour:0>2}:{rest}"
    at, is_absolute = times.read(written)
    if not is_absolute:
        chat.lacks("time_zone")
    return at


def _author(chat: Assembly, sender: str, name: str, *, is_own: bool) -> str:
    if not name:
        chat.lacks("author")
        if is_own:
            return chat.author(ME)
    return chat.author(sender or name, name or UNNAMED)


def _event(text: str) -> NoticeKind:
    if any(word in text for word in _JOINED):
        return NoticeKind.JOINED
    if any(word in text for word in _LEFT):
        return NoticeKind.LEFT
    return NoticeKind.SETTING if _RECALLED in text or "拍了拍" in text else NoticeKind.UNKNOWN


WECHAT = Format("wechat", "WeChat (CSV of MemoTrace or chatlog)", _recognises, _read)
