"""Files that are no chat in a format that is read here, and what their owner can do about it."""

import codecs
import re

from app.chats.formats.text import head_text

_PDF, _ZIP = b"%PDF-", b"PK\x03\x04"
_RICH_TEXT, _WEB_PAGE = ("{\\rtf", "{\\urtf"), ("<!doctype html", "<html")
_BEGINNING_BYTES = 400
_OFFICE = b"[Content_Types].xml"
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF")
_PLAIN = "open it and save it as plain text (.txt, UTF-8)"

_BINARIES: tuple[tuple[tuple[bytes, ...], str], ...] = (
    ((b"\xd0\xcf\x11\xe0",), f"This is an office document: {_PLAIN}."),
    ((_PDF,), "This is a PDF: export the chat from the messenger itself."),
    (_IMAGES, "This is a picture or a sound: upload the export of a chat."),
    ((b"SQLite format 3",), "This is a database: export the chat from the messenger itself."),
    ((b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!"), "This archive is no zip: unpack it first."),
)
# What tells an export of another messenger, or of another program; the strict before the loose.
_MESSENGERS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb'(?i)<div class="message default clearfix|tgme|telegram'), "Telegram"),
    (re.compile(rb"(?i)chatlog__message|discord"), "Discord"),
    (re.compile(rb"(?i)_2pin|facebook|messenger"), "Facebook Messenger"),
    (re.compile(rb"(?i)instagram"), "Instagram"),
    (re.compile(rb'(?i)"messagetype"|\bskype\b|ConversationId'), "Skype"),
    (re.compile(rb'(?i)"client_msg_id"|\bslack\b'), "Slack"),
    (re.compile(rb"(?i)\[LINE\]|LINE\xe3\x81\xae|\bLINE\b"), "LINE"),
    (re.compile(rb"(?i)KakaoTalk|\xec\xb9\xb4\xec\xb9\xb4\xec\x98\xa4"), "KakaoTalk"),
    (re.compile(rb"(?i)wechat|\xe5\xbe\xae\xe4\xbf\xa1"), "WeChat"),
    (re.compile(rb"(?i)\bviber\b"), "Viber"),
    (re.compile(rb"(?i)\bsignal\b"), "Signal"),
    (re.compile(rb'(?i)snapchat|"Received Saved Chat History"'), "Snapchat"),
    (re.compile(rb'"creator"\s*:\s*\{[^{}]*"user_type"|"conversation_id"\s*:\s*\{'), "Google Chat"),
    (re.compile(rb"#microsoft\.graph\.chatMessage"), "Microsoft Teams"),
    (re.compile(rb"(?i)<smses\b|<sms "), "SMS Backup & Restore"),
    (re.compile(rb"(?i)\bimessage\b|chat\.db"), "iMessage"),
    (re.compile(rb"(?i)\bmatrix\b|m\.room\.message"), "Matrix"),
    (re.compile(rb"(?i)<html"), "a web page"),
)


def is_document(head: bytes) -> bool:
    """A file that holds text amid the marks of a program: no format reads it, whatever lines of
    a chat stand in it."""
    return _beginning(head).startswith((*_RICH_TEXT, *_WEB_PAGE))


def about(head: bytes, titles: list[str]) -> str | None:
    """What a file looks like whose beginning is `head` and that no format recognised, and which
    formats, `titles`, are read; None if it looks like nothing that is known."""
    if _beginning(head).startswith(_RICH_TEXT):
        return f"This is a rich text file: {_PLAIN}."
    bare = head.removeprefix(codecs.BOM_UTF8).lstrip()
    for beginnings, told in _BINARIES:
        if bare.startswith(beginnings):
            return told
    if head.startswith(_ZIP) and _OFFICE in head:
        return f"This is an office document: {_PLAIN}."
    for pattern, title in _MESSENGERS:
        if pattern.search(head):
            return f"This looks like {title}; here is what is read: {', '.join(titles)}."
    return None


def _beginning(head: bytes) -> str:
    return head_text(head[:_BEGINNING_BYTES]).lstrip().casefold()
