"""WhatsApp as a format of the registry."""

from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.text import head_text, read_text
from app.chats.formats.whatsapp.export import parse_export
from app.chats.formats.whatsapp.headers import has_header
from app.chats.transcript import Transcript


def _recognises(head: bytes) -> bool:
    return has_header("\n" + head_text(head))


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    return parse_export(read_text(raw), date_order=options.date_order, tz=options.tz)


WHATSAPP = Format("whatsapp", "WhatsApp", _recognises, _read)
