"""Generic JSON Lines: an object a line, `{"at": …, "author": …, "text": …}`.

`at` is ISO 8601, or seconds since 1970; a line without an author is a notice.
"""

from collections.abc import Iterator
from datetime import tzinfo
from functools import partial
from typing import Any

from app.chats.formats.assembly import Assembly
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
    chat.read_element_lines(raw, partial(_read_one, options.tz, times))
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
        return
    kind = MessageKind(told["kind"]) if told.get("kind") else MessageKind.TEXT
    author = chat.names.get(told["author"]) or chat.author(told["author"])
    chat.say(at, author, text, kind, told.get("edited") is True)


JSON_LINES = Format("json-lines", 'JSON Lines {"at", "author", "text"}', _recognises, _read)
