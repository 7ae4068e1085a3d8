"""WeChat's chats as exporters write them in CSV: MemoTrace's (WeChatMsg's) of all chats and of
one, and chatlog's. What the columns mean, their names tell."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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
    SECONDS_DIGITS,
    STEP_DIGITS,
    IsoTimes,
    Remembered,
    WrittenInstants,
    from_seconds,
    number_of,
)
from app.chats.message import Message, MessageKind, make_message
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
_LAST = -1  # An empty column is put behind the others.
_SYSTEM = frozenset({"10000", "10002", "系统消息", "拍一拍"})
_MARKS = re.compile(r"\[(?:图片|语音|视频|表情包|动画表情|文件|链接|名片|转账|红包)\]")
_ODD_BEGINNINGS = frozenset("[!<")
_WORDLESS = frozenset({"3", "34", "43", "47"})
_COLUMNS_LEAST = 3
_TEXT = MessageKind.TEXT
_WALL_CHARS = len("2024-02-13 10:15:07")
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
    text = read_text(raw)
    columns = _columns(text.beginning()[1:].partition("\n")[0])
    if columns is None:
        raise UnrecognisedFormat
    chats = SeveralAssemblies("wechat-csv", "wechat")
    # Who, where and what kind: the same few over and over.
    reader = _Reader(options.tz, columns, Remembered(partial(_frame_of, chats)))
    reader.read(rows_of(text))
    chosen = chats.chosen(options.chat)
    chosen.replaced_bytes, chosen.is_cut = text.replaced, ends_open(text)
    for number, written in reader.unread:
        chosen.leave_out(number, written)
    return chosen.transcript()


@dataclass(slots=True)
class _Frame:
    """What the shared columns of a row tell; a notice if `kind` is None. `said` are the messages of
    the chat, once a text may be put there as it is."""

    chat: Assembly
    kind: MessageKind | None
    author: str = ""
    title: str = ""
    is_wordless: bool = False
    said: list[Message] | None = None


def _frame_of(chats: SeveralAssemblies, shared: tuple[str, ...]) -> _Frame:
    kind, is_own, talker, chat_name, remark, nickname, sender = map(str.strip, shared)
    chat = chats.of(talker)
    if kind in _SYSTEM or (not kind and sender == "系统消息"):
        return _Frame(chat, None)
    said = _KINDS.get(kind, _TEXT) if kind else _TEXT
    is_wordless = kind in _WORDLESS or said is MessageKind.CALL
    author = _author(chat, sender, remark or nickname or sender, is_own=is_own == "1")
    title = "" if is_own == "1" else chat_name or remark
    return _Frame(chat, said, author, title, is_wordless)


class _Reader:
    """Reads rows; `unread` are the lines and texts of those of another form."""

    def __init__(
        self, tz: tzinfo, columns: _Columns, known: Mapping[tuple[str, ...], _Frame]
    ) -> None:
        self.unread: list[tuple[int, str]] = []
        self._tz, self._times, self._instants = tz, IsoTimes(tz), WrittenInstants(tz)
        self._columns, self._known = columns, known

    def read(self, rows: Iterable[tuple[int, list[str]]]) -> None:
        """Rows and their lines."""
        # The hot loop of an import.
        (own, shared, width), known = self._columns, self._known
        empty, padding = [""], [""] * width
        begins, steps, make = self._instants.begins, self._instants.steps, make_message
        for line, row in rows:
            row += padding if len(row) < width else empty
            try:
                frame, (seconds, written, text) = known[shared(row)], own(row)
                if len(seconds) == SECONDS_DIGITS and seconds.isdigit():
                    at = begins[seconds[:-STEP_DIGITS]] + steps[seconds[-STEP_DIGITS:]]
                else:
                    at = self._time_of(frame.chat, seconds, written)
                text, said = text.strip(), frame.said
                if said is not None and text and text[0] not in _ODD_BEGINNINGS:
                    said.append(make((len(said) + 1, at, frame.author, text, _TEXT, False)))
                else:
                    _say(frame, at, text)
            except OTHER_FORM:
                self.unread.append((line, ",".join(row).rstrip(",")))

    def _time_of(self, chat: Assembly, seconds: str, written: str) -> datetime:
        """A time that is no number of ten digits. Raises OTHER_FORM."""
        if seconds.isdigit():
            return from_seconds(int(seconds), self._tz)
        if len(written) == _WALL_CHARS and (at := self._times.wall(written)) is not None:
            is_absolute = False
        elif written := written.strip():
            at, is_absolute = self._times.read(_dashed(written))
        else:
            return from_seconds(number_of(seconds), self._tz)
        if not is_absolute and "time_zone" not in chat.unsaid:
            chat.lacks("time_zone")
        return at


def _dashed(written: str) -> str:
    """A time with its parts as wide as ISO has them, where a spreadsheet has written it anew."""
    if (met := _SPREADSHEET_TIME.fullmatch(written)) is None:
        return written
    year, month, day, hour, rest = met.groups()
    return f"{year}-{month:0>2}-{day:0>2} {hour:0>2}:{rest}"


def _say(frame: _Frame, at: datetime, text: str) -> None:
    """A notice, or a message that may be no text."""
    chat, kind = frame.chat, frame.kind
    if kind is None:
        chat.note(at, _event(text), text)
        return
    chat.title = chat.title or frame.title
    if kind is _TEXT and not frame.is_wordless:
        frame.said = chat.messages
    if frame.is_wordless:
        text = ""
    elif text[:1] in _ODD_BEGINNINGS and (
        _MARKS.fullmatch(text) or text.startswith(("![", "<?xml", "<msg", "<location"))
    ):
        kind, text = (MessageKind.MEDIA if kind is _TEXT else kind), ""
    chat.say(at, frame.author, text, kind)


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
