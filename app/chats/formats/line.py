"""LINE's text export: a title, a line for each day, and columns between tabs."""

import re
from collections import Counter
from datetime import date, datetime
from typing import NamedTuple

from app.chats.formats.assembly import Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.lines import Entry, Frame, Words, lines_of, read_lines
from app.chats.formats.text import head_text
from app.chats.message import MessageKind
from app.chats.transcript import (
    EXAMPLE_CHARS_MAX,
    AmbiguousDates,
    DateOrder,
    NoticeKind,
    OrderConfidence,
    Transcript,
)

_TITLE = re.compile(
    r"\[LINE\] ?(?:Chat history (?:with|in) (?P<en>.+)|[与與](?P<zh>.+)的(?:聊天[记記][录錄]|聊天)"
    r"|\"?(?P<ja>.+?)\"?(?:との|の)トーク履歴|(?P<other>.+?)(?:的聊天[记記][录錄])?)\s*"
)
_YEAR_FIRST = re.compile(
    r"(?P<y>\d{4})[./](?P<m>\d{1,2})[./](?P<d>\d{1,2})(?: ?[(（]?[^\d\s\t)）]{1,12}[)）]?)?\s*"
)
_YEAR_LAST = re.compile(
    r"(?P<weekday>[^\d\s,，]{2,12})[,，] ?(?P<a>\d{1,2})/(?P<b>\d{1,2})/(?P<y>\d{4})\s*"
)
_PERIODS = {"上午": 0, "午前": 0, "am": 0, "下午": 12, "午後": 12, "pm": 12}
_TIME = (
    r"(?:(?P<before>[上下]午|午[前後]) ?)?(?P<h>\d{1,2}):(?P<n>\d{2})(?: ?(?P<after>[AaPp][Mm]))?"
)
_TABBED = re.compile(_TIME + r"\t(?:(?P<who>[^\t]*)\t)?(?P<text>.*)")
_SPACED = re.compile(_TIME + r" (?P<who>\S+)(?: (?P<text>.*))?")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TITLE_LINES_MAX = 3

_MEDIA = re.compile(
    r"\[(?:Photos?|Videos?|Stickers?|Voice message|Audio|File|Album|Gift|Contact"
    r"|照片|影片|视频|貼圖|贴图|語音訊息|语音信息|檔案|文件|禮物|聯絡資訊|相簿"
    r"|写真|動画|スタンプ|ボイスメッセージ|ファイル|アルバム|プレゼント|連絡先"
    r"|사진|동영상|스티커|음성 메시지|파일|รูป|วิดีโอ|สติกเกอร์|Foto|Stiker)\]"
)
_FILE = re.compile(r"\[(?:File|檔案|文件|ファイル)\] .*")
_LOCATION = re.compile(r"\[(?:Location|位置|位置情報|null)\](?:\s.*)?", re.DOTALL)
_UNSENT = re.compile(
    r"(?:Message unsent\.?|.{1,60} unsent a message\.?|.{0,60}已收回訊息|.{0,60}撤回了一[条則]消息"
    r"|.{0,60}(?:メッセージの)?送信を取り消しました)"
)
_CALL_MARK = "☎"
_JOINED = re.compile(
    r"(?:joined the (?:group|chat)|added .+ to the group|が(?:グループに)?参加しました"
    r"|をグループに追加しました|已?加入(?:群組|该群|了?聊天)|已?新增.+至群組|添加[至到]群)"
)
_LEFT = re.compile(
    r"(?:left the (?:group|chat)|removed .+ from the group"
    r"|(?:を|が)(?:グループを)?退会(?:しました|させました)|已?(?:離開|退出)(?:群組|群聊|了?聊天)|已退群|已將.+退出群組)"
)  # fmt: skip


class _Order(NamedTuple):
    """The order of day and month where the year stands last."""

    order: DateOrder | None
    confidence: OrderConfidence | None


def _recognises(head: bytes) -> bool:
    lines = head_text(head).lstrip("\n").split("\n")
    if not (lines[0].startswith("[LINE]") or _day_of(lines[0])):
        return False
    return any(_TABBED.fullmatch(line) or _SPACED.fullmatch(line) for line in lines)


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("line-txt", "line")
    lines = lines_of(chat, raw)
    titled = _TITLE.fullmatch(lines[0])
    if titled:
        chat.title = next(filter(None, titled.groups()), None)
    chat.lacks("time_zone")
    layout = _TABBED if any(map(_TABBED.fullmatch, lines)) else _SPACED
    if layout is _SPACED:
        chat.lacks("author")  # Where a name of several words ends is not told.
    order = _order_of(lines, options)
    chat.date_order, chat.order_confidence = order
    read_lines(
        chat,
        lines,
        header=_Headers(options, order.order, layout).read,
        words=_words,
        notice=_notice,
        preface_lines=_preface_lines(lines) if titled else 0,
    )
    return chat.transcript()


