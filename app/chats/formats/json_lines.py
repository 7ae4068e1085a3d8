"""Generic JSON Lines: an object a line, `{"at": …, "author": …, "text": …}`.

`at` is ISO 8601, or seconds since 1970; a line without an author is a notice.
"""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from app.chats.formats.assembly import OTHER_FORM, Assembly
from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.json_stream import elements_of_lines, plain_json
from app.chats.formats.times import IsoTimes, from_seconds, number_of
from app.chats.message import MessageKind
from app.chats.transcript import NoticeKind, Transcript

_FIELDS = frozenset({"at", "author", "text"})
_LINES_LOOKED_AT = 5


def _recognises(head: bytes) -> bool:
    return any(told.keys() >= _FIELDS for told in _first_objects(head))


def _first_objects(head: bytes) -> Iterator[dict[str, Any]]:
    for number, told in elements_of_lines(plain_json(head)):
        if number > _LINES_LOOKED_AT:
            return
        if isinstance(told, dict):
            yield told


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    raw, times = plain_json(raw), IsoTimes(options.tz)
    chat = Assembly("json-lines", "unknown")
    for number, told in elements_of_lines(raw):
        try:
            _read_one(options.tz, times, chat, number, told)
        except OTHER_FORM:
            chat.leave_out(number, str(told))
    lines = raw.removesuffix(b"\n").count(b"\n") + 1
    chat.blank_lines = lines - chat.message_lines - chat.notice_lines - chat.unparsed_lines
    return chat.transcript()


def _read_one(tz: tzinfo, times: IsoTimes, chat: Assembly, number: int, told: Any) -> None:
    written, text = told["at"], told["text"]
    if isinstance(written, str) and not written.strip().isdigit():
        at, is_absolute = times.read(written)
        if not is_absolute:
            chat.lacks("time_zone")
    else:
        at = from_seconds(number_of(written), tz)
    if told["author"] is None:
        chat.note(at, NoticeKind.UNKNOWN, text, line=number)
        chat.notice_lines += 1
        return
    kind = MessageKind(told["kind"]) if told.get("kind") else MessageKind.TEXT
    chat.say(at, chat.author(told["author"]), text, kind, told.get("edited") is True)
    chat.message_lines += 1


JSON_LINES = Format("json-lines", 'JSON Lines {"at", "author", "text"}', _recognises, _read)
