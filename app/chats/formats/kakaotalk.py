"""KakaoTalk's text exports: of the PC, with a line for each day, and of phones, with the whole
time on each line; in Korean and in English."""

import re
from datetime import date, datetime, tzinfo

from app.chats.formats.assembly import Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.lines import MONTHS, Entry, Frame, Words, lines_of, read_lines
from app.chats.formats.text import head_text
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

_TITLE = re.compile(
    r"(?P<ko>.+?) ?(?:님과(?:의)? )?카카오톡 대화|KakaoTalk Chats with (?P<en>.+)"
    r"|(?P<pc>.+?) with KakaoTalk Chats|(?P<ios>.+?) (?:Kakao)?Talk Chats"
)
_SAVED = re.compile(r"(?:저장한 날짜|Date Saved|Saved Date) ?: ?.+")
_KO_DAY = r"(?P<y>\d{4})(?:년|\.) ?(?P<m>\d{1,2})(?:월|\.) ?(?P<d>\d{1,2})(?:일|\.)"
_EN_DAY = r"(?P<month>[A-Z][a-z]{2,8})\.? (?P<day>\d{1,2}), (?P<year>\d{4})"
_SPACE = r"[ \u00a0\u202f]"
_TIME = (
    rf"(?:(?P<before>오전|오후){_SPACE})?(?P<h>\d{{1,2}}):(?P<n>\d{{2}})"
    rf"(?:{_SPACE}(?P<after>[AaPp]\.?[Mm]\.?))?"
)
_PC_DAY = re.compile(rf"-{{5,}} (?:{_KO_DAY} \S+|[A-Za-z]+, {_EN_DAY}) -{{5,}}")
_PC = re.compile(rf"\[(?P<who>[^\n]{{1,100}}?)\] \[{_TIME}\](?: (?P<text>.*))?")
_PHONE = re.compile(
    rf"(?:{_KO_DAY} |{_EN_DAY}(?:,| at) ){_TIME}(?:, (?:(?P<who>.{{1,100}}?) : )?(?P<text>.*))?"
)
_PHONE_DAY = re.compile(rf"(?:{_KO_DAY}(?: \S+요일)?|(?:[A-Za-z]+, )?{_EN_DAY})")
_MOVED = re.compile(
    r"(?P<who>.{1,100}?)님이 (?:(?P<invited>.{1,300}?)님을 초대했습니다|들어왔습니다|나갔습니다|"
    r"(?P<out>.{1,100}?)님을 내보냈습니다)\.?(?: ?채팅방으로 초대하기)?"
    r"|(?P<en>.{1,100}?) (?:joined this chatroom|left this chatroom|"
    r"invited (?P<guests>.{1,300}))\.?"
)
_LEFT = ("나갔습니다", "내보냈습니다", "left this chatroom")
_HIDDEN = re.compile(r"채팅방 관리자가 메시지를 가렸습니다\.?")

_MEDIA = re.compile(
    r"사진(?: \d{1,3}장)?|동영상|이모티콘|음성메시지|샵검색: .*|파일: .*|카카오톡 프로필: .*"
    r"|Photos?|\d{1,3} photos?|Video|Emoticons?|Voice (?:Note|Message)|File: .*|Contact: .*"
    r"|<사진 읽지 않음>|[0-9a-f]{64}\.(?:jpe?g|png|gif|mp4|m4a)"
)
_DELETED = re.compile(r"(?:삭제된 메시지입니다|This message (?:was|has been) deleted)\.?")
_CALL = re.compile(
    r"(?:보이스톡|페이스톡|라이브톡|그룹콜|Voice Call|Video Call)"
    r"(?: (?:해요|시작|종료|부재중|취소|응답 없음|Ended|Missed|Canceled|No Answer).*)?"
)
_LOCATION = re.compile(r"(?:지도|위치|Map|Location): (?P<place>.*)", re.DOTALL)


def _recognises(head: bytes) -> bool:
    lines = head_text(head).split("\n")
    if any(_SAVED.fullmatch(line) for line in lines[:6]) or _has_title(lines[0]):
        return any(_PC.fullmatch(line) or _PHONE.fullmatch(line) for line in lines)
    is_pc = any(_PC_DAY.fullmatch(line) for line in lines)
    return is_pc and any(_PC.fullmatch(line) for line in lines)


