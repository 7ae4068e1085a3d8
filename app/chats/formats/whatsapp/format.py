"""WhatsApp as a format of the registry."""

from app.chats.formats.format import Format, ReadingOptions
from app.chats.formats.text import decode_text
from app.chats.formats.whatsapp.export import parse_export
from app.chats.formats.whatsapp.headers import sniff
from app.chats.transcript import Transcript


def _recognises(head: bytes) -> bool:
    # The head may end inside a character: what cannot be read in it is not looked at.
    return sniff("\n" + head.decode(_encoding(head), "ignore").removeprefix("\ufeff")) is not None


def _encoding(head: bytes) -> str:
    return "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8"


def _read(raw: bytes, options: ReadingOptions) -> Transcript:
    text, replaced = decode_text(raw)
    return parse_export(text, date_order=options.date_order, tz=options.tz, replaced_bytes=replaced)


WHATSAPP = Format("whatsapp", "WhatsApp", _recognises, _read)
