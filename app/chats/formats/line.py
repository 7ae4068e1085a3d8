"""LINE's text export: a title, a line for each day, and columns between tabs."""

import re
from collections import Counter
from datetime import date, datetime, timedelta, tzinfo
from typing import NamedTuple

from app.chats.formats.assembly import Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.lines import FRAME, Entry, Grammar, Words, read_lines, text_of
from app.chats.formats.text import head_text
from app.chats.formats.times import Remembered, clock_of, midnight
from app.chats.formats.whatsapp.calendars import to_date
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
    r"|\"?(?P<ja>.+?)\"?(?:との|の)トーク履歴|(?P<ko>.+?)(?:님과|과|와)의 (?:대화|채팅)(?: 내용)?"
    r"|(?:ประวัติการแชท|แชท)(?:กับ|ใน) ?(?P<th>.+)|Riwayat (?:chat|obrolan) (?:dengan|di) (?P<id>.+)"
    r"|(?P<other>.+?)(?:的聊天[记記][录錄])?)\s*"
)
_YEAR_FIRST = (
    r"(?:(?P<era>令和|平成|[RH](?=\d)) ?(?P<of_era>\d{1,2}|元)|(?:พ\.ศ\. ?)?(?P<y>\d{4}))"
    r"(?:[./年년] ?|-)(?P<m>\d{1,2})(?:[./月월] ?|-)(?P<d>\d{1,2})[日일.]?"
    r"(?: ?[(（]?[^\d\s)）]{1,12}[)）]?)?[ \t]*"
)
_YEAR_LAST = (
    r"(?:(?P<weekday>[^\d\s,，]{2,12})[,，]|[ก-๙.]{2,16}) ?"
    r"(?P<a>\d{1,2})(?P<between>[/.])(?P<b>\d{1,2})[/.]"
    r"(?:พ\.ศ\. ?)?(?P<year>\d{4})(?: ?(?:B\.?E\.?|พ\.ศ\.))?[ \t]*"
)
_DAY = re.compile(rf"{_YEAR_FIRST}|{_YEAR_LAST}")
_DAYS = re.compile(rf"(?m)\n(?:{_YEAR_FIRST}|{_YEAR_LAST})$")
_PERIODS = {
    "上午": 0, "午前": 0, "오전": 0, "am": 0, "下午": 12, "午後": 12, "오후": 12, "pm": 12,
}  # fmt: skip
_TIME = r"(?P<clock>(?:(?:[上下]午|午[前後]|오[전후]) ?)?\d{1,2}[:.]\d{2}(?: ?[AaPp][Mm])?)"
_CLOCK = re.compile(r"(?P<before>\D*)(?P<h>\d+)[:.](?P<n>\d+)(?P<after>\D*)")
_FRAME = rf"(?:{_YEAR_FIRST}|{_YEAR_LAST})$"
# A header has a time and an author, a frame neither.
_TABBED = re.compile(rf"(?m)\n(?:{_TIME}\t(?:(?P<who>[^\t\n]*)\t)?|{_FRAME})")
_SPACED = re.compile(rf"(?m)\n(?:{_TIME} (?P<who>\S+)(?: |$)|{_FRAME})")
_CLOCK_GROUP, _WHO_GROUP = 1, 2
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_TITLE_LINES, _TITLE_CHARS_MAX = 2, 1_000
_QUOTATION = re.compile(r'"[^"]*+(?:""[^"]*+)*+"(?=\n|\Z)')

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
_UNSENT_WORDS = ("unsent", "收回", "撤回", "取り消し")
_CALL_MARK = "☎"
_ODD_BEGINNINGS = frozenset(f'"[{_CALL_MARK}')
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
    text = head_text(head).lstrip("\n")
    first, _, rest = text.partition("\n")
    if not (first.startswith("[LINE]") or _DAY.fullmatch(first)):
        return False
    return any(
        met["clock"] for layout in (_TABBED, _SPACED) for met in layout.finditer("\n" + rest)
    )


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("line-txt", "line")
    text = text_of(chat, raw)
    if titled := _TITLE.fullmatch(text[1:].partition("\n")[0][:_TITLE_CHARS_MAX]):
        chat.title = next(filter(None, titled.groups()), None)
    chat.lacks("time_zone")
    layout = _TABBED if any(met["clock"] for met in _TABBED.finditer(text)) else _SPACED
    if layout is _SPACED:
        chat.lacks("author")  # Where a name of several words ends is not told.
    order = _order_of(text, options)
    chat.date_order, chat.order_confidence = order
    headers = _Headers(options.tz, order.order)
    words = _spaced_words if layout is _SPACED else _words
    grammar = Grammar(layout, headers.read, words, _notice)
    read_lines(chat, text, grammar, preface_lines=_TITLE_LINES if titled else 0)
    return chat.transcript()