def _preface_lines(lines: list[str]) -> int:
    """The title, the time of the export, and a blank line."""
    for number, line in enumerate(lines[: _TITLE_LINES_MAX + 1]):
        if _day_of(line) is not None:
            return number
    return 1


def _order_of(lines: list[str], options: ReadingOptions) -> _Order:
    """How days are written: told by the year, by weekdays, by values above 12, or declared.

    Raises AmbiguousDates.
    """
    if any(map(_YEAR_FIRST.fullmatch, lines)):
        return _Order(DateOrder.YMD, "certain")
    written = [met for line in lines if (met := _YEAR_LAST.fullmatch(line))]
    if not written:
        return _Order(None, None)
    fits = Counter(
        order for met in written for order in (DateOrder.DMY, DateOrder.MDY) if _fits(met, order)
    )
    full = [order for order in (DateOrder.DMY, DateOrder.MDY) if fits[order] == len(written)]
    if len(full) == 1:
        return _Order(full[0], "certain")
    if options.date_order in full:
        return _Order(options.date_order, "declared")
    if not full:
        return _Order(max(fits, key=lambda order: fits[order], default=DateOrder.DMY), "certain")
    raise AmbiguousDates(readings=[_as_fact(written, order) for order in full])


def _fits(met: re.Match[str], order: DateOrder) -> bool:
    day = _ordered(met, order)
    if day is None:
        return False
    weekday = met["weekday"][:3].casefold()
    return weekday not in _WEEKDAYS or _WEEKDAYS[day.weekday()] == weekday


def _as_fact(written: list[re.Match[str]], order: DateOrder) -> dict[str, str | None]:
    days = [day for met in written if (day := _ordered(met, order))]
    shown = _ordered(written[0], order)
    return {
        "date_order": order.value,
        "first_at": days[0].isoformat() if days else None,
        "last_at": days[-1].isoformat() if days else None,
        "line": written[0][0][:EXAMPLE_CHARS_MAX],
        "line_at": shown.isoformat() if shown else None,
    }


def _ordered(met: re.Match[str], order: DateOrder) -> date | None:
    a, b = int(met["a"]), int(met["b"])
    day, month = (a, b) if order is DateOrder.DMY else (b, a)
    return _date(int(met["y"]), month, day)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _day_of(line: str, order: DateOrder = DateOrder.DMY) -> date | None:
    if met := _YEAR_FIRST.fullmatch(line):
        return _date(int(met["y"]), int(met["m"]), int(met["d"]))
    if met := _YEAR_LAST.fullmatch(line):
        return _ordered(met, order)
    return None


class _Headers:
    """Reads headers; remembers the day they are of, and a text between quotation marks."""

    def __init__(
        self, options: ReadingOptions, order: DateOrder | None, layout: re.Pattern[str]
    ) -> None:
        self._tz, self._order, self._layout = options.tz, order or DateOrder.DMY, layout
        self._day: date | None = None
        self._is_quoted = False

    def read(self, line: str) -> Entry | Frame | None:
        if self._is_quoted:
            self._is_quoted = not line.endswith('"')
            return None
        if line[:1].isdigit() or line[:1] in "上下午":
            met = self._layout.fullmatch(line)
            if met and self._day and (at := self._time(met)):
                return self._entry(at, met)
        if len(line) < 40 and (day := _day_of(line, self._order)):
            self._day = day
            return Frame(line)
        return None

    def _entry(self, at: datetime, met: re.Match[str]) -> Entry:
        text = met["text"] or ""
        self._is_quoted = text.startswith('"') and (len(text) < 2 or not text.endswith('"'))
        return Entry(at, met["who"] or None, text)

    def _time(self, met: re.Match[str]) -> datetime | None:
        hour, minute = int(met["h"]), int(met["n"])
        if period := met["before"] or met["after"]:
            hour = hour % 12 + _PERIODS[period.lower()]
        day = self._day
        if day is None or hour > 23 or minute > 59:
            return None
        return datetime(day.year, day.month, day.day, hour, minute, tzinfo=self._tz)


def _words(text: str) -> Words:
    if text.startswith('"') and text.endswith('"') and "\n" in text:
        text = text[1:-1].replace('""', '"')
    if text.startswith("[") and (_MEDIA.fullmatch(text) or _FILE.fullmatch(text)):
        return Words("", MessageKind.MEDIA)
    if text.startswith("[") and _LOCATION.fullmatch(text):
        return Words(text.partition("]")[2].strip(), MessageKind.LOCATION)
    if text.startswith(_CALL_MARK):
        return Words("", MessageKind.CALL)
    if len(text) < 100 and _UNSENT.fullmatch(text):
        return Words("", MessageKind.DELETED)
    return Words(text)


def _notice(text: str) -> tuple[NoticeKind, tuple[str, ...]]:
    if _JOINED.search(text):
        return NoticeKind.JOINED, ()
    if _LEFT.search(text):
        return NoticeKind.LEFT, ()
    return (NoticeKind.SETTING if _UNSENT.fullmatch(text) else NoticeKind.UNKNOWN), ()


LINE = Format("line", "LINE (text)", _recognises, _read)
