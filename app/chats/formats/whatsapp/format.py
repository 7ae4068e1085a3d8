"""WhatsApp as a format of the registry."""

from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.text import decode_text, head_text
from app.chats.formats.whatsapp.export import parse_export
from app.chats.formats.whatsapp.headers import has_header
from app.chats.transcript import Transcript


def _recognises(head: bytes) -> bool:
    return has_header("\n" + head_text(head))


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    text, replaced = decode_text(raw)
    return parse_export(text, date_order=options.date_order, tz=options.tz, replaced_bytes=replaced)


WHATSAPP = Format("whatsapp", "WhatsApp", _recognises, _read)
