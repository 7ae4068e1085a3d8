"""The formats that are read, and which of them a file has."""

from app.chats.formats.discord import DISCORD
from app.chats.formats.format import HEAD_BYTES, Format, ReadingOptions
from app.chats.formats.imessage import IMESSAGE
from app.chats.formats.json_lines import JSON_LINES
from app.chats.formats.kakaotalk import KAKAOTALK
from app.chats.formats.kakaotalk_csv import KAKAOTALK_CSV
from app.chats.formats.line import LINE
from app.chats.formats.meta import META
from app.chats.formats.signal.signal_export import SIGNAL_EXPORT_JSON, SIGNAL_EXPORT_MD
from app.chats.formats.signal.signalbackup_tools import SIGNAL_ANDROID
from app.chats.formats.signal.sigtop import SIGTOP_JSON, SIGTOP_SHORT, SIGTOP_TEXT
from app.chats.formats.sms import SMS
from app.chats.formats.strangers import about, is_document
from app.chats.formats.telegram import TELEGRAM
from app.chats.formats.wechat import WECHAT
from app.chats.formats.whatsapp.format import WHATSAPP
from app.chats.transcript import EmptyChat, Transcript, UnrecognisedFormat
from app.gc_tuning import collector_paused

# The first that recognises a file reads it: the strict before the generous.
FORMATS: tuple[Format, ...] = (
    DISCORD,
    META,
    TELEGRAM,
    SIGTOP_JSON,
    SIGNAL_EXPORT_JSON,
    JSON_LINES,
    SMS,
    WECHAT,
    KAKAOTALK_CSV,
    SIGNAL_ANDROID,
    SIGNAL_EXPORT_MD,
    SIGTOP_TEXT,
    SIGTOP_SHORT,
    IMESSAGE,
    LINE,
    KAKAOTALK,
    WHATSAPP,
)

_BLANK = b" \t\r\n\xef\xbb\xbf"


def find_format(raw: bytes) -> Format:
    """The format of a file, told by its content. Raises EmptyChat or UnrecognisedFormat."""
    head = raw[:HEAD_BYTES]
    if not head.strip(_BLANK):
        raise EmptyChat
    if not is_document(head):
        for known in FORMATS:
            if known.recognises(head):
                return known
    titles = [known.title for known in FORMATS]
    raise UnrecognisedFormat(about(head, titles), formats=titles)


def read_export(raw: bytes, options: ReadingOptions) -> Transcript:
    """The chat in an export of any format. Raises what `find_format` and the format's `read`
    raise."""
    found = find_format(raw)
    with collector_paused():
        return found.read(raw, options)


def is_chat(head: bytes) -> bool:
    """Some format recognises a file that begins so."""
    return not is_document(head) and any(known.recognises(head) for known in FORMATS)
