"""KakaoTalk's text exports: of the PC, with a line for each day, and of phones, with the whole
time on each line; in Korean and in English."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo

from app.chats.formats.assembly import Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.lines import FRAME, MONTHS, Entry, Grammar, Words, read_lines, text_of
from app.chats.formats.text import head_text
from app.chats.formats.times import Remembered, WallTimes, clock_of, day_of, midnight
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

_TITLE = re.compile(
    r"(?P<ko>.+?) ?(?:님과(?:의)? )?카카오톡 대화|KakaoTalk Chats with (?P<en>.+)"
    r"|(?P<pc>.+?) with KakaoTalk Chats|(?P<ios>.+?) (?:Kakao)?Talk Chats"
)
_SAVED = re.compile(r"(?:저장한 날짜|Date Saved|Saved Date) ?: ?.+")
_PREFACE_LINES_MAX = 6

_KO_DAY = r"\d{4}(?:년|\.) ?\d{1,2}(?:월|\.) ?\d{1,2}(?:일|\.)"
_EN_DAY = r"[A-Z][a-z]{2,8}\.? \d{1,2}, \d{4}"
_DAY = re.compile(
    r"(?P<y>\d{4})\D+(?P<m>\d+)\D+(?P<d>\d+)\D+"
    r"|(?P<month>[A-Z][a-z]+)\.? (?P<day>\d+), (?P<year>\d{4})"
)
_SPACE = r"[ \u00a0\u202f]"
_TIME = rf"(?:(?:오전|오후){_SPACE})?\d{{1,2}}:\d{{2}}(?:{_SPACE}[AaPp]\.?[Mm]\.?)?"
_CLOCK = re.compile(
    rf"(?:(?P<before>오전|오후){_SPACE})?(?P<h>\d+):(?P<n>\d+)(?:{_SPACE}(?P<after>.*))?"
)
_PC_DAY = (
    rf"-{{5,40}} (?:(?P<ko>{_KO_DAY}) \S{{1,9}}|[A-Za-z]{{1,12}}, (?P<en>{_EN_DAY})) -{{5,40}}"
)
_EVENT = (
    r"[^\n]{1,400}(?:님이 들어왔습니다|님이 나갔습니다|님을 초대했습니다|님을 내보냈습니다"
    r"|(?:joined|left) this chatroom|invited [^\n]{1,100})\.?(?: ?채팅방으로 초대하기)?"
    r"|채팅방 관리자가 메시지를 가렸습니다\.?"
)
_PC = re.compile(
    rf"(?m)\n(?:\[(?P<who>[^\n]{{1,100}}?)\] \[(?P<clock>{_TIME})\](?: |$)"
    rf"|{_PC_DAY}$|(?=(?P<event>{_EVENT})$))"
)
_PC_DAYS = re.compile(rf"(?m)\n{_PC_DAY}$")
_PHONE = re.compile(
    rf"(?m)\n(?:[A-Z][a-z]{{2,8}}, )?(?P<day>{_KO_DAY}|{_EN_DAY})"
    rf"(?:(?: |, | at )(?P<clock>{_TIME})(?P<said>, (?:(?P<who>[^\n]{{1,100}}?) :(?: |$))?|: |$)"
    r"|(?: [월화수목금토일]요일)?$)"
)
_MOVED = re.compile(
    r"(?P<who>.{1,100}?)님이 (?:(?P<invited>.{1,300}?)님을 초대했습니다|들어왔습니다|나갔습니다"
    r"|(?P<out>.{1,100}?)님을 내보냈습니다)"
    r"|(?P<en>.{1,100}?) (?:joined this chatroom|left this chatroom|invited (?P<guests>.{1,300}))"
)
_LEFT = ("나갔습니다", "내보냈습니다", "left this chatroom")
_HIDDEN = "메시지를 가렸습니다"
_CURTAINED = re.compile(rf"채팅방 관리자가 {_HIDDEN}\.?")

_MARK = re.compile(
    r"(?P<media>사진(?: \d{1,3}장)?|동영상|이모티콘|음성메시지|샵검색: .*|파일: .*"
    r"|카카오톡 프로필: .*|Photos?|\d{1,3} photos?|Video|Emoticons?|Voice (?:Note|Message)"
    r"|\((?:이모티콘|[Ee]moticon)\) ?"
    r"|File: .*|Contact: .*|<사진 읽지 않음>|[0-9a-f]{64}\.(?:jpe?g|png|gif|mp4|m4a))"
    r"|(?P<deleted>(?:삭제된 메시지입니다|This message (?:was|has been) deleted)\.?)"
    r"|(?P<call>(?:보이스톡|페이스톡|라이브톡|그룹콜|Voice Call|Video Call)"
    r"(?: (?:해요|시작|종료|부재중|취소|응답 없음|Ended|Missed|Canceled|No Answer).*)?)"
    r"|(?:지도|위치|Map|Location): (?P<location>(?:.|\n)*)"
)
_MARK_CHARS_MAX = 200
_MARK_BEGINNINGS = frozenset("사동이음샵파카삭보페라그지위PVEFCTML(<0123456789abcdef")


def _recognises(head: bytes) -> bool:
    text = "\n" + head_text(head).removesuffix("\n")
    first = text.split("\n", _PREFACE_LINES_MAX + 1)[1:]
    if any(map(_SAVED.fullmatch, first)) or "카카오톡 대화" in first[0] or "KakaoTalk" in first[0]:
        return _PC.search(text) is not None or _PHONE.search(text) is not None
    return _PC_DAYS.search(text) is not None and _PC.search(text) is not None


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("kakaotalk-phone", "kakaotalk")
    text = text_of(chat, raw)
    preface = 0
    for number, line in enumerate(text.split("\n", _PREFACE_LINES_MAX + 1)[1:-1], 1):
        if titled := _TITLE.fullmatch(line):
            chat.title, preface = next(filter(None, titled.groups()), None), number
        elif _SAVED.fullmatch(line):
            preface = number
    chat.lacks("time_zone")
    times = WallTimes(options.tz, _day, _clock)
    grammar = Grammar(_PHONE, _phone_headers(times), words_of, _notice, " : ", True)
    if _PC_DAYS.search(text):
        chat.format = "kakaotalk-pc"
        grammar = grammar._replace(header=_PC, read=_PcHeaders(options.tz).read, author_end="")
    read_lines(chat, text, grammar, preface_lines=preface)
    return chat.transcript()


class _PcHeaders:
    """`[name] [time] text` under a line of dashes with the day."""

    def __init__(self, tz: tzinfo) -> None:
        self._tz = tz
        self._clocks = Remembered(_clock)
        self._day: datetime | None = None
        self._last: datetime | None = None

    def read(self, met: re.Match[str]) -> Entry | None:
        who, written, korean, english, event = met.groups()
        if who is not None:
            day, clock = self._day, self._clocks[written]
            if day is None or clock is None:
                return None
            self._last = day + clock
            return self._last, who, 0
        if event is None:
            self._day, self._last = midnight(_day(korean or english), self._tz), None
            return FRAME
        if self._day is None:
            return None
        # The layout tells no time of who came and went: that of the message before.
        return self._last or self._day, None, 0


def _phone_headers(times: WallTimes) -> Callable[[re.Match[str]], Entry | None]:
    """`time, name : text`, on an iPhone `time: event`, and a line for each day."""
    begins, steps = times.begins, times.steps

    def read(met: re.Match[str]) -> Entry | None:
        day, clock, said, who = met.groups()
        if not said:
            return FRAME
        try:
            return begins[day] + steps[clock], who, 0
        except TypeError:
            return None

    return read


def _day(written: str) -> date | None:
    met = _DAY.fullmatch(written)
    if met is None:
        return None
    if met["y"]:
        return day_of(int(met["y"]), int(met["m"]), int(met["d"]))
    return day_of(int(met["year"]), MONTHS.get(met["month"][:3].lower(), 0), int(met["day"]))


def _clock(written: str) -> timedelta | None:
    met = _CLOCK.fullmatch(written)
    if met is None:
        return None
    hour, before, after = int(met["h"]), met["before"], met["after"]
    if before or after:
        is_late = before == "오후" or (after or "")[:1] in ("p", "P")
        hour = hour % 12 + (12 if is_late else 0)
    return clock_of(hour, int(met["n"]), 0)


def words_of(text: str) -> Words | str:
    """A message's text, or what its mark stands for."""
    if text[:1] not in _MARK_BEGINNINGS or len(text) > _MARK_CHARS_MAX:
        return text
    if (mark := _MARK.fullmatch(text)) is None:
        return text
    return Words(mark["location"] or "", MessageKind(mark.lastgroup))


def event_of(text: str, user: str) -> tuple[NoticeKind, str, tuple[str, ...]] | None:
    """What a row of `user` tells of who came and went; None if a person wrote it."""
    # One after the other: `any` over them takes four times as long.
    if not ("습니다" in text or " this chatroom" in text or " invited " in text):
        return None
    met = _MOVED.fullmatch(text.rstrip("."))
    is_event = met is not None and user in ("", met["who"], met["en"], met["out"])
    if not is_event and _CURTAINED.fullmatch(text) is None:
        return None
    kind, people = _notice(text)
    return kind, text, people


def _notice(text: str) -> tuple[NoticeKind, tuple[str, ...]]:
    met = _MOVED.match(text)
    if met is None:
        return (NoticeKind.SETTING if _HIDDEN in text else NoticeKind.UNKNOWN), ()
    people = met["invited"] or met["guests"] or met["out"] or met["who"] or met["en"]
    names = tuple(name.removesuffix("님") for name in re.split(r", |님과 ", people.rstrip(".")))
    is_left = any(word in text for word in _LEFT)
    return (NoticeKind.LEFT if is_left else NoticeKind.JOINED), names


KAKAOTALK = Format("kakaotalk", "KakaoTalk (text, of PC and phone)", _recognises, _read)
