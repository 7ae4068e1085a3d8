"""What WhatsApp tells in a chat: the notices, known by their words in the user's language."""

import re

from app.chats.formats.tables import rows
from app.chats.formats.whatsapp import phrase_table
from app.chats.formats.whatsapp.headers import MARKS
from app.chats.transcript import NoticeKind

NOTICE_CHARS_MAX = 500

_ENCRYPTION = tuple(phrase_table.phrases("encrypted"))
_SECURITY_CODE = phrase_table.templates("security_code")
_CALLS = phrase_table.keys("missed_call", "call")
_CALL_END = re.compile(r"[,，،.。\n(]|\bat\b")


def _any_of(kind: str) -> str:
    return "|".join(words for of, words in rows("whatsapp/event_words.tsv") if of == kind)


_CREATED = re.compile(f"(?i){_any_of('creates')}")
_NAMING = re.compile(f"(?i){_any_of('creates')}|{_any_of('renames')}")
_NAMED_THING = re.compile(f"(?i){_any_of('named')}")
_CHAT_THING = re.compile(
    rf"(?i){_any_of('named')}|\b(?:icon|description|link|admins?|settings|messages|number|code|"
    r"pinned a message|community|mensajes|mensagens|nachrichten|messaggi|berichten|сообщени\w+|"
    r"\w*bild|\w*beschreibung|descripción|descrição|descrizione)\b"
)
_JOINERS = frozenset({"and", "to", "y", "e", "a", "und", "et", "ed", "en", "и", "i"})
_QUOTED = re.compile(r'["“„«”「『‘]\s?([^"“”„«»「」『』‘\n]{1,100}?)\s?["”“»」』’]')
# A new group has one name, whatever stands in it.
_QUOTED_WHOLE = re.compile(r'["“„«”「『‘]\s?([^\n]{1,100})(?<=\S)\s?["”“»」』’]')
_WHO_LEFT = re.compile(r"^(.{1,255}?) left\b|\bremoved (.{1,255}?)\.?$")
_WHO_JOINED = re.compile(
    r"^(.{1,255}?) (?:joined\b|was added\b)"
    r"|\badded (.{1,255}?)(?: to (?:the|a) (?:group|community)\b.*)?\.?$"
)
# A group joins a community, and is no person.
_ABOUT_THE_GROUP = re.compile(r"(?i)^this group was added\b|\badded (?:this|the) group\b")
_SEVERAL = re.compile(r", | and ")


def is_notice(line: str) -> bool:
    """The line, which has no author of its own, is one of WhatsApp's notices in known words."""
    return kind_of(line) is not NoticeKind.UNKNOWN


def kind_of(notice: str) -> NoticeKind:
    """What a notice tells; UNKNOWN where its words are in no table."""
    line = notice.strip(MARKS).partition("\n")[0][:NOTICE_CHARS_MAX].rstrip(MARKS)
    if line.startswith(_ENCRYPTION):
        return NoticeKind.SETTING
    if _CALLS.intersection(map(phrase_table.key, (line, _CALL_END.split(line, maxsplit=1)[0]))):
        return NoticeKind.CALL
    if _SECURITY_CODE.match(phrase_table.key(line)):
        return NoticeKind.SETTING
    if _ABOUT_THE_GROUP.search(line):
        return NoticeKind.SETTING
    for kind, words in _WORDS:
        if words.search(line):
            return kind
    return NoticeKind.UNKNOWN


_WORDS = [
    (kind, re.compile(f"(?i){_any_of(kind)}"))
    for kind in (NoticeKind.JOINED, NoticeKind.LEFT, NoticeKind.SETTING)
]
# What no person writes of another: a whole notice, behind a name.
_BY_THE_APP = re.compile(rf"(?P<who>[^:\n]{{1,60}}?)(?: |(?=['’]s ))(?i:{_any_of('whole')})")


def subject_of_notice(line: str) -> str | None:
    """Of whom a line tells that no person would write; None if it is no such line."""
    found = _BY_THE_APP.fullmatch(line[:NOTICE_CHARS_MAX].rstrip("."))
    return found["who"] if found else None


def is_whole_event(event: str) -> bool:
    """`event`, what stands behind the name of who did it, is a notice from its first word to its
    last: about the chat, or of names and at most two other words. A sentence about other things
    that begins alike is a person's."""
    event = event[:NOTICE_CHARS_MAX]
    if _CHAT_THING.search(event):
        return True
    words = [word for word in event.rstrip(".").split() if word not in _JOINERS]
    plain = sum(word[0].islower() for word in words)
    return plain < 2 or (plain == 2 and plain < len(words))


def is_encryption_notice(body: str) -> bool:
    """The body is the notice that opens every chat."""
    return body.strip(MARKS).startswith(_ENCRYPTION)


def is_security_notice(line: str) -> bool:
    """The line is the notice of a changed security code, which may hold any name."""
    return _SECURITY_CODE.match(phrase_table.key(line)) is not None


def group_name(notice: str) -> str | None:
    """The group's name if `notice` tells that a person created or renamed the group."""
    notice = notice[:NOTICE_CHARS_MAX]
    if _NAMING.search(notice) is None or _NAMED_THING.search(notice) is None:
        return None
    if _CREATED.search(notice) and (whole := _QUOTED_WHOLE.search(notice)):
        return whole[1]
    names = _QUOTED.findall(notice)
    return names[-1] if names else None


def people_of(notice: str, kind: NoticeKind, names: frozenset[str]) -> tuple[str, ...]:
    """Who joined or left, as far as it can be told: in English exactly, elsewhere those of
    `names` that stand in the notice."""
    if kind not in (NoticeKind.JOINED, NoticeKind.LEFT):
        return ()
    line = notice.strip(MARKS)[:NOTICE_CHARS_MAX]
    words = _WHO_JOINED if kind is NoticeKind.JOINED else _WHO_LEFT
    if found := words.search(line):
        told = found[1] or found[2]
        return tuple(name.strip(f"{MARKS} ") for name in _SEVERAL.split(told))
    return tuple(sorted(name for name in names if name in line))