def _order_of(text: str, options: ReadingOptions) -> _Order:
    """How days are written: told by the year, by weekdays, by values above 12, or declared.

    Raises AmbiguousDates.
    """
    days = list(_DAYS.finditer(text))
    written = [met for met in days if met["year"]]
    if not written:
        return _Order(DateOrder.YMD if days else None, "certain" if days else None)
    fits = Counter(
        order for met in written for order in (DateOrder.DMY, DateOrder.MDY) if _fits(met, order)
    )
    best = max(fits.values(), default=0)
    open_orders = [order for order in (DateOrder.DMY, DateOrder.MDY) if fits[order] == best]
    if len(open_orders) == 1:
        return _Order(open_orders[0], "certain")
    if options.date_order in open_orders:
        return _Order(options.date_order, "declared")
    raise AmbiguousDates(readings=[_as_fact(written, order) for order in open_orders])


def _fits(met: re.Match[str], order: DateOrder) -> bool:
    day = _day_of(met, order)
    # With dots between no locale puts the month first.
    if day is None or (order is DateOrder.MDY and met["between"] == "."):
        return False
    weekday = (met["weekday"] or "")[:3].casefold()
    return weekday not in _WEEKDAYS or _WEEKDAYS[day.weekday()] == weekday


def _as_fact(written: list[re.Match[str]], order: DateOrder) -> dict[str, str | None]:
    days = [day for met in written if (day := _day_of(met, order))]
    shown = _day_of(written[0], order)
    return {
        "date_order": order.value,
        "first_at": days[0].isoformat() if days else None,
        "last_at": days[-1].isoformat() if days else None,
        "line": written[0][0][1 : EXAMPLE_CHARS_MAX + 1],
        "line_at": shown.isoformat() if shown else None,
    }


def _day_of(met: re.Match[str], order: DateOrder | None) -> date | None:
    """The Gregorian day; its year may be Buddhist, or of a Japanese era."""
    era, of_era, year, month, day = met.group("era", "of_era", "y", "m", "d")
    if era is not None:
        return to_date(1 if of_era == "元" else int(of_era), int(month), int(day), era=era)
    if year is not None:
        return to_date(int(year), int(month), int(day))
    year, a, b = met.group("year", "a", "b")
    month, day = (a, b) if order is DateOrder.MDY else (b, a)
    return to_date(int(year), int(month), int(day))


class _Headers:
    """Reads headers; remembers the day they are of."""

    def __init__(self, tz: tzinfo, order: DateOrder | None) -> None:
        self._tz, self._order = tz, order
        self._clocks = Remembered(_clock)
        self._day: datetime | None = None

    def read(self, met: re.Match[str]) -> Entry | None:
        written, who = met.group(_CLOCK_GROUP, _WHO_GROUP)
        if written is None:
            self._day = midnight(_day_of(met, self._order), self._tz)
            return FRAME
        day, clock = self._day, self._clocks[written]
        if day is None or clock is None:
            return None
        is_quoted = met.string.startswith('"', met.end())
        return day + clock, who or None, _end_of_quotation(met) if is_quoted else 0


def _clock(written: str) -> timedelta | None:
    met = _CLOCK.fullmatch(written)
    if met is None:
        return None
    hour, period = int(met["h"]), (met["before"] or met["after"]).strip().lower()
    return clock_of(hour % 12 + _PERIODS[period] if period else hour, int(met["n"]), 0)


def _end_of_quotation(met: re.Match[str]) -> int:
    """Where a text of several lines ends, which stands between quotation marks; 0 of another."""
    closed = _QUOTATION.match(met.string, met.end())
    return closed.end() if closed else 0


def _words(text: str) -> Words | str:
    is_odd = text[:1] in _ODD_BEGINNINGS or not text.isascii() or _UNSENT_WORDS[0] in text
    return _odd_words(text) if is_odd else text


def _spaced_words(text: str) -> Words | str:
    """What stands behind the first word: it may be who did something."""
    if _JOINED.fullmatch(text.rstrip(".")) or _LEFT.fullmatch(text.rstrip(".")):
        return Words(text, None)
    return Words("", MessageKind.DELETED) if text == "unsent a message." else _words(text)


def _odd_words(text: str) -> Words | str:
    if text.startswith('"') and text.endswith('"') and "\n" in text:
        text = text[1:-1].replace('""', '"')
    if text.startswith("[") and (_MEDIA.fullmatch(text) or _FILE.fullmatch(text)):
        return Words("", MessageKind.MEDIA)
    if text.startswith("[") and _LOCATION.fullmatch(text):
        return Words(text.partition("]")[2].strip(), MessageKind.LOCATION)
    if text.startswith(_CALL_MARK):
        return Words("", MessageKind.CALL)
    if any(word in text for word in _UNSENT_WORDS) and _UNSENT.fullmatch(text):
        return Words("", MessageKind.DELETED)
    return text


def _notice(text: str) -> tuple[NoticeKind, tuple[str, ...]]:
    if _JOINED.search(text):
        return NoticeKind.JOINED, ()
    if _LEFT.search(text):
        return NoticeKind.LEFT, ()
    return (NoticeKind.SETTING if _UNSENT.fullmatch(text) else NoticeKind.UNKNOWN), ()


LINE = Format("line", "LINE (text)", _recognises, _read)