def _has_title(line: str) -> bool:
    return "카카오톡 대화" in line or "KakaoTalk" in line


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("kakaotalk-phone", "kakaotalk")
    lines = lines_of(chat, raw)
    is_pc = any(_PC_DAY.fullmatch(line) for line in lines)
    if is_pc:
        chat.format = "kakaotalk-pc"
    preface = 0
    for number, line in enumerate(lines[:6], 1):
        if titled := _TITLE.fullmatch(line):
            chat.title = next(filter(None, titled.groups()), None)
            preface = number
        elif _SAVED.fullmatch(line):
            preface = number
    chat.lacks("time_zone")
    read_lines(
        chat,
        lines,
        header=_PcHeaders(options.tz).read if is_pc else _PhoneHeaders(options.tz).read,
        words=_words,
        notice=_notice,
        preface_lines=preface,
    )
    return chat.transcript()


class _PcHeaders:
    """`[name] [time] text` under a line of dashes with the day."""

    def __init__(self, tz: tzinfo) -> None:
        self._tz = tz
        self._day: date | None = None
        self._last: datetime | None = None

    def read(self, line: str) -> Entry | Frame | None:
        if line.startswith("[") and self._day and (met := _PC.fullmatch(line)):
            at = _time(met, self._day, self._tz)
            if at is not None:
                self._last = at
                return Entry(at, met["who"], met["text"] or "")
        if line.startswith("-----") and (met := _PC_DAY.fullmatch(line)):
            self._day = _day(met) or self._day
            self._last = None
            return Frame(line)
        if self._day and len(line) < 600 and (_MOVED.fullmatch(line) or _HIDDEN.fullmatch(line)):
            # The layout tells no time of who came and went: that of the message before.
            day = self._day
            midnight = datetime(day.year, day.month, day.day, tzinfo=self._tz)
            return Entry(self._last or midnight, None, line)
        return None


class _PhoneHeaders:
    """`time, name : text`, and a line for each day."""

    def __init__(self, tz: tzinfo) -> None:
        self._tz = tz

    def read(self, line: str) -> Entry | Frame | None:
        if not (line[:1].isdigit() or line[:1].isupper()):
            return None
        met = _PHONE.fullmatch(line)
        if met and (day := _day(met)) and (at := _time(met, day, self._tz)):
            if met["text"] is None:
                return Frame(line)
            return Entry(at, met["who"], met["text"])
        return Frame(line) if len(line) < 40 and _PHONE_DAY.fullmatch(line) else None


def _day(met: re.Match[str]) -> date | None:
    try:
        if met["y"]:
            return date(int(met["y"]), int(met["m"]), int(met["d"]))
        return date(int(met["year"]), MONTHS[met["month"][:3].lower()], int(met["day"]))
    except (ValueError, KeyError):
        return None


def _time(met: re.Match[str], day: date, tz: tzinfo) -> datetime | None:
    hour, minute = int(met["h"]), int(met["n"])
    if met["before"] or met["after"]:
        is_late = met["before"] == "오후" or (met["after"] or "").lower().startswith("p")
        hour = hour % 12 + (12 if is_late else 0)
    if hour > 23 or minute > 59:
        return None
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=tz)


def _words(text: str) -> Words:
    if len(text) < 200:
        if _MEDIA.fullmatch(text):
            return Words("", MessageKind.MEDIA)
        if _DELETED.fullmatch(text):
            return Words("", MessageKind.DELETED)
        if _CALL.fullmatch(text):
            return Words("", MessageKind.CALL)
    if found := _LOCATION.fullmatch(text):
        return Words(found["place"], MessageKind.LOCATION)
    return Words(text)


def _notice(text: str) -> tuple[NoticeKind, tuple[str, ...]]:
    met = _MOVED.match(text)
    if met is None:
        kind = NoticeKind.SETTING if _HIDDEN.match(text) else NoticeKind.UNKNOWN
        return kind, ()
    people = met["invited"] or met["guests"] or met["out"] or met["who"] or met["en"]
    names = tuple(name.removesuffix("님") for name in re.split(r", |님과 ", people))
    is_left = any(word in text for word in _LEFT)
    return (NoticeKind.LEFT if is_left else NoticeKind.JOINED), names


KAKAOTALK = Format("kakaotalk", "KakaoTalk (text, of PC and phone)", _recognises, _read)
