"""The formats that are read, and which of them a file has."""

from app.chats.formats.format import HEAD_BYTES, Format
from app.chats.formats.strangers import about
from app.chats.formats.whatsapp.format import WHATSAPP
from app.chats.transcript import EmptyChat, UnrecognisedFormat

# The first that recognises a file reads it: the strict before the generous.
FORMATS: tuple[Format, ...] = (WHATSAPP,)

_BLANK = b" \t\r\n\xef\xbb\xbf"


def find_format(raw: bytes) -> Format:
    """The format of a file, told by its content. Raises EmptyChat or UnrecognisedFormat."""
    head = raw[:HEAD_BYTES]
    if not head.strip(_BLANK):
        raise EmptyChat
    for known in FORMATS:
        if known.recognises(head):
            return known
    titles = [known.title for known in FORMATS]
    raise UnrecognisedFormat(about(head, titles), formats=titles)


def is_chat(head: bytes) -> bool:
    """Some format recognises a file that begins so."""
    return any(known.recognises(head) for known in FORMATS)
