"""KakaoTalk's export of the Mac: CSV of `Date,User,Message`."""

from app.chats.formats.assembly import OTHER_FORM, Assembly
from app.chats.formats.csv_rows import LINE_CHARS_MAX, ends_open, header_of, rows_of
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.kakaotalk import event_of, words_of
from app.chats.formats.text import head_text, read_text
from app.chats.formats.times import IsoTimes
from app.chats.transcript import Transcript

_COLUMNS = ["Date", "User", "Message"]


def _recognises(head: bytes) -> bool:
    first = head_text(head)[:LINE_CHARS_MAX].partition("\n")[0]
    return first.startswith(("Date", '"Date"')) and header_of(first) == _COLUMNS


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    chat = Assembly("kakaotalk-mac", "kakaotalk")
    text, times = read_text(raw), IsoTimes(options.tz)
    chat.replaced_bytes, chat.is_cut = text.replaced, ends_open(text)
    chat.lacks("time_zone")
    for number, row in rows_of(text):
        try:
            _read_row(chat, row, times, number)
        except OTHER_FORM:
            chat.leave_out(number, ",".join(row))
    return chat.transcript()


def _read_row(chat: Assembly, row: list[str], times: IsoTimes, line: int) -> None:
    date, user, message = row
    at = times.wall(date)
    if at is None:
        raise ValueError("a row without a time")
    event = event_of(message, user)
    if event is not None:
        chat.note(at, *event, line=line)
        return
    said = words_of(message)
    if isinstance(said, str):
        chat.say(at, chat.names.get(user) or chat.author(user), said)
    elif said.kind is not None:
        chat.say(at, chat.author(user), said.text, said.kind)


KAKAOTALK_CSV = Format("kakaotalk-csv", "KakaoTalk (CSV, of the Mac)", _recognises, _read)
